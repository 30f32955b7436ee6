//! `F=VALUE`, `F=@FILE`, `F=-`: fields on the command line.

use std::fs::File;
use std::io::{self, Read as _};

use vault_sdk::Value;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::paths::variable;
use crate::prompt::read_up_to;

/// A field and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) field: String,
    pub(crate) source: Source,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// In the arguments, for everyone to see.
    Literal(String),
    /// A file, as it is.
    File(String),
    /// Stdin.
    Stdin,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(..)"),
            Self::File(path) => write!(f, "File({path})"),
            Self::Stdin => f.write_str("Stdin"),
        }
    }
}

/// An argument that may hold a secret, and does not print.
#[derive(Clone)]
pub(crate) struct Argument(String);

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Argument {
    /// The text; say in an `EXPOSE` line where it goes.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Argument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Argument(..)")
    }
}

/// Reads the assignments. Not a parser for clap, which would repeat in its message what may be a secret.
pub(crate) fn parse_all(arguments: &[Argument]) -> Result<Vec<Assignment>, Failure> {
    let parse = |Argument(text): &Argument| parse(text).map_err(Failure::usage);
    arguments.iter().map(parse).collect()
}

/// Reads one assignment.
fn parse(text: &str) -> Result<Assignment, String> {
    let Some((field, value)) = text.split_once('=') else {
        return Err("a field is written F=VALUE, F=@FILE or F=-".to_owned());
    };
    let field = parse_field(field)?;
    let source = match value {
        "-" => Source::Stdin,
        value => match (value.strip_prefix('@'), value.strip_prefix("\\@")) {
            (Some(""), _) => return Err("the file after @ is missing".to_owned()),
            (Some(path), _) => Source::File(path.to_owned()),
            (None, Some(rest)) => Source::Literal(format!("@{rest}")),
            (None, None) => Source::Literal(value.to_owned()),
        },
    };
    Ok(Assignment { field, source })
}

/// A field's name.
pub(crate) fn parse_field(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("a field's name is 1 to 128 letters, digits, `_`, `.` or `-`".to_owned())
    }
}

/// What stdin holds, without one final line feed; whether there was one.
pub(crate) fn piped(keep_newline: bool) -> Result<(Value, bool), Failure> {
    // Its newline does not count, and one more byte shows that there is more.
    let bytes = read_up_to(LARGEST_VALUE + 2)?;
    let stripped = match bytes.strip_suffix(b"\n") {
        Some(rest) if !keep_newline => rest,
        _ => &bytes,
    };
    if too_large(stripped.len()) {
        return Err(Failure::too_large(format!(
            "stdin holds more than {LARGEST_VALUE} bytes"
        )));
    }
    Ok((Value::new(stripped), stripped.len() < bytes.len()))
}

/// A file, as it is.
pub(crate) fn read_file(path: &str) -> Result<Value, Failure> {
    let doing = format!("reading {path}");
    let failed = |error: io::Error| Failure::io(&doing, &error);
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST_VALUE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if too_large(bytes.len()) {
        return Err(Failure::too_large(format!(
            "{path} holds more than {LARGEST_VALUE} bytes"
        )));
    }
    Ok(Value::new(bytes.as_slice()))
}

/// A variable of the environment, as it is.
pub(crate) fn read_variable(name: &str) -> Result<Value, Failure> {
    let value = variable(name);
    let value = value.ok_or_else(|| Failure::usage(format!("${name} is not set, or empty")))?;
    Ok(Value::new(value.into_encoded_bytes()))
}

/// Refuses what together is more than a version holds, before it is sent.
pub(crate) fn fit(fields: &[(String, Value)]) -> Result<(), Failure> {
    let bytes = fields.iter().map(|(_, value)| value.len()).sum();
    if too_large(bytes) {
        return Err(Failure::too_large(format!("the fields hold {bytes} bytes")));
    }
    Ok(())
}

fn too_large(bytes: usize) -> bool {
    u64::try_from(bytes).is_ok_and(|bytes| bytes > LARGEST_VALUE)
}

/// All fields of a version together.
pub(crate) const LARGEST_VALUE: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::{Source, parse, read_file};

    fn source(text: &str) -> Source {
        parse(text).unwrap().source
    }

    #[test]
    fn sources_are_told_apart() {
        assert_eq!(source("f=v"), Source::Literal("v".into()));
        assert_eq!(source("f="), Source::Literal(String::new()));
        assert_eq!(source("f=a=b"), Source::Literal("a=b".into()));
        assert_eq!(source("f=-"), Source::Stdin);
        assert_eq!(source("f=--"), Source::Literal("--".into()));
        assert_eq!(source("f=@x"), Source::File("x".into()));
        assert_eq!(source("f=\\@x"), Source::Literal("@x".into()));
        assert_eq!(source("f=\\x"), Source::Literal("\\x".into()));
    }

    #[test]
    fn what_is_no_assignment_is_refused_without_repeating_it() {
        for text in [
            "hunter2",
            "=v",
            "a b=v",
            "f=@",
            &format!("{}=v", "f".repeat(129)),
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_literal_is_not_printed() {
        assert!(!format!("{:?}", parse("f=canary").unwrap()).contains("canary"));
    }

    #[test]
    fn a_file_is_taken_as_it_is_and_not_beyond_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v").display().to_string();
        std::fs::write(&path, "x\n").unwrap();
        assert_eq!(read_file(&path).unwrap().expose(), b"x\n");
        std::fs::write(&path, vec![0; 1024 * 1024 + 1]).unwrap();
        assert!(read_file(&path).is_err());
        assert!(read_file("/nonexistent").is_err());
    }
}
