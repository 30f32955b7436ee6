//! A right password makes a session only while it is still its user's.

use super::super::*;
use crate::access::lockout::{self, Attempt, Source};
use crate::access::tests::World;
use crate::crypto::entropy::Seeded;
use crate::name::UserName;

const ALICE: u64 = 7;
const MALLORY: u64 = 8;

fn password(text: &str) -> Password {
    Password::try_from(text).unwrap()
}

fn given(world: &mut World, user: u64, text: &str, origin: Origin) {
    world.now += 1;
    let hash = PasswordHash::make(
        &password(text),
        Cost::CHEAP,
        &mut Seeded::new(text.len() as u64 + world.now),
    )
    .unwrap();
    let policy = Policy::default();
    let replaced =
        world.run(|tx| Credential::replace(tx, user, &hash, origin, None, &policy).unwrap());
    assert_eq!(replaced, Seen::Replaced);
}

fn begun(world: &mut World, user: u64) -> (Attempt, Option<Credential>) {
    let name = UserName::try_from("alice").unwrap();
    let (from, limits) = (Source::of_uid(0), Policy::default().limits());
    world.run(|tx| {
        let attempt = lockout::begin(tx, &name, Some(user), from, &limits).unwrap();
        (attempt, Credential::load(tx, user).unwrap())
    })
}

fn checked(attempt: Attempt, text: &str, stored: Option<&Credential>) -> Option<Checked> {
    let hasher = Hasher::make(Cost::CHEAP, &mut Seeded::new(9));
    let stored = stored.map(Credential::hash);
    let in_use = InUse::of(&[Cost::CHEAP]);
    match hasher
        .verify(attempt, &password(text), (stored, &in_use))
        .unwrap()
    {
        Verdict::Right(checked) | Verdict::RightButOld(checked) => Some(checked),
        Verdict::Wrong => None,
    }
}

/// Everything up to the transaction that makes the session.
fn right(world: &mut World, text: &str) -> Checked {
    let (attempt, stored) = begun(world, ALICE);
    checked(attempt, text, stored.as_ref()).unwrap()
}

fn is_overtaken(world: &mut World, checked: &Checked) -> bool {
    let (outcome, transaction) = world.evaluate(|tx| checked.succeed(tx));
    assert!(transaction.writes.is_empty() || outcome.is_ok());
    matches!(outcome, Err(SucceedRefusal::Overtaken))
}

#[test]
fn a_right_password_gives_its_credential_and_takes_the_count_back() {
    let mut world = World::new();
    given(&mut world, ALICE, "hers", Origin::Owner);
    for _ in 0..20 {
        let checked = right(&mut world, "hers");
        assert_eq!(checked.user(), ALICE);
        let credential = world.run(|tx| checked.succeed(tx)).unwrap();
        assert!(credential.hash().is(checked.hash()));
    }
}

#[test]
fn a_login_that_began_before_a_reset_comes_to_nothing() {
    let mut world = World::new();
    given(&mut world, ALICE, "stolen", Origin::Owner);
    let thief = right(&mut world, "stolen");
    let until = world.now + 1000;
    given(&mut world, ALICE, "drawn", Origin::OneTime(until));
    assert!(is_overtaken(&mut world, &thief));
    // the same password chosen anew is another hash
    given(&mut world, ALICE, "stolen", Origin::Owner);
    assert!(is_overtaken(&mut world, &thief));
    world.run(|tx| Credential::delete(tx, ALICE)).unwrap();
    assert!(is_overtaken(&mut world, &thief));
}

#[test]
fn a_reset_that_is_applied_first_keeps_the_session_of_the_old_password_out() {
    let mut world = World::new();
    given(&mut world, ALICE, "stolen", Origin::Owner);
    let thief = right(&mut world, "stolen");
    let (outcome, late) = world.evaluate(|tx| thief.succeed(tx));
    assert!(outcome.is_ok());
    let until = world.now + 1000;
    given(&mut world, ALICE, "drawn", Origin::OneTime(until));
    assert!(!world.apply(&late));
}

#[test]
fn anothers_hash_makes_nobody_right() {
    let mut world = World::new();
    given(&mut world, ALICE, "hers", Origin::Owner);
    given(&mut world, MALLORY, "his", Origin::Owner);
    let (attempt, _) = begun(&mut world, ALICE);
    let (_, his) = begun(&mut world, MALLORY);
    let confused = checked(attempt, "his", his.as_ref()).unwrap();
    assert!(is_overtaken(&mut world, &confused));
}

#[test]
fn a_wrong_password_leaves_nothing_to_succeed_with() {
    let mut world = World::new();
    given(&mut world, ALICE, "hers", Origin::Owner);
    for typed in ["his", "Hers", "hers "] {
        let (attempt, stored) = begun(&mut world, ALICE);
        assert!(checked(attempt, typed, stored.as_ref()).is_none());
    }
    let (attempt, _) = begun(&mut world, ALICE);
    assert!(checked(attempt, "hers", None).is_none());
}
