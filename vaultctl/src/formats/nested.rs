//! Nested objects: a leaf is a field, an object of leaves a secret, an object of objects a folder.

use serde_json::{Map, Value as Json};
use vault_sdk::Value;

use super::{Secrets, insert, join};
use crate::failure::Failure;

/// Reads an object into secrets.
pub(crate) fn read(object: &Map<String, Json>) -> Result<Secrets, Failure> {
    let mut secrets = Secrets::new();
    walk(&mut secrets, "", object, 0)?;
    Ok(secrets)
}

fn walk(
    secrets: &mut Secrets,
    path: &str,
    object: &Map<String, Json>,
    depth: usize,
) -> Result<(), Failure> {
    if depth > DEEPEST {
        return Err(Failure::invalid("the file nests too deeply"));
    }
    for (key, value) in object {
        match value {
            Json::Object(inner) => walk(secrets, &join(path, key), inner, depth + 1)?,
            leaf @ (Json::Null
            | Json::Bool(_)
            | Json::Number(_)
            | Json::String(_)
            | Json::Array(_)) => insert(secrets, path, key, scalar(path, key, leaf)?)?,
        }
    }
    Ok(())
}

/// A leaf as bytes: text as it is, numbers and truth values as they are written.
fn scalar(path: &str, key: &str, leaf: &Json) -> Result<Value, Failure> {
    match leaf {
        Json::String(text) => Ok(Value::new(text.as_bytes())),
        Json::Number(number) => Ok(Value::new(number.to_string().into_bytes())),
        Json::Bool(truth) => Ok(Value::new(truth.to_string().into_bytes())),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            let place = join(path, key);
            Err(Failure::invalid(format!(
                "`{place}` is no text, number or truth value"
            )))
        }
    }
}

const DEEPEST: usize = 32;

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::read;
    use crate::formats::tests::plain;

    fn list(document: &Json) -> Result<Vec<(String, String)>, ()> {
        let secrets = read(document.as_object().unwrap()).map_err(drop)?;
        let show = |(path, field, value): (&str, &str, &[u8])| {
            (
                format!("{path}#{field}"),
                String::from_utf8_lossy(value).into_owned(),
            )
        };
        Ok(plain(&secrets).into_iter().map(show).collect())
    }

    #[test]
    fn leaves_are_fields_of_the_object_around_them() {
        let document = json!({ "top": "t", "db": { "user": "u", "port": 5432, "tls": true, "r": { "x": "y" } } });
        let expected = [
            ("#top", "t"),
            ("db#port", "5432"),
            ("db#tls", "true"),
            ("db#user", "u"),
            ("db/r#x", "y"),
        ];
        let expected = expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(list(&document).unwrap(), expected);
    }

    #[test]
    fn what_is_no_leaf_is_refused() {
        assert!(list(&json!({ "a": null })).is_err());
        assert!(list(&json!({ "a": ["x"] })).is_err());
        assert!(list(&json!({ "a b": "x" })).is_err());
    }

    #[test]
    fn a_file_cannot_nest_without_end() {
        let deep = (0..40).fold(json!({ "a": "x" }), |inner, _| json!({ "a": inner }));
        assert!(list(&deep).is_err());
    }
}
