//! Padding of names to 16-byte steps, so that an envelope's length does not tell a name's.
//!
//! ```text
//! padded = u16 length ‖ name ‖ zeros up to a multiple of 16
//! ```
//! For use in a document: `#[cbor(n(3), with = "crate::crypto::pad")] name: String`.

use minicbor::encode::Write;
use minicbor::{Decoder, Encoder, decode::Error as DecodeError, encode::Error as EncodeError};

const STEP: usize = 16;

/// Writes a name as a padded byte string.
///
/// # Errors
/// When the name has more than 65535 bytes, or the writer fails.
pub fn encode<C, T: AsRef<str>, W: Write>(
    name: &T,
    encoder: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), EncodeError<W::Error>> {
    let name = name.as_ref().as_bytes();
    let length = u16::try_from(name.len())
        .map_err(|_| EncodeError::message("a name of over 65535 bytes is not padded"))?;
    let mut padded = Vec::with_capacity((2 + name.len()).next_multiple_of(STEP));
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(name);
    padded.resize(padded.len().next_multiple_of(STEP), 0);
    encoder.bytes(&padded)?;
    Ok(())
}

/// Reads a padded name.
///
/// # Errors
/// When the padding is not exactly what [`encode`] writes, or the type refuses the name.
pub fn decode<C, T: TryFrom<String>>(
    decoder: &mut Decoder<'_>,
    _: &mut C,
) -> Result<T, DecodeError> {
    unpad(decoder.bytes()?)
        .and_then(|name| T::try_from(name.to_owned()).ok())
        .ok_or_else(|| DecodeError::message("a padded name is damaged"))
}

fn unpad(padded: &[u8]) -> Option<&str> {
    let (length, rest) = padded.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (name, zeros) = rest.split_at_checked(length)?;
    let exact = padded.len() == (2 + length).next_multiple_of(STEP);
    (exact && zeros.iter().all(|byte| *byte == 0))
        .then(|| std::str::from_utf8(name).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&name, &mut Encoder::new(&mut out), &mut ()).unwrap();
        out
    }

    fn read(cbor: &[u8]) -> Result<String, DecodeError> {
        decode(&mut Decoder::new(cbor), &mut ())
    }

    #[test]
    fn names_read_back_and_their_lengths_show_in_steps_only() {
        let name = "n".repeat(40);
        for length in 0..=40 {
            let name = name.get(..length).unwrap();
            let out = padded(name);
            assert_eq!(read(&out).unwrap(), name);
            let payload = Decoder::new(&out).bytes().unwrap().len();
            assert_eq!(payload, (length + 2).div_ceil(16) * 16);
        }
        assert_eq!(
            hex::encode(padded("db")),
            "5000026462000000000000000000000000"
        );
    }

    #[test]
    fn a_name_that_has_no_length_is_refused() {
        let mut out = Vec::new();
        let long = "n".repeat(65536);
        assert!(encode(&long, &mut Encoder::new(&mut out), &mut ()).is_err());
    }

    #[test]
    fn wrong_padding_is_refused() {
        let bytes = |payload: &[u8]| {
            let mut out = Vec::new();
            Encoder::new(&mut out).bytes(payload).unwrap();
            out
        };
        let mut good = [0; 16];
        good[..4].copy_from_slice(b"\0\x02db");
        assert_eq!(read(&bytes(&good)).unwrap(), "db");
        for (at, value) in [(4, 1), (15, 1), (0, 1), (1, 15), (1, 255), (2, 0xff)] {
            let mut bad = good;
            bad[at] = value;
            assert!(read(&bytes(&bad)).is_err(), "{at} {value}");
        }
        for length in (0..16).chain(17..48) {
            let mut bad = good.to_vec();
            bad.resize(length, 0);
            assert!(read(&bytes(&bad)).is_err(), "{length} bytes");
        }
        assert!(read(b"\x62db").is_err(), "text is not padded bytes");
    }
}
