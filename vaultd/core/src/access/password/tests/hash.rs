//! Hashes open for their password and nothing else, in the same time for everybody.

use super::*;
use crate::access::{lockout, password::Policy};
use crate::crypto::entropy::Seeded;

fn password(text: &str) -> Password {
    Password::try_from(text).unwrap()
}

fn attempt() -> Attempt {
    lockout::counted_for_tests(Some(7))
}

/// What comparing comes to, in a word.
fn compared(hasher: &Hasher, typed: &str, stored: Option<&PasswordHash>) -> &'static str {
    match hasher.verify(attempt(), &password(typed), stored).unwrap() {
        Verdict::Right(_) => "right",
        Verdict::RightButOld(_) => "right but old",
        Verdict::Wrong => "wrong",
    }
}

fn cost(memory_kib: u32) -> Cost {
    Cost {
        memory_kib,
        ..Cost::CHEAP
    }
}

fn costs(hasher: &Hasher, stored: Option<&PasswordHash>) -> Vec<Cost> {
    hasher
        .plan(stored)
        .into_iter()
        .map(|(hash, _)| hash.cost)
        .collect()
}

#[test]
fn a_hash_opens_for_its_password_only() {
    let mut entropy = Seeded::new(1);
    let hasher = Hasher::make(Cost::CHEAP, &[], &mut entropy);
    let long = "x".repeat(1023);
    for (chosen, others) in [
        (
            "correct horse battery",
            &[
                "correct horse batterz",
                "Correct horse battery",
                "correct horse battery ",
                "correct horse batter",
                "c",
            ][..],
        ),
        (&long, &[&format!("{long}x"), "x"]),
        ("caf\u{e9} au lait", &["cafe au lait", "CAF\u{c9} AU LAIT"]),
    ] {
        let stored = hasher.hash(&password(chosen), &mut entropy).unwrap();
        let verdict = |typed: &str| compared(&hasher, typed, Some(&stored));
        assert_eq!(verdict(chosen), "right");
        for other in others {
            assert_eq!(verdict(other), "wrong", "{other:?}");
        }
    }
}

#[test]
fn the_letters_of_another_keyboard_open_it() {
    let mut entropy = Seeded::new(2);
    let hasher = Hasher::make(Cost::CHEAP, &[], &mut entropy);
    let stored = hasher
        .hash(&password("caf\u{e9}\u{a0}noir"), &mut entropy)
        .unwrap();
    let verdict = compared(&hasher, "cafe\u{301} noir", Some(&stored));
    assert_eq!(verdict, "right");
}

#[test]
fn a_name_that_nobody_has_is_never_right() {
    let mut entropy = Seeded::new(3);
    let hasher = Hasher::make(Cost::CHEAP, &[cost(16)], &mut entropy);
    for typed in ["dummy", "password", "\u{1f600}", &"x".repeat(1024)] {
        assert_eq!(compared(&hasher, typed, None), "wrong");
    }
}

#[test]
fn an_attempt_for_a_name_that_nobody_has_is_wrong_whatever_it_is_compared_with() {
    let mut entropy = Seeded::new(9);
    let hasher = Hasher::make(Cost::CHEAP, &[], &mut entropy);
    let stored = hasher.hash(&password("somebody's"), &mut entropy).unwrap();
    let nobodys = lockout::counted_for_tests(None);
    let verdict = hasher.verify(nobodys, &password("somebody's"), Some(&stored));
    assert!(matches!(verdict, Ok(Verdict::Wrong)));
}

#[test]
fn known_and_unknown_names_take_the_same_path() {
    let mut entropy = Seeded::new(4);
    let (new, old, older) = (cost(8), cost(16), cost(32));
    let hasher = Hasher::make(new, &[old, older, old, new], &mut entropy);
    let everybody = costs(&hasher, None);
    assert_eq!(everybody, [new, old, older], "each cost in use once");
    for theirs in [new, old, older] {
        let stored = PasswordHash::make(&password("their password"), theirs, &mut entropy).unwrap();
        assert_eq!(costs(&hasher, Some(&stored)), everybody);
        let real = hasher
            .plan(Some(&stored))
            .into_iter()
            .filter(|(_, real)| bool::from(*real))
            .count();
        assert_eq!(real, 1);
    }
    let alone = Hasher::make(Cost::DEFAULT, &[], &mut entropy);
    assert_eq!(
        costs(&alone, None),
        [Cost::DEFAULT],
        "the dummy costs what everybody's does"
    );
}

#[test]
fn a_hash_of_an_old_cost_still_opens_and_asks_for_another() {
    let mut entropy = Seeded::new(5);
    let stored = PasswordHash::make(&password("since last year"), cost(16), &mut entropy).unwrap();
    for older in [&[cost(16)][..], &[]] {
        let hasher = Hasher::make(Cost::CHEAP, older, &mut entropy);
        let verdict = |typed| compared(&hasher, typed, Some(&stored));
        assert_eq!(verdict("since last year"), "right but old");
        assert_eq!(verdict("since this year"), "wrong");
    }
}

