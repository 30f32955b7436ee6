//! Shares as text, and every way to mistype one.

use super::*;

const OWNER: Owner = Owner {
    cluster: [0xc1; 16],
    region: 1,
    set: [0x5e; 8],
};

fn printed() -> (Share, [u8; 32]) {
    let point = Point {
        x: 3,
        y: Box::new(Zeroizing::new([0xa7; 32])),
    };
    print(&OWNER, 2, &point)
}

/// The share with another index and threshold, and a checksum that fits: what a forger prints.
pub(in crate::crypto) fn forge(share: &Share, index: u8, threshold: u8) -> Share {
    let mut parsed = Parsed::of(share).ok().unwrap();
    parsed.point.x = index;
    print(&parsed.owner, threshold, &parsed.point).0
}

fn read(text: &str) -> Result<Parsed, ShareError> {
    Parsed::of(&Share::copy_of(text))
}

#[test]
fn a_share_reads_back_with_the_hash_of_the_header() {
    let (share, hash) = printed();
    let parsed = Parsed::of(&share).ok().unwrap();
    assert!(parsed.owner == OWNER);
    assert_eq!(
        (parsed.point.x, parsed.threshold, parsed.hash),
        (3, 2, hash)
    );
    assert_eq!(**parsed.point.y, [0xa7; 32]);
}

#[test]
fn text_and_hash_are_golden() {
    let (share, hash) = printed();
    let groups = [
        "vault-share-070W3GE1-R70W3GE1-R70W3GE1-R70G00AY-BSF5WQJY-BSF060N7-MYKTF9X7",
        "MYKTF9X7-MYKTF9X7-MYKTF9X7-MYKTF9X7-MYKTF9X7-MWGNHRN7",
    ];
    assert_eq!(share.expose(), groups.join("-"));
    assert_eq!(share.expose().len(), PREFIX.len() + 13 * 9);
    assert_eq!(
        hex::encode(hash),
        "a236e4db446f657f2acf9966cbc0350ddc91747c893bd7c3922e30a812c1a4a4"
    );
}

#[test]
fn case_spacing_and_look_alikes_do_not_count() {
    let (share, _) = printed();
    let text = share.expose();
    for typed in [
        text.to_lowercase(),
        text.to_uppercase(),
        text.replace('-', ""),
        text.replace('-', " "),
        format!("  {}\r\n", text.replace('-', " - \n")),
        text.replacen('0', "O", 3).replacen('1', "l", 3),
    ] {
        assert!(read(&typed).is_ok(), "{typed}");
    }
}

#[test]
fn every_mistyped_character_is_noticed() {
    let (share, _) = printed();
    let text = share.expose();
    for at in (0..text.len()).filter(|at| text.as_bytes()[*at] != b'-') {
        for typed in ['2', 'Q', 'U', '*', '\u{e9}'] {
            let mut chars: Vec<char> = text.chars().collect();
            if !chars[at].eq_ignore_ascii_case(&typed) {
                chars[at] = typed;
                let typo: String = chars.into_iter().collect();
                assert!(read(&typo).is_err(), "{at} {typed}");
            }
        }
    }
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let (share, _) = printed();
    let text = share.expose();
    for end in 0..text.len() {
        assert!(read(text.get(..end).unwrap()).is_err(), "cut at {end}");
    }
    assert!(read(&format!("{text}0")).is_err());
    assert!(read(&format!("{text}{text}")).is_err());
    assert!(read(&format!("{text}{}", " ".repeat(MAX_TEXT))).is_err());
    assert!(read(&text.replace("vault-share-", "")).is_err());
    assert!(read(&text.replace("vault", "vaults")).is_err());
}

#[test]
fn swapped_groups_are_refused() {
    let (share, _) = printed();
    let mut groups: Vec<_> = share.expose().split('-').collect();
    for at in 2..groups.len() - 1 {
        groups.swap(at, at + 1);
        assert_eq!(
            read(&groups.join("-")).is_err(),
            groups[at] != groups[at + 1],
            "{at}"
        );
        groups.swap(at, at + 1);
    }
}

#[test]
fn another_format_is_refused() {
    let (share, _) = printed();
    let mut bytes = [0; BYTES];
    let body = share.expose().replace("vault-share-", "").replace('-', "");
    text::read(body.chars(), &mut bytes).unwrap();
    bytes[0] = 2;
    let sum = checksum(&bytes[..HASHED]);
    bytes[HASHED..].copy_from_slice(&sum);
    let body: String = text::symbols(&bytes).collect();
    assert!(read(&format!("vault-share-{body}")).is_err());
}
