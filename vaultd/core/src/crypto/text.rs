//! Crockford's base32, for what humans copy: no letter looks like a digit, case does not count.
//!
//! No tables are indexed by secrets: symbols are computed, or found by looking at all of them.

use subtle::{ConditionallySelectable, ConstantTimeEq};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The symbol of the low five bits.
pub(super) fn symbol(value: u8) -> char {
    let mut found = 0;
    for (at, symbol) in (0_u8..).zip(ALPHABET) {
        found.conditional_assign(symbol, at.ct_eq(&(value & 31)));
    }
    char::from(found)
}

/// The five bits of a symbol of either case; O is read as 0, I and L as 1.
pub(super) fn value(symbol: char) -> Option<u8> {
    let symbol = u8::try_from(symbol).ok()?.to_ascii_uppercase();
    let symbol = match symbol {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    let mut found = u8::MAX;
    for (at, candidate) in (0_u8..).zip(ALPHABET) {
        found.conditional_assign(&at, candidate.ct_eq(&symbol));
    }
    (found != u8::MAX).then_some(found)
}

/// Eight symbols for every five bytes; `bytes` is a multiple of five long.
pub(super) fn symbols(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.chunks_exact(5).flat_map(|chunk| {
        let number = chunk
            .iter()
            .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        (0..8).rev().map(move |at| {
            let [low, ..] = (number >> (5 * at)).to_le_bytes();
            symbol(low)
        })
    })
}

/// Reads exactly `out`'s length, a multiple of five, from symbols; `None` on any other count or symbol.
pub(super) fn read(symbols: impl Iterator<Item = char>, out: &mut [u8]) -> Option<()> {
    let mut symbols = symbols.fuse();
    for chunk in out.chunks_mut(5) {
        let mut number = 0_u64;
        for _ in 0..8 {
            number = (number << 5) | u64::from(value(symbols.next()?)?);
        }
        let [_, _, _, bytes @ ..] = number.to_be_bytes();
        chunk.copy_from_slice(bytes.get(..chunk.len())?);
    }
    symbols.next().is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_values_are_each_others_inverse() {
        for at in 0..32 {
            let character = symbol(at);
            assert_eq!(u32::from(ALPHABET[usize::from(at)]), u32::from(character));
            assert_eq!(value(character), Some(at));
            assert_eq!(value(character.to_ascii_lowercase()), Some(at));
            assert_eq!(symbol(at + 32), character, "high bits do not count");
        }
    }

    #[test]
    fn look_alikes_are_read_and_everything_else_refused() {
        for (typed, meant) in [('o', 0), ('O', 0), ('i', 1), ('I', 1), ('l', 1), ('L', 1)] {
            assert_eq!(value(typed), Some(meant));
        }
        let known = |c: char| c.is_ascii_alphanumeric() && !"uU".contains(c);
        for character in (0..0x3000)
            .filter_map(char::from_u32)
            .filter(|c| !known(*c))
        {
            assert_eq!(value(character), None, "{character:?}");
        }
    }

    #[test]
    fn bytes_read_back_and_other_counts_are_refused() {
        let bytes = *b"\x00\xff\x10foobar\xfe";
        let text: String = symbols(&bytes).collect();
        assert_eq!(text, "03ZH0SKFDXH62WQY");
        let mut out = [0; 10];
        read(text.chars(), &mut out).unwrap();
        assert_eq!(out, bytes);
        assert!(read(text.chars().skip(1), &mut out).is_none());
        assert!(read(text.chars().chain(['0']), &mut out).is_none());
        assert!(read(text.replace('Z', "U").chars(), &mut out).is_none());
    }
}
