//! Recovery codes over the in-memory model.

use super::*;
use crate::{
    access::{
        model::World,
        totp::{self, Elevation, FRESH, Method, NotAllowed, tests::enrolled},
    },
    crypto::entropy::Seeded,
};

const ALICE: u64 = 7;
const BOB: u64 = 8;

/// A world in which both have an authenticator.
fn world() -> World {
    let mut world = World::new();
    enrolled(&mut world, ALICE, "phone");
    enrolled(&mut world, BOB, "phone");
    world
}

fn given(world: &mut World, user: u64) -> Vec<String> {
    let fresh = Fresh::make(user, &mut world.entropy);
    let shown = Elevation::shown(world.now, Method::Totp);
    world.write(|tx| replace(tx, &shown, &fresh)).unwrap();
    let codes = fresh.codes().iter();
    codes.map(|code| code.expose().to_owned()).collect()
}

fn use_it(world: &mut World, user: u64, typed: &str) -> Result<Left, SpendRefusal> {
    let code = RecoveryHash::parse(user, typed).unwrap();
    world.write(|tx| spend(tx, user, &code))
}

fn unknown(result: &Result<Left, SpendRefusal>) -> bool {
    matches!(result, Err(SpendRefusal::Unknown))
}

#[test]
fn ten_codes_are_good_once_each_and_what_is_left_is_counted() {
    let mut world = world();
    let codes = given(&mut world, ALICE);
    assert_eq!(codes.len(), 10);
    for (used, code) in codes.iter().enumerate() {
        assert_eq!(use_it(&mut world, ALICE, code).unwrap().codes, 9 - used);
        assert!(unknown(&use_it(&mut world, ALICE, code)));
    }
    let seen = world.write(|tx| left(tx, ALICE)).unwrap().unwrap();
    assert_eq!((seen.codes, seen.made_at), (0, world.now));
}

#[test]
fn of_fifty_uses_at_once_one_succeeds_and_other_codes_are_still_good() {
    let mut world = world();
    let codes = given(&mut world, ALICE);
    let code = RecoveryHash::parse(ALICE, &codes[3]).unwrap();
    let attempts: Vec<_> = (0..50)
        .map(|_| world.evaluate(|tx| spend(tx, ALICE, &code)))
        .collect();
    let applied = attempts
        .iter()
        .filter(|(spent, transaction)| spent.is_ok() && world.apply(transaction))
        .count();
    assert_eq!(applied, 1);
    assert!(unknown(&use_it(&mut world, ALICE, &codes[3])));
    assert_eq!(use_it(&mut world, ALICE, &codes[4]).unwrap().codes, 8);
}

#[test]
fn new_codes_void_the_old() {
    let mut world = world();
    let old = given(&mut world, ALICE);
    let new = given(&mut world, ALICE);
    for code in &old {
        assert!(unknown(&use_it(&mut world, ALICE, code)));
    }
    assert_eq!(use_it(&mut world, ALICE, &new[0]).unwrap().codes, 9);
}

#[test]
fn a_code_that_was_replaced_while_it_was_used_is_not_accepted() {
    let mut world = world();
    let old = given(&mut world, ALICE);
    let code = RecoveryHash::parse(ALICE, &old[0]).unwrap();
    let (spent, late) = world.evaluate(|tx| spend(tx, ALICE, &code));
    assert!(spent.is_ok());
    given(&mut world, ALICE);
    assert!(!world.apply(&late));
}

#[test]
fn a_session_without_a_fresh_second_factor_draws_no_codes() {
    let mut world = world();
    let old = given(&mut world, ALICE);
    let fresh = Fresh::make(ALICE, &mut world.entropy);
    let stale = Elevation::shown(world.now - FRESH - 1, Method::Totp);
    for (elevation, expected) in [
        (Elevation::NONE, NotAllowed::NoFactor),
        (stale, NotAllowed::NotFresh),
    ] {
        let refused = world.write(|tx| replace(tx, &elevation, &fresh));
        assert!(matches!(refused, Err(ReplaceRefusal::NotAllowed(why)) if why == expected));
    }
    assert!(use_it(&mut world, ALICE, &old[0]).is_ok());
}

#[test]
fn a_reset_of_the_second_factors_voids_the_codes_even_after_a_new_enrolment() {
    let mut world = world();
    let codes = given(&mut world, ALICE);
    world.write(|tx| totp::reset(tx, ALICE)).unwrap();
    assert!(unknown(&use_it(&mut world, ALICE, &codes[0])));
    world.now += 1;
    enrolled(&mut world, ALICE, "new phone");
    assert!(unknown(&use_it(&mut world, ALICE, &codes[0])));
    let new = given(&mut world, ALICE);
    assert!(use_it(&mut world, ALICE, &new[0]).is_ok());
}

