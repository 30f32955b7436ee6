//! `--generate[=POLICY]`: a random value's policy in one word or a list.
//!
//! `24`, `hex:32`, `base64`, `uuid`, `pronounceable:20`, `chars:24,no-punctuation,exclude=lI1O0`.

use vault_sdk::wire::RandomPolicy;
use vault_sdk::wire::random_policy::Kind;

/// Reads a policy.
pub(crate) fn parse_policy(text: &str) -> Result<RandomPolicy, String> {
    let mut policy = RandomPolicy {
        length: DEFAULT_LENGTH,
        ..Default::default()
    };
    let mut words = text.splitn(2, ',');
    kind(&mut policy, words.next().unwrap_or_default().trim())?;
    let mut rest = words.next();
    while let Some(options) = rest {
        if let Some(characters) = options.trim_start().strip_prefix("exclude=") {
            // The last option: commas in it are characters to exclude.
            characters.clone_into(&mut policy.exclude_characters);
            break;
        }
        let (option, after) = match options.split_once(',') {
            Some((option, after)) => (option, Some(after)),
            None => (options, None),
        };
        match option.trim() {
            "no-lower" => policy.exclude_lowercase = true,
            "no-upper" => policy.exclude_uppercase = true,
            "no-digits" => policy.exclude_digits = true,
            "no-punctuation" => policy.exclude_punctuation = true,
            "space" => policy.include_space = true,
            "relax" => policy.relax_classes = true,
            other => return Err(format!("`{other}` is no option; {HELP}")),
        }
        rest = after;
    }
    Ok(policy)
}

fn kind(policy: &mut RandomPolicy, word: &str) -> Result<(), String> {
    let (name, length) = match word.split_once(':') {
        Some((name, length)) => (name, Some(length)),
        None if word.bytes().all(|b| b.is_ascii_digit()) && !word.is_empty() => {
            ("chars", Some(word))
        }
        None => (word, None),
    };
    let kind = match name {
        "" | "chars" => Kind::Characters,
        "pronounceable" => Kind::Pronounceable,
        "uuid" => Kind::Uuid,
        "hex" => Kind::Hex,
        "base64" => Kind::Base64,
        other => return Err(format!("`{other}` is no kind; {HELP}")),
    };
    policy.set_kind(kind);
    if let Some(length) = length {
        let number = length.parse().ok().filter(|number| *number > 0);
        policy.length = number.ok_or_else(|| format!("`{length}` is no length; {HELP}"))?;
    }
    Ok(())
}

pub(crate) const DEFAULT_LENGTH: u32 = 32;
const HELP: &str = "write LENGTH, chars:N, hex:BYTES, base64:BYTES, uuid or pronounceable:N, then \
                    no-lower, no-upper, no-digits, no-punctuation, space, relax, exclude=CHARACTERS";

#[cfg(test)]
mod tests {
    use vault_sdk::wire::random_policy::Kind;

    use super::parse_policy;

    #[test]
    fn policies_are_read() {
        let plain = parse_policy("24").unwrap();
        assert_eq!((plain.kind(), plain.length), (Kind::Characters, 24));
        assert_eq!(parse_policy("").unwrap().length, 32);
        let hex = parse_policy("hex:16").unwrap();
        assert_eq!((hex.kind(), hex.length), (Kind::Hex, 16));
        let many = parse_policy("chars:20,no-punctuation,space,exclude=l1,O").unwrap();
        assert!(many.exclude_punctuation && many.include_space);
        assert_eq!(many.exclude_characters, "l1,O");
    }

    #[test]
    fn unknown_words_are_refused() {
        for text in [
            "words",
            "hex:",
            "hex:x",
            "24,loud",
            "0",
            "hex:99999999999",
            "-1",
        ] {
            assert!(parse_policy(text).is_err(), "{text}");
        }
    }
}
