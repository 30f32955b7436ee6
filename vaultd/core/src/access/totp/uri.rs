//! The `otpauth://` URI that an app takes, as text or as a QR code.
//!
//! ```text
//! otpauth://totp/ISSUER:ACCOUNT?secret=BASE32&issuer=ISSUER&algorithm=SHA1&digits=6&period=30
//! ```
//! Names are percent-encoded (RFC 3986: all but unreserved characters), the seed is base32 without
//! padding (RFC 4648 §6). Built in one allocation, so that growth leaves no copy of the seed behind.

use std::fmt::Write as _;

use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::{Parameters, STEP_SECONDS};
use crate::crypto::secret::{EnrolmentUri, Seed, SeedText};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Longest issuer and account together, in bytes.
const MAX_NAMES: usize = 512;
/// Room for the rest: a seed of 64 bytes is 103 characters.
const REST: usize = 256;

/// Why there is no URI for these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Apps cut the label at the first colon.
    #[error("issuer and account are not empty and have no colon")]
    Name,
    /// Nothing that still fits a QR code.
    #[error("issuer and account together have at most {MAX_NAMES} bytes")]
    TooLong,
}

/// What to show once, at enrolment.
///
/// # Errors
/// When a name is empty, has a colon, or is too long.
pub fn enrolment_uri(
    issuer: &str,
    account: &str,
    parameters: &Parameters,
    seed: &Seed,
) -> Result<EnrolmentUri, UriError> {
    let usable = |name: &str| !name.is_empty() && !name.contains(':');
    if !usable(issuer) || !usable(account) {
        return Err(UriError::Name);
    }
    // The issuer is in it twice; a byte becomes three characters at most.
    let names = 2 * issuer.len() + account.len();
    if issuer.len() + account.len() > MAX_NAMES {
        return Err(UriError::TooLong);
    }
    let mut uri = String::with_capacity(3 * names + REST);
    uri.push_str("otpauth://totp/");
    push_encoded(&mut uri, issuer);
    uri.push(':');
    push_encoded(&mut uri, account);
    uri.push_str("?secret=");
    push_base32(&mut uri, seed);
    uri.push_str("&issuer=");
    push_encoded(&mut uri, issuer);
    // Writing into a string does not fail.
    let _infallible = write!(
        uri,
        "&algorithm={}&digits={}&period={STEP_SECONDS}",
        parameters.algorithm.name(),
        parameters.digits.count(),
    );
    Ok(EnrolmentUri::from(uri))
}

/// The seed alone, to be typed into an app that takes no picture; shown once, too.
pub fn seed_text(seed: &Seed) -> SeedText {
    let mut text = String::with_capacity(REST);
    push_base32(&mut text, seed);
    SeedText::from(text)
}

fn push_encoded(out: &mut String, name: &str) {
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
}

fn push_base32(out: &mut String, seed: &Seed) {
    // EXPOSE: into the URI, which is a secret of its own
    for chunk in seed.expose().chunks(5) {
        let number = (0..5).fold(0_u64, |number, at| {
            (number << 8) | u64::from(chunk.get(at).copied().unwrap_or_default())
        });
        let symbols = (8 * chunk.len()).div_ceil(5);
        for at in (0..8).rev().take(symbols) {
            let [low, ..] = (number >> (5 * at)).to_le_bytes();
            out.push(symbol(low & 31));
        }
    }
}

/// No table is indexed by a secret: all of it is looked at.
fn symbol(value: u8) -> char {
    let mut found = 0;
    for (at, symbol) in (0_u8..).zip(ALPHABET) {
        found.conditional_assign(symbol, at.ct_eq(&value));
    }
    char::from(found)
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, Digits};
    use super::*;

    fn uri(issuer: &str, account: &str, seed: &[u8]) -> Result<String, UriError> {
        let seed = Seed::copy_of(seed);
        enrolment_uri(issuer, account, &Parameters::default(), &seed)
            .map(|uri| uri.expose().to_owned())
    }

    #[test]
    fn the_uri_is_golden() {
        assert_eq!(
            uri("vault", "alice", b"12345678901234567890").unwrap(),
            "otpauth://totp/vault:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=vault&algorithm=SHA1&digits=6&period=30"
        );
        let parameters = Parameters {
            algorithm: Algorithm::Sha512,
            digits: Digits::Eight,
        };
        let seed = Seed::copy_of(&[0xff; 64]);
        let long = enrolment_uri("v", "a", &parameters, &seed).unwrap();
        assert_eq!(
            long.expose(),
            format!(
                "otpauth://totp/v:a?secret={}Y&issuer=v&algorithm=SHA512&digits=8&period=30",
                "7".repeat(102)
            )
        );
    }

    #[test]
    fn the_vectors_of_rfc_4648_pass() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            let mut out = String::new();
            push_base32(&mut out, &Seed::copy_of(bytes.as_bytes()));
            assert_eq!(out, text);
        }
    }

    #[test]
    fn names_cannot_add_parameters_or_end_the_label() {
        let uri = uri("A & B/?#", "é lice@x&secret=AAAA", b"12345").unwrap();
        assert_eq!(
            uri,
            "otpauth://totp/A%20%26%20B%2F%3F%23:%C3%A9%20lice%40x%26secret%3DAAAA\
             ?secret=GEZDGNBV&issuer=A%20%26%20B%2F%3F%23&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn empty_names_colons_and_long_names_are_refused() {
        let long = "x".repeat(MAX_NAMES);
        for (issuer, account, error) in [
            ("", "alice", UriError::Name),
            ("vault", "", UriError::Name),
            ("va:ult", "alice", UriError::Name),
            ("vault", "ali:ce", UriError::Name),
            ("vault", ":", UriError::Name),
            ("v", long.as_str(), UriError::TooLong),
            (long.as_str(), "a", UriError::TooLong),
        ] {
            assert_eq!(uri(issuer, account, b"12345").unwrap_err(), error);
        }
    }

    #[test]
    fn the_longest_uri_fits_what_was_allocated() {
        let (issuer, account) = ("é".repeat(MAX_NAMES / 2 - 1), "é");
        let longest = uri(&issuer, account, &[0; 64]).unwrap();
        assert!(longest.len() <= 3 * (2 * issuer.len() + account.len()) + REST);
        let plain = uri("v", "a", &[0; 64]).unwrap();
        assert!(plain.len() <= 9 + REST);
    }

    #[test]
    fn the_uri_does_not_print() {
        let seed = Seed::copy_of(b"12345");
        let uri = enrolment_uri("v", "a", &Parameters::default(), &seed).unwrap();
        assert_eq!(format!("{uri:?}"), "EnrolmentUri(..)");
    }
}
