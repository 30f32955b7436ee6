//! The stored password: replaced, upgraded, spent, and whether it is good.

use super::super::*;
use crate::access::lockout;
use crate::access::tests::World;
use crate::crypto::entropy::Seeded;
use crate::record::Kind;

const USER: u64 = 7;
const DAY: u64 = 24 * 60 * 60 * 1000;

fn password(text: &str) -> Password {
    Password::try_from(text).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::make(
        &password(text),
        Cost::CHEAP,
        &mut Seeded::new(text.len() as u64),
    )
    .unwrap()
}

fn policy(text: &str) -> Policy {
    Policy::from_json(text).unwrap()
}

fn replace(
    world: &mut World,
    text: &str,
    origin: Origin,
    on: Option<&PasswordHash>,
    policy: &Policy,
) -> Seen {
    world
        .run(|tx| Credential::replace(tx, USER, &hash(text), origin, on, policy))
        .unwrap()
}

fn load(world: &mut World) -> Credential {
    world.run(|tx| Credential::load(tx, USER)).unwrap().unwrap()
}

fn standing(world: &mut World, policy: &Policy) -> Standing {
    let credential = load(world);
    world.run(|tx| credential.standing(tx, policy, Factors::Alone))
}

fn reuses(credential: &Credential, text: &str, last: usize) -> bool {
    let history = credential.history(last);
    let mut hashes = history.iter();
    hashes.any(|hash| hash.opens(&password(text)).unwrap().into())
}

fn is(credential: &Credential, text: &str) -> bool {
    credential.hash().is(&hash(text))
}

#[test]
fn a_user_without_a_password_has_none() {
    let mut world = World::new();
    assert!(
        world
            .run(|tx| Credential::load(tx, USER))
            .unwrap()
            .is_none()
    );
    assert_eq!(
        world
            .run(|tx| Credential::upgrade(tx, USER, &hash("a"), &hash("b")))
            .unwrap(),
        Seen::Overtaken
    );
    assert_eq!(
        world
            .run(|tx| Credential::spend(tx, USER, &hash("a")))
            .unwrap(),
        Seen::Overtaken
    );
    assert_eq!(
        world.run(|tx| Credential::force_change(tx, USER)).unwrap(),
        Seen::Overtaken
    );
    assert_eq!(
        replace(
            &mut world,
            "b",
            Origin::Owner,
            Some(&hash("a")),
            &Policy::default()
        ),
        Seen::Overtaken
    );
    assert!(
        world
            .run(|tx| Credential::load(tx, USER))
            .unwrap()
            .is_none()
    );
}

#[test]
fn of_two_changes_at_once_the_second_does_nothing() {
    let mut world = World::new();
    let policy = Policy::default();
    assert_eq!(
        replace(&mut world, "first", Origin::Owner, None, &policy),
        Seen::Replaced
    );
    let seen = hash("first");
    assert_eq!(
        replace(&mut world, "second!", Origin::Owner, Some(&seen), &policy),
        Seen::Replaced
    );
    assert_eq!(
        replace(&mut world, "thirdd!!", Origin::Owner, Some(&seen), &policy),
        Seen::Overtaken
    );
    let upgraded = world.run(|tx| Credential::upgrade(tx, USER, &seen, &hash("of the first")));
    assert_eq!(
        upgraded.unwrap(),
        Seen::Overtaken,
        "a late upgrade does not bring the old password back"
    );
    assert!(is(&load(&mut world), "second!"));
}

