//! A run: a cluster, clients, faults in turn, and at the end the verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::guarantees::{self, Final, Violation};
use super::history::Outcome;
use super::inject::{Fault, failover};
use super::nodes::Nodes;
use super::workload::{Memory, Workload};
use crate::Binaries;
use crate::dice::Dice;

/// What a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub nodes: usize,
    pub clients: usize,
    pub faults: Vec<Fault>,
    /// How often each is caused.
    pub rounds: usize,
    /// How often the leader is killed to measure how long that is felt.
    pub failovers: usize,
    /// Operations that must have succeeded, and writes among them, for the run to say anything.
    pub least: (usize, usize),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    rows: BTreeMap<Fault, Row>,
    total: Row,
    /// How long each death of a leader was felt, shortest first.
    pub failovers: Vec<Duration>,
    pub violations: Vec<Violation>,
    history: PathBuf,
    took: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    times: usize,
    operations: usize,
    unknown: usize,
    violations: usize,
}

impl Plan {
    /// Does it.
    ///
    /// # Errors
    /// When a fault did not happen or was not survived, when too little was done, or when nodes do not agree at the end.
    /// What clients saw that they must not have is in the report.
    pub fn run(&self, binaries: Binaries) -> Result<Report, String> {
        let begun = Instant::now();
        let mut nodes = Nodes::start(binaries, self.nodes);
        let mut load = Workload::start(&nodes, self.clients, self.seed, Memory::Kept);
        let mut report = Report {
            history: std::env::temp_dir().join(format!("vault-history-{}.jsonl", self.seed)),
            ..Report::default()
        };
        let mut dice = Dice::of(self.seed);
        // Which fault began at which operation's end.
        let mut spans = Vec::new();
        let caused = (0..self.rounds)
            .flat_map(|_| self.faults.iter().copied())
            .try_for_each(|fault| {
                spans.push((load.recorder.now(), fault));
                load.next_era();
                let from = Instant::now();
                let caused = fault.cause(&mut nodes, &load, &mut dice);
                println!("{fault:?}: {:.1?}, {caused:?}", from.elapsed());
                caused.map_err(|why| format!("{fault:?}: {why}"))
            });
        let caused = caused.and_then(|()| {
            for _ in 0..self.failovers {
                load.next_era();
                spans.push((load.recorder.now(), Fault::KillLeader));
                report.failovers.push(failover(&mut nodes, &load)?);
            }
            Ok(())
        });
        nodes.net.heal();
        load.end(&nodes);
        // Even of a run that fails.
        let saved = load.recorder.save(&report.history);
        let finals = nodes.agree().and_then(|()| {
            let keys = load
                .recorder
                .events()
                .iter()
                .map(|event| event.key)
                .collect();
            nodes.shown(&keys)
        });
        report.judge(&load, finals.as_deref().unwrap_or_default(), &spans);
        report.failovers.sort();
        report.took = begun.elapsed();
        caused.map_err(|why| self.tell(&report, &why))?;
        saved.map_err(|why| self.tell(&report, &format!("the history is not saved: {why}")))?;
        finals.map_err(|why| self.tell(&report, &why))?;
        let done = report.total.operations - report.total.unknown;
        let (_, wrote) = load.recorder.counts();
        if done < self.least.0 || wrote < self.least.1 {
            let why = format!("too little was done: {done} operations, {wrote} writes");
            return Err(self.tell(&report, &why));
        }
        Ok(report)
    }

    fn tell(&self, report: &Report, why: &str) -> String {
        let seed = self.seed;
        format!("{why}\nVAULT_TESTS_SEED={seed}\n{report}")
    }
}

impl Report {
    /// Looks at the history, and at what all nodes show of each register.
    fn judge(&mut self, load: &Workload, finals: &[Final], spans: &[(u64, Fault)]) {
        let events = load.recorder.events();
        self.violations = guarantees::check(&events, finals);
        // The newest span that began before.
        let of = |at: u64| {
            spans
                .iter()
                .rev()
                .find(|(began, _)| *began <= at)
                .map(|(_, f)| *f)
        };
        for (_, fault) in spans {
            self.rows.entry(*fault).or_default().times += 1;
        }
        for event in &events {
            let unknown = usize::from(event.outcome == Outcome::Unknown);
            let row = of(event.start).and_then(|fault| self.rows.get_mut(&fault));
            for row in row.into_iter().chain([&mut self.total]) {
                row.operations += 1;
                row.unknown += unknown;
            }
        }
        for violation in &self.violations {
            let first = events.iter().filter(|event| event.key == violation.key);
            let fault = first.map(|event| event.start).min().and_then(of);
            let row = fault.and_then(|fault| self.rows.get_mut(&fault));
            for row in row.into_iter().chain([&mut self.total]) {
                row.violations += 1;
            }
        }
        self.total.times = spans.len();
    }

    /// Of how long the leader's deaths were felt.
    pub fn percentile(&self, of_hundred: usize) -> Option<Duration> {
        let last = self.failovers.len().checked_sub(1)?;
        let at = (self.failovers.len() * of_hundred)
            .div_ceil(100)
            .saturating_sub(1);
        self.failovers.get(at.min(last)).copied()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        let head = ["fault", "times", "operations", "unknown", "violations"];
        writeln!(
            text,
            "{:<14}{:>7}{:>12}{:>9}{:>12}",
            head[0], head[1], head[2], head[3], head[4]
        )?;
        let rows = self
            .rows
            .iter()
            .map(|(fault, row)| (format!("{fault:?}"), row));
        for (name, row) in rows.chain([("all".to_owned(), &self.total)]) {
            writeln!(
                text,
                "{name:<14}{:>7}{:>12}{:>9}{:>12}",
                row.times, row.operations, row.unknown, row.violations
            )?;
        }
        if let (Some(p50), Some(p99)) = (self.percentile(50), self.percentile(99)) {
            let count = self.failovers.len();
            writeln!(
                text,
                "leader killed {count} times: writes again after {p50:.0?} (p50), {p99:.0?} (p99)"
            )?;
        }
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(text, "VIOLATION {violation}")?;
        }
        write!(
            text,
            "in {:.0?}; history: {}",
            self.took,
            self.history.display()
        )?;
        f.write_str(&text)
    }
}

/// Violations that are printed; the history has all.
const SHOWN: usize = 10;
