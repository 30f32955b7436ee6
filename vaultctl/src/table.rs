//! Lists and records in each way they can be shown.
//!
//! Lines of TSV and NDJSON are written as they come, so a long listing streams; a table and a JSON
//! array are written at the end.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Row, Table};
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Output, Shape};

/// A listing that is being written.
#[derive(Debug)]
pub(crate) struct Lister<'a> {
    output: &'a Output,
    columns: &'a [&'a str],
    rows: Vec<Vec<String>>,
    values: Vec<Value>,
}

impl<'a> Lister<'a> {
    pub(crate) fn new(output: &'a Output, columns: &'a [&'a str]) -> Self {
        Self {
            output,
            columns,
            rows: Vec::new(),
            values: Vec::new(),
        }
    }

    /// One line: its cells, and what it is in JSON.
    pub(crate) fn push(
        &mut self,
        cells: Vec<String>,
        value: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        match self.output.shape()? {
            Shape::Table => self.rows.push(cells),
            Shape::Tsv => return self.output.line(&tsv(&cells)),
            Shape::Json => self.values.push(value()),
            Shape::Ndjson => return self.output.line(&value().to_string()),
            Shape::Nothing => {}
        }
        Ok(())
    }

    /// The end. `empty` is said to people when there was nothing.
    pub(crate) fn finish(self, empty: &str) -> Result<(), Failure> {
        match self.output.shape()? {
            Shape::Table if self.rows.is_empty() => {
                self.output.note(empty);
                Ok(())
            }
            Shape::Table => self
                .output
                .line(&render(self.columns, self.rows, self.output.width())),
            Shape::Json => self.output.json(&Value::Array(self.values)),
            Shape::Tsv | Shape::Ndjson | Shape::Nothing => Ok(()),
        }
    }
}

/// Names and values of one thing.
pub(crate) fn record(
    output: &Output,
    parts: &[(&str, String)],
    value: impl FnOnce() -> Value,
) -> Result<(), Failure> {
    match output.shape()? {
        Shape::Table => {
            let wide = parts
                .iter()
                .map(|(name, _)| name.chars().count())
                .max()
                .unwrap_or(0);
            let lines = parts
                .iter()
                .filter(|(_, text)| !text.is_empty())
                .map(|(name, text)| format!("{name:wide$}  {}", clean(text)));
            output.line(&lines.collect::<Vec<_>>().join("\n"))
        }
        Shape::Tsv => {
            let lines = parts
                .iter()
                .map(|(name, text)| tsv(&[(*name).to_owned(), text.clone()]));
            output.line(&lines.collect::<Vec<_>>().join("\n"))
        }
        Shape::Json => output.json(&value()),
        Shape::Ndjson => output.line(&value().to_string()),
        Shape::Nothing => Ok(()),
    }
}

fn render(columns: &[&str], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .force_no_tty()
        .set_header(columns.iter().map(|c| c.to_uppercase()));
    if let Some(width) = width {
        table
            .set_width(width)
            .set_content_arrangement(ContentArrangement::Dynamic);
    }
    for cells in rows {
        let mut row = Row::from(cells.iter().map(|cell| clean(cell)).collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Text for a terminal: nothing in it moves the cursor or changes the direction.
pub(crate) fn clean(text: &str) -> String {
    let harmless = |c: char| {
        if c == '\n' || c == '\t' {
            ' '
        } else if c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(harmless).collect()
}

/// Cells with tabs between; what would break the line is escaped.
pub(crate) fn tsv(cells: &[String]) -> String {
    let escape = |cell: &String| {
        cell.replace('\\', "\\\\")
            .replace('\t', "\\t")
            .replace('\n', "\\n")
            .replace('\r', "\\r")
    };
    cells.iter().map(escape).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use super::{clean, render, tsv};

    #[test]
    fn columns_line_up_without_borders() {
        let rows = vec![
            vec!["a".into(), "1".into()],
            vec!["longer".into(), "22".into()],
        ];
        assert_eq!(
            render(&["name", "v"], rows, None),
            "NAME    V\na       1\nlonger  22"
        );
    }

    #[test]
    fn a_long_cell_is_cut_at_the_terminals_width() {
        let rows = vec![vec!["x".repeat(200), "1".into()]];
        let text = render(&["name", "v"], rows, Some(40));
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_note_cannot_move_the_cursor() {
        assert_eq!(
            clean("a\u{1b}[2Jb\r\u{202e}c\nd"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c d"
        );
    }

    #[test]
    fn cells_cannot_break_a_line_of_tsv() {
        assert_eq!(tsv(&["a\tb".into(), "c\nd\\".into()]), "a\\tb\tc\\nd\\\\");
    }
}
