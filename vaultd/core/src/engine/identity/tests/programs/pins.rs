//! Programs that are known by a key: whose it is, how long, and what a session of it is good with.

use super::*;
use crate::access::{
    Certificate, KeyHash, Unfit, find_session,
    program::pin::{self, PinRefusal},
};

/// A certificate that is good for a year from now on.
fn shown(world: &World, key: &str) -> Certificate {
    Certificate {
        key: KeyHash::of(key.as_bytes()),
        from: world.store.now - DAY,
        until: world.store.now + 365 * DAY,
        for_clients: true,
    }
}

fn over(certificate: Certificate) -> Arc<Origin> {
    Arc::new(Origin {
        certificate: Some(certificate),
        ..(*from("192.0.2.1")).clone()
    })
}

fn pin_as(
    world: &mut World,
    token: &TokenHash,
    (name, key): (&str, &str),
    ttl: Option<u64>,
) -> Result<bool, Refusal> {
    let terms = pin::Terms {
        label: "till".into(),
        ttl,
    };
    let key = KeyHash::of(key.as_bytes());
    world.act(
        token,
        Action::SERVICE_BIND,
        &service(name),
        |tx, caller, grant, proofs| add_pin(tx, caller, grant, proofs, (key, &terms)),
    )
}

fn pin(world: &mut World, name: &str, key: &str) -> Result<bool, Refusal> {
    let root = world.root;
    pin_as(world, &root, (name, key), None)
}

fn unpin(world: &mut World, name: &str, key: &str) -> bool {
    let root = world.root;
    let key = KeyHash::of(key.as_bytes());
    world
        .act(
            &root,
            Action::SERVICE_UNBIND,
            &service(name),
            |tx, _, grant, _| remove_pin(tx, grant, &key),
        )
        .unwrap()
}

fn pins(world: &mut World, name: &str) -> Vec<pin::Listed> {
    let root = world.root;
    world
        .act(
            &root,
            Action::SERVICE_DESCRIBE,
            &service(name),
            |tx, _, grant, _| list_pins(tx, grant),
        )
        .unwrap()
}

fn come(
    world: &mut World,
    name: Option<&str>,
    certificate: Certificate,
    login: &Login,
) -> Result<(TokenHash, Entered), NotIn> {
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let (origin, named) = (over(certificate), name.map(called));
    world
        .store
        .write(|tx| {
            let proven = pin::prove(tx, named.as_ref(), Some(&certificate))?;
            program::enter(tx, &proven, &origin, &Keeping::Stored(&token), login)
        })
        .map(|entered| (token, entered))
}

fn by_key(world: &mut World, key: &str) -> Result<TokenHash, NotIn> {
    let certificate = shown(world, key);
    come(world, None, certificate, &Login::default()).map(|(token, _)| token)
}

/// Whether a token opens its session over such a connection.
fn opens(world: &mut World, token: &TokenHash, origin: &Arc<Origin>) -> bool {
    let (caller, _) = world
        .store
        .evaluate(|tx| access::authenticate(tx, token, origin));
    caller.is_ok()
}

#[test]
fn a_key_is_the_service_that_it_is_pinned_to_and_no_other() {
    let mut world = with_service("ci");
    world.create(&service("other"));
    world.create(&user("alice"));
    assert!(wrong(&by_key(&mut world, "a")));
    assert!(pin(&mut world, "ci", "a").unwrap());
    assert!(!pin(&mut world, "ci", "a").unwrap(), "it was");
    let certificate = shown(&world, "a");
    let (_, entered) = come(&mut world, None, certificate, &Login::default()).unwrap();
    assert_eq!(entered.caller.principal(), "service:ci");
    assert_eq!(entered.session.key(), Some(&certificate.key));
    assert!(come(&mut world, Some("ci"), certificate, &Login::default()).is_ok());
    for name in ["other", "nobody", "alice", "administrator"] {
        let tried = come(&mut world, Some(name), certificate, &Login::default());
        assert!(wrong(&tried), "{name}");
    }
    assert!(wrong(&by_key(&mut world, "b")));
    let taken = pin(&mut world, "other", "a");
    assert!(matches!(taken, Err(Refusal::Pin(PinRefusal::Taken))));
    switch(&mut world, "ci", true);
    assert!(wrong(&by_key(&mut world, "a")));
    switch(&mut world, "ci", false);
    assert!(by_key(&mut world, "a").is_ok());
}

