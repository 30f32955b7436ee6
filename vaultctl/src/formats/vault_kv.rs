//! What `vault kv get -format=json` prints: the fields under `data.data` (version 2 of that engine)
//! or `data` (version 1).

use serde_json::{Map, Value as Json};
use vault_sdk::Value;

use super::{Secrets, insert};
use crate::failure::Failure;

pub(crate) fn read(text: &str) -> Result<Secrets, Failure> {
    let document: Json = serde_json::from_str(text).map_err(|error| {
        Failure::invalid(format!(
            "line {}, column {}: not JSON",
            error.line(),
            error.column()
        ))
    })?;
    let fields = fields(&document)
        .ok_or_else(|| Failure::invalid("the file has no object `data` with the fields in it"))?;
    let mut secrets = Secrets::new();
    for (field, value) in fields {
        let value = match value {
            Json::String(text) => Value::new(text.as_bytes()),
            // That engine holds any JSON; here it becomes its text.
            other @ (Json::Null
            | Json::Bool(_)
            | Json::Number(_)
            | Json::Array(_)
            | Json::Object(_)) => Value::new(other.to_string().into_bytes()),
        };
        insert(&mut secrets, "", field, value)?;
    }
    Ok(secrets)
}

/// Version 2 has the fields one level deeper, beside `metadata`.
fn fields(document: &Json) -> Option<&Map<String, Json>> {
    let data = document.get("data")?.as_object()?;
    match (data.get("data"), data.get("metadata")) {
        (Some(Json::Object(inner)), Some(Json::Object(_))) => Some(inner),
        (Some(Json::Null), Some(Json::Object(_))) => None,
        _ => Some(data),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::formats::tests::plain;

    const EXPECTED: [(&str, &str, &[u8]); 2] = [("", "n", b"[1]"), ("", "pw", b"x")];

    #[test]
    fn both_versions_are_read() {
        let second = r#"{"data":{"data":{"pw":"x","n":[1]},"metadata":{"version":3}}}"#;
        assert_eq!(plain(&read(second).unwrap()), EXPECTED);
        let first = r#"{"data":{"pw":"x","n":[1]}}"#;
        assert_eq!(plain(&read(first).unwrap()), EXPECTED);
    }

    #[test]
    fn a_deleted_version_and_other_documents_are_refused() {
        for text in [r#"{"data":{"data":null,"metadata":{}}}"#, "{}", "[]", "x"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
