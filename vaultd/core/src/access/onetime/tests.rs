//! One-time codes over the in-memory model.

use super::*;
use crate::{
    access::{model::World, totp::tests::enrolled},
    crypto::entropy::Seeded,
    record::{Kind, Tx},
};

const HOUR: u64 = 3_600_000;
const ALICE: u64 = 7;
const BOB: u64 = 8;
const ADMIN: u64 = 1;

fn code(world: &mut World, purpose: Purpose) -> OneTimeHash {
    make(purpose, &mut world.entropy).1
}

fn issued(world: &mut World, user: u64, purpose: Purpose) -> OneTimeHash {
    let code = code(world, purpose);
    world
        .write(|tx| issue(tx, user, &code, ADMIN, None))
        .unwrap();
    code
}

fn use_it(world: &mut World, user: u64, code: &OneTimeHash) -> Result<Spent, SpendRefusal> {
    world.write(|tx| spend(tx, user, code.purpose(), code))
}

fn unknown(result: &Result<Spent, SpendRefusal>) -> bool {
    matches!(result, Err(SpendRefusal::Unknown))
}

#[test]
fn a_code_is_accepted_once_and_names_its_issuer() {
    let mut world = World::new();
    let code = issued(&mut world, ALICE, Purpose::Reset);
    let spent = use_it(&mut world, ALICE, &code).unwrap();
    assert_eq!((spent.user(), spent.issuer()), (ALICE, ADMIN));
    assert!(unknown(&use_it(&mut world, ALICE, &code)));
    assert!(
        world
            .state
            .records()
            .all(|(key, _)| key.kind_byte() != Kind::OneTime as u8)
    );
}

#[test]
fn of_fifty_uses_at_once_one_succeeds() {
    let mut world = World::new();
    let code = issued(&mut world, ALICE, Purpose::Enrol);
    let attempts: Vec<_> = (0..50)
        .map(|_| world.evaluate(|tx| spend(tx, ALICE, Purpose::Enrol, &code)))
        .collect();
    let mut applied = 0;
    for (spent, transaction) in &attempts {
        assert!(spent.is_ok(), "all saw it unspent");
        applied += usize::from(world.apply(transaction));
    }
    assert_eq!(applied, 1);
    assert!(unknown(&use_it(&mut world, ALICE, &code)));
}

#[test]
fn another_user_another_code_and_another_purpose_are_refused() {
    let mut world = World::new();
    let alices = issued(&mut world, ALICE, Purpose::Enrol);
    let bobs = issued(&mut world, BOB, Purpose::Enrol);
    let never = code(&mut world, Purpose::Enrol);
    assert!(unknown(&use_it(&mut world, BOB, &alices)));
    assert!(unknown(&use_it(&mut world, ALICE, &bobs)));
    assert!(unknown(&use_it(&mut world, ALICE, &never)));
    assert!(unknown(&use_it(&mut world, 99, &alices)));
    let wrong = world.write(|tx| spend(tx, ALICE, Purpose::Reset, &alices));
    assert!(matches!(wrong, Err(SpendRefusal::Purpose(Purpose::Enrol))));
    assert!(use_it(&mut world, ALICE, &alices).is_ok(), "still unspent");
}

#[test]
fn a_code_ends_on_time() {
    let mut world = World::new();
    let code = issued(&mut world, ALICE, Purpose::Reset);
    let end = world.now + 24 * HOUR;
    let seen = |world: &mut World| world.write(|tx| outstanding(tx, ALICE, Purpose::Reset));
    assert_eq!(seen(&mut world).unwrap(), Some(end));
    world.now = end;
    assert!(unknown(&use_it(&mut world, ALICE, &code)));
    assert_eq!(seen(&mut world).unwrap(), None);
}

#[test]
fn a_new_code_voids_the_old_one_of_that_purpose_only() {
    let mut world = World::new();
    let reset = issued(&mut world, ALICE, Purpose::Reset);
    let old = issued(&mut world, ALICE, Purpose::Enrol);
    let new = issued(&mut world, ALICE, Purpose::Enrol);
    assert!(unknown(&use_it(&mut world, ALICE, &old)));
    assert!(use_it(&mut world, ALICE, &new).is_ok());
    assert!(use_it(&mut world, ALICE, &reset).is_ok());
}

#[test]
fn a_code_that_was_taken_back_is_refused() {
    let mut world = World::new();
    let code = issued(&mut world, ALICE, Purpose::Enrol);
    let revoked = |world: &mut World| world.write(|tx| revoke(tx, ALICE, Purpose::Enrol)).unwrap();
    assert!(revoked(&mut world));
    assert!(!revoked(&mut world));
    assert!(unknown(&use_it(&mut world, ALICE, &code)));
}

