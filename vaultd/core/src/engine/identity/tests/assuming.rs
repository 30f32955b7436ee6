//! Assuming roles.

use super::*;
use crate::{
    access::{Assume, AssumeRefusal, LoginRefusal, Trust, policy::Tags},
    name::{TagKey, TagValue},
};

const MINUTE: u64 = 60_000;

/// A trust policy.
pub(super) fn trust(who: &str, action: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"Vault": "{who}"}}, "Action": "{action}"}}}}"#
    )
}

pub(super) fn tags(of: &[(&str, &str)]) -> Tags {
    let tag = |(key, value): &(&str, &str)| {
        let value = TagValue::try_from(*value).unwrap();
        (TagKey::try_from(*key).unwrap(), value)
    };
    of.iter().map(tag).collect()
}

/// Why nobody assumed the role.
#[derive(Debug)]
pub(super) enum Not {
    Caller,
    Allowed,
    Made(AssumeRefusal),
}

impl World {
    /// A role with that trust policy, which may read under a folder of its name.
    pub(super) fn role_with(&mut self, name: &str, text: &str, longest_session: u64) {
        let new = New {
            trust: Some(text.to_owned()),
            tags: tags(&[("team", "ops")]),
            longest_session,
            ..New::default()
        };
        self.create_as(&role(name), &new).unwrap();
        let root = self.root;
        let own = allow("secret:*", &format!("secret:{name}/*"));
        self.act(
            &root,
            Action::ROLE_ATTACH,
            &role(name),
            |tx, caller, grant, proofs| {
                put_inline(tx, caller, grant, proofs, (&policy("own"), &own))
            },
        )
        .unwrap();
    }

    pub(super) fn assume(&mut self, from: &TokenHash, name: &str) -> Result<TokenHash, Not> {
        self.assume_as(from, name, &Assume::default())
    }

    pub(super) fn assume_as(
        &mut self,
        from: &TokenHash,
        name: &str,
        terms: &Assume,
    ) -> Result<TokenHash, Not> {
        let token = TokenHash::of(&TokenSecret::make(&mut self.store.entropy));
        let wanted = RoleName::try_from(name).unwrap();
        self.store.write(|tx| {
            let caller =
                access::authenticate(tx, from, &Origin::local()).map_err(|_| Not::Caller)?;
            let trust = Trust::of(tx, &wanted).unwrap();
            let shown = terms.session_name(&caller);
            let facts = Facts {
                request_tags: &terms.tags,
                ..trust.facts(&shown)
            };
            let grant = |action| {
                access::authorise_about(&caller, action, role(name), &facts)
                    .map_err(|_| Not::Allowed)
            };
            let assuming = grant(Action::ROLE_ASSUME)?;
            let tagging = if terms.tags.is_empty() {
                None
            } else {
                Some(grant(Action::ROLE_TAG_SESSION)?)
            };
            let grants = (&assuming, tagging.as_ref());
            access::assume(tx, &caller, grants, &token, terms).map_err(Not::Made)
        })?;
        Ok(token)
    }

    pub(super) fn expires(&mut self, token: &TokenHash) -> u64 {
        let caller = |tx: &mut Tx<'_>| access::authenticate(tx, token, &Origin::local()).unwrap();
        let end = self.store.evaluate(caller).0.session().expires_at();
        end.unwrap() - self.store.now
    }
}

#[test]
fn whom_the_role_trusts_gets_its_rights_in_place_of_his_own() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("secret:GetValue", "secret:own/*"));
    world.create(&user("bob"));
    let bob = world.session(Sort::User, "bob");
    world.role_with("deploy", &trust("user:alice", "role:Assume"), 0);
    assert!(matches!(world.assume(&bob, "deploy"), Err(Not::Allowed)));
    assert!(matches!(world.assume(&bob, "none"), Err(Not::Allowed)));
    let session = world.assume(&alice, "deploy").unwrap();
    for (path, may) in [("deploy/a", true), ("own/a", false), ("else/a", false)] {
        let found = world.may(&session, Action::GET_VALUE, &secret(path));
        assert_eq!(found, Some(may), "{path}");
    }
    let caller = |tx: &mut Tx<'_>| access::authenticate(tx, &session, &Origin::local()).unwrap();
    let caller = world.store.evaluate(caller).0;
    assert_eq!(caller.principal(), "role:deploy/alice");
    assert_eq!(caller.assumed_by(), Some("user:alice"));
}

