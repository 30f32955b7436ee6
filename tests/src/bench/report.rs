//! The table that the benchmark prints: value, limit, met or not.

use super::options::Options;

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    None,
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Debug)]
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    limit: Limit,
    detail: String,
}

impl Row {
    fn met(&self) -> Option<bool> {
        match self.limit {
            Limit::None => None,
            Limit::AtLeast(least) => Some(self.value >= least),
            Limit::AtMost(most) => Some(self.value <= most),
        }
    }

    fn print(&self) {
        let met = match self.met() {
            None => "",
            Some(true) => "met",
            Some(false) => "NOT MET",
        };
        let value = shown(self.value, self.unit);
        let limit = match self.limit {
            Limit::None => String::new(),
            Limit::AtLeast(least) => format!(">= {}", shown(least, self.unit)),
            Limit::AtMost(most) => format!("<= {}", shown(most, self.unit)),
        };
        println!(
            "{:<56} {value:>11} {limit:>13} {met:<8} {}",
            self.name, self.detail
        );
    }
}

fn shown(value: f64, unit: &str) -> String {
    match unit {
        "x" => format!("{value:.2}"),
        "" => format!("{value:.3}"),
        _ => format!("{value:.1} {unit}"),
    }
}

/// What was measured; each row is printed as soon as it is there, and again in order at the end.
#[derive(Debug)]
pub(super) struct Report {
    rows: Vec<Row>,
    heading: String,
}

impl Report {
    pub(super) fn new(options: &Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let build = if cfg!(debug_assertions) {
            "DEBUG BUILD: these figures mean nothing"
        } else {
            "release build"
        };
        Self {
            rows: Vec::new(),
            heading: format!(
                "{build}, {cores} cores, client in the same process, TLS, audit on, one connection, \
                 {} rounds of {:?}, {} secrets at rest",
                options.rounds, options.round, options.secrets
            ),
        }
    }

    pub(super) fn add(
        &mut self,
        name: &str,
        value: f64,
        unit: &'static str,
        limit: Limit,
        detail: &str,
    ) {
        eprintln!("... {name}: {} {detail}", shown(value, unit));
        self.rows.push(Row {
            name: name.to_owned(),
            value,
            unit,
            limit,
            detail: detail.to_owned(),
        });
    }

    pub(super) fn all_met(&self) -> bool {
        self.rows.iter().all(|row| row.met() != Some(false))
    }

    pub(super) fn print(&self) {
        println!("{}", self.heading);
        println!("{:<56} {:>11} {:>13}", "", "value", "limit");
        self.rows.iter().for_each(Row::print);
    }
}
