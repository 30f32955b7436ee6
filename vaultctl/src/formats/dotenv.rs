//! `NAME="value"` lines, as `.env` files have them. Read by the `dotenvy` crate.

use std::collections::BTreeMap;

use vault_sdk::{Secret, Value};
use zeroize::Zeroizing;

use super::{Secrets, name_of};
use crate::failure::Failure;

/// All fields of a secret, one a line.
pub(crate) fn of_secret(secret: &Secret) -> Result<String, Failure> {
    of_fields(
        secret
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value)),
    )
}

/// Secrets, a field a line: `PATH_FIELD`, and `PATH` for the field `value`. The fields of the secret
/// that is exported by its own name keep theirs, as `import` takes them.
pub(crate) fn write(folder: &str, secrets: &Secrets) -> Result<String, Failure> {
    let mut named = Vec::new();
    for (path, fields) in secrets {
        for (field, value) in fields {
            if path.is_empty() && field != "value" {
                named.push((field.clone(), value));
                continue;
            }
            let path = name_of(folder, path);
            let single = field == "value";
            named.push((
                if single {
                    path.to_owned()
                } else {
                    format!("{path}_{field}")
                },
                value,
            ));
        }
    }
    of_fields(named.iter().map(|(name, value)| (name.as_str(), *value)))
}

/// Fields, one a line.
pub(crate) fn of_fields<'a>(
    fields: impl Iterator<Item = (&'a str, &'a Value)>,
) -> Result<String, Failure> {
    let mut lines = Vec::new();
    let mut taken = BTreeMap::new();
    for (field, value) in fields {
        if let Some(other) = taken.insert(variable_name(field), field.to_owned()) {
            let clash = format!("fields `{other}` and `{field}` would be one variable");
            return Err(Failure::invalid(clash));
        }
        lines.push(line(field, value)?);
    }
    Ok(lines.join("\n"))
}

/// One line, without its end.
pub(crate) fn line(field: &str, value: &Value) -> Result<String, Failure> {
    let binary = || Failure::invalid(format!("`{field}` is not text, as a variable has to be"));
    // EXPOSE: the output, in the form that was asked for
    let text = value.expose_str().map_err(|_| binary())?;
    if text.contains('\0') {
        return Err(binary());
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        match c {
            '\\' | '"' | '$' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    Ok(format!("{}=\"{quoted}\"", variable_name(field)))
}

/// Reads lines. A `$` is a `$`: nothing in a value is replaced from the environment.
pub(crate) fn read(text: &str) -> Result<BTreeMap<String, Value>, Failure> {
    let mut fields = BTreeMap::new();
    let (guarded, stand_in) = guard_dollars(text)?;
    for item in dotenvy::from_read_iter(guarded.as_bytes()) {
        // The parser's message may hold the line, and the line a secret.
        let number = fields.len() + 1;
        let (name, value) = item.map_err(|_| {
            Failure::invalid(format!("entry {number} is not NAME=value"))
                .hint("a value with spaces or quotes stands in quotes: NAME=\"two words\"")
        })?;
        let value = Zeroizing::new(value).replace(stand_in, "$");
        if fields
            .insert(name.clone(), Value::new(value.into_bytes()))
            .is_some()
        {
            return Err(Failure::invalid(format!("`{name}` is there twice")));
        }
    }
    Ok(fields)
}

/// The parser would replace `$NAME`; so each `$` that is not escaped becomes a character that the text
/// does not hold.
fn guard_dollars(text: &str) -> Result<(Zeroizing<String>, char), Failure> {
    let mut unused = ('\u{e000}'..='\u{f8ff}').filter(|c| !text.contains(*c));
    let stand_in = unused
        .next()
        .ok_or_else(|| Failure::invalid("the file is not text"))?;
    let mut guarded = Zeroizing::new(String::with_capacity(text.len()));
    let mut escaped = false;
    for c in text.chars() {
        guarded.push(if c == '$' && !escaped { stand_in } else { c });
        escaped = c == '\\' && !escaped;
    }
    Ok((guarded, stand_in))
}

/// A field's name where only letters, digits and `_` are allowed.
fn variable_name(field: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = field.chars().map(allowed).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vault_sdk::Value;

    use super::{line, of_fields, read, write};
    use crate::formats::tests::secrets;

    #[test]
    fn values_are_quoted() {
        let value = Value::new(*b"a \"b\" $C \\ 'd'\n#e");
        assert_eq!(
            line("f.g-h", &value).unwrap(),
            r#"f_g_h="a \"b\" \$C \\ 'd'\n#e""#
        );
    }

    #[test]
    fn an_export_names_variables_by_path_and_field() {
        let list = secrets(&[
            ("", "A", b"a"),
            ("", "value", b"r"),
            ("db", "pw", b"1"),
            ("db", "value", b"2"),
        ]);
        assert_eq!(
            write("prod", &list).unwrap(),
            "A=\"a\"\nprod=\"r\"\ndb_pw=\"1\"\ndb=\"2\""
        );
    }

    #[test]
    fn what_no_variable_can_hold_is_refused() {
        assert!(line("f", &Value::new(*b"a\0b")).is_err());
        assert!(line("f", &Value::new([0xff])).is_err());
    }

    #[test]
    fn fields_that_would_be_one_variable_are_refused() {
        let value = Value::new(*b"x");
        assert!(of_fields([("a-b", &value), ("a.b", &value)].into_iter()).is_err());
    }

    #[test]
    fn errors_do_not_show_the_line() {
        let failure = read("A=1\nhunter2 ' x\n").unwrap_err();
        assert!(!failure.tail().contains("hunter2"), "{}", failure.tail());
        assert!(read("A=1\nA=2\n").is_err());
    }

    #[test]
    fn a_dollar_is_never_replaced() {
        let text = "A=1\nB=x$A\nC=\"${HOME}\"\nD='$A'\nE=\"\\$A\"\nF=\"\\\\$A\"\nexport G=h # no\n";
        let fields = read(text).unwrap();
        let shown: Vec<_> = fields.values().map(|v| v.expose_str().unwrap()).collect();
        assert_eq!(shown, ["1", "x$A", "${HOME}", "$A", "$A", "\\$A", "h"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "[^\0]*") {
            let written = line("NAME", &Value::new(text.clone().into_bytes())).unwrap();
            let fields = read(&written).unwrap();
            prop_assert_eq!(fields["NAME"].expose_str().unwrap(), text);
        }
    }
}
