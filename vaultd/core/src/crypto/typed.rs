//! Codes that people copy by hand: groups of Crockford base32 with a checksum in the last.
//!
//! ```text
//! text     = prefix ‖ groups of 4 symbols of the secret ‖ 1 group of the checksum, joined by "-"
//! checksum = first 20 bits of SHA-256 ("vault typed code checksum v1" ‖ u32 length ‖ prefix ‖ secret)
//! ```
//! Case, white space and hyphens do not count; O reads as 0, I and L as 1. A typing error is told from a
//! code that is not known, before anything is looked up.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{entropy::Entropy, mac::length, text};

const GROUP: usize = 4;
/// Longest text that is looked at: spaced out generously.
const MAX_TEXT: usize = 256;

/// Why a text is not such a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedError {
    /// Another beginning, length or alphabet.
    #[error("this is not a code of this kind: characters are missing, too many, or not in it")]
    Shape,
    /// One or more characters are wrong.
    #[error("the code has a typing error: its last group does not fit the others")]
    Typo,
}

/// Draws a secret of `N` bytes, a multiple of five.
pub(crate) fn make<const N: usize>(entropy: &mut dyn Entropy) -> Zeroizing<[u8; N]> {
    let mut secret = Zeroizing::new([0; N]);
    entropy.fill(&mut *secret);
    secret
}

/// The text of a secret, with spare capacity for none.
pub(crate) fn write<const N: usize>(prefix: &str, secret: &[u8; N]) -> String {
    let symbols = N / 5 * 8 + GROUP;
    // The capacity suffices, so that growth leaves no copy behind.
    let mut out = String::with_capacity(prefix.len() + symbols + symbols / GROUP);
    out.push_str(prefix);
    let sum = checksum(prefix, secret);
    for (at, symbol) in text::symbols(secret).chain(last_group(sum)).enumerate() {
        if at % GROUP == 0 && !out.is_empty() {
            out.push('-');
        }
        out.push(symbol);
    }
    out
}

/// Reads the secret that was typed.
///
/// # Errors
/// When it is no such code, or its checksum does not fit.
pub(crate) fn read<const N: usize>(
    prefix: &str,
    typed: &str,
) -> Result<Zeroizing<[u8; N]>, TypedError> {
    if typed.len() > MAX_TEXT {
        return Err(TypedError::Shape);
    }
    let counts = |c: &char| *c != '-' && !c.is_whitespace();
    let mut typed = typed.chars().filter(counts);
    for expected in prefix.chars().filter(counts) {
        let same = typed
            .next()
            .is_some_and(|c| c.eq_ignore_ascii_case(&expected));
        if !same {
            return Err(TypedError::Shape);
        }
    }
    let mut secret = Zeroizing::new([0; N]);
    text::read(typed.by_ref().take(N / 5 * 8), secret.as_mut_slice()).ok_or(TypedError::Shape)?;
    let sum = typed_sum(typed).ok_or(TypedError::Shape)?;
    if bool::from(checksum(prefix, secret.as_slice()).ct_eq(&sum)) {
        Ok(secret)
    } else {
        Err(TypedError::Typo)
    }
}

fn typed_sum(mut symbols: impl Iterator<Item = char>) -> Option<u32> {
    let mut sum = 0;
    for _ in 0..GROUP {
        sum = (sum << 5) | u32::from(text::value(symbols.next()?)?);
    }
    symbols.next().is_none().then_some(sum)
}

fn last_group(sum: u32) -> impl Iterator<Item = char> {
    (0..GROUP).rev().map(move |at| {
        let [low, ..] = (sum >> (5 * at)).to_le_bytes();
        text::symbol(low)
    })
}

/// 20 bits.
fn checksum(prefix: &str, secret: &[u8]) -> u32 {
    let hash = Sha256::new()
        .chain_update(b"vault typed code checksum v1")
        .chain_update(length(prefix.len()))
        .chain_update(prefix)
        .chain_update(secret)
        .finalize();
    hash.iter()
        .take(3)
        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
        >> 4
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Seeded;
    use super::*;

    fn code(seed: u64) -> (Zeroizing<[u8; 15]>, String) {
        let secret = make::<15>(&mut Seeded::new(seed));
        let text = write("vlt-try", &secret);
        (secret, text)
    }

    fn refused(typed: &str) -> TypedError {
        read::<15>("vlt-try", typed).unwrap_err()
    }

    #[test]
    fn codes_read_back_however_they_are_spaced_and_cased() {
        for seed in 0..50 {
            let (secret, text) = code(seed);
            for typed in [
                text.clone(),
                text.to_lowercase(),
                text.replace('-', ""),
                text.replace('-', " "),
                format!(" {text}\n"),
                text.replace('0', "o").replace('1', "l"),
            ] {
                assert_eq!(*read::<15>("vlt-try", &typed).unwrap(), *secret, "{typed}");
            }
        }
    }

    #[test]
    fn the_text_is_golden() {
        assert_eq!(code(1).1, "vlt-try-F0W2-B0HA-DYF6-5PH1-J3M2-HS69-2CHK");
        assert_eq!(write::<5>("", b"\x00\xff\x10fo"), "03ZH-0SKF-E0NA");
    }

    #[test]
    fn a_wrong_or_swapped_character_is_named_as_a_typing_error() {
        let (_, text) = code(2);
        let bytes = text.as_bytes();
        let mut missed = 0;
        for at in "vlt-try-".len()..bytes.len() {
            for symbol in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".bytes() {
                let mut typo = bytes.to_vec();
                if typo[at] != b'-' && typo[at] != symbol {
                    typo[at] = symbol;
                    let read = read::<15>("vlt-try", std::str::from_utf8(&typo).unwrap());
                    missed += usize::from(read.is_ok());
                }
            }
            let mut swapped = bytes.to_vec();
            swapped.swap(at, (at + 1).min(bytes.len() - 1));
            let swapped = String::from_utf8(swapped).unwrap();
            if swapped.replace('-', "") != text.replace('-', "") {
                assert_eq!(refused(&swapped), TypedError::Typo, "{swapped}");
            }
        }
        assert_eq!(missed, 0, "one in a million is");
    }

    #[test]
    fn every_other_length_beginning_and_alphabet_is_refused() {
        let (_, text) = code(3);
        for end in 0..text.len() {
            assert_eq!(
                refused(text.get(..end).unwrap()),
                TypedError::Shape,
                "{end}"
            );
        }
        for typed in [
            format!("{text}0"),
            format!("{text}-{text}"),
            text.replace("try", "tri"),
            text.replace("vlt-try-", ""),
            text.replace("vlt-try-", "vlt-other-"),
            format!("\0{text}"),
            format!("{text}\0"),
            format!("{text}\u{200b}"),
            format!("vlt-try-{}", "U".repeat(28)),
            format!("vlt-try-{}", "\u{ff11}".repeat(28)),
            format!("vlt-try-{}", "é".repeat(28)),
            format!("{text}{}", " ".repeat(MAX_TEXT)),
        ] {
            assert_eq!(refused(&typed), TypedError::Shape, "{typed:?}");
        }
    }

    #[test]
    fn a_code_of_another_kind_does_not_read_even_under_this_prefix() {
        let secret = make::<15>(&mut Seeded::new(4));
        let other = write("vlt-two", &secret);
        assert_eq!(refused(&other.replace("two", "try")), TypedError::Typo);
    }
}
