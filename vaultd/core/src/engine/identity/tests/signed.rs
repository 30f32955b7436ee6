//! Sessions that no record is kept of: what the vault signed is good for its time, and for nothing that would need one.

mod held;
mod wrong;

use std::sync::Arc;

use super::*;
use crate::{
    access::{
        ActionGlob, Bearer, Keeping, Limits, LoginRefusal, Places, SessionRefusal, SignedId,
        program::{
            self, Proven, Refusal as NotIn, peer,
            secret_id::{self, SecretIdHash, Terms},
        },
        signed::{Signing, publish_signers},
    },
    crypto::{
        keyring::{Role, Rotate},
        secret::SecretId,
    },
};

const MINUTE: u64 = 60_000;
const UID: u32 = 1000;

fn signed_login() -> Login {
    let limits = Limits {
        signed: true,
        ..Limits::default()
    };
    Login {
        limits,
        ..Login::default()
    }
}

/// A process of a uid, as the kernel tells of it.
fn of(uid: u32) -> (peer::Uid, u32) {
    let overflow = 65_534;
    (peer::Uid { uid, overflow }, 100)
}

fn till() -> ServiceName {
    ServiceName::try_from("till").unwrap()
}

/// A service that processes of a uid are, and that may read under a folder.
fn world() -> World {
    let mut world = World::new();
    world.create(&service("till"));
    let (root, own) = (world.root, allow("secret:*", "secret:shop/*"));
    let put = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        put_inline(tx, caller, grant, proofs, (&policy("own"), &own))
    };
    let till = service("till");
    world
        .act(&root, Action::SERVICE_ATTACH, &till, put)
        .unwrap();
    let bind = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        allow_uid(
            tx,
            caller,
            grant,
            proofs,
            (
                peer::Member {
                    uid: UID,
                    gid: None,
                },
                65_534,
            ),
        )
    };
    world
        .act(&root, Action::SERVICE_ALLOW_UID, &till, bind)
        .unwrap();
    world
}

fn proved_by(
    world: &mut World,
    prove: impl FnOnce(&mut Tx<'_>) -> Result<Proven, NotIn>,
    login: &Login,
) -> Result<String, NotIn> {
    let id = SignedId::make(&mut world.store.entropy);
    let (came, transaction) = world.store.evaluate(|tx| {
        let proven = prove(tx)?;
        let keeping = Keeping::Signed(&id);
        program::enter(tx, &proven, &Origin::local(), &keeping, login)
    });
    let came = came?;
    assert!(transaction.writes.is_empty(), "a signed login writes");
    let session = came.session;
    assert!(session.is_signed() && session.accessor().starts_with("signed-"));
    Ok(came.token.unwrap().expose().to_owned())
}

fn log_in_as(world: &mut World, login: &Login) -> Result<String, NotIn> {
    proved_by(world, |tx| peer::prove(tx, &till(), of(UID)), login)
}

fn log_in(world: &mut World) -> String {
    log_in_as(world, &signed_login()).unwrap()
}

fn caller_from(world: &mut World, text: &str, origin: &Arc<Origin>) -> Option<Caller> {
    let bearer = Bearer::signed(text).ok()?;
    let found = |tx: &mut Tx<'_>| access::authenticate(tx, &bearer, origin).ok();
    world.store.evaluate(found).0
}

fn known(world: &mut World, text: &str) -> bool {
    caller_from(world, text, &Origin::local()).is_some()
}

fn may(world: &mut World, text: &str, action: Action, resource: &Resource) -> bool {
    let caller = caller_from(world, text, &Origin::local()).unwrap();
    access::authorise(&caller, action, resource.clone()).is_ok()
}

fn change(world: &mut World, change: &Change) {
    let root = world.root;
    let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        update(tx, caller, grant, proofs, change)
    };
    let till = service("till");
    world
        .act(&root, Action::SERVICE_UPDATE, &till, act)
        .unwrap();
}

