//! What opens, and what must not.

use super::super::entropy::Seeded;
use super::*;

const CLUSTER: [u8; 16] = [0xc1; 16];
const PLAIN: &[u8] = b"correct horse battery staple";

fn key() -> RecordKey {
    RecordKey::from_slice(&[0x42; 32]).unwrap()
}

fn place() -> Place<'static> {
    Place {
        cluster: &CLUSTER,
        tenant: 7,
        class: Class::Shared,
        scope: 3,
        term: 9,
        key: b"record key",
    }
}

fn sealed() -> Vec<u8> {
    seal(&key(), &place(), &mut Seeded::new(1), PLAIN)
}

#[test]
fn an_envelope_opens_at_its_place_under_its_key() {
    let sealed = sealed();
    assert_eq!(sealed.len(), PLAIN.len() + OVERHEAD);
    assert_eq!(sealed.capacity(), sealed.len());
    assert_eq!(open(&key(), &place(), &sealed).unwrap().expose(), PLAIN);
    let expected = Header {
        class: Class::Shared,
        scope: 3,
        term: 9,
    };
    assert_eq!(header(&sealed), Ok(expected));
}

#[test]
fn the_format_is_golden() {
    // also computed by an implementation in another language
    let expected = [
        "010102000300000009783825822a6f9e62da2190e828e4c9d2576e5977e3a0b36299c80ae00dee9d",
        "962c0c075cb9175ac834fe3d2592e89655fa37224a9c930c48ff7581df0d6f36af7d90f466b81d69",
        "c19c6525152b9611f1a7a7c7ae4d38d4294a86148cb94139e89be7b1f6",
    ];
    assert_eq!(hex::encode(sealed()), expected.concat());
}

#[test]
fn nothing_and_a_mebibyte_seal_too() {
    for length in [0, 1, 15, 16, 63, 64, 65, 1 << 20] {
        let plain = vec![0xa5; length];
        let sealed = seal(&key(), &place(), &mut Seeded::new(2), &plain);
        assert_eq!(open(&key(), &place(), &sealed).unwrap().expose(), plain);
    }
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let sealed = sealed();
    for end in 0..sealed.len() {
        assert!(
            open(&key(), &place(), &sealed[..end]).is_err(),
            "cut at {end}"
        );
        assert!(open(&key(), &place(), &sealed[end + 1..]).is_err());
        assert_eq!(
            header(&sealed[..end]).is_ok(),
            end >= OVERHEAD,
            "cut at {end}"
        );
    }
    let longer = [sealed.as_slice(), &[0]].concat();
    assert_eq!(open(&key(), &place(), &longer).unwrap_err(), OpenError);
}

#[test]
fn every_flipped_bit_is_refused() {
    let sealed = sealed();
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key(), &place(), &changed).is_err(), "bit {bit}");
    }
}

#[test]
fn another_key_opens_nothing() {
    let other = RecordKey::from_slice(&[0x43; 32]).unwrap();
    assert!(open(&other, &place(), &sealed()).is_err());
}

#[test]
fn every_part_of_the_place_is_bound() {
    let here = place();
    let moved = [
        Place {
            cluster: &[0xc2; 16],
            ..here
        },
        Place { tenant: 8, ..here },
        Place {
            class: Class::Voter,
            ..here
        },
        Place { scope: 4, ..here },
        Place { term: 10, ..here },
        Place {
            key: b"record kez",
            ..here
        },
        Place {
            key: b"record ke",
            ..here
        },
        Place {
            key: b"record key\0",
            ..here
        },
        Place { key: b"", ..here },
    ];
    for there in moved {
        assert!(open(&key(), &there, &sealed()).is_err(), "{there:?}");
        // and when the header in clear is rewritten to fit
        let mut rewritten = sealed();
        rewritten[..HEADER].copy_from_slice(&header_of(&there));
        assert!(open(&key(), &there, &rewritten).is_err(), "{there:?}");
    }
}

