//! Programs that log in: what is issued for a service opens that service, as long and as often as it was meant to.

mod bounds;
mod crowded;
mod pins;
mod wrong;

use super::*;
use crate::{
    access::{
        Entered, Keeping, Limits, LoginRefusal, Places,
        program::{
            self, Refusal as NotIn,
            peer::{self, Member},
            secret_id::{self, Accessor, IssueRefusal, Listed, SecretIdHash, Terms},
        },
    },
    crypto::secret::SecretId,
    record::{Kind, Mem},
};
use std::sync::Arc;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn called(name: &str) -> ServiceName {
    ServiceName::try_from(name).unwrap()
}

fn draw(world: &mut World) -> SecretIdHash {
    SecretIdHash::of(&SecretId::make(&mut world.store.entropy))
}

fn issue_as(
    world: &mut World,
    token: &TokenHash,
    name: &str,
    terms: &Terms,
) -> Result<(SecretIdHash, Listed), Refusal> {
    let id = draw(world);
    let action = Action::SERVICE_ISSUE_SECRET_ID;
    let issued = world.act(
        token,
        action,
        &service(name),
        |tx, caller, grant, proofs| issue_secret_id(tx, caller, grant, proofs, (&id, terms)),
    );
    issued.map(|listed| (id, listed))
}

fn issue(world: &mut World, name: &str, terms: &Terms) -> SecretIdHash {
    let root = world.root;
    issue_as(world, &root, name, terms).unwrap().0
}

/// One that is good so many times.
fn uses(uses: u64) -> Terms {
    Terms {
        uses: Some(uses),
        ..Terms::default()
    }
}

fn from(address: &str) -> Arc<Origin> {
    Arc::new(Origin {
        source: Some(address.parse().unwrap()),
        ..(*Origin::local()).clone()
    })
}

/// What one login does.
fn coming(
    tx: &mut Tx<'_>,
    name: &str,
    id: &SecretIdHash,
    (token, origin): (&TokenHash, &Arc<Origin>),
    login: &Login,
) -> Result<Entered, NotIn> {
    let proven = secret_id::prove(tx, &called(name), id, origin)?;
    program::enter(tx, &proven, origin, &Keeping::Stored(token), login)
}

fn log_in_from(
    world: &mut World,
    name: &str,
    id: &SecretIdHash,
    origin: &Arc<Origin>,
) -> Result<TokenHash, NotIn> {
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let login = Login::default();
    world
        .store
        .write(|tx| coming(tx, name, id, (&token, origin), &login))
        .map(|_| token)
}

fn log_in(world: &mut World, name: &str, id: &SecretIdHash) -> Result<TokenHash, NotIn> {
    log_in_from(world, name, id, &Origin::local())
}

fn by_uid(world: &mut World, name: &str, uid: u32) -> Result<TokenHash, NotIn> {
    by_ids(world, name, (uid, 100))
}

fn by_ids(world: &mut World, name: &str, who: (u32, u32)) -> Result<TokenHash, NotIn> {
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let origin = Origin::local();
    world
        .store
        .write(|tx| {
            let (uid, gid) = who;
            let proven = peer::prove(tx, &called(name), (wrong::usual(uid), gid))?;
            let keeping = Keeping::Stored(&token);
            program::enter(tx, &proven, &origin, &keeping, &Login::default())
        })
        .map(|_| token)
}

fn wrong<R>(result: &Result<R, NotIn>) -> bool {
    matches!(result, Err(NotIn::Wrong))
}

fn list(world: &mut World, name: &str) -> Vec<Listed> {
    let root = world.root;
    let listed = world.act(
        &root,
        Action::SERVICE_DESCRIBE,
        &service(name),
        |tx, _, grant, _| list_secret_ids(tx, grant, None, 100),
    );
    listed.unwrap().0
}

fn allow_as(world: &mut World, token: &TokenHash, name: &str, uid: u32) -> Result<bool, Refusal> {
    allow_in(world, token, name, Member { uid, gid: None })
}

