//! Policies that are kept, policies that cannot be, and that no value is likelier than another.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::crypto::entropy::Seeded;

fn text(policy: &Policy, seed: u64) -> Result<String, Unsatisfiable> {
    let value = generate(policy, &mut Seeded::new(seed))?;
    Ok(String::from_utf8(value.expose().to_vec()).unwrap())
}

fn only_digits() -> Without {
    Without {
        lowercase: true,
        uppercase: true,
        digits: false,
        punctuation: true,
    }
}

/// Always the same byte.
struct Stuck(u8);

impl Entropy for Stuck {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(self.0);
    }
}

#[test]
fn by_default_a_value_has_32_characters_of_all_classes() {
    for seed in 0..200 {
        let value = text(&Policy::default(), seed).unwrap();
        assert_eq!(value.len(), 32);
        for class in [LOWERCASE, UPPERCASE, DIGITS, PUNCTUATION] {
            assert!(value.contains(|c| class.contains(c)), "{value}");
        }
        assert!(!value.contains(' '));
    }
}

#[test]
fn the_shortest_value_with_all_classes_has_one_of_each() {
    let policy = Policy {
        length: 4,
        exclude: "023456789bcdefghijklmnopqrstuvwxyz".into(),
        ..Policy::default()
    };
    for seed in 0..20 {
        let value = text(&policy, seed).unwrap();
        assert!(value.contains('1') && value.contains('a'), "{value}");
    }
    assert_eq!(
        text(
            &Policy {
                length: 3,
                ..policy.clone()
            },
            1
        ),
        Err(Unsatisfiable::TooShort)
    );
    assert!(
        text(
            &Policy {
                length: 3,
                relax_classes: true,
                ..policy
            },
            1
        )
        .is_ok()
    );
}

/// Why the default policy is refused after a change.
fn refused(change: impl Fn(&mut Policy)) -> Unsatisfiable {
    let mut policy = Policy::default();
    change(&mut policy);
    text(&policy, 1).unwrap_err()
}

#[test]
fn what_cannot_be_satisfied_is_refused() {
    for length in [0, 4097, u32::MAX] {
        assert_eq!(refused(|p| p.length = length), Unsatisfiable::Length);
        assert_eq!(
            refused(|p| (p.length, p.kind) = (length, Kind::Uuid)),
            Unsatisfiable::Length
        );
    }
    assert_eq!(
        refused(|p| p.exclude = "x".repeat(4097)),
        Unsatisfiable::Excluded
    );
    assert_eq!(refused(|p| p.exclude = DIGITS.into()), Unsatisfiable::Empty);
    let none = Without {
        digits: true,
        ..only_digits()
    };
    assert_eq!(refused(|p| p.without = none), Unsatisfiable::Empty);
    let only_an_excluded_space = |p: &mut Policy| {
        (p.without, p.include_space, p.exclude) = (none, true, " ".into());
    };
    assert_eq!(refused(only_an_excluded_space), Unsatisfiable::Empty);
}

#[test]
fn a_kind_that_cannot_keep_to_classes_or_exclusions_is_refused() {
    for kind in [Kind::Uuid, Kind::Hex, Kind::Base64] {
        assert_eq!(
            refused(|p| (p.kind, p.exclude) = (kind, "a".into())),
            Unsatisfiable::Kind
        );
        assert_eq!(
            refused(|p| (p.kind, p.without) = (kind, only_digits())),
            Unsatisfiable::Kind
        );
        assert_eq!(
            refused(|p| (p.kind, p.include_space) = (kind, true)),
            Unsatisfiable::Kind
        );
    }
    let kind = Kind::Pronounceable;
    assert_eq!(
        refused(|p| (p.kind, p.exclude) = (kind, VOWELS.into())),
        Unsatisfiable::Empty
    );
    assert_eq!(
        refused(|p| (p.kind, p.exclude) = (kind, CONSONANTS.into())),
        Unsatisfiable::Empty
    );
    assert_eq!(
        refused(|p| (p.kind, p.without) = (kind, only_digits())),
        Unsatisfiable::Kind
    );
    assert_eq!(
        refused(|p| (p.kind, p.include_space) = (kind, true)),
        Unsatisfiable::Kind
    );
}

#[test]
fn a_class_that_is_excluded_whole_is_no_matter_when_classes_are_relaxed() {
    let policy = Policy {
        exclude: DIGITS.into(),
        relax_classes: true,
        ..Policy::default()
    };
    assert!(
        !text(&policy, 1)
            .unwrap()
            .contains(|c: char| c.is_ascii_digit())
    );
}

#[test]
fn spaces_occur_when_they_are_included() {
    let policy = Policy {
        length: 1000,
        include_space: true,
        ..Policy::default()
    };
    assert!(text(&policy, 1).unwrap().contains(' '));
}

#[test]
fn a_source_that_does_not_vary_is_refused_and_does_not_hang() {
    for byte in [0, 255] {
        let refused = generate(
            &Policy {
                length: 8,
                ..Policy::default()
            },
            &mut Stuck(byte),
        );
        assert_eq!(refused.unwrap_err(), Unsatisfiable::Entropy);
    }
}

#[test]
fn every_character_is_equally_likely() {
    // 10 does not divide 256: taking remainders would make 0 to 5 likelier by a 25th.
    let policy = Policy {
        length: 4000,
        without: only_digits(),
        ..Policy::default()
    };
    let mut counts = BTreeMap::new();
    for seed in 0..50 {
        for c in text(&policy, seed).unwrap().chars() {
            *counts.entry(c).or_insert(0_i32) += 1;
        }
    }
    // 20,000 each, with a standard deviation of 134.
    assert_eq!(counts.len(), 10);
    for (c, count) in counts {
        assert!((count - 20_000).abs() < 600, "{c}: {count}");
    }
}