#[test]
fn a_session_of_a_key_is_good_with_that_key_only() {
    let mut world = with_service("ci");
    for key in ["a", "b"] {
        pin(&mut world, "ci", key).unwrap();
    }
    let token = by_key(&mut world, "a").unwrap();
    let (own, other) = (shown(&world, "a"), shown(&world, "b"));
    assert!(opens(&mut world, &token, &over(own)));
    let again = Certificate {
        until: world.store.now + 1,
        ..own
    };
    assert!(opens(&mut world, &token, &over(again)), "by key");
    assert!(
        !opens(&mut world, &token, &over(other)),
        "of the same service"
    );
    assert!(!opens(&mut world, &token, &from("192.0.2.1")));
    assert!(!opens(&mut world, &token, &Origin::local()));
}

#[test]
fn what_is_exchanged_from_a_session_of_a_key_is_good_with_that_key_only() {
    let mut world = with_service("ci");
    pin(&mut world, "ci", "a").unwrap();
    let token = by_key(&mut world, "a").unwrap();
    let own = over(shown(&world, "a"));
    let second = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let session = world.store.write(|tx| {
        let caller = access::authenticate(tx, &token, &own).unwrap();
        let grant = access::authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
        access::login(tx, &caller, &grant, &second, &Login::default())
    });
    assert!(session.unwrap().key().is_some());
    assert!(opens(&mut world, &second, &own));
    assert!(!opens(&mut world, &second, &from("192.0.2.1")));
    assert!(unpin(&mut world, "ci", "a"));
    assert!(!opens(&mut world, &second, &own));
}

#[test]
fn with_two_keys_one_is_renewed_and_the_old_one_ends_its_sessions_for_good() {
    let mut world = with_service("ci");
    pin(&mut world, "ci", "old").unwrap();
    let before = by_key(&mut world, "old").unwrap();
    pin(&mut world, "ci", "new").unwrap();
    let third = pin(&mut world, "ci", "third");
    assert!(matches!(third, Err(Refusal::Pin(PinRefusal::TooMany))));
    let after = by_key(&mut world, "new").unwrap();
    let (old, new) = (over(shown(&world, "old")), over(shown(&world, "new")));
    let accessor = {
        let find = |tx: &mut Tx<'_>| access::authenticate(tx, &before, &old);
        world
            .store
            .evaluate(find)
            .0
            .unwrap()
            .session()
            .accessor()
            .to_owned()
    };
    let listed = |world: &mut World| {
        let (found, _) = world.store.evaluate(|tx| find_session(tx, &accessor));
        found.unwrap().is_some()
    };
    assert!(listed(&mut world));
    assert!(unpin(&mut world, "ci", "old"));
    assert!(!unpin(&mut world, "ci", "old"), "once");
    assert!(!unpin(&mut world, "ci", "third"), "never was");
    assert!(!opens(&mut world, &before, &old));
    assert!(!listed(&mut world));
    assert!(opens(&mut world, &after, &new));
    assert!(wrong(&by_key(&mut world, "old")));
    pin(&mut world, "ci", "old").unwrap();
    assert!(
        !opens(&mut world, &before, &old),
        "another pin of the same key"
    );
    assert!(by_key(&mut world, "old").is_ok());
}

#[test]
fn a_key_that_is_anothers_is_taken_from_its_own_service_only() {
    let mut world = with_service("ci");
    world.create(&service("other"));
    pin(&mut world, "ci", "a").unwrap();
    assert!(!unpin(&mut world, "other", "a"));
    assert!(by_key(&mut world, "a").is_ok());
    assert!(pins(&mut world, "other").is_empty());
    let listed = pins(&mut world, "ci");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].key, KeyHash::of(b"a"));
    assert_eq!((&*listed[0].label, listed[0].expires_at), ("till", None));
}

#[test]
fn a_pin_ends_on_time_with_its_sessions_and_makes_room() {
    let mut world = with_service("ci");
    world.create(&service("other"));
    let root = world.root;
    for key in ["a", "b"] {
        pin_as(&mut world, &root, ("ci", key), Some(5 * MINUTE)).unwrap();
    }
    let certificate = shown(&world, "a");
    let (token, entered) = come(&mut world, None, certificate, &Login::default()).unwrap();
    let end = world.store.now + 5 * MINUTE;
    assert_eq!(entered.session.expires_at(), Some(end));
    world.store.now = end - 1;
    assert!(opens(&mut world, &token, &over(certificate)));
    world.store.now = end;
    assert!(!opens(&mut world, &token, &over(certificate)));
    assert!(wrong(&by_key(&mut world, "a")));
    assert!(pins(&mut world, "ci").is_empty());
    assert!(pin(&mut world, "other", "a").unwrap(), "nobody's any more");
    assert!(pin(&mut world, "ci", "c").unwrap());
    assert!(pin(&mut world, "ci", "d").unwrap());
    assert_eq!(
        left(&world.store.state, Kind::ServicePin),
        6,
        "of three keys"
    );
    assert!(!opens(&mut world, &token, &over(certificate)));
}

