//! Short texts with a limit and an alphabet: fields, labels, tags, metadata, notes.

use super::character::is_hidden;
use super::checked::checked;

/// The rule that a short text breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("is not empty")]
    Empty,
    /// More characters than this.
    #[error("has at most {0} characters")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("has a character that is not allowed here")]
    Character,
    /// A label that could be taken for a version.
    #[error("is not a number")]
    Digits,
}

/// Declares a text type that is kept as it came.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        checked!(
            $(#[$doc])*
            $name,
            NameError,
            |text| {
                let check: fn(&str) -> Result<(), NameError> = $check;
                check(text).map(|()| text.into())
            }
        );
    };
}

text!(
    /// A field of a secret: `[A-Za-z0-9_.-]{1,128}`.
    FieldName,
    |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        bounded(text, 1, 128)?;
        if text.chars().all(plain) { Ok(()) } else { Err(NameError::Character) }
    }
);
text!(
    /// A label on a version: 1 to 256 visible characters, never all digits.
    Label,
    |text| {
        visible(text, 1, 256)?;
        if text.chars().all(|c| c.is_ascii_digit()) { Err(NameError::Digits) } else { Ok(()) }
    }
);
text!(
    /// What its owner calls an authenticator: 1 to 64 visible characters.
    AuthenticatorName,
    |text| visible(text, 1, 64)
);
text!(
    /// The key of a tag: 1 to 128 visible characters.
    TagKey,
    |text| visible(text, 1, 128)
);
text!(
    /// The value of a tag: up to 256 visible characters.
    TagValue,
    |text| visible(text, 0, 256)
);
text!(
    /// The key of custom metadata: 1 to 128 visible characters.
    MetaKey,
    |text| visible(text, 1, 128)
);
text!(
    /// The value of custom metadata: up to 1,024 characters.
    MetaValue,
    |text| prose(text, 1024)
);
text!(
    /// Why a version was made: up to 1,024 characters.
    Note,
    |text| prose(text, 1024)
);
text!(
    /// What a secret is for: up to 2,048 characters.
    Description,
    |text| prose(text, 2048)
);

/// No text.
macro_rules! may_be_empty {
    ($($name:ident),*) => {
        $(impl Default for $name {
            fn default() -> Self {
                Self("".into())
            }
        })*
    };
}

may_be_empty!(TagValue, MetaValue, Note, Description);

impl FieldName {
    /// The field of a single-valued secret.
    pub fn value() -> Self {
        Self("value".into())
    }
}

impl Label {
    /// What a read without a selector returns.
    pub fn current() -> Self {
        Self("current".into())
    }

    /// What `current` was before it moved.
    pub fn previous() -> Self {
        Self("previous".into())
    }

    /// What a rotation is about to make `current`.
    pub fn pending() -> Self {
        Self("pending".into())
    }
}

fn bounded(text: &str, least: usize, most: usize) -> Result<(), NameError> {
    // ORDER: bytes first: counting characters of a huge text costs.
    if text.len() > 4 * most || text.chars().count() > most {
        Err(NameError::TooLong(most))
    } else if text.len() < least {
        Err(NameError::Empty)
    } else {
        Ok(())
    }
}

fn visible(text: &str, least: usize, most: usize) -> Result<(), NameError> {
    bounded(text, least, most)?;
    if text.chars().any(is_hidden) {
        Err(NameError::Character)
    } else {
        Ok(())
    }
}

/// Text for people: several lines are welcome, other hidden characters are not.
fn prose(text: &str, most: usize) -> Result<(), NameError> {
    bounded(text, 0, most)?;
    let harmless = |c| matches!(c, '\n' | '\t' | '\u{200c}' | '\u{200d}' | '\u{fe0f}');
    if text.chars().any(|c| is_hidden(c) && !harmless(c)) {
        Err(NameError::Character)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> Result<Label, NameError> {
        text.try_into()
    }

    #[test]
    fn a_field_is_plain_ascii() {
        for text in ["value", "a", "A-1_b.c", "1", &"x".repeat(128)] {
            assert_eq!(FieldName::try_from(text).unwrap().as_str(), text);
        }
        for text in [
            "a b", "é", "a/b", "a#b", "a@b", "a\0", "\u{200b}", "a=b", "a\n",
        ] {
            assert_eq!(
                FieldName::try_from(text),
                Err(NameError::Character),
                "{text:?}"
            );
        }
        assert_eq!(FieldName::try_from(""), Err(NameError::Empty));
        assert_eq!(
            FieldName::try_from("x".repeat(129).as_str()),
            Err(NameError::TooLong(128))
        );
    }

    #[test]
    fn a_label_is_never_a_number() {
        for text in ["current", "v1", "1a", "release 7", "é", &"l".repeat(256)] {
            assert!(label(text).is_ok(), "{text:?}");
        }
        for text in ["1", "007", "18446744073709551616"] {
            assert_eq!(label(text), Err(NameError::Digits), "{text:?}");
        }
        for text in ["a\0", "a\n", "\u{202e}a", "a\u{feff}"] {
            assert_eq!(label(text), Err(NameError::Character), "{text:?}");
        }
        assert_eq!(label(""), Err(NameError::Empty));
        assert_eq!(label(&"l".repeat(257)), Err(NameError::TooLong(256)));
        assert_eq!(label(&"é".repeat(257)), Err(NameError::TooLong(256)));
        assert!(label(&"é".repeat(256)).is_ok());
    }

    #[test]
    fn tags_are_visible_and_bounded() {
        assert!(TagKey::try_from("k".repeat(128).as_str()).is_ok());
        assert!(TagKey::try_from("k".repeat(129).as_str()).is_err());
        assert!(TagValue::try_from("v".repeat(256).as_str()).is_ok());
        assert!(TagValue::try_from("v".repeat(257).as_str()).is_err());
        assert!(TagValue::try_from("").is_ok());
        assert_eq!(TagKey::try_from(""), Err(NameError::Empty));
        assert_eq!(TagKey::try_from("a\tb"), Err(NameError::Character));
    }

    #[test]
    fn prose_may_have_lines_but_nothing_that_fools_a_terminal() {
        assert!(Note::try_from("").is_ok());
        assert!(Note::try_from("two\nlines\tand a tab").is_ok());
        for text in ["\u{1b}[2J", "\r", "a\0", "\u{202e}", "\u{7f}"] {
            assert_eq!(Note::try_from(text), Err(NameError::Character), "{text:?}");
            assert_eq!(
                Description::try_from(text),
                Err(NameError::Character),
                "{text:?}"
            );
        }
        assert!(Description::try_from("d".repeat(2048).as_str()).is_ok());
        assert!(Description::try_from("d".repeat(2049).as_str()).is_err());
        assert!(Note::try_from("n".repeat(1025).as_str()).is_err());
        assert!(MetaValue::try_from("n".repeat(1025).as_str()).is_err());
    }

    #[test]
    fn debug_does_not_show_a_name() {
        assert_eq!(format!("{:?}", label("canary").unwrap()), "Label(..)");
    }

    #[test]
    fn a_name_survives_encoding() {
        let bytes = minicbor::to_vec(Label::current()).unwrap();
        let read: Label = minicbor::decode(&bytes).unwrap();
        assert_eq!(read, Label::current());
    }
}
