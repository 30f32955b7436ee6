//! What someone types as a second factor: exactly six or eight ASCII digits.
//!
//! Nothing is trimmed or repaired: a text that could be read in two ways would be two codes to whoever
//! remembers used ones, and one code to whoever compares them (HCSEC-2025-17, HCSEC-2025-19).

use std::fmt;

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

/// How long a code is. Numbers are on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Digits {
    /// What every app can.
    #[default]
    #[n(0)]
    Six,
    /// A hundred times harder to guess.
    #[n(1)]
    Eight,
}

impl Digits {
    /// As a number.
    pub const fn count(self) -> u8 {
        match self {
            Self::Six => 6,
            Self::Eight => 8,
        }
    }
}

/// A text is not a code. It does not say what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is 6 or 8 digits from 0 to 9 and nothing else, no spaces either")]
pub struct CodeError;

/// A code as it was typed. Whether it is right is another question.
pub struct Code {
    text: Zeroizing<Box<str>>,
    digits: Digits,
}

impl Code {
    /// Reads what was typed, before anything is looked up.
    ///
    /// # Errors
    /// When it is anything but six or eight ASCII digits.
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        let digits = match typed.len() {
            6 => Digits::Six,
            8 => Digits::Eight,
            _ => return Err(CodeError),
        };
        if !typed.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CodeError);
        }
        Ok(Self {
            text: Zeroizing::new(typed.into()),
            digits,
        })
    }

    pub(super) fn digits(&self) -> Digits {
        self.digits
    }

    pub(super) fn expose(&self) -> &str {
        &self.text
    }

    #[cfg(test)]
    pub(in crate::access) fn expose_for_tests(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_and_eight_digits_are_codes_of_that_length() {
        assert_eq!(Code::parse("012345").unwrap().digits(), Digits::Six);
        assert_eq!(Code::parse("01234567").unwrap().digits(), Digits::Eight);
    }

    #[test]
    fn everything_but_ascii_digits_is_refused() {
        for typed in [
            "",
            "123456 ",
            " 123456",
            "123 456",
            "12345\u{a0}",
            "123456\n",
            "123456\0",
            "12345\0",
            "\u{feff}123456",
            "+12345",
            "-12345",
            "12345.",
            "1234e5",
            "0x1234",
            "12345a",
            "12345O",
            "1234\u{b2}",
            "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}",
            "\u{ff11}\u{ff12}",
            "\u{661}\u{662}\u{663}",
            "\u{661}\u{662}\u{663}\u{664}",
            "\u{1d7ce}12",
            "12345\u{200b}",
        ] {
            assert!(Code::parse(typed).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn every_other_length_is_refused() {
        for length in (0..40).filter(|length| *length != 6 && *length != 8) {
            assert!(Code::parse(&"7".repeat(length)).is_err(), "{length}");
        }
        assert!(Code::parse(&"7".repeat(1 << 20)).is_err());
    }

    #[test]
    fn a_code_does_not_print() {
        assert_eq!(format!("{:?}", Code::parse("123456").unwrap()), "Code(..)");
        assert!(!CodeError.to_string().contains("123456"));
    }
}