#[test]
fn an_upgrade_keeps_age_and_history_and_leaves_the_principals_alone() {
    let mut world = World::new();
    let reuse = policy(r#"{"PasswordReusePrevention": 2}"#);
    for text in ["a", "bb", "ccc"] {
        let _ = replace(&mut world, text, Origin::Owner, None, &reuse);
    }
    let before = load(&mut world).changed_at();
    world.now += DAY;
    let (seen, transaction) =
        world.evaluate(|tx| Credential::upgrade(tx, USER, &hash("ccc"), &hash("upgraded")));
    assert_eq!(seen.unwrap(), Seen::Replaced);
    assert!(transaction.writes.iter().all(|write| match write {
        crate::record::Write::Put(key, _) | crate::record::Write::Delete(key) => {
            key.collection().is_none() && key.kind_byte() == Kind::Password as u8
        }
    }));
    assert!(world.apply(&transaction));
    let after = load(&mut world);
    assert_eq!(after.changed_at(), before);
    assert!(is(&after, "upgraded") && reuses(&after, "bb", 2));
}

#[test]
fn as_many_old_passwords_are_kept_as_the_policy_asks_for() {
    let mut world = World::new();
    let reuse = policy(r#"{"PasswordReusePrevention": 2}"#);
    for text in ["a", "bb", "ccc", "dddd"] {
        let _ = replace(&mut world, text, Origin::Owner, None, &reuse);
    }
    let credential = load(&mut world);
    let reuses = |text: &str, last| reuses(&credential, text, last);
    assert!(reuses("dddd", 0), "the one in use is never taken again");
    assert!(reuses("ccc", 1) && !reuses("ccc", 0));
    assert!(reuses("bb", 2) && !reuses("bb", 1));
    assert!(!reuses("a", 24), "it was dropped");
    assert!(!reuses("DDDD", 24) && !reuses("ddd", 24));
    let _ = replace(&mut world, "eeeee", Origin::Owner, None, &Policy::default());
    assert!(
        !self::reuses(&load(&mut world), "dddd", 24),
        "none are kept"
    );
}

#[test]
fn a_one_time_password_is_good_for_one_change_before_its_end() {
    let mut world = World::new();
    let policy = Policy::default();
    let until = world.now + DAY;
    let _ = replace(&mut world, "drawn", Origin::OneTime(until), None, &policy);
    let drawn = hash("drawn");
    let standing = |world: &mut World| standing(world, &policy);
    assert_eq!(standing(&mut world), Standing::MustChange);
    assert_eq!(
        world
            .run(|tx| Credential::spend(tx, USER, &hash("other")))
            .unwrap(),
        Seen::Overtaken
    );
    let [(first, one), (second, two)] =
        [(), ()].map(|()| world.evaluate(|tx| Credential::spend(tx, USER, &drawn)));
    assert_eq!(
        (first.unwrap(), second.unwrap()),
        (Seen::Replaced, Seen::Replaced)
    );
    assert!(
        world.apply(&one) && !world.apply(&two),
        "of two logins at once one is good"
    );
    assert_eq!(standing(&mut world), Standing::Ended);
    assert_eq!(
        world.run(|tx| Credential::spend(tx, USER, &drawn)).unwrap(),
        Seen::Overtaken
    );
    assert!(reuses(&load(&mut world), "drawn", 0), "it cannot stay");
    let _ = replace(&mut world, "chosen", Origin::Owner, Some(&drawn), &policy);
    assert_eq!(standing(&mut world), Standing::Good);
    assert_eq!(
        world
            .run(|tx| Credential::spend(tx, USER, &hash("chosen")))
            .unwrap(),
        Seen::Overtaken
    );
}

#[test]
fn a_one_time_password_ends_by_itself() {
    let mut world = World::new();
    let until = world.now + DAY;
    let _ = replace(
        &mut world,
        "drawn",
        Origin::OneTime(until),
        None,
        &Policy::default(),
    );
    world.now = until;
    assert_eq!(standing(&mut world, &Policy::default()), Standing::Ended);
    assert_eq!(
        world
            .run(|tx| Credential::spend(tx, USER, &hash("drawn")))
            .unwrap(),
        Seen::Overtaken
    );
}

#[test]
fn a_restore_brings_no_one_time_password_back() {
    let mut world = World::new();
    let policy = Policy::default();
    let until = world.now + DAY;
    let _ = replace(&mut world, "drawn", Origin::OneTime(until), None, &policy);
    world.state.restored();
    assert_eq!(standing(&mut world, &policy), Standing::Ended);
    let spent = world.run(|tx| Credential::spend(tx, USER, &hash("drawn")));
    assert_eq!(spent.unwrap(), Seen::Overtaken);
    let _ = replace(&mut world, "again", Origin::OneTime(until), None, &policy);
    assert_eq!(standing(&mut world, &policy), Standing::MustChange);
}

#[test]
fn what_a_reset_took_away_is_not_chosen_again_whatever_the_policy_says() {
    let mut world = World::new();
    let policy = Policy::default();
    assert_eq!(policy.reuse_prevention(), 0);
    let _ = replace(&mut world, "known", Origin::Owner, None, &policy);
    let until = world.now + DAY;
    for drawn in ["drawn", "drawn again"] {
        let _ = replace(&mut world, drawn, Origin::OneTime(until), None, &policy);
        let reuses = |text: &str| reuses(&load(&mut world), text, 0);
        let [old, drawn, other] = ["known", drawn, "other"].map(reuses);
        assert!(old && drawn && !other);
    }
}

#[test]
fn age_and_force_ask_for_a_change_only_where_they_should() {
    let mut world = World::new();
    let yearly = policy(r#"{"MaxPasswordAge": 365}"#);
    let hard = policy(r#"{"MaxPasswordAge": 365, "HardExpiry": true}"#);
    let _ = replace(&mut world, "a", Origin::Owner, None, &yearly);
    let now = world.now;
    for (policy, days, standing) in [
        (&yearly, 364, Standing::Good),
        (&yearly, 365, Standing::MustChange),
        (&hard, 364, Standing::Good),
        (&hard, 365, Standing::Ended),
        (&Policy::default(), 36_500, Standing::Good),
    ] {
        world.now = now + days * DAY;
        assert_eq!(self::standing(&mut world, policy), standing);
    }
    world.now = now;
    assert_eq!(
        world.run(|tx| Credential::force_change(tx, USER)).unwrap(),
        Seen::Replaced
    );
    assert_eq!(
        standing(&mut world, &Policy::default()),
        Standing::MustChange
    );
    let _ = replace(&mut world, "bb", Origin::Owner, None, &yearly);
    assert_eq!(standing(&mut world, &Policy::default()), Standing::Good);
    world.run(|tx| Credential::delete(tx, USER)).unwrap();
    assert!(
        world
            .run(|tx| Credential::load(tx, USER))
            .unwrap()
            .is_none()
    );
}

#[test]
fn policies_are_stored_for_the_vault_and_for_groups() {
    let mut world = World::new();
    assert_eq!(world.run(Policy::load).unwrap(), Policy::default());
    let strict = policy(r#"{"MinimumPasswordLength": 20}"#);
    world.run(|tx| strict.store(tx, 3)).unwrap();
    assert_eq!(world.run(Policy::load).unwrap(), Policy::default());
    assert_eq!(
        world.run(|tx| Policy::load_of(tx, 3)).unwrap(),
        Some(strict)
    );
    assert_eq!(world.run(|tx| Policy::load_of(tx, 4)).unwrap(), None);
    world.run(|tx| Policy::delete(tx, 3));
    assert_eq!(world.run(|tx| Policy::load_of(tx, 3)).unwrap(), None);
}

#[test]
fn hashes_lie_sealed_under_the_voter_key() {
    let mut world = World::new();
    let _ = replace(&mut world, "a", Origin::Owner, None, &Policy::default());
    let user = crate::name::UserName::try_from("alice").unwrap();
    let limits = Policy::default().limits();
    let attempt =
        world.run(|tx| lockout::begin(tx, &user, Some(USER), lockout::Source::of_uid(0), &limits));
    world
        .run(|tx| lockout::succeeded(tx, &attempt.unwrap()))
        .unwrap();
    let kinds = [Kind::Password as u8, Kind::Failures as u8];
    let records: Vec<_> = world
        .state
        .records()
        .filter(|(key, _)| kinds.contains(&key.kind_byte()))
        .collect();
    assert_eq!(records.len(), 4);
    for (_, record) in records {
        let header = crate::crypto::envelope::header(&record.sealed).unwrap();
        assert_eq!(header.class, crate::crypto::envelope::Class::Voter);
    }
}

/// How many stored hashes have each of these memory sizes, and no other has any.
fn in_use(world: &mut World, memory_kib: [u32; 3]) -> [u64; 3] {
    let in_use = world.run(InUse::load).unwrap();
    let all = in_use.others(of_memory(1 << 10));
    let counted = memory_kib.map(|kib| all - in_use.others(of_memory(kib)));
    assert_eq!(all, counted.iter().sum::<u64>());
    counted
}

fn of_memory(memory_kib: u32) -> Cost {
    Cost {
        memory_kib,
        ..Cost::CHEAP
    }
}

fn of_cost(memory_kib: u32, seed: u64) -> PasswordHash {
    let mut entropy = Seeded::new(seed);
    PasswordHash::make(&password("of them"), of_memory(memory_kib), &mut entropy).unwrap()
}

#[test]
fn what_hashes_cost_is_counted_with_them_and_a_cost_leaves_with_its_last_one() {
    let mut world = World::new();
    let sizes = [8, 16, 32];
    let give = |world: &mut World, user, hash: &PasswordHash| {
        let policy = Policy::default();
        let given =
            world.run(|tx| Credential::replace(tx, user, hash, Origin::Owner, None, &policy));
        assert_eq!(given.unwrap(), Seen::Replaced);
    };
    let (one, other) = (of_cost(8, 1), of_cost(8, 2));
    give(&mut world, 1, &one);
    give(&mut world, 2, &other);
    assert_eq!(in_use(&mut world, sizes), [2, 0, 0]);
    let upgraded = of_cost(16, 3);
    for wrong in [&other, &upgraded] {
        let late = world.run(|tx| Credential::upgrade(tx, 1, wrong, &upgraded));
        assert_eq!(late.unwrap(), Seen::Overtaken);
    }
    assert_eq!(in_use(&mut world, sizes), [2, 0, 0], "nothing was upgraded");
    let done = world.run(|tx| Credential::upgrade(tx, 1, &one, &upgraded));
    assert_eq!(done.unwrap(), Seen::Replaced);
    assert_eq!(in_use(&mut world, sizes), [1, 1, 0]);
    give(&mut world, 2, &of_cost(32, 4));
    assert_eq!(in_use(&mut world, sizes), [0, 1, 1]);
    give(&mut world, 2, &of_cost(32, 5));
    assert_eq!(in_use(&mut world, sizes), [0, 1, 1], "of the same cost");
    for user in [1, 1, 9] {
        world.run(|tx| Credential::delete(tx, user)).unwrap();
    }
    assert_eq!(in_use(&mut world, sizes), [0, 0, 1]);
    world.run(|tx| Credential::delete(tx, 2)).unwrap();
    assert_eq!(world.run(InUse::load).unwrap(), InUse::default());
}
