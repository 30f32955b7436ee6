//! Sessions that are seen, ended, renewed, counted and bound to places.

use std::{net::IpAddr, sync::Arc};

use super::{assuming::trust, *};
use crate::access::{Limits, LoginRefusal, Places, SessionRefusal, Unauthenticated};

const MINUTE: u64 = 60_000;

fn from(text: &str) -> Arc<Origin> {
    Arc::new(Origin {
        source: Some(text.parse::<IpAddr>().unwrap()),
        ..(*Origin::local()).clone()
    })
}

fn counted() -> Arc<Origin> {
    Arc::new(Origin {
        counted: true,
        ..(*Origin::local()).clone()
    })
}

impl World {
    fn login(&mut self, from: &TokenHash, limits: Limits) -> Result<TokenHash, LoginRefusal> {
        let token = TokenHash::of(&TokenSecret::make(&mut self.store.entropy));
        let login = Login {
            limits,
            ..Login::default()
        };
        self.store.write(|tx| {
            let caller = access::authenticate(tx, from, &counted()).unwrap();
            let grant = access::authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
            access::login(tx, &caller, &grant, &token, &login)
        })?;
        Ok(token)
    }

    fn lives(&mut self, token: &TokenHash, origin: &Arc<Origin>) -> bool {
        let found = |tx: &mut Tx<'_>| access::authenticate(tx, token, origin).is_ok();
        self.store.evaluate(found).0
    }

    fn count(&mut self, token: &TokenHash) -> bool {
        let count = |tx: &mut Tx<'_>| access::count_use(tx, token, &Origin::local());
        self.store.write(count).is_ok()
    }

    fn accessor(&mut self, token: &TokenHash) -> String {
        let caller = |tx: &mut Tx<'_>| access::authenticate(tx, token, &Origin::local()).unwrap();
        self.store
            .evaluate(caller)
            .0
            .session()
            .accessor()
            .to_owned()
    }

    pub(super) fn revoke_all(
        &mut self,
        by: &TokenHash,
        who: &Resource,
    ) -> Result<(), SessionRefusal> {
        self.store.write(|tx| {
            let caller = access::authenticate(tx, by, &Origin::local()).unwrap();
            let grant = access::authorise(&caller, Action::SESSION_REVOKE, who.clone());
            access::revoke_all(tx, &grant.map_err(|_| SessionRefusal::Grant)?)
        })
    }

    fn revoke(
        &mut self,
        by: &TokenHash,
        accessor: &str,
        as_of: &Resource,
    ) -> Result<(), SessionRefusal> {
        self.store.write(|tx| {
            let caller = access::authenticate(tx, by, &Origin::local()).unwrap();
            let grant = access::authorise(&caller, Action::SESSION_REVOKE, as_of.clone());
            let grant = grant.map_err(|_| SessionRefusal::Grant)?;
            let found = access::find_session(tx, accessor)?;
            let found = found.ok_or(SessionRefusal::NotFound)?;
            access::revoke(tx, &caller, &grant, &found)
        })
    }

    /// Accessors, by pages of two.
    fn listed(&mut self, by: &TokenHash, who: &Resource) -> Vec<String> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = |tx: &mut Tx<'_>| {
                let caller = access::authenticate(tx, by, &Origin::local()).unwrap();
                let grant = access::authorise(&caller, Action::SESSION_LIST, who.clone()).unwrap();
                access::list_sessions(tx, &caller, &grant, after, 2).unwrap()
            };
            let (listed, next) = self.store.evaluate(page).0;
            let accessor = |listed: &access::Listed| listed.session.accessor().to_owned();
            found.extend(listed.iter().map(accessor));
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        found.sort();
        found
    }

    fn accessors(&mut self, of: &[TokenHash]) -> Vec<String> {
        let mut found: Vec<_> = of.iter().map(|token| self.accessor(token)).collect();
        found.sort();
        found
    }
}

fn idle(minutes: u64) -> Limits {
    Limits {
        idle: Some(minutes * MINUTE),
        ..Limits::default()
    }
}

fn uses(uses: u64) -> Limits {
    Limits {
        uses: Some(uses),
        ..Limits::default()
    }
}

fn bound(places: &[&str]) -> Limits {
    Limits {
        places: Some(Places::parse(places).unwrap()),
        ..Limits::default()
    }
}