fn allow_in(
    world: &mut World,
    token: &TokenHash,
    name: &str,
    member: Member,
) -> Result<bool, Refusal> {
    let action = Action::SERVICE_ALLOW_UID;
    world.act(
        token,
        action,
        &service(name),
        |tx, caller, grant, proofs| {
            allow_uid(
                tx,
                caller,
                grant,
                proofs,
                (member, wrong::usual(0).overflow),
            )
        },
    )
}

fn remove(world: &mut World, name: &str) {
    let root = world.root;
    world
        .act(&root, Action::SERVICE_DELETE, &service(name), delete)
        .unwrap();
}

fn switch(world: &mut World, name: &str, disabled: bool) {
    let root = world.root;
    let change = Change {
        disabled: Some(disabled),
        ..Change::default()
    };
    world
        .act(
            &root,
            Action::SERVICE_UPDATE,
            &service(name),
            |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
        )
        .unwrap();
}

/// A service that may read secrets.
fn with_service(name: &str) -> World {
    let mut world = World::new();
    world.create(&service(name));
    world.policy("reading", &allow("secret:GetValue", "*"));
    let root = world.root;
    world.attach_as(&root, &service(name), "reading").unwrap();
    world
}

fn left(state: &Mem, kind: Kind) -> usize {
    let of = |(key, _): &(&crate::record::Key, _)| key.kind_byte() == kind as u8;
    state.records().filter(of).count()
}

#[test]
fn a_secret_id_makes_a_session_that_may_do_what_the_service_may() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    for _ in 0..3 {
        let token = log_in(&mut world, "ci", &id).unwrap();
        assert_eq!(
            world.may(&token, Action::GET_VALUE, &secret("a/b")),
            Some(true)
        );
        assert_eq!(
            world.may(&token, Action::PUT_VALUE, &secret("a/b")),
            Some(false)
        );
    }
    let listed = list(&mut world, "ci");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].accessor, id.accessor());
    assert_eq!(listed[0].uses, None);
    assert_eq!(listed[0].expires_at, world.store.now + 30 * DAY);
    assert_eq!(listed[0].issued_by.as_deref(), Some("administrator"));
}

#[test]
fn a_session_of_a_program_is_narrowed_and_held_in_as_it_is_asked_for() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let login = Login {
        ttl: Some(5 * MINUTE),
        under: Some(FolderPath::try_from("ours").unwrap()),
        limits: Limits {
            uses: Some(2),
            ..Limits::default()
        },
        ..Login::default()
    };
    let entered = world
        .store
        .write(|tx| coming(tx, "ci", &id, (&token, &Origin::local()), &login))
        .unwrap();
    assert_eq!(entered.caller.principal(), "service:ci");
    assert_eq!(entered.session.uses(), Some(2));
    assert_eq!(
        entered.session.expires_at(),
        Some(world.store.now + 5 * MINUTE)
    );
    assert_eq!(
        world.may(&token, Action::GET_VALUE, &secret("ours/a")),
        Some(true)
    );
    assert_eq!(
        world.may(&token, Action::GET_VALUE, &secret("theirs/a")),
        Some(false)
    );
}

#[test]
fn of_fifty_uses_at_once_of_a_secret_id_for_one_exactly_one_succeeds() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &uses(1));
    let login = Login::default();
    let attempts: Vec<_> = (0..50)
        .map(|_| {
            let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
            world
                .store
                .evaluate(|tx| coming(tx, "ci", &id, (&token, &Origin::local()), &login))
        })
        .collect();
    let mut applied = 0;
    for (entered, transaction) in &attempts {
        assert!(entered.is_ok(), "all saw it unused");
        applied += usize::from(world.store.apply(transaction));
    }
    assert_eq!(applied, 1);
    assert!(wrong(&log_in(&mut world, "ci", &id)));
    assert!(list(&mut world, "ci").is_empty());
    assert_eq!(left(&world.store.state, Kind::SecretId), 0);
}

#[test]
fn uses_are_counted_down_to_nothing() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &uses(3));
    for left in [Some(2), Some(1), None] {
        assert!(log_in(&mut world, "ci", &id).is_ok());
        let listed = list(&mut world, "ci");
        assert_eq!(listed.first().and_then(|one| one.uses), left);
    }
    assert!(wrong(&log_in(&mut world, "ci", &id)));
}

