//! Arguments that are a path and nothing more.

use vault_sdk::Reference;

use crate::failure::Failure;

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

/// Where to copy or move to: a `/` at the end means "into that folder, under the same name".
pub(crate) fn destination(source: &str, text: &str) -> Result<String, Failure> {
    let Some(folder) = text.strip_suffix('/') else {
        return parse_path(text).map_err(Failure::usage);
    };
    let name = source.rsplit_once('/').map_or(source, |(_, name)| name);
    if folder.is_empty() {
        return Ok(name.to_owned());
    }
    Ok(format!(
        "{}/{name}",
        parse_path(folder).map_err(Failure::usage)?
    ))
}

#[cfg(test)]
mod tests {
    use super::{destination, parse_folder, parse_path};

    #[test]
    fn a_folder_as_destination_keeps_the_name() {
        for (text, to) in [("x", "x"), ("x/", "x/b"), ("x/y/", "x/y/b"), ("/", "b")] {
            assert_eq!(destination("a/b", text).unwrap(), to);
        }
        assert!(destination("a/b", "x#f").is_err());
        assert!(destination("a/b", "").is_err());
    }

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
