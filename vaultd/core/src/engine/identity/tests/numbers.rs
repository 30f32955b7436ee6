//! How many sessions one principal has, and what a session's own policies tell it.

use super::{
    assuming::{tags, trust},
    *,
};
use crate::access::{Assume, LoginRefusal, Why, policy::Layer};

impl World {
    pub(super) fn exchange(&mut self, from: &TokenHash) -> Result<TokenHash, LoginRefusal> {
        let token = TokenHash::of(&TokenSecret::make(&mut self.store.entropy));
        self.store.write(|tx| {
            let caller = access::authenticate(tx, from, &Origin::local()).unwrap();
            let grant = access::authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
            access::login(tx, &caller, &grant, &token, &Login::default())
        })?;
        Ok(token)
    }

    fn is_live(&mut self, token: &TokenHash) -> bool {
        let find = |tx: &mut Tx<'_>| access::authenticate(tx, token, &Origin::local()).is_ok();
        self.store.evaluate(find).0
    }
}

#[test]
fn one_principal_has_a_thousand_sessions_and_those_that_ended_do_not_count() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("*", "*"));
    world.role_with("ops", &trust("user:alice", "role:Assume"), 0);
    let mut made = Vec::new();
    let refused = loop {
        assert!(made.len() < 1_000, "no end");
        match world.exchange(&alice) {
            Ok(token) => made.push(token),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, LoginRefusal::TooMany), "{refused}");
    assert_eq!(made.len(), 999);
    assert!(world.assume(&alice, "ops").is_err());
    // Others have their own.
    let bob = world.user_with("bob", &allow("*", "*"));
    world.exchange(&bob).unwrap();
    let ended = made.pop().unwrap();
    world
        .store
        .write(|tx| {
            let caller = access::authenticate(tx, &ended, &Origin::local()).unwrap();
            access::logout(tx, &caller)
        })
        .unwrap();
    world.exchange(&alice).unwrap();
    world.exchange(&alice).unwrap_err();
    let root = world.root;
    let change = Change {
        end_sessions: true,
        ..Change::default()
    };
    let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        update(tx, caller, grant, proofs, &change)
    };
    world
        .act(&root, Action::USER_UPDATE, &user("alice"), act)
        .unwrap();
    let again = world.session(Sort::User, "alice");
    for _ in 0..100 {
        world.exchange(&again).unwrap();
    }
}

#[test]
fn ending_what_has_ended_is_no_change() {
    let mut world = World::new();
    let root = world.root;
    let alice = world.user_with("alice", &allow("*", "*"));
    for _ in 0..70 {
        world.exchange(&alice).unwrap();
    }
    world.role_with("ops", &trust("user:alice", "role:Assume"), 0);
    world.assume(&alice, "ops").unwrap();
    let writes = |world: &mut World, who: &Resource, change: Option<Change>| {
        let ((), transaction) = world.store.evaluate(|tx| {
            let caller = access::authenticate(tx, &root, &Origin::local()).unwrap();
            let (sort, _) = who.named().unwrap();
            let action = change
                .as_ref()
                .map_or(Action::SESSION_REVOKE, |_| Action::update(sort));
            let grant = access::authorise(&caller, action, who.clone()).unwrap();
            match &change {
                Some(change) => {
                    update(tx, &caller, &grant, &mut Proofs::default(), change).unwrap();
                }
                None => access::revoke_all(tx, &grant).unwrap(),
            }
        });
        assert!(world.store.apply(&transaction));
        transaction.writes.len()
    };
    assert_eq!(writes(&mut world, &role("ops"), None), 1);
    assert!(writes(&mut world, &role("ops"), None) > 0, "it is removed");
    assert_eq!(writes(&mut world, &role("ops"), None), 0);

    assert_eq!(writes(&mut world, &user("alice"), None), 1);
    assert!(!world.is_live(&alice));
    let mut steps = 0;
    while writes(&mut world, &user("alice"), None) > 0 {
        steps += 1;
    }
    assert!((1..=2).contains(&steps), "{steps}");

    let ends = || Change {
        end_sessions: true,
        ..Change::default()
    };
    assert_eq!(writes(&mut world, &user("alice"), Some(ends())), 0);
    let again = world.session(Sort::User, "alice");
    assert!(writes(&mut world, &user("alice"), Some(ends())) > 0);
    assert!(!world.is_live(&again));

    let disables = || Change {
        disabled: Some(true),
        ..Change::default()
    };
    assert!(writes(&mut world, &user("alice"), Some(disables())) > 0);
    writes(&mut world, &user("alice"), Some(disables()));
    assert_eq!(writes(&mut world, &user("alice"), Some(disables())), 0);
    let more = Change {
        description: Some("gone".to_owned()),
        ..disables()
    };
    assert_eq!(writes(&mut world, &user("alice"), Some(more)), 1);
}

#[test]
fn a_session_learns_by_its_own_policies_nothing_of_what_it_may_not_do() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("secret:GetValue", "secret:own/*"));
    world.role_with("ops", &trust("user:alice", "role:Assume"), 0);
    let asks = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["secret:GetValue", "auth:Login"], "Resource": "*",
         "Condition": {"StringEqualsIfExists": {"vault:ResourceTag/stage": "prod"}}}]}"#;
    let terms = Assume {
        policies: vec![asks.to_owned()],
        ..Assume::default()
    };
    let session = world.assume_as(&alice, "ops", &terms).unwrap();
    let mut decide = |resource: &Resource, action: Action, stage: &str| {
        let resource_tags = &tags(&[("stage", stage)]);
        let facts = Facts {
            resource_tags,
            ..Facts::default()
        };
        let caller =
            |tx: &mut Tx<'_>| access::authenticate(tx, &session, &Origin::local()).unwrap();
        world
            .store
            .evaluate(caller)
            .0
            .decide(action, resource, &facts)
    };
    for stage in ["prod", "test"] {
        let told = decide(&secret("own/a"), Action::GET_VALUE, stage);
        assert_eq!(told, Err(Why::Missing(Layer::Identity)), "{stage}");
    }
    let denied = decide(&secret("ops/a"), Action::GET_VALUE, "prod");
    assert!(
        matches!(
            denied,
            Err(Why::Statement {
                layer: Layer::Session,
                ..
            })
        ),
        "{denied:?}"
    );
    decide(&secret("ops/a"), Action::GET_VALUE, "test").unwrap();
    // What is one's own nothing needs to allow, and a session's policy denies it all the same.
    let own = decide(&Resource::Own, Action::LOGIN, "prod");
    assert!(
        matches!(
            own,
            Err(Why::Statement {
                layer: Layer::Session,
                ..
            })
        ),
        "{own:?}"
    );
}