#[test]
fn a_secret_id_ends_on_time_and_is_swept() {
    let mut world = with_service("ci");
    let terms = Terms {
        ttl: Some(MINUTE),
        ..Terms::default()
    };
    let short = issue(&mut world, "ci", &terms);
    let long = issue(&mut world, "ci", &Terms::default());
    world.store.now += MINUTE - 1;
    assert!(log_in(&mut world, "ci", &short).is_ok());
    world.store.now += 1;
    assert!(wrong(&log_in(&mut world, "ci", &short)));
    assert_eq!(list(&mut world, "ci").len(), 1);
    world.store.now += 2 * 60 * MINUTE;
    while world.store.write(|tx| secret_id::sweep(tx, 1)).unwrap() {}
    assert_eq!(left(&world.store.state, Kind::SecretId), 1);
    assert!(log_in(&mut world, "ci", &long).is_ok());
    world.store.now += 31 * DAY;
    while world.store.write(|tx| secret_id::sweep(tx, 100)).unwrap() {}
    assert_eq!(left(&world.store.state, Kind::SecretId), 0);
}

#[test]
fn one_that_was_taken_back_is_refused_and_the_others_go_on() {
    let mut world = with_service("ci");
    world.create(&service("other"));
    let id = issue(&mut world, "ci", &Terms::default());
    let stays = issue(&mut world, "ci", &Terms::default());
    let root = world.root;
    let revoke = |world: &mut World, name: &str, accessor| {
        let action = Action::SERVICE_REVOKE_SECRET_ID;
        world.act(&root, action, &service(name), |tx, _, grant, _| {
            revoke_secret_id(tx, grant, accessor)
        })
    };
    let none = |result| matches!(result, Err(Refusal::NoSecretId));
    assert!(
        none(revoke(&mut world, "other", id.accessor())),
        "another's"
    );
    assert!(none(revoke(
        &mut world,
        "ci",
        Accessor::parse(&"0".repeat(20)).unwrap()
    )));
    revoke(&mut world, "ci", id.accessor()).unwrap();
    assert!(none(revoke(&mut world, "ci", id.accessor())), "once");
    assert!(wrong(&log_in(&mut world, "ci", &id)));
    assert!(log_in(&mut world, "ci", &stays).is_ok());
}

#[test]
fn whoever_is_made_under_a_name_of_before_inherits_nothing_that_programs_had() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    let root = world.root;
    allow_as(&mut world, &root, "ci", 1000).unwrap();
    assert!(by_uid(&mut world, "ci", 1000).is_ok());
    remove(&mut world, "ci");
    assert!(wrong(&log_in(&mut world, "ci", &id)));
    assert!(wrong(&by_uid(&mut world, "ci", 1000)));
    assert_eq!(left(&world.store.state, Kind::ServiceUid), 0);
    world.create(&service("ci"));
    assert!(wrong(&log_in(&mut world, "ci", &id)));
    assert!(wrong(&by_uid(&mut world, "ci", 1000)));
    assert!(list(&mut world, "ci").is_empty());
}

#[test]
fn a_restore_ends_secret_ids_and_leaves_uids() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    let root = world.root;
    allow_as(&mut world, &root, "ci", 1000).unwrap();
    world.store.state.restored();
    assert!(wrong(&log_in(&mut world, "ci", &id)));
    assert!(list(&mut world, "ci").is_empty());
    assert!(by_uid(&mut world, "ci", 1000).is_ok());
    let new = issue(&mut world, "ci", &Terms::default());
    assert!(log_in(&mut world, "ci", &new).is_ok());
}

#[test]
fn disabling_a_service_ends_the_sessions_of_its_programs() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    let token = log_in(&mut world, "ci", &id).unwrap();
    switch(&mut world, "ci", true);
    assert_eq!(world.may(&token, Action::GET_VALUE, &secret("a")), None);
    switch(&mut world, "ci", false);
    assert_eq!(
        world.may(&token, Action::GET_VALUE, &secret("a")),
        None,
        "for good"
    );
}
