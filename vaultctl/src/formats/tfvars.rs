//! Terraform variables in JSON: text for a single value, an object for several fields.

use serde_json::{Map, Value as Json};

use super::{Fields, Secrets, name_of, text};
use crate::failure::Failure;

pub(crate) fn write(folder: &str, secrets: &Secrets) -> Result<String, Failure> {
    let mut variables = Map::new();
    for (path, fields) in secrets {
        let name = variable_name(name_of(folder, path));
        if variables
            .insert(name.clone(), value(path, fields)?)
            .is_some()
        {
            return Err(Failure::invalid(format!(
                "two secrets would be the variable `{name}`"
            )));
        }
    }
    Ok(format!("{:#}", Json::Object(variables)))
}

fn value(path: &str, fields: &Fields) -> Result<Json, Failure> {
    let string = |field: &str, value| text(path, field, value).map(|t| Json::String(t.to_owned()));
    if let (1, Some(only)) = (fields.len(), fields.get("value")) {
        return string("value", only);
    }
    let object = fields
        .iter()
        .map(|(field, value)| Ok((field.clone(), string(field, value)?)));
    object
        .collect::<Result<Map<_, _>, Failure>>()
        .map(Json::Object)
}

fn variable_name(path: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = path.chars().map(fit).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::formats::tests::secrets;

    #[test]
    fn single_values_are_text_and_several_fields_an_object() {
        let list = secrets(&[
            ("db", "user", b"u"),
            ("db", "pw", b"${x}"),
            ("key", "value", b"k"),
        ]);
        let document: serde_json::Value = serde_json::from_str(&write("", &list).unwrap()).unwrap();
        assert_eq!(document["key"], "k");
        assert_eq!(document["db"]["pw"], "${x}");
    }

    #[test]
    fn two_secrets_cannot_be_one_variable() {
        assert!(write("", &secrets(&[("a/b", "f", b""), ("a-b", "f", b"")])).is_err());
    }
}
