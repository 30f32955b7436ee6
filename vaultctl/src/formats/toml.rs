//! TOML: a table a secret. Also what `edit` shows.

use serde_json::{Map, Value as Json};
use toml::Table;

use super::{Fields, Secrets, nested, text};
use crate::failure::Failure;

pub(crate) fn read(text: &str) -> Result<Secrets, Failure> {
    // The parser's message quotes the line, and the line may hold a secret: only the place is told.
    let table: Table = toml::from_str(text).map_err(|error| {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        Failure::invalid(format!("line {}: not TOML", before.lines().count().max(1)))
    })?;
    nested::read(&object(table))
}

/// Tables as JSON has them; what JSON has no kind of value for becomes the text it is written as.
fn object(table: Table) -> Map<String, Json> {
    table
        .into_iter()
        .map(|(key, value)| (key, leaf_or_object(value)))
        .collect()
}

fn leaf_or_object(value: toml::Value) -> Json {
    match value {
        toml::Value::Table(table) => Json::Object(object(table)),
        toml::Value::Array(list) => list.into_iter().map(leaf_or_object).collect(),
        toml::Value::String(text) => Json::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Float(number) => Json::String(number.to_string()),
        toml::Value::Datetime(time) => Json::String(time.to_string()),
    }
}

pub(crate) fn write(secrets: &Secrets) -> Result<String, Failure> {
    let mut tables = Table::new();
    let mut top = Table::new();
    for (path, fields) in secrets {
        let table = table(path, fields)?;
        if path.is_empty() {
            top = table;
        } else {
            tables.insert(path.clone(), toml::Value::Table(table));
        }
    }
    for (path, table) in tables {
        if top.insert(path.clone(), table).is_some() {
            let clash = format!("`{path}` is a secret and a field, which TOML cannot hold");
            return Err(Failure::invalid(clash).hint("use --format json"));
        }
    }
    render(&top)
}

/// The fields of one secret.
pub(crate) fn write_fields(path: &str, fields: &Fields) -> Result<String, Failure> {
    render(&table(path, fields)?)
}

fn table(path: &str, fields: &Fields) -> Result<Table, Failure> {
    let mut table = Table::new();
    for (field, value) in fields {
        let text = text(path, field, value)?.to_owned();
        table.insert(field.clone(), toml::Value::String(text));
    }
    Ok(table)
}

fn render(table: &Table) -> Result<String, Failure> {
    toml::to_string(table).map_err(|error| Failure::internal(format!("writing TOML: {error}")))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::formats::tests::plain;

    #[test]
    fn errors_tell_the_line_and_not_its_content() {
        let failure = read("a = \"x\"\nb = hunter2\n").unwrap_err();
        assert!(failure.tail().starts_with("line 2"), "{}", failure.tail());
        assert!(!failure.tail().contains("hunter2"));
        assert!(read("a = [1]").is_err());
    }

    #[test]
    fn dates_and_numbers_are_taken_as_they_are_written() {
        let secrets = read("d = 2026-01-01\nn = 1_000\nf = 1.5\nt = true\n").unwrap();
        let values: Vec<_> = plain(&secrets)
            .into_iter()
            .map(|(_, _, value)| value)
            .collect();
        assert_eq!(values, [&b"2026-01-01"[..], b"1.5", b"1000", b"true"]);
    }
}
