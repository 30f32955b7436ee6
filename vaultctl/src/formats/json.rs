//! JSON: an array of the objects that `get -o json` prints, or nested objects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use vault_sdk::Value;

use super::{Secrets, insert, nested};
use crate::failure::Failure;

/// The parts of the documented object that matter here.
#[derive(Serialize, Deserialize)]
struct Entry {
    path: String,
    fields: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    base64: Vec<String>,
}

pub(crate) fn read(text: &str) -> Result<Secrets, Failure> {
    // The parser's message may hold what it read, and that may be a secret: only the place is told.
    let malformed = |error: serde_json::Error| {
        Failure::invalid(format!(
            "line {}, column {}: not JSON",
            error.line(),
            error.column()
        ))
    };
    match serde_json::from_str(text).map_err(malformed)? {
        Json::Object(object) => nested::read(&object),
        Json::Array(list) => {
            let mut secrets = Secrets::new();
            for (position, entry) in list.into_iter().enumerate() {
                let number = position + 1;
                let entry: Entry = serde_json::from_value(entry).map_err(|_| {
                    Failure::invalid(format!("entry {number} is no object with path and fields"))
                })?;
                add(&mut secrets, entry)?;
            }
            Ok(secrets)
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Err(Failure::invalid(
            "the file holds neither an object nor an array",
        )),
    }
}

fn add(secrets: &mut Secrets, entry: Entry) -> Result<(), Failure> {
    for (field, text) in entry.fields {
        let value = if entry.base64.contains(&field) {
            let bytes = STANDARD.decode(&text).map_err(|_| {
                Failure::invalid(format!("`{field}` of `{}` is not base64", entry.path))
            })?;
            Value::new(bytes)
        } else {
            Value::new(text.into_bytes())
        };
        insert(secrets, &entry.path, &field, value)?;
    }
    Ok(())
}

pub(crate) fn write(secrets: &Secrets) -> Result<String, Failure> {
    let mut list = Vec::new();
    for (path, values) in secrets {
        let mut entry = Entry {
            path: path.clone(),
            fields: BTreeMap::new(),
            base64: Vec::new(),
        };
        for (field, value) in values {
            // EXPOSE: the export, which holds the values by intent
            let text = if let Ok(text) = value.expose_str() {
                text.to_owned()
            } else {
                entry.base64.push(field.clone());
                STANDARD.encode(value.expose())
            };
            entry.fields.insert(field.clone(), text);
        }
        list.push(entry);
    }
    let text = serde_json::to_string_pretty(&list);
    text.map_err(|error| Failure::internal(format!("writing JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn errors_tell_the_place_and_not_the_content() {
        for text in [
            "{\"a\": hunter2}",
            "\"hunter2\"",
            "[\"hunter2\"]",
            r#"[{"path":"a","fields":{"f":"hunter2"},"base64":["f"]}]"#,
            r#"[{"path":"a","fields":{"f":"hunter2","f g":"x"}}]"#,
            r#"{"a":{"f":"hunter2"},"a":{"f":null}}"#,
        ] {
            let failure = read(text).unwrap_err();
            assert!(!failure.tail().contains("hunter2"), "{}", failure.tail());
        }
    }
}