#[test]
fn all_values_that_satisfy_a_policy_are_equally_likely() {
    // Two characters of {a, 0, 1}, at least one of each class: a0 a1 0a 1a.
    let policy = Policy {
        length: 2,
        without: Without {
            uppercase: true,
            punctuation: true,
            ..Without::default()
        },
        exclude: "bcdefghijklmnopqrstuvwxyz23456789".into(),
        ..Policy::default()
    };
    let mut counts = BTreeMap::new();
    for seed in 0..4000 {
        *counts.entry(text(&policy, seed).unwrap()).or_insert(0_i32) += 1;
    }
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["0a", "1a", "a0", "a1"]);
    for (value, count) in counts {
        assert!((count - 1000).abs() < 150, "{value}: {count}");
    }
}

#[test]
fn pronounceable_values_alternate() {
    for seed in 0..100 {
        let policy = Policy {
            kind: Kind::Pronounceable,
            length: 15,
            exclude: "lo".into(),
            ..Policy::default()
        };
        let value = text(&policy, seed).unwrap();
        let vowels: Vec<bool> = value.chars().map(|c| VOWELS.contains(c)).collect();
        assert!(vowels.windows(2).all(|pair| pair[0] != pair[1]), "{value}");
        assert!(value.len() == 15 && !value.contains(['l', 'o']));
    }
    let without = Without {
        lowercase: true,
        ..Without::default()
    };
    let upper = text(
        &Policy {
            kind: Kind::Pronounceable,
            without,
            ..Policy::default()
        },
        1,
    )
    .unwrap();
    assert!(upper.chars().all(|c| c.is_ascii_uppercase()));
}

#[test]
fn a_uuid_is_of_version_4_and_its_variant() {
    let policy = Policy {
        kind: Kind::Uuid,
        ..Policy::default()
    };
    for seed in 0..100 {
        let value = text(&policy, seed).unwrap();
        let parts: Vec<&str> = value.split('-').collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert!(
            parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']),
            "{value}"
        );
        assert!(
            value
                .chars()
                .all(|c| c == '-' || matches!(c, '0'..='9' | 'a'..='f'))
        );
    }
    let fixed = |byte| {
        let value = generate(&policy, &mut Stuck(byte)).unwrap();
        String::from_utf8(value.expose().to_vec()).unwrap()
    };
    assert_eq!(fixed(0), "00000000-0000-4000-8000-000000000000");
    assert_eq!(fixed(0xff), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

#[test]
fn hexadecimal_and_base64_are_of_the_bytes_that_were_drawn() {
    // RFC 4648 §10.
    for (bytes, expected) in [
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(bytes.as_bytes()).expose(), expected.as_bytes());
    }
    assert_eq!(base64(&[0xff, 0xef, 0xbe]).expose(), b"/+++");
    assert_eq!(hex(&[0, 0x1f, 0xa9, 0xff]).expose(), b"001fa9ff");
    assert_eq!(
        text(
            &Policy {
                kind: Kind::Hex,
                length: 20,
                ..Policy::default()
            },
            1
        )
        .unwrap()
        .len(),
        40
    );
    assert_eq!(
        text(
            &Policy {
                kind: Kind::Base64,
                length: 20,
                ..Policy::default()
            },
            1
        )
        .unwrap()
        .len(),
        28
    );
}

#[test]
fn two_values_differ() {
    for kind in [
        Kind::Characters,
        Kind::Pronounceable,
        Kind::Uuid,
        Kind::Hex,
        Kind::Base64,
    ] {
        let mut entropy = Seeded::new(1);
        let policy = Policy {
            kind,
            ..Policy::default()
        };
        let (one, other) = (
            generate(&policy, &mut entropy).unwrap(),
            generate(&policy, &mut entropy).unwrap(),
        );
        assert!(!one.ct_eq(&other));
    }
}

proptest! {
    #[test]
    fn a_value_obeys_its_policy_or_the_policy_is_refused(
        length in 1_u32..200,
        flags in any::<[bool; 6]>(),
        exclude in "[ -~é]{0,60}",
        seed in any::<u64>(),
    ) {
        let [lowercase, uppercase, digits, punctuation, include_space, relax_classes] = flags;
        let without = Without { lowercase, uppercase, digits, punctuation };
        let policy = Policy { kind: Kind::Characters, length, without, exclude, include_space, relax_classes };
        let classes = policy.classes();
        match text(&policy, seed) {
            Ok(value) => {
                prop_assert_eq!(value.chars().count(), length as usize);
                let space = if include_space { " " } else { "" };
                let mut allowed = classes.concat();
                allowed.extend(policy.allowed(space));
                prop_assert!(value.bytes().all(|c| allowed.contains(&c)));
                prop_assert!(!value.contains(|c| policy.exclude.contains(c)));
                prop_assert!(relax_classes || classes.iter().all(|class| value.bytes().any(|c| class.contains(&c))));
            }
            Err(Unsatisfiable::Empty) => {
                let nothing = classes.concat().is_empty() && policy.allowed(if include_space { " " } else { "" }).is_empty();
                prop_assert!(nothing || (!relax_classes && classes.iter().any(Vec::is_empty)));
            }
            Err(Unsatisfiable::TooShort) => prop_assert!(!relax_classes && (length as usize) < classes.len()),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
