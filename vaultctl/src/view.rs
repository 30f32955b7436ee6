//! A secret as it is shown.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};
use vault_sdk::{Secret, Value};

use crate::time;

/// The documented object of a secret.
pub(crate) fn to_json(secret: &Secret) -> Json {
    let mut object = fields_to_json(&secret.fields);
    if let Some(map) = object.as_object_mut() {
        map.insert("path".to_owned(), json!(secret.path));
        map.insert("version".to_owned(), json!(secret.version));
        let meta = json!({
            "created_at": time::rfc3339(secret.created_at.as_ref()),
            "labels": secret.labels,
        });
        map.insert("meta".to_owned(), meta);
    }
    object
}

/// An object with `fields`. Those that are not UTF-8 are base64, and named in `base64`.
pub(crate) fn fields_to_json(values: &BTreeMap<String, Value>) -> Json {
    let mut encoded = Vec::new();
    let mut fields = Map::new();
    for (name, value) in values {
        // EXPOSE: stdout, in the form that was asked for
        let text = if let Ok(text) = value.expose_str() {
            text.to_owned()
        } else {
            encoded.push(name.as_str());
            STANDARD.encode(value.expose())
        };
        fields.insert(name.clone(), Json::String(text));
    }
    let mut object = json!({ "fields": fields });
    if let (Some(map), false) = (object.as_object_mut(), encoded.is_empty()) {
        map.insert("base64".to_owned(), json!(encoded));
    }
    object
}

/// A value in a table: hidden unless it is to be shown.
pub(crate) fn cell(value: &Value, reveal: bool) -> String {
    match text_for_terminal(value) {
        _ if !reveal => MASK.to_owned(),
        // EXPOSE: a table, because --reveal was given
        Some(text) => text.to_owned(),
        None => format!("(binary, {} bytes)", value.len()),
    }
}

/// The value as text that a terminal only prints: no escape sequences, no other controls.
pub(crate) fn text_for_terminal(value: &Value) -> Option<&str> {
    // EXPOSE: to the caller, who shows it
    let text = value.expose_str().ok()?;
    let harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
    text.chars().all(harmless).then_some(text)
}

/// Of one length, whatever is behind it.
pub(crate) const MASK: &str = "********";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use vault_sdk::{Secret, Value};

    use super::{MASK, cell, text_for_terminal, to_json};

    fn value(bytes: &[u8]) -> Value {
        Value::new(bytes)
    }

    #[test]
    fn the_object_has_its_documented_shape() {
        let fields = BTreeMap::from([
            ("a".to_owned(), value(b"x\n")),
            ("b".to_owned(), value(&[0xff])),
        ]);
        let labels = vec!["current".to_owned()];
        let secret = Secret {
            path: "p/q".into(),
            version: 3,
            fields,
            created_at: None,
            labels,
        };
        assert_eq!(
            to_json(&secret).to_string(),
            r#"{"base64":["b"],"fields":{"a":"x\n","b":"/w=="},"meta":{"created_at":"","labels":["current"]},"path":"p/q","version":3}"#
        );
    }

    #[test]
    fn a_masked_value_does_not_tell_its_length() {
        assert_eq!(cell(&value(b"a"), false), MASK);
        assert_eq!(cell(&value(&[0; 99]), false), MASK);
        assert_eq!(cell(&value(b"a"), true), "a");
        assert_eq!(cell(&value(&[0; 99]), true), "(binary, 99 bytes)");
    }

    #[test]
    fn escape_sequences_are_no_text_for_a_terminal() {
        assert!(text_for_terminal(&value(b"\x1b[2J")).is_none());
        assert!(text_for_terminal(&value(b"a\tb\nc")).is_some());
    }
}