#[test]
fn no_session_outlives_the_certificate_that_it_was_made_with() {
    let mut world = with_service("ci");
    pin(&mut world, "ci", "a").unwrap();
    let until = world.store.now + 3 * MINUTE;
    let certificate = Certificate {
        until,
        ..shown(&world, "a")
    };
    let (_, entered) = come(&mut world, None, certificate, &Login::default()).unwrap();
    assert_eq!(entered.session.ends_at(), Some(until));
}

#[test]
fn an_unfit_certificate_is_told_so_whether_or_not_its_key_is_anybodys() {
    let mut world = with_service("ci");
    pin(&mut world, "ci", "a").unwrap();
    let now = world.store.now;
    for key in ["a", "unknown"] {
        let fit = shown(&world, key);
        for (certificate, why) in [
            (Certificate { until: now, ..fit }, Unfit::Expired),
            (
                Certificate {
                    from: now + 1,
                    ..fit
                },
                Unfit::Early,
            ),
            (
                Certificate {
                    for_clients: false,
                    ..fit
                },
                Unfit::Purpose,
            ),
        ] {
            let tried = come(&mut world, None, certificate, &Login::default());
            let told = matches!(tried, Err(NotIn::Certificate(told)) if told == why);
            assert!(told, "{key} {why}");
        }
    }
}

#[test]
fn what_is_looked_up_is_the_same_whether_or_not_a_key_is_anybodys() {
    let mut world = with_service("ci");
    pin(&mut world, "ci", "a").unwrap();
    let unknown = shown(&world, "unknown");
    let known = shown(&world, "a");
    let mut looked = |name: Option<&str>, certificate| {
        let named = name.map(called);
        let (result, transaction) = world
            .store
            .evaluate(|tx| pin::prove(tx, named.as_ref(), Some(&certificate)));
        assert!(wrong(&result), "{name:?}");
        (transaction.checks.len(), transaction.writes.len())
    };
    let one = looked(Some("ci"), unknown);
    assert_eq!(looked(Some("nobody"), unknown), one);
    assert_eq!(looked(Some("nobody"), known), one);
}

#[test]
fn nobody_pins_a_key_to_a_service_that_may_do_more_than_he() {
    let mut world = with_service("ci");
    world.create(&service("idle"));
    let alice = world.user_with("alice", &allow("service:*", "*"));
    let pinned = pin_as(&mut world, &alice, ("ci", "a"), None);
    assert!(matches!(pinned, Err(Refusal::Exceeds(Exceeds::Beyond(_)))));
    assert!(wrong(&by_key(&mut world, "a")));
    assert!(pin_as(&mut world, &alice, ("idle", "a"), None).is_ok());
    let nobody = pin(&mut world, "nobody", "b");
    assert!(matches!(nobody, Err(Refusal::NotFound(..))));
}

#[test]
fn times_of_a_pin_out_of_bounds_are_refused() {
    let mut world = with_service("ci");
    let root = world.root;
    for ttl in [0, 1, MINUTE - 1, 3_653 * DAY + 1, u64::MAX] {
        let refused = pin_as(&mut world, &root, ("ci", "a"), Some(ttl));
        assert!(
            matches!(refused, Err(Refusal::Pin(PinRefusal::Ttl))),
            "{ttl}"
        );
    }
    for ttl in [MINUTE, 3_653 * DAY] {
        assert!(pin_as(&mut world, &root, ("ci", "a"), Some(ttl)).unwrap());
    }
}

#[test]
fn keys_stay_over_a_restore_which_ends_their_sessions_and_go_with_their_service() {
    let mut world = with_service("ci");
    pin(&mut world, "ci", "a").unwrap();
    let token = by_key(&mut world, "a").unwrap();
    world.store.state.restored();
    let own = over(shown(&world, "a"));
    assert!(!opens(&mut world, &token, &own));
    let token = by_key(&mut world, "a").unwrap();
    assert!(opens(&mut world, &token, &own));
    remove(&mut world, "ci");
    assert!(!opens(&mut world, &token, &own));
    assert_eq!(left(&world.store.state, Kind::ServicePin), 0);
    world.create(&service("ci"));
    assert!(wrong(&by_key(&mut world, "a")));
}