#[test]
fn what_identity_policies_allow_is_not_enough_and_what_they_deny_stays_denied() {
    let mut world = World::new();
    world.create(&user("carol"));
    world.role_with("deploy", &trust("user:carol", "role:Assume"), 0);
    let alice = world.user_with("alice", &allow("*", "*"));
    assert!(matches!(world.assume(&alice, "deploy"), Err(Not::Allowed)));
    world.create(&user("bob"));
    world.role_with("open", &trust("*", "role:*"), 0);
    let bob = world.user_with("dave", &deny("role:Assume", "role:open"));
    assert!(matches!(world.assume(&bob, "open"), Err(Not::Allowed)));
    assert!(world.assume(&alice, "open").is_ok());
    let text = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "role:Assume"},
        {"Effect": "Deny", "Principal": {"Vault": "user:bob"}, "Action": "role:Assume"}]}"#;
    world.role_with("but", text, 0);
    let bob = world.session(Sort::User, "bob");
    assert!(matches!(world.assume(&bob, "but"), Err(Not::Allowed)));
    assert!(world.assume(&alice, "but").is_ok());
}

#[test]
fn a_trust_policy_may_want_a_second_factor_which_the_session_does_not_invent() {
    let mut world = World::new();
    world.create(&user("alice"));
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
        "Action": "role:Assume", "Condition": {"Bool": {"vault:MultiFactorAuthPresent": "true"}}}}"#;
    world.role_with("deploy", text, 0);
    world.role_with("step", &trust("*", "role:Assume"), 0);
    let alice = world.session(Sort::User, "alice");
    assert!(matches!(world.assume(&alice, "deploy"), Err(Not::Allowed)));
    let step = world.assume(&alice, "step").unwrap();
    assert!(matches!(world.assume(&step, "deploy"), Err(Not::Allowed)));
}

#[test]
fn it_lasts_from_a_quarter_of_an_hour_to_what_the_role_says_and_never_longer_than_its_parent() {
    let mut world = World::new();
    world.create(&user("alice"));
    world.role_with("usual", &trust("*", "role:Assume"), 0);
    world.role_with("long", &trust("*", "role:Assume"), 240 * MINUTE);
    world.role_with("short", &trust("*", "role:Assume"), 15 * MINUTE);
    let alice = world.session(Sort::User, "alice");
    let lasting = |minutes: u64| Assume {
        ttl: Some(minutes * MINUTE),
        ..Assume::default()
    };
    for (name, minutes, fits) in [
        ("usual", 14, false),
        ("usual", 15, true),
        ("usual", 60, true),
        ("usual", 61, false),
        ("long", 240, true),
        ("long", 241, false),
        ("short", 16, false),
        ("usual", 0, false),
        ("usual", u64::MAX / MINUTE, false),
    ] {
        let made = world.assume_as(&alice, name, &lasting(minutes));
        match made {
            Ok(session) => {
                assert!(fits, "{name} {minutes}");
                assert_eq!(world.expires(&session), minutes * MINUTE);
            }
            Err(Not::Made(AssumeRefusal::Ttl(_))) => assert!(!fits, "{name} {minutes}"),
            Err(other) => panic!("{name} {minutes}: {other:?}"),
        }
    }
    for (name, minutes) in [("usual", 60), ("long", 60), ("short", 15)] {
        let session = world.assume(&alice, name).unwrap();
        assert_eq!(world.expires(&session), minutes * MINUTE, "{name}");
    }
    // a role from a role: an hour, whatever it allows
    let first = world.assume_as(&alice, "long", &lasting(240)).unwrap();
    let chained = world.assume_as(&first, "long", &lasting(61));
    assert!(matches!(chained, Err(Not::Made(AssumeRefusal::Ttl(60)))));
    assert!(world.assume_as(&first, "long", &lasting(60)).is_ok());
    world.store.now += 11 * 60 * MINUTE + 30 * MINUTE;
    let late = world.assume_as(&alice, "long", &lasting(240)).unwrap();
    assert_eq!(world.expires(&late), 30 * MINUTE, "the parent's end");
}

