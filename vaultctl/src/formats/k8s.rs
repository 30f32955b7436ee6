//! Kubernetes: a list of Secrets, in JSON, as `kubectl apply -f` takes it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::{Secrets, name_of};
use crate::failure::Failure;

pub(crate) fn write(folder: &str, secrets: &Secrets) -> Result<String, Failure> {
    let mut items = Vec::new();
    let mut taken = BTreeSet::new();
    for (path, fields) in secrets {
        let name = object_name(name_of(folder, path));
        if name.is_empty() || name.len() > LONGEST_NAME || !taken.insert(name.clone()) {
            let what =
                format!("`{path}` makes no name of its own for a Kubernetes object: `{name}`");
            return Err(Failure::invalid(what));
        }
        // EXPOSE: the export, which holds the values by intent
        let data: Map<_, _> = fields
            .iter()
            .map(|(field, value)| (field.clone(), Json::String(STANDARD.encode(value.expose()))))
            .collect();
        items.push(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": { "name": name },
            "data": data,
        }));
    }
    Ok(format!(
        "{:#}",
        json!({ "apiVersion": "v1", "kind": "List", "items": items })
    ))
}

/// RFC 1123: lower-case letters, digits and `-`, the latter not at the ends.
fn object_name(path: &str) -> String {
    let fit = |c: char| {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            c
        } else {
            '-'
        }
    };
    path.chars()
        .map(fit)
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}

const LONGEST_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::write;
    use crate::formats::tests::secrets;

    #[test]
    fn secrets_become_objects() {
        let text = write("prod", &secrets(&[("DB/main_1", "k", &[0xff])])).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let item = &document["items"][0];
        assert_eq!(item["metadata"]["name"], "db-main-1");
        assert_eq!(item["data"]["k"], "/w==");
    }

    #[test]
    fn two_secrets_cannot_take_one_name() {
        assert!(write("", &secrets(&[("a/b", "k", b""), ("a-b", "k", b"")])).is_err());
        assert!(write("", &secrets(&[("é", "k", b"")])).is_err());
    }
}