#[test]
fn a_session_that_is_not_renewed_ends_and_no_renewal_outlives_its_overall_end() {
    let mut world = World::new();
    let root = world.root;
    for wrong in [0, 13 * 60, u64::MAX / MINUTE] {
        let made = world.login(&root, idle(wrong));
        assert!(matches!(made, Err(LoginRefusal::Idle)), "{wrong}");
    }
    let left = world.login(&root, idle(10)).unwrap();
    let kept = world.login(&root, idle(10)).unwrap();
    let child = world.login(&kept, Limits::default()).unwrap();
    let renew = |world: &mut World, token: &TokenHash| {
        world.store.write(|tx| {
            let caller = access::authenticate(tx, token, &Origin::local()).unwrap();
            access::renew(tx, &caller)
        })
    };
    assert!(matches!(
        renew(&mut world, &root),
        Err(SessionRefusal::NotRenewed)
    ));
    assert!(matches!(
        renew(&mut world, &child),
        Err(SessionRefusal::NotRenewed)
    ));
    for _ in 0..79 {
        world.store.now += 9 * MINUTE;
        renew(&mut world, &kept).unwrap();
        assert!(world.lives(&kept, &Origin::local()) && world.lives(&child, &Origin::local()));
    }
    assert!(!world.lives(&left, &Origin::local()));
    // 11 h 51 min have gone of 12 h
    world.store.now += 8 * MINUTE;
    let session = renew(&mut world, &kept).unwrap();
    assert_eq!(session.expires_at(), session.ends_at());
    assert!(world.lives(&kept, &Origin::local()));
    world.store.now += MINUTE;
    assert!(!world.lives(&kept, &Origin::local()) && !world.lives(&child, &Origin::local()));
    // swept, whatever they had been filed under
    world.store.now += 120 * MINUTE;
    while world
        .store
        .write(|tx| access::sweep_sessions(tx, 10))
        .unwrap()
    {}
    let own = world.listed(&root, &Resource::Own);
    assert_eq!(own, world.accessors(&[root]));
    let kinds = |kind: crate::record::Kind| {
        let of = |key: &crate::record::Key| key.as_bytes().first() == Some(&(kind as u8));
        world
            .store
            .state
            .records()
            .filter(|(key, _)| of(key))
            .count()
    };
    for kind in [
        crate::record::Kind::Session,
        crate::record::Kind::Owned,
        crate::record::Kind::Accessor,
    ] {
        assert_eq!(kinds(kind), 1, "{kind:?}: the initial token's");
    }
}

#[test]
fn as_many_uses_as_were_given_are_counted_and_none_makes_another_session() {
    let mut world = World::new();
    let root = world.root;
    assert!(matches!(
        world.login(&root, uses(0)),
        Err(LoginRefusal::Uses)
    ));
    let token = world.login(&root, uses(2)).unwrap();
    assert!(matches!(
        world.login(&token, Limits::default()),
        Err(LoginRefusal::Counted)
    ));
    assert!(world.count(&token));
    assert!(world.lives(&token, &Origin::local()));
    assert!(world.count(&token));
    assert!(!world.count(&token), "a third");
    assert!(!world.lives(&token, &Origin::local()));
    assert!(world.lives(&token, &counted()), "the second goes on");
    assert_eq!(
        world.listed(&root, &Resource::Own),
        world.accessors(&[root])
    );
    let unlimited = world.login(&root, Limits::default()).unwrap();
    assert!((0..5).all(|_| world.count(&unlimited)));
    world.store.now += 13 * 60 * MINUTE;
    assert!(!world.lives(&token, &counted()), "expired");
}

#[test]
fn a_bound_token_is_good_from_its_places_only_and_so_is_what_was_made_from_it() {
    let mut world = World::new();
    let root = world.root;
    let token = world.login(&root, bound(&["10.0.0.0/8", "unix"])).unwrap();
    let child = world.login(&token, Limits::default()).unwrap();
    let wider = world.login(&token, bound(&["0.0.0.0/0", "unix"])).unwrap();
    for session in [&token, &child, &wider] {
        assert!(world.lives(session, &from("10.1.2.3")));
        assert!(world.lives(session, &Origin::local()));
        for elsewhere in ["11.0.0.1", "::1", "127.0.0.1", "::ffff:11.0.0.1"] {
            assert!(!world.lives(session, &from(elsewhere)), "{elsewhere}");
        }
    }
    let far = world.login(&root, bound(&["10.0.0.0/8"])).unwrap();
    assert!(
        !world.lives(&far, &Origin::local()),
        "the unix socket is not named"
    );
    let error = world
        .store
        .evaluate(|tx| access::authenticate(tx, &far, &Origin::local()));
    assert!(matches!(error.0, Err(Unauthenticated::Token)), "one answer");
}

