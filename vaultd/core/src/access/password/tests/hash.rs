//! Hashes open for their password and nothing else, in the same time for everybody.

use super::*;
use crate::access::{
    lockout,
    password::{CostError, Policy},
};
use crate::crypto::entropy::Seeded;

fn password(text: &str) -> Password {
    Password::try_from(text).unwrap()
}

fn attempt() -> Attempt {
    lockout::counted_for_tests(Some(7))
}

/// What comparing comes to beside hashes of these costs, in a word.
fn beside(
    hasher: &Hasher,
    typed: &str,
    (stored, costs): (Option<&PasswordHash>, &[Cost]),
) -> &'static str {
    let in_use = InUse::of(costs);
    let verdict = hasher.verify(attempt(), &password(typed), (stored, &in_use));
    match verdict.unwrap() {
        Verdict::Right(_) => "right",
        Verdict::RightButOld(_) => "right but old",
        Verdict::Wrong => "wrong",
    }
}

fn compared(hasher: &Hasher, typed: &str, stored: Option<&PasswordHash>) -> &'static str {
    beside(hasher, typed, (stored, &[hasher.cost()]))
}

fn none() -> InUse {
    InUse::default()
}

fn cost(memory_kib: u32) -> Cost {
    Cost {
        memory_kib,
        ..Cost::CHEAP
    }
}

fn costs(hasher: &Hasher, stored: Option<&PasswordHash>, in_use: &[Cost]) -> Vec<Cost> {
    hasher
        .plan(stored, &InUse::of(in_use))
        .into_iter()
        .map(|(hash, _)| hash.cost)
        .collect()
}

#[test]
fn a_hash_opens_for_its_password_only() {
    let mut entropy = Seeded::new(1);
    let hasher = Hasher::make(Cost::CHEAP, &mut entropy);
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
        let stored = hasher
            .hash(&password(chosen), &none(), &mut entropy)
            .unwrap();
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
    let hasher = Hasher::make(Cost::CHEAP, &mut entropy);
    let stored = hasher
        .hash(&password("caf\u{e9}\u{a0}noir"), &none(), &mut entropy)
        .unwrap();
    let verdict = compared(&hasher, "cafe\u{301} noir", Some(&stored));
    assert_eq!(verdict, "right");
}

#[test]
fn a_name_that_nobody_has_is_never_right() {
    let mut entropy = Seeded::new(3);
    let hasher = Hasher::make(Cost::CHEAP, &mut entropy);
    for typed in ["dummy", "password", "\u{1f600}", &"x".repeat(1024)] {
        for costs in [&[][..], &[cost(16)], &[cost(16), Cost::CHEAP]] {
            assert_eq!(beside(&hasher, typed, (None, costs)), "wrong");
        }
    }
}

#[test]
fn an_attempt_for_a_name_that_nobody_has_is_wrong_whatever_it_is_compared_with() {
    let mut entropy = Seeded::new(9);
    let hasher = Hasher::make(Cost::CHEAP, &mut entropy);
    let stored = hasher
        .hash(&password("somebody's"), &none(), &mut entropy)
        .unwrap();
    let nobodys = lockout::counted_for_tests(None);
    let verdict = hasher.verify(nobodys, &password("somebody's"), (Some(&stored), &none()));
    assert!(matches!(verdict, Ok(Verdict::Wrong)));
}

#[test]
fn known_and_unknown_names_take_the_same_path() {
    let mut entropy = Seeded::new(4);
    let (new, old, older) = (cost(8), cost(16), cost(32));
    let hasher = Hasher::make(new, &mut entropy);
    // nobody has been hashed anew yet; some have; all have
    for in_use in [&[older, old][..], &[older, old, new], &[new]] {
        let everybody = costs(&hasher, None, in_use);
        assert_eq!(everybody, in_use, "each cost in use once");
        for theirs in in_use {
            let stored = PasswordHash::make(&password("their password"), *theirs, &mut entropy);
            let stored = stored.unwrap();
            assert_eq!(costs(&hasher, Some(&stored), in_use), everybody);
            let plan = hasher.plan(Some(&stored), &InUse::of(in_use));
            let real = plan.iter().filter(|(_, real)| bool::from(*real));
            assert_eq!(real.count(), 1);
        }
    }
    assert_eq!(costs(&hasher, None, &[]), [new], "nobody has a password");
}

