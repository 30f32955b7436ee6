//! Arguments that are a path and nothing more.

use vault_sdk::Reference;

/// A secret's path, decoded.
pub(crate) fn parse_path(text: &str) -> Result<String, String> {
    let reference: Reference = text.parse().map_err(|error| format!("{error}"))?;
    match (reference.field, reference.selector) {
        (None, None) => Ok(reference.path),
        _ => Err("a path alone is meant here, without #field or @version".to_owned()),
    }
}

/// A folder's path, decoded, with or without a `/` at its end; `/` alone is the root.
pub(crate) fn parse_folder(text: &str) -> Result<String, String> {
    match text {
        "/" | "" => Ok(String::new()),
        text => parse_path(text.strip_suffix('/').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_folder, parse_path};

    #[test]
    fn folders_may_end_in_a_slash() {
        assert_eq!(parse_folder("a/b/").as_deref(), Ok("a/b"));
        assert_eq!(parse_folder("a%40b").as_deref(), Ok("a@b"));
        assert_eq!(parse_folder("/").as_deref(), Ok(""));
    }

    #[test]
    fn fields_and_versions_are_refused() {
        for text in ["a#f", "a@1", "a#f@previous", "a:b", ""] {
            assert!(parse_path(text).is_err(), "{text}");
        }
    }
}