#[test]
fn a_restore_voids_the_codes_of_the_backup_spent_and_unspent() {
    let mut world = world();
    let codes = given(&mut world, ALICE);
    world.state.restored();
    for code in &codes {
        assert!(unknown(&use_it(&mut world, ALICE, code)));
    }
    assert_eq!(world.write(|tx| left(tx, ALICE)).unwrap(), None);
    let new = given(&mut world, ALICE);
    assert!(use_it(&mut world, ALICE, &new[0]).is_ok());
}

#[test]
fn removing_the_last_authenticator_voids_the_codes_even_after_a_new_enrolment() {
    let mut world = world();
    let codes = given(&mut world, ALICE);
    let only = world.write(|tx| totp::list(tx, ALICE)).unwrap()[0].id;
    let shown = Elevation::shown(world.now, Method::Totp);
    world
        .write(|tx| totp::remove(tx, ALICE, &shown, only))
        .unwrap();
    assert!(unknown(&use_it(&mut world, ALICE, &codes[0])));
    world.now += 1;
    enrolled(&mut world, ALICE, "new phone");
    assert!(unknown(&use_it(&mut world, ALICE, &codes[0])));
    assert_eq!(world.write(|tx| left(tx, ALICE)).unwrap(), None);
}

#[test]
fn codes_of_others_of_nobody_and_of_a_cleared_set_are_refused() {
    let mut world = world();
    let alices = given(&mut world, ALICE);
    let bobs = given(&mut world, BOB);
    assert!(unknown(&use_it(&mut world, ALICE, &bobs[0])));
    assert!(unknown(&use_it(&mut world, BOB, &alices[0])));
    assert!(unknown(&use_it(&mut world, 99, &alices[0])));
    world.write(|tx| clear(tx, ALICE)).unwrap();
    assert!(unknown(&use_it(&mut world, ALICE, &alices[0])));
    assert_eq!(world.write(|tx| left(tx, ALICE)).unwrap(), None);
    assert!(use_it(&mut world, BOB, &bobs[0]).is_ok());
}

#[test]
fn a_hash_that_was_moved_to_another_user_accepts_nothing() {
    let secret = [9; 15];
    let text = crate::crypto::typed::write("", &secret);
    let (alices, bobs) = (
        RecoveryHash::parse(ALICE, &text).unwrap(),
        RecoveryHash::parse(BOB, &text).unwrap(),
    );
    assert_ne!(alices.as_bytes(), bobs.as_bytes());
}

#[test]
fn typing_errors_are_named_and_other_texts_refused() {
    let mut world = world();
    let codes = given(&mut world, ALICE);
    let code = &codes[0];
    let last = if code.ends_with('7') { "8" } else { "7" };
    let typo = format!("{}{last}", code.get(..code.len() - 1).unwrap());
    let refused = |typed: &str| RecoveryHash::parse(ALICE, typed).unwrap_err();
    assert_eq!(refused(&typo), RecoveryError::Typo);
    for typed in [
        "",
        "123456",
        code.get(..code.len() - 1).unwrap(),
        &format!("{code}0"),
        &format!("{code}\0"),
        &"\u{ff11}".repeat(28),
        &format!("vlt-reset-{code}"),
    ] {
        assert_eq!(refused(typed), RecoveryError::Shape, "{typed:?}");
    }
    let spoken = code.to_lowercase().replace('-', " ");
    assert!(use_it(&mut world, ALICE, &spoken).is_ok());
}

#[test]
fn neither_codes_nor_hashes_lie_on_the_disk_or_print() {
    let mut world = world();
    let codes = given(&mut world, ALICE);
    let hash = RecoveryHash::parse(ALICE, &codes[0]).unwrap();
    for (_, record) in world.state.records() {
        assert!(
            !record
                .sealed
                .windows(8)
                .any(|bytes| bytes == &hash.as_bytes()[..8])
        );
    }
    let fresh = Fresh::make(ALICE, &mut world.entropy);
    let printed = format!("{fresh:?}");
    assert!(
        !fresh
            .codes()
            .iter()
            .any(|code| printed.contains(code.expose()))
    );
    assert!(printed.contains("RecoveryHash(..)"));
}

#[test]
fn text_and_hash_are_golden() {
    let fresh = Fresh::make(ALICE, &mut Seeded::new(1));
    let first = fresh.codes()[0].expose();
    assert_eq!(first, "F0W2-B0HA-DYF6-5PH1-J3M2-HS69-GH34");
    let hash = RecoveryHash::parse(ALICE, first).unwrap();
    assert_eq!(
        hex::encode(hash.as_bytes()),
        "c825c3faec89a20cd3a3ad15d816bf29c6fa416ede1d3a1c9d8900a5340991c8"
    );
}