#[test]
fn a_hash_of_an_old_cost_still_opens_and_asks_for_another() {
    let mut entropy = Seeded::new(5);
    let stored = PasswordHash::make(&password("since last year"), cost(16), &mut entropy).unwrap();
    let hasher = Hasher::make(Cost::CHEAP, &mut entropy);
    for costs in [&[cost(16)][..], &[Cost::CHEAP], &[]] {
        let verdict = |typed| beside(&hasher, typed, (Some(&stored), costs));
        assert_eq!(verdict("since last year"), "right but old");
        assert_eq!(verdict("since this year"), "wrong");
    }
}

#[test]
fn no_fifth_cost_comes_into_use_and_none_is_hashed_anew_for_it() {
    let mut entropy = Seeded::new(10);
    let four = [cost(8), cost(64), cost(32), cost(16)];
    let hasher = Hasher::make(cost(24), &mut entropy);
    let theirs =
        |cost, entropy: &mut Seeded| PasswordHash::make(&password("theirs"), cost, entropy);
    for (in_use, new) in [(&four[..3], cost(24)), (&four[..], cost(64))] {
        let made = hasher.hash(&password("a new one"), &InUse::of(in_use), &mut entropy);
        assert_eq!(made.unwrap().cost(), new);
        let stored = theirs(new, &mut entropy).unwrap();
        assert_eq!(beside(&hasher, "theirs", (Some(&stored), in_use)), "right");
        let stored = theirs(cost(8), &mut entropy).unwrap();
        let old = beside(&hasher, "theirs", (Some(&stored), in_use));
        assert_eq!(old, "right but old");
    }
    let (in_use, own) = (InUse::of(&four), InUse::of(&[]));
    assert_eq!(
        (hasher.memory_kib(&in_use), hasher.memory_kib(&own)),
        (64, 24)
    );
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
    assert!(!format!("{:?}", Hasher::make(Cost::CHEAP, &mut entropy)).contains("hash:"));
}

#[test]
fn the_default_cost_opens_what_it_made() {
    let mut entropy = Seeded::new(8);
    let hasher = Hasher::make(Cost::DEFAULT, &mut entropy);
    let stored = hasher
        .hash(&password("as the product does"), &none(), &mut entropy)
        .unwrap();
    let verdict = compared(&hasher, "as the product does", Some(&stored));
    assert_eq!(verdict, "right");
    assert_eq!(Cost::new(64 << 10, 3, 1), Ok(Cost::DEFAULT));
}

#[test]
fn an_attempt_that_memory_did_not_last_for_is_taken_back() {
    let mut world = crate::access::tests::World::new();
    let mut entropy = Seeded::new(3);
    let hasher = Hasher::make(Cost::CHEAP, &mut entropy);
    // Argon2 takes 8 KiB at least
    let in_use = InUse::of(&[Cost::CHEAP, cost(1)]);
    let name = crate::name::UserName::try_from("alice").unwrap();
    let (from, limits) = (lockout::Source::of_uid(0), Policy::default().limits());
    for _ in 0..20 {
        let begun = world.run(|tx| lockout::begin(tx, &name, Some(7), from, &limits));
        let uncompared = hasher.verify(begun.unwrap(), &password("hers"), (None, &in_use));
        let uncompared = uncompared.unwrap_err();
        assert_eq!(uncompared.why(), NoMemory);
        world.run(|tx| uncompared.take_back(tx)).unwrap();
    }
}
