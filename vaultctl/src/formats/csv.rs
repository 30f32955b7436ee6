//! CSV with the columns path, field and value, in any order, with a header.

use vault_sdk::Value;

use super::{Secrets, insert};
use crate::failure::Failure;

pub(crate) fn read(text: &str) -> Result<Secrets, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(false)
        .from_reader(text.as_bytes());
    let malformed = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        Failure::invalid(format!("line {line}: not CSV of one number of columns"))
    };
    let header = reader.headers().map_err(|error| malformed(&error))?.clone();
    let column = |name: &str| {
        let found = header
            .iter()
            .position(|title| title.trim().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            Failure::invalid(format!("no column `{name}`"))
                .hint("the first line names the columns: path,field,value")
        })
    };
    let (path, field, value) = (column("path")?, column("field")?, column("value")?);
    let mut secrets = Secrets::new();
    for record in reader.records() {
        let record = record.map_err(|error| malformed(&error))?;
        let cell = |column| record.get(column).unwrap_or_default();
        insert(
            &mut secrets,
            cell(path),
            cell(field),
            Value::new(cell(value).as_bytes()),
        )?;
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::formats::tests::plain;

    #[test]
    fn columns_are_found_by_name() {
        let secrets = read("Value,path,field\n\"a,\"\"b\"\"\nc\",db,pw\nx,db,user\n").unwrap();
        let expected: [(&str, &str, &[u8]); 2] =
            [("db", "pw", b"a,\"b\"\nc"), ("db", "user", b"x")];
        assert_eq!(plain(&secrets), expected);
    }

    #[test]
    fn other_files_are_refused_without_their_content() {
        for text in [
            "",
            "path,field\na,b\n",
            "path,field,value\na,b\n",
            "path,field,value\na,f,hunter2\na,f,x\n",
        ] {
            let failure = read(text).unwrap_err();
            assert!(!failure.tail().contains("hunter2"), "{text}");
        }
    }
}
