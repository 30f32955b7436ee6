//! `--decode`: values that were stored as text because they are not.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use clap::ValueEnum;
use vault_sdk::Value;
use zeroize::Zeroizing;

/// How it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    Base64,
    Hex,
}

impl Encoding {
    /// Its name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
        }
    }

    /// The bytes behind the text; white space around and between lines does not count.
    pub(crate) fn decode(self, value: &Value) -> Option<Value> {
        // EXPOSE: into buffers that are wiped, and large enough never to move
        let text = value.expose();
        let mut dense = Zeroizing::new(Vec::with_capacity(text.len()));
        dense.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
        // Enough for either: what base64 asks for is at most three bytes beyond three quarters.
        let mut bytes = Zeroizing::new(vec![0; dense.len() + 3]);
        let length = match self {
            Self::Base64 => BASE64.decode_slice(&*dense, &mut bytes).ok()?,
            Self::Hex => {
                let length = dense.len() / 2;
                hex::decode_to_slice(&*dense, bytes.get_mut(..length)?).ok()?;
                length
            }
        };
        bytes.get(..length).map(Value::new)
    }
}

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::Encoding::{Base64, Hex};
    use vault_sdk::Value;

    #[test]
    fn text_becomes_the_bytes_it_stands_for() {
        for (encoding, text, bytes) in [
            (Base64, "/w==", &[0xff][..]),
            (Base64, "/w", &[0xff]),
            (Base64, "aGVs\nbG8=\n", b"hello"),
            (Base64, "", b""),
            (Hex, "00fFa5", &[0, 0xff, 0xa5]),
            (Hex, "00 ff\n", &[0, 0xff]),
        ] {
            let found = encoding.decode(&Value::new(text.as_bytes())).unwrap();
            assert_eq!(found.expose(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_not_so_written_is_refused() {
        for (encoding, text) in [
            (Base64, "a"),
            (Base64, "_w=="),
            (Base64, "\u{fc}"),
            (Hex, "0"),
            (Hex, "0g"),
            (Hex, "+1"),
        ] {
            assert!(
                encoding.decode(&Value::new(text.as_bytes())).is_none(),
                "{text}"
            );
        }
    }
}