fn refusal(refused: Result<String, NotIn>) -> LoginRefusal {
    match refused {
        Err(NotIn::Login(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Rotates the key that signs; what is destroyed of it is gone at once.
fn rotate(world: &mut World, publish: bool) {
    let store = &mut world.store;
    let now = store.now;
    let rotate = Rotate::One(Role::LogSigning);
    let next = store.keys.rotate(rotate, &mut store.entropy, now).unwrap();
    let older = next.log_signing().unwrap().active().number() - 1;
    let fewer = next.destroy_terms(&[(Role::LogSigning, older)]).unwrap();
    for keys in [next, fewer] {
        let signing = Signing::of(&keys);
        if publish {
            store.write(|tx| publish_signers(tx, &signing)).unwrap();
        }
        store.keys = keys;
    }
}

#[test]
fn a_signed_session_is_good_for_a_quarter_of_an_hour_and_has_the_rights_of_its_service() {
    let mut world = world();
    let text = log_in(&mut world);
    let caller = caller_from(&mut world, &text, &Origin::local()).unwrap();
    assert_eq!(caller.principal(), "service:till");
    assert!(may(&mut world, &text, Action::GET_VALUE, &secret("shop/a")));
    assert!(!may(
        &mut world,
        &text,
        Action::GET_VALUE,
        &secret("else/a")
    ));
    let begun = world.store.now;
    for (now, good) in [
        (begun + 15 * MINUTE - 1, true),
        (begun + 15 * MINUTE, false),
        (begun - MINUTE, true),
        (begun - MINUTE - 1, false),
        (u64::MAX, false),
        (0, false),
    ] {
        world.store.now = now;
        assert_eq!(known(&mut world, &text), good, "{now} of {begun}");
    }
}

#[test]
fn a_policy_that_changes_binds_the_session_that_was_signed_before() {
    let mut world = world();
    let text = log_in(&mut world);
    world.policy("closed", &deny("*", "*"));
    let root = world.root;
    world.attach_as(&root, &service("till"), "closed").unwrap();
    assert!(known(&mut world, &text));
    assert!(!may(
        &mut world,
        &text,
        Action::GET_VALUE,
        &secret("shop/a")
    ));
    let denied = log_in_as(&mut world, &signed_login());
    assert!(matches!(denied, Err(NotIn::Denied(_))));
}

#[test]
fn ending_all_sessions_disabling_deleting_and_restoring_end_it_at_once_and_for_good() {
    let ends: [fn(&mut World); 4] = [
        |world| {
            let root = world.root;
            world.revoke_all(&root, &service("till")).unwrap();
        },
        |world| {
            change(
                world,
                &Change {
                    end_sessions: true,
                    ..Change::default()
                },
            );
        },
        |world| {
            for disabled in [true, false] {
                let disabled = Some(disabled);
                change(
                    world,
                    &Change {
                        disabled,
                        ..Change::default()
                    },
                );
            }
        },
        |world| {
            let root = world.root;
            world
                .act(&root, Action::SERVICE_DELETE, &service("till"), delete)
                .unwrap();
            world.create(&service("till"));
        },
    ];
    for (at, end) in ends.into_iter().enumerate() {
        let mut world = world();
        let text = log_in(&mut world);
        assert!(known(&mut world, &text));
        end(&mut world);
        assert!(!known(&mut world, &text), "{at}");
    }
    let mut world = world();
    let text = log_in(&mut world);
    world.store.state.restored();
    assert!(!known(&mut world, &text));
    let new = log_in(&mut world);
    assert!(known(&mut world, &new));
}

#[test]
fn a_service_that_is_disabled_or_whose_uid_was_taken_signs_nothing() {
    let mut world = world();
    let other = |tx: &mut Tx<'_>| peer::prove(tx, &till(), of(UID + 1));
    let stranger = proved_by(&mut world, other, &signed_login());
    assert!(matches!(stranger, Err(NotIn::Wrong)));
    change(
        &mut world,
        &Change {
            disabled: Some(true),
            ..Change::default()
        },
    );
    let disabled = log_in_as(&mut world, &signed_login());
    assert!(matches!(disabled, Err(NotIn::Wrong)));
}

#[test]
fn it_is_bound_to_places_and_narrowed_as_it_was_asked_for() {
    let mut world = world();
    let mut login = signed_login();
    login.limits.places = Some(Places::parse(&["10.0.0.0/8"]).unwrap());
    login.actions = vec![ActionGlob::try_from("secret:Get*").unwrap()];
    login.under = Some(FolderPath::try_from("shop/in").unwrap());
    let text = log_in_as(&mut world, &login).unwrap();
    let from = |address: &str| {
        Arc::new(Origin {
            source: Some(address.parse().unwrap()),
            ..(*Origin::local()).clone()
        })
    };
    assert!(!known(&mut world, &text), "not over the Unix socket");
    assert!(caller_from(&mut world, &text, &from("192.0.2.1")).is_none());
    let caller = caller_from(&mut world, &text, &from("10.1.2.3")).unwrap();
    for (action, path, granted) in [
        (Action::GET_VALUE, "shop/in/a", true),
        (Action::GET_VALUE, "shop/a", false),
        (Action::GET_VALUE, "else/a", false),
        (Action::PUT_VALUE, "shop/in/a", false),
    ] {
        let found = access::authorise(&caller, action, secret(path)).is_ok();
        assert_eq!(found, granted, "{path}");
    }
}

#[test]
fn its_life_is_what_is_asked_for_within_bounds_and_no_longer_than_its_proof() {
    let mut world = world();
    let ttl = |ttl| Login {
        ttl: Some(ttl),
        ..signed_login()
    };
    for out in [0, MINUTE - 1, 15 * MINUTE + 1, 60 * MINUTE, u64::MAX] {
        let refused = refusal(log_in_as(&mut world, &ttl(out)));
        assert!(matches!(refused, LoginRefusal::SignedTtl), "{out}");
    }
    let begun = world.store.now;
    let text = log_in_as(&mut world, &ttl(2 * MINUTE)).unwrap();
    world.store.now = begun + 2 * MINUTE;
    assert!(!known(&mut world, &text));
    let id = issue(&mut world, None, Some(5 * MINUTE));
    let begun = world.store.now;
    let by_id = |tx: &mut Tx<'_>| secret_id::prove(tx, &till(), &id, &Origin::local());
    let text = proved_by(&mut world, by_id, &signed_login()).unwrap();
    for (after, good) in [(5 * MINUTE - 1, true), (5 * MINUTE, false)] {
        world.store.now = begun + after;
        assert_eq!(known(&mut world, &text), good, "{after}");
    }
    let over = proved_by(&mut world, by_id, &signed_login());
    assert!(matches!(over, Err(NotIn::Wrong)), "the secret id has ended");
}

fn issue(world: &mut World, uses: Option<u64>, ttl: Option<u64>) -> SecretIdHash {
    let id = SecretIdHash::of(&SecretId::make(&mut world.store.entropy));
    let terms = Terms {
        ttl,
        uses,
        ..Terms::default()
    };
    let (root, action) = (world.root, Action::SERVICE_ISSUE_SECRET_ID);
    let issue = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        issue_secret_id(tx, caller, grant, proofs, (&id, &terms))
    };
    world.act(&root, action, &service("till"), issue).unwrap();
    id
}

#[test]
fn what_an_older_key_signed_is_good_for_its_time_even_once_that_key_is_destroyed() {
    for published_before in [true, false] {
        let mut world = world();
        if published_before {
            let signing = Signing::of(&world.store.keys);
            world
                .store
                .write(|tx| publish_signers(tx, &signing))
                .unwrap();
        }
        let old = log_in(&mut world);
        assert!(known(&mut world, &old));
        rotate(&mut world, true);
        assert!(known(&mut world, &old), "{published_before}");
        let rotated = world.store.now;
        world.store.now += 10 * MINUTE;
        rotate(&mut world, true);
        let new = log_in(&mut world);
        world.store.now = rotated + 15 * MINUTE - 1;
        assert!(known(&mut world, &old) && known(&mut world, &new));
        world.store.now += 1;
        assert!(!known(&mut world, &old) && known(&mut world, &new));
        let later = log_in(&mut world);
        world.store.now = rotated + 40 * MINUTE;
        assert!(!known(&mut world, &later));
    }
}