#[test]
fn equal_passwords_have_different_hashes() {
    let mut entropy = Seeded::new(6);
    let [one, two] = [(), ()]
        .map(|()| PasswordHash::make(&password("the same"), Cost::CHEAP, &mut entropy).unwrap());
    assert_ne!(*one.hash, *two.hash);
    assert!(one.is(&one) && !one.is(&two));
}

#[test]
fn costs_out_of_bounds_are_refused_before_they_are_used() {
    for (memory, passes, lanes) in [
        (0, 3, 1),
        (19 * 1024 - 1, 2, 1),
        (65536, 1, 1),
        (65536, 0, 1),
        ((1 << 20) + 1, 3, 1),
        (u32::MAX, 3, 1),
        (65536, 17, 1),
        (65536, u32::MAX, 1),
        (65536, 3, 0),
        (65536, 3, 5),
        (65536, 3, u32::MAX),
    ] {
        assert_eq!(
            Cost::new(memory, passes, lanes),
            Err(CostError),
            "{memory} {passes} {lanes}"
        );
    }
    for (memory, passes, lanes) in [(19 * 1024, 2, 1), (65536, 3, 1), (1 << 20, 16, 4)] {
        assert!(Cost::new(memory, passes, lanes).is_ok());
    }
}

#[test]
fn records_that_are_no_hash_are_refused() {
    let parts = |algorithm: u8, [memory, passes, lanes]: [u32; 3], salt: usize, hash: usize| {
        let mut bytes = Vec::new();
        let mut e = Encoder::new(&mut bytes);
        e.array(6).unwrap().u8(algorithm).unwrap();
        e.u32(memory)
            .unwrap()
            .u32(passes)
            .unwrap()
            .u32(lanes)
            .unwrap();
        e.bytes(&vec![1; salt])
            .unwrap()
            .bytes(&vec![2; hash])
            .unwrap();
        decode::<PasswordHash>(&bytes)
    };
    assert!(parts(1, [65536, 3, 1], 16, 32).is_ok());
    for record in [
        parts(0, [65536, 3, 1], 16, 32),
        parts(2, [65536, 3, 1], 16, 32),
        parts(1, [u32::MAX, 3, 1], 16, 32),
        parts(1, [0, 3, 1], 16, 32),
        parts(1, [65536, 0, 1], 16, 32),
        parts(1, [65536, u32::MAX, 1], 16, 32),
        parts(1, [65536, 3, 0], 16, 32),
        parts(1, [65536, 3, u32::MAX], 16, 32),
        parts(1, [65536, 3, 1], 15, 32),
        parts(1, [65536, 3, 1], 16, 31),
        parts(1, [65536, 3, 1], 16, 64),
        parts(1, [65536, 3, 1], 0, 0),
    ] {
        assert!(record.is_err());
    }
}

#[test]
fn a_record_reads_back_and_prints_nothing() {
    let mut entropy = Seeded::new(7);
    let hash = PasswordHash::make(&password("kept"), Cost::CHEAP, &mut entropy).unwrap();
    let read: PasswordHash = decode(&minicbor::to_vec(&hash).unwrap()).unwrap();
    assert!(read.is(&hash) && bool::from(read.opens(&password("kept")).unwrap()));
    assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    assert!(!format!("{:?}", Hasher::make(Cost::CHEAP, &[], &mut entropy)).contains("hash:"));
}

#[test]
fn the_default_cost_opens_what_it_made() {
    let mut entropy = Seeded::new(8);
    let hasher = Hasher::make(Cost::DEFAULT, &[], &mut entropy);
    let stored = hasher
        .hash(&password("as the product does"), &mut entropy)
        .unwrap();
    let verdict = compared(&hasher, "as the product does", Some(&stored));
    assert_eq!(verdict, "right");
    assert_eq!(Cost::new(64 << 10, 3, 1), Ok(Cost::DEFAULT));
}

#[test]
fn an_attempt_that_memory_did_not_last_for_is_taken_back() {
    let mut world = crate::access::tests::World::new();
    let mut entropy = Seeded::new(3);
    // Argon2 takes 8 KiB at least
    let hasher = Hasher::make(Cost::CHEAP, &[cost(1)], &mut entropy);
    let name = crate::name::UserName::try_from("alice").unwrap();
    let (from, limits) = (lockout::Source::of_uid(0), Policy::default().limits());
    for _ in 0..20 {
        let begun = world.run(|tx| lockout::begin(tx, &name, Some(7), from, &limits));
        let uncompared = hasher.verify(begun.unwrap(), &password("hers"), None);
        let uncompared = uncompared.unwrap_err();
        assert_eq!(uncompared.why(), NoMemory);
        world.run(|tx| uncompared.take_back(tx)).unwrap();
    }
}