#[test]
fn a_suffix_is_part_of_the_key_and_nothing_else() {
    let long = Place {
        key: b"record key!",
        ..place()
    };
    let sealed = seal_at(&key(), &place(), b"!", &mut Seeded::new(3), PLAIN);
    assert!(open(&key(), &place(), &sealed).is_err());
    assert!(open(&key(), &long, &sealed).is_ok());
}

#[test]
fn keys_longer_than_the_stack_buffer_are_bound_too() {
    let (long, other) = (vec![1; 5000], [vec![1; 4999], vec![2]].concat());
    let here = Place {
        key: &long,
        ..place()
    };
    let there = Place {
        key: &other,
        ..place()
    };
    let sealed = seal(&key(), &here, &mut Seeded::new(4), PLAIN);
    assert_eq!(open(&key(), &here, &sealed).unwrap().expose(), PLAIN);
    assert!(open(&key(), &there, &sealed).is_err());
}

#[test]
fn a_ciphertext_that_fits_the_key_is_refused_under_another_commitment() {
    // what a search for a key collision yields: the cipher would accept it, the commitment does not
    let nonce = [5; NONCE];
    let forge = |commitment: &[u8; 32]| {
        with_associated_data(&place(), &[], |ad| {
            let derived = Derived::from(&key(), &nonce, ad);
            let mut body = PLAIN.to_vec();
            let tag = encrypt(&derived, &nonce, ad, &mut body);
            let head = header_of(&place());
            [&head, nonce.as_slice(), commitment, &body, &tag].concat()
        })
    };
    let right = with_associated_data(&place(), &[], |ad| {
        *Derived::from(&key(), &nonce, ad).commitment()
    });
    assert!(open(&key(), &place(), &forge(&right)).is_ok());
    let other = RecordKey::from_slice(&[0x43; 32]).unwrap();
    let wrong = with_associated_data(&place(), &[], |ad| {
        *Derived::from(&other, &nonce, ad).commitment()
    });
    assert!(open(&key(), &place(), &forge(&wrong)).is_err());
    assert!(open(&other, &place(), &forge(&wrong)).is_err());
    for byte in 0..COMMITMENT {
        let mut changed = right;
        changed[byte] ^= 0x80;
        assert!(
            open(&key(), &place(), &forge(&changed)).is_err(),
            "byte {byte}"
        );
    }
}

#[test]
fn a_failed_open_leaves_the_buffer_as_it_was() {
    let mut sealed = sealed();
    *sealed.last_mut().unwrap() ^= 1;
    let mut out = [0; PLAIN.len()];
    assert!(open_into(&key(), &place(), &[], &sealed, &mut out).is_err());
    assert_eq!(out, [0; PLAIN.len()]);
}

#[test]
fn a_buffer_of_another_length_is_refused() {
    let mut out = [0; PLAIN.len() + 1];
    assert!(open_into(&key(), &place(), &[], &sealed(), &mut out).is_err());
    assert!(open_into(&key(), &place(), &[], &sealed(), &mut out[2..]).is_err());
    assert!(open_into(&key(), &place(), &[], &sealed(), &mut out[1..]).is_ok());
}

#[test]
fn parts_are_length_prefixed() {
    let mut seen = Vec::new();
    with_associated_data(&place(), b"\x00\x01", |ad| seen.extend_from_slice(ad));
    let expected = [
        b"\0\0\0\x01\x01\0\0\0\x01\x01".as_slice(),
        b"\0\0\0\x10",
        &CLUSTER,
        b"\0\0\0\x04\0\0\0\x07\0\0\0\x01\x02\0\0\0\x02\0\x03\0\0\0\x04\0\0\0\x09",
        b"\0\0\0\x0crecord key\x00\x01",
    ];
    assert_eq!(seen, expected.concat());
}

#[test]
fn unknown_formats_suites_and_classes_are_refused() {
    for (at, value) in [(0, 0), (0, 2), (1, 0), (1, 2), (2, 7), (2, 255)] {
        let mut changed = sealed();
        changed[at] = value;
        assert_eq!(header(&changed), Err(OpenError));
    }
    for class in 0..=6 {
        assert_eq!(Class::try_from(class).unwrap() as u8, class);
    }
}