#[test]
fn lists_show_what_can_be_called_with_to_whom_it_concerns() {
    let mut world = World::new();
    let root = world.root;
    world.create(&user("alice"));
    world.role_with("a", &trust("user:alice", "role:Assume"), 0);
    let sessions: Vec<_> = (0..5).map(|_| world.session(Sort::User, "alice")).collect();
    let assumed = world.assume(&sessions[0], "a").unwrap();
    let below = world.login(&assumed, Limits::default()).unwrap();
    let all = [&sessions[..], &[assumed, below]].concat();
    let all = world.accessors(&all);
    assert_eq!(world.listed(&sessions[1], &Resource::Own), all);
    assert_eq!(world.listed(&root, &user("alice")), all);
    let of_role = world.accessors(&[assumed, below]);
    assert_eq!(world.listed(&root, &role("a")), of_role);
    // a role's session sees itself and below
    assert_eq!(world.listed(&assumed, &Resource::Own), of_role);
    assert_eq!(
        world.listed(&below, &Resource::Own),
        world.accessors(&[below])
    );
    world.revoke_all(&root, &role("a")).unwrap();
    assert_eq!(
        world.listed(&root, &user("alice")),
        world.accessors(&sessions)
    );
    assert!(world.listed(&root, &role("a")).is_empty());
}

#[test]
fn ones_own_session_is_ended_by_its_name_and_a_foreign_one_is_not() {
    let mut world = World::new();
    let root = world.root;
    world.create(&user("alice"));
    world.create(&user("bob"));
    let (one, two) = (
        world.session(Sort::User, "alice"),
        world.session(Sort::User, "alice"),
    );
    let bob = world.session(Sort::User, "bob");
    let child = world.login(&two, Limits::default()).unwrap();
    let (first, second, bobs) = (
        world.accessor(&one),
        world.accessor(&two),
        world.accessor(&bob),
    );
    for as_of in [Resource::Own, user("alice"), user("bob")] {
        let done = world.revoke(&bob, &first, &as_of);
        assert!(matches!(done, Err(SessionRefusal::Grant)), "{as_of:?}");
    }
    // a grant about one is none about another
    for as_of in [Resource::Own, user("alice"), role("alice")] {
        let done = world.revoke(&root, &bobs, &as_of);
        assert!(matches!(done, Err(SessionRefusal::Grant)), "{as_of:?}");
    }
    world.revoke(&one, &second, &Resource::Own).unwrap();
    assert!(!world.lives(&two, &Origin::local()) && !world.lives(&child, &Origin::local()));
    assert!(world.lives(&one, &Origin::local()) && world.lives(&bob, &Origin::local()));
    let again = world.revoke(&one, &second, &Resource::Own);
    assert!(matches!(again, Err(SessionRefusal::NotFound)));
    world.revoke(&root, &bobs, &user("bob")).unwrap();
    assert!(!world.lives(&bob, &Origin::local()));
    let initial = world.accessor(&root);
    let initial = world.revoke(&root, &initial, &Resource::Own);
    assert!(matches!(initial, Err(SessionRefusal::Initial)));
}

#[test]
fn what_is_no_accessor_finds_nothing() {
    let mut world = World::new();
    let root = world.root;
    let accessor = world.accessor(&root);
    let long = format!("{accessor}0");
    for wrong in [
        "",
        "x",
        "0123456789abcdef012",
        &long,
        &accessor.to_uppercase(),
        "../../../../../../..",
        "0",
    ] {
        if wrong == accessor {
            continue;
        }
        let found = world
            .store
            .evaluate(|tx| access::find_session(tx, wrong).unwrap());
        assert!(found.0.is_none(), "{wrong}");
    }
}

#[test]
fn the_least_of_somebodys_sessions_ends_none_of_the_others() {
    let mut world = World::new();
    world.create(&user("alice"));
    world.role_with("a", &trust("*", "role:Assume"), 0);
    let alice = world.session(Sort::User, "alice");
    let assumed = world.assume(&alice, "a").unwrap();
    let accessor = world.accessor(&alice);
    let done = world.revoke(&assumed, &accessor, &Resource::Own);
    assert!(matches!(done, Err(SessionRefusal::Grant)));
    let below = world.login(&assumed, Limits::default()).unwrap();
    let below = world.accessor(&below);
    world.revoke(&assumed, &below, &Resource::Own).unwrap();
}

#[test]
fn all_sessions_of_somebody_end_at_once_and_groups_have_none() {
    let mut world = World::new();
    let root = world.root;
    world.create(&user("alice"));
    world.create(&group("team"));
    let sessions: Vec<_> = (0..3).map(|_| world.session(Sort::User, "alice")).collect();
    let bob = world.user_with("bob", &allow("session:List", "user:alice"));
    let denied = world.revoke_all(&bob, &user("alice"));
    assert!(matches!(denied, Err(SessionRefusal::Grant)));
    world.revoke_all(&root, &user("alice")).unwrap();
    assert!(
        sessions
            .iter()
            .all(|session| !world.lives(session, &Origin::local()))
    );
    assert!(world.lives(&bob, &Origin::local()));
    let again = world.session(Sort::User, "alice");
    assert!(world.lives(&again, &Origin::local()));
    let wrong = world.revoke_all(&root, &group("team"));
    assert!(matches!(wrong, Err(SessionRefusal::Sort)));
    let wrong = world.revoke_all(&root, &user("nobody"));
    assert!(matches!(wrong, Err(SessionRefusal::Nobody(..))));
}