#[test]
fn roles_that_assume_each_other_come_to_an_end_and_to_no_more_than_each_has() {
    let mut world = World::new();
    world.create(&user("alice"));
    world.role_with("a", &trust("user:alice", "role:Assume"), 0);
    world.role_with("b", &trust("role:a", "role:Assume"), 0);
    let root = world.root;
    let both = Change {
        trust: Some(trust("*", "role:Assume")),
        ..Change::default()
    };
    world
        .act(
            &root,
            Action::ROLE_UPDATE,
            &role("a"),
            |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &both),
        )
        .unwrap();
    let alice = world.session(Sort::User, "alice");
    let mut session = world.assume(&alice, "a").unwrap();
    for name in ["b", "a", "b"] {
        session = world.assume(&session, name).unwrap();
        for (path, of) in [("a/x", "a"), ("b/x", "b")] {
            let may = world.may(&session, Action::GET_VALUE, &secret(path));
            assert_eq!(may, Some(of == name), "{path} as {name}");
        }
    }
    assert!(matches!(
        world.assume(&session, "a"),
        Err(Not::Made(AssumeRefusal::Session(LoginRefusal::Depth)))
    ));
    // the middle of the chain ends, and all after it
    let change = Change {
        disabled: Some(true),
        ..Change::default()
    };
    world
        .act(
            &root,
            Action::ROLE_UPDATE,
            &role("a"),
            |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
        )
        .unwrap();
    assert_eq!(world.may(&session, Action::GET_VALUE, &secret("b/x")), None);
}

#[test]
fn a_chain_through_a_role_that_was_revoked_is_over_though_the_last_role_was_not() {
    let mut world = World::new();
    world.create(&user("alice"));
    world.role_with("a", &trust("*", "role:Assume"), 0);
    world.role_with("b", &trust("*", "role:Assume"), 0);
    let alice = world.session(Sort::User, "alice");
    let first = world.assume(&alice, "a").unwrap();
    let second = world.assume(&first, "b").unwrap();
    let root = world.root;
    world.revoke_all(&root, &role("a")).unwrap();
    for session in [&first, &second] {
        assert_eq!(world.may(session, Action::GET_VALUE, &secret("b/x")), None);
    }
    assert!(world.assume(&alice, "b").is_ok());
}

#[test]
fn session_policies_and_narrowing_stay_with_whatever_is_made_from_a_session() {
    let mut world = World::new();
    world.create(&user("alice"));
    world.role_with("a", &trust("*", "role:Assume"), 0);
    world.role_with("b", &trust("*", "role:Assume"), 0);
    let alice = world.session(Sort::User, "alice");
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Action": ["secret:GetValue", "role:Assume"], "Resource": "*"}}"#;
    let only = Assume {
        policies: vec![text.to_owned()],
        ..Assume::default()
    };
    let first = world.assume_as(&alice, "a", &only).unwrap();
    let second = world.assume(&first, "b").unwrap();
    assert_eq!(
        world.may(&second, Action::GET_VALUE, &secret("b/x")),
        Some(true)
    );
    assert_eq!(
        world.may(&second, Action::PUT_VALUE, &secret("b/x")),
        Some(false)
    );
    assert!(matches!(
        world.assume_as(&first, "b", &only),
        Err(Not::Made(AssumeRefusal::Policies))
    ));
    let nothing = Assume {
        policies: vec![allow("secret:GetValue", "secret:a/*")],
        ..Assume::default()
    };
    let first = world.assume_as(&alice, "a", &nothing).unwrap();
    assert!(matches!(world.assume(&first, "b"), Err(Not::Allowed)));
}

#[test]
fn documents_that_are_no_session_policies_are_refused_and_so_are_too_many() {
    let mut world = World::new();
    world.create(&user("alice"));
    world.role_with("a", &trust("*", "role:Assume"), 0);
    let alice = world.session(Sort::User, "alice");
    let with = |policies: Vec<String>| Assume {
        policies,
        ..Assume::default()
    };
    for wrong in ["", "{}", "nonsense", &trust("*", "role:Assume")] {
        let made = world.assume_as(&alice, "a", &with(vec![allow("*", "*"), wrong.to_owned()]));
        let Err(Not::Made(AssumeRefusal::Document(2, _))) = made else {
            panic!("{wrong}: {made:?}");
        };
    }
    let padded = format!("{}{}", allow("*", "*"), " ".repeat(16 << 10));
    for many in [vec![allow("*", "*"); 11], vec![padded]] {
        let made = world.assume_as(&alice, "a", &with(many));
        assert!(matches!(made, Err(Not::Made(AssumeRefusal::TooMany(_)))));
    }
}
