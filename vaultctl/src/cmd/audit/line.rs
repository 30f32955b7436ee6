//! Audit lines as they are shown: one line each, written as it comes.

use serde_json::{Map, Value};
use vault_sdk::wire::AuditLine;

use crate::failure::Failure;
use crate::output::{Output, Shape};
use crate::table::{clean, tsv};
use crate::time;

/// Writes lines.
#[derive(Debug)]
pub(super) struct Printer<'a> {
    output: &'a Output,
    shape: Shape,
    /// Where JSON is one array: what will be in it.
    values: Option<Vec<Value>>,
    shown: u64,
}

impl<'a> Printer<'a> {
    /// Where there is no end, JSON is one object a line.
    pub(super) fn lines(output: &'a Output) -> Result<Self, Failure> {
        Ok(Self {
            output,
            shape: output.shape()?,
            values: None,
            shown: 0,
        })
    }

    /// Where there is one, JSON is an array.
    pub(super) fn array(output: &'a Output) -> Result<Self, Failure> {
        Ok(Self {
            values: Some(Vec::new()),
            ..Self::lines(output)?
        })
    }

    pub(super) fn print(&mut self, line: &AuditLine) -> Result<(), Failure> {
        self.shown += 1;
        let members = members(line);
        match (self.shape, &mut self.values) {
            (Shape::Table, _) => {
                if self.shown == 1 {
                    self.output.line(HEADER)?;
                }
                self.output.line(&self.cut(row(&members, line)))
            }
            (Shape::Tsv, _) => self.output.line(&tsv(&cells(&members, line))),
            (Shape::Json, Some(values)) => {
                values.push(Value::Object(members));
                Ok(())
            }
            (Shape::Json | Shape::Ndjson, _) => {
                self.output.line(&Value::Object(members).to_string())
            }
            (Shape::Nothing, _) => Ok(()),
        }
    }

    /// The end; how many there were.
    pub(super) fn finish(self) -> Result<u64, Failure> {
        if let (Shape::Json, Some(values)) = (self.shape, self.values) {
            self.output.json(&Value::Array(values))?;
        }
        Ok(self.shown)
    }

    fn cut(&self, row: String) -> String {
        match self.output.width() {
            Some(width) => row.chars().take(usize::from(width)).collect(),
            None => row,
        }
    }
}

/// The line's members, with names where they are known.
fn members(line: &AuditLine) -> Map<String, Value> {
    let parsed = serde_json::from_str(&line.json);
    let mut members: Map<String, Value> = parsed.unwrap_or_default();
    let name = |value: &mut Value| {
        let known = value.as_str().and_then(|text| line.names.get(text));
        if let Some(known) = known.cloned() {
            *value = Value::String(known);
        }
    };
    if let Some(principal) = members.get_mut("principal") {
        name(principal);
    }
    if let Some(Value::Array(resources)) = members.get_mut("resources") {
        resources.iter_mut().for_each(name);
    }
    members
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> &'m str {
    members
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn resources(members: &Map<String, Value>) -> Vec<&str> {
    let array = members.get("resources").and_then(Value::as_array);
    array
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// What happened: of a request its action, or the method where it needs none; else the line's type.
fn what(members: &Map<String, Value>) -> &str {
    let action = text(members, "action");
    let method = text(members, "method");
    match (action, method.rsplit('/').next()) {
        ("", Some(method)) if !method.is_empty() => method,
        ("", _) => text(members, "type"),
        _ => action,
    }
}

/// A blinded name cut to what the eye can compare.
fn short(name: &str) -> String {
    match name.strip_prefix("hmac:") {
        Some(digits) => format!("hmac:{}…", digits.chars().take(8).collect::<String>()),
        None => clean(name),
    }
}

fn row(members: &Map<String, Value>, line: &AuditLine) -> String {
    let when = text(members, "time").parse().ok().map(time::local_of);
    let names = resources(members);
    let about = match names.as_slice() {
        [] => String::new(),
        [one] => short(one),
        [first, rest @ ..] => format!("{} and {} more", short(first), rest.len()),
    };
    let row = format!(
        "{:<19}  {:>8}  {:<18}  {:<18}  {:<15}  {about}",
        when.unwrap_or_default(),
        line.sequence,
        short(text(members, "principal")),
        clean(what(members)),
        clean(text(members, "status")),
    );
    row.trim_end().to_owned()
}

fn cells(members: &Map<String, Value>, line: &AuditLine) -> Vec<String> {
    let text = |name| text(members, name).to_owned();
    vec![
        text("time"),
        line.sequence.to_string(),
        text("type"),
        text("status"),
        text("reason"),
        text("principal"),
        what(members).to_owned(),
        resources(members).join(","),
        text("source"),
        text("request"),
    ]
}

const HEADER: &str = "TIME                     LINE  CALLER              ACTION              OUTCOME          RESOURCE";

#[cfg(test)]
mod tests {
    use super::{AuditLine, HEADER, Printer};
    use crate::output::{Format, Output};

    fn line(json: &str) -> AuditLine {
        AuditLine {
            sequence: 7,
            json: json.to_owned(),
            names: [("hmac:aa".to_owned(), "alice".to_owned())].into(),
        }
    }

    fn printed(output: &Output, json: &str) -> String {
        let mut printer = Printer::lines(output).unwrap();
        printer.print(&line(json)).unwrap();
        assert_eq!(printer.finish().unwrap(), 1);
        output.written()
    }

    #[test]
    fn known_names_are_shown_and_others_stay_blinded() {
        let json =
            r#"{"seq":7,"principal":"hmac:aa","resources":["hmac:aa","hmac:bb"],"by":"hmac:aa"}"#;
        let output = Output::kept(false, Some(Format::Json));
        let expected = "{\"by\":\"hmac:aa\",\"principal\":\"alice\",\"resources\":[\"alice\",\"hmac:bb\"],\"seq\":7}\n";
        assert_eq!(printed(&output, json), expected);
    }

    #[test]
    fn a_table_lines_up_under_its_header_and_moves_no_cursor() {
        let json = r#"{"principal":"a\u001b[2J","action":"secret:GetValue","status":"ok","resources":["x","y"]}"#;
        let output = Output::kept(true, None);
        let text = printed(&output, json);
        let (header, row) = text.split_once('\n').unwrap();
        assert_eq!(header, HEADER);
        let at = |line: &str, word: &str| {
            let at = line.find(word).unwrap();
            line.split_at(at).0.chars().count()
        };
        assert_eq!(at(header, "ACTION"), at(row, "secret:GetValue"));
        assert_eq!(at(header, "OUTCOME"), at(row, "ok"));
        assert_eq!(at(header, "RESOURCE"), at(row, "x and 1 more"));
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn what_is_no_object_is_shown_as_an_empty_line_of_its_number() {
        let output = Output::kept(false, None);
        assert_eq!(printed(&output, "nonsense"), "\t7\t\t\t\t\t\t\t\t\n");
    }
}
