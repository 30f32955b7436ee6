//! One secret id, or one uid, of a service that has many sessions.

use super::*;

fn full(refused: &Result<TokenHash, NotIn>) -> bool {
    matches!(
        refused,
        Err(NotIn::Login(
            LoginRefusal::TooMany | LoginRefusal::TooManyOfOne
        ))
    )
}

/// Logs in until it is refused, and says how often it was not.
fn fill(world: &mut World, id: &SecretIdHash) -> usize {
    for made in 0..2_000 {
        let tried = log_in(world, "ci", id);
        if tried.is_err() {
            assert!(full(&tried), "{tried:?}");
            return made;
        }
    }
    panic!("no end");
}

#[test]
fn whoever_has_one_secret_id_of_a_service_keeps_none_of_its_other_programs_out() {
    let mut world = with_service("ci");
    let stolen = issue(&mut world, "ci", &Terms::default());
    let other = issue(&mut world, "ci", &Terms::default());
    let root = world.root;
    assert!(allow_as(&mut world, &root, "ci", 1000).unwrap());
    assert_eq!(fill(&mut world, &stolen), 600);
    for _ in 0..100 {
        log_in(&mut world, "ci", &other).unwrap();
        by_uid(&mut world, "ci", 1000).unwrap();
    }
    assert!(full(&log_in(&mut world, "ci", &stolen)));
}

#[test]
fn what_is_made_from_a_session_counts_as_what_that_was_made_with() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    let session = log_in(&mut world, "ci", &id).unwrap();
    world.policy("in", &allow("auth:Login", "*"));
    let mut made = 1;
    let refused = loop {
        match world.exchange(&session) {
            Ok(_) => made += 1,
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(refused, LoginRefusal::TooManyOfOne),
        "{made} {refused}"
    );
    assert_eq!(made, 500);
    let other = issue(&mut world, "ci", &Terms::default());
    log_in(&mut world, "ci", &other).unwrap();
}

#[test]
fn a_refusal_for_too_many_sessions_takes_no_more_looks_for_more_of_them() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    fill(&mut world, &id);
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let (refused, transaction) = world
        .store
        .evaluate(|tx| coming(tx, "ci", &id, (&token, &Origin::local()), &Login::default()));
    assert!(refused.is_err());
    let looks = transaction.checks.len();
    assert!(looks < 400, "{looks}");
}

#[test]
fn sessions_that_have_ended_make_room_for_their_secret_id_again() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    fill(&mut world, &id);
    world.store.now += DAY;
    for _ in 0..10 {
        log_in(&mut world, "ci", &id).unwrap();
    }
}