#[test]
fn a_restore_ends_the_codes_of_the_backup_spent_and_unspent() {
    let mut world = World::new();
    let codes = [Purpose::Enrol, Purpose::Reset].map(|purpose| issued(&mut world, ALICE, purpose));
    world.state.restored();
    for code in &codes {
        assert!(unknown(&use_it(&mut world, ALICE, code)));
        let seen = world.write(|tx| outstanding(tx, ALICE, code.purpose()));
        assert_eq!(seen.unwrap(), None);
    }
    let new = issued(&mut world, ALICE, Purpose::Reset);
    assert!(use_it(&mut world, ALICE, &new).is_ok());
}

#[test]
fn beside_an_authenticator_no_code_to_enrol_is_issued() {
    let mut world = World::new();
    enrolled(&mut world, ALICE, "phone");
    let code = code(&mut world, Purpose::Enrol);
    let refused = world.write(|tx| issue(tx, ALICE, &code, ADMIN, None));
    assert!(matches!(refused, Err(IssueRefusal::HasFactor)));
    world
        .write(|tx| issue(tx, BOB, &code, ADMIN, None))
        .unwrap();
    issued(&mut world, ALICE, Purpose::Reset);
}

#[test]
fn times_out_of_bounds_and_codes_for_oneself_are_not_issued() {
    let mut world = World::new();
    let code = code(&mut world, Purpose::Enrol);
    for ttl in [0, 1, 59_999, 7 * 24 * HOUR + 1, u64::MAX] {
        let refused = world.write(|tx| issue(tx, ALICE, &code, ADMIN, Some(ttl)));
        assert!(matches!(refused, Err(IssueRefusal::Ttl)), "{ttl}");
    }
    let own = world.write(|tx| issue(tx, ALICE, &code, ALICE, None));
    assert!(matches!(own, Err(IssueRefusal::Own)));
    assert_eq!(world.state.records().count(), 0);
    for ttl in [60_000, 7 * 24 * HOUR] {
        let end = world.write(|tx| issue(tx, ALICE, &code, ADMIN, Some(ttl)));
        assert_eq!(end.unwrap(), world.now + ttl);
    }
}

#[test]
fn what_has_ended_is_swept_and_what_replaced_it_is_not() {
    let mut world = World::new();
    issued(&mut world, ALICE, Purpose::Enrol);
    let bobs = code(&mut world, Purpose::Enrol);
    let week = Some(7 * 24 * HOUR);
    world
        .write(|tx| issue(tx, BOB, &bobs, ADMIN, week))
        .unwrap();
    let sweep_all = |world: &mut World| {
        while world.write(|tx: &mut Tx<'_>| sweep(tx, 10)).unwrap() {}
        let kinds = world.state.records().map(|(key, _)| key.kind_byte());
        kinds.filter(|kind| *kind == Kind::OneTime as u8).count()
    };
    assert_eq!(sweep_all(&mut world), 2);
    world.now += 26 * HOUR;
    assert_eq!(sweep_all(&mut world), 1);
    assert!(use_it(&mut world, BOB, &bobs).is_ok());
    let dues = world.state.records().map(|(key, _)| key.kind_byte());
    assert_eq!(dues.filter(|kind| *kind == Kind::Due as u8).count(), 0);
}

#[test]
fn the_disk_holds_neither_the_code_nor_its_hash() {
    let mut world = World::new();
    let code = issued(&mut world, ALICE, Purpose::Enrol);
    for (_, record) in world.state.records() {
        assert!(
            !record
                .sealed
                .windows(8)
                .any(|bytes| bytes == &code.hash[..8])
        );
    }
}

#[test]
fn text_and_hash_are_golden() {
    let (text, hash) = make(Purpose::Enrol, &mut Seeded::new(1));
    let read = OneTimeHash::parse(text.expose()).unwrap();
    assert_eq!((read.purpose(), read.hash), (hash.purpose(), hash.hash));
    assert_eq!(
        text.expose(),
        "vlt-enrol-F0W2-B0HA-DYF6-5PH1-J3M2-HS69-T9BP-WPBQ-4GGC"
    );
    assert_eq!(
        hex::encode(hash.hash),
        "9668f5ff12771c2f6fe66b8dfe8f315d0f96725cf08698ad9658e7c107145792"
    );
}

#[test]
fn texts_that_are_no_codes_are_refused_before_anything_is_looked_up() {
    let mut world = World::new();
    let (text, _) = make(Purpose::Reset, &mut world.entropy);
    let text = text.expose();
    for typed in [
        "",
        "vlt-reset",
        "vlt_reset",
        text.get(..text.len() - 1).unwrap(),
        &text.replace("reset", "join"),
        &text.replace("vlt-", ""),
        &format!("{text}0"),
        &format!("{text}\0"),
    ] {
        let refused = OneTimeHash::parse(typed).unwrap_err();
        assert_eq!(refused, OneTimeError::Shape, "{typed}");
    }
    let relabelled = OneTimeHash::parse(&text.replace("reset", "enrol")).unwrap_err();
    assert_eq!(
        relabelled,
        OneTimeError::Typo,
        "the purpose is in the checksum"
    );
    let printed = format!("{:?}", make(Purpose::Reset, &mut world.entropy));
    assert_eq!(printed, "(OneTimeCode(..), OneTimeHash(..))");
}
