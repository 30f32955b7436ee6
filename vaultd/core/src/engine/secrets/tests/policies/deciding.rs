//! What policies of secrets and folders decide.

use proptest::prelude::*;

use super::*;
use crate::access::Absent;

#[test]
fn whom_a_policy_of_a_secret_names_may_with_no_policy_of_his_own() {
    let mut world = World::new();
    world.put("db/main", "1");
    world.put("db/other", "1");
    let alice = world.user("alice", None);
    let bob = world.user("bob", None);
    world.set("db/main", &says("Allow", "user:alice", "secret:GetValue"));
    let decided = world.decided(&alice, Action::GET_VALUE, &place("db/main"));
    assert!(decided.is_ok());
    by(Layer::Resource, &decided);
    for (token, action, text) in [
        (&bob, Action::GET_VALUE, "db/main"),
        (&alice, Action::DESCRIBE, "db/main"),
        (&alice, Action::GET_VALUE, "db/other"),
        (&alice, Action::GET_VALUE, "db/"),
        (&alice, Action::LIST, "db/"),
        (&alice, Action::GET_VALUE, "db/main/below"),
        (&alice, Action::GET_VALUE, "db/mai"),
    ] {
        assert!(!world.may(token, action, text), "{action} on {text}");
    }
    world.take("db/main").unwrap();
    assert!(!world.may(&alice, Action::GET_VALUE, "db/main"));
}

#[test]
fn a_deny_of_any_folder_above_binds_whatever_else_allows() {
    let mut world = World::new();
    world.put("a/b/c/d", "1");
    let alice = world.user("alice", Some(ALL));
    world.set("a/b/c/d", &says("Allow", "user:alice", "*"));
    for above in ["/", "a/", "a/b/", "a/b/c/"] {
        assert!(world.may(&alice, Action::GET_VALUE, "a/b/c/d"));
        world.set(above, &says("Deny", "user:alice", "secret:GetValue"));
        let decided = world.decided(&alice, Action::GET_VALUE, &place("a/b/c/d"));
        assert!(decided.is_err(), "{above}");
        by(Layer::Resource, &decided);
        // A secret that is not there yet, and the folder itself.
        assert!(!world.may(
            &alice,
            Action::GET_VALUE,
            &format!("{}new", above.trim_start_matches('/'))
        ));
        assert!(!world.may(&alice, Action::GET_VALUE, above));
        assert!(world.may(&alice, Action::DESCRIBE, "a/b/c/d"));
        world.take(above).unwrap();
    }
    // A name that only begins alike is not below.
    world.put("a/bc", "1");
    world.set("a/b/", &says("Deny", "*", "secret:GetValue"));
    assert!(world.may(&alice, Action::GET_VALUE, "a/bc"));
    assert!(world.may(&alice, Action::GET_VALUE, "a/b"));
}

#[test]
fn a_name_that_is_secret_and_folder_has_two_policies() {
    let mut world = World::new();
    world.put("a", "1");
    world.put("a/b", "1");
    let alice = world.user("alice", None);
    world.set("a", &says("Allow", "user:alice", "secret:GetValue"));
    world.set("a/", &says("Allow", "user:alice", "secret:Describe"));
    assert!(world.may(&alice, Action::GET_VALUE, "a"));
    assert!(!world.may(&alice, Action::DESCRIBE, "a"));
    assert!(world.may(&alice, Action::DESCRIBE, "a/b"));
    assert!(!world.may(&alice, Action::GET_VALUE, "a/b"));
}

#[test]
fn what_is_done_to_a_folder_is_denied_where_a_policy_below_may_deny_it() {
    let mut world = World::new();
    for path in ["a/b/c", "a/d", "e/f"] {
        world.put(path, "1");
    }
    let alice = world.user("alice", Some(ALL));
    let bob = world.user("bob", Some(ALL));
    world.set("a/b/c", &says("Deny", "user:alice", "secret:Delete"));
    for folder in ["/", "a/", "a/b/"] {
        assert!(!world.may(&alice, Action::DELETE, folder), "{folder}");
        assert!(world.may(&bob, Action::DELETE, folder), "{folder}");
        assert!(world.may(&alice, Action::GET_VALUE, folder), "{folder}");
        assert!(world.may(&alice, Action::LIST, folder), "{folder}");
    }
    assert!(world.may(&alice, Action::DELETE, "e/"));
    assert!(world.may(&alice, Action::DELETE, "a/d"));
    // A Deny under a condition on what is not known of everything below may apply.
    let conditional = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*",
        "Action": "secret:Move", "Condition": {"StringEquals": {"vault:ResourceTag/hold": "yes"}}}}"#;
    world.set("e/f", conditional);
    assert!(!world.may(&alice, Action::MOVE, "e/"));
    assert!(world.may(&alice, Action::MOVE, "e/f"));
    // What a policy below allows is nothing for the folder.
    let carol = world.user("carol", None);
    world.set("a/d", &says("Allow", "user:carol", "secret:Delete"));
    assert!(!world.may(&carol, Action::DELETE, "a/"));
    world.set("e/", &says("Allow", "user:carol", "secret:Delete"));
    assert!(world.may(&carol, Action::DELETE, "e/"));
}

#[test]
fn the_root_identity_is_bound_by_no_policy() {
    let mut world = World::new();
    world.put("a", "1");
    let token = world.token;
    world.set("/", &says("Deny", "*", "*"));
    assert!(world.may(&token, Action::GET_VALUE, "a"));
    assert!(world.may(&token, Action::DELETE, "/"));
    world.take("/").unwrap();
}

#[test]
fn a_boundary_limits_what_is_allowed_to_anyone_and_not_what_is_allowed_by_name() {
    use crate::access::{ManagedPolicy, principal::PolicyText};
    let mut world = World::new();
    world.put("a", "1");
    let policy = world
        .run(|tx| {
            let id = tx.next_id()?;
            let label = format!("#{id}@1");
            let text = READS.replace("GetValue", "Describe");
            let (policy, _) = StoredPolicy::parse(&label, &text, PolicyKind::Identity).unwrap();
            tx.put(PolicyText::key(id, 1), &PolicyText(policy))?;
            let head = ManagedPolicy {
                name: "most".into(),
                version: 1,
                latest: 1,
                versions: [(1, 0)].into(),
                ..ManagedPolicy::default()
            };
            tx.put(ManagedPolicy::key(id), &head)?;
            Ok::<_, crate::record::RecordError>(id)
        })
        .unwrap();
    world.bounded(PrincipalKind::User, "alice", None, Some(policy));
    let alice = world.session(Sort::User, "alice");
    world.set("a", &says("Allow", "*", "secret:GetValue"));
    let decided = world.decided(&alice, Action::GET_VALUE, &place("a"));
    assert_eq!(decided, Err(Why::Missing(Layer::Boundary)));
    world.set("a", &says("Allow", "user:alice", "secret:GetValue"));
    assert!(world.may(&alice, Action::GET_VALUE, "a"));
}

#[test]
fn who_is_made_under_the_name_of_somebody_before_is_not_whom_a_policy_means() {
    let mut world = World::new();
    world.put("a", "1");
    world.put("b", "1");
    let id = world.principal(PrincipalKind::User, "alice", None);
    world.set("a", &says("Allow", "user:alice", "secret:GetValue"));
    world.set("b", &says("Deny", "user:alice", "secret:GetValue"));
    assert!(world.shown("a").unwrap().contains("user:alice"));
    world.forget("alice", id);
    let shown = world.shown("a").unwrap();
    assert!(
        shown.contains(&format!("user:#{id}")) && !shown.contains("alice"),
        "{shown}"
    );
    let alice = world.user("alice", None);
    assert!(!world.may(&alice, Action::GET_VALUE, "a"));
    let again = world.user("alice2", Some(READS));
    assert!(world.may(&again, Action::GET_VALUE, "b"));
    // Bound again by who puts it again, and only then.
    world.set("a", &says("Allow", "user:alice", "secret:GetValue"));
    assert!(world.may(&alice, Action::GET_VALUE, "a"));
}

#[test]
fn a_policy_asks_for_the_tags_of_its_secret() {
    let mut world = World::new();
    world
        .put_with(
            "a",
            &Put {
                fields: fields(&[("value", "1")]),
                tags: tags(&[("team", "red")]),
                ..Put::default()
            },
        )
        .unwrap();
    let alice = world.user("alice", None);
    let tagged = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Vault": "user:alice"},
        "Action": "secret:GetValue", "Condition": {"StringEquals": {"vault:ResourceTag/team": "red"}}}}"#;
    world.set("a", tagged);
    let decide = |world: &mut World, known: &BTreeMap<TagKey, TagValue>| {
        world
            .evaluate(|tx| {
                let caller = access::authenticate(tx, &alice, &Origin::local()).unwrap();
                assert!(caller.asks_resource_tags());
                let facts = Facts {
                    resource_tags: known,
                    ..Facts::default()
                };
                caller
                    .decide(Action::GET_VALUE, &place("a"), &facts)
                    .is_ok()
            })
            .0
    };
    assert!(decide(&mut world, &tags(&[("team", "red")])));
    assert!(!decide(&mut world, &tags(&[("team", "blue")])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_somebody_can_do_under_policies_of_resources_is_what_his_request_comes_to(
        policies in proptest::collection::vec(
            (
                proptest::sample::select(vec!["/", "a/", "a/b/", "a/b/c", "a/d"]),
                any::<bool>(),
                proptest::sample::select(vec!["*", "user:alice", "user:bob", "role:r"]),
                proptest::sample::select(vec!["*", "secret:*", "secret:Get*", "secret:Delete"]),
            ),
            1..5,
        ),
        own in proptest::option::of(proptest::sample::select(vec![ALL, READS])),
    ) {
        let mut world = World::new();
        for path in ["a/b/c", "a/d", "e"] {
            world.put(path, "1");
        }
        let alice = world.user("alice", own);
        world.user("bob", None);
        world.principal(PrincipalKind::Role, "r", None);
        let mut set = BTreeMap::new();
        for (text, allows, whom, action) in policies {
            let effect = if allows { "Allow" } else { "Deny" };
            world.set(text, &says(effect, whom, action));
            set.insert(text, (allows, whom, action));
        }
        for action in [Action::GET_VALUE, Action::DELETE, Action::LIST, Action::USER_CREATE] {
            for text in ["a/b/c", "a/d", "e", "a/b/new", "/", "a/", "e/"] {
                let resource = place(text);
                let found = world.decided(&alice, action, &resource);
                let absent = world.evaluate(|tx| {
                    let absent = Absent::of(tx, (Sort::User, "alice"), &Origin::local()).unwrap();
                    absent.unwrap().decide(action, &resource, &Facts::default())
                }).0;
                prop_assert_eq!(&absent, &found);
                // What a few lines say, which know neither patterns nor layers.
                let covers = |place: &str| place == "/" || text == place || place.ends_with('/') && text.starts_with(place);
                let below = |place: &str| text.ends_with('/') && action != Action::LIST && (text == "/" || place.starts_with(text));
                let means = |(_, whom, what): &(bool, &str, &str)| {
                    let acts = *what == "*" || *what == "secret:*" && action.name().starts_with("secret:")
                        || *what == "secret:Get*" && action == Action::GET_VALUE
                        || *what == "secret:Delete" && action == Action::DELETE;
                    acts && matches!(*whom, "*" | "user:alice")
                };
                let denied = set.iter().any(|(place, said)| (covers(place) || below(place)) && !said.0 && means(said));
                let allowed = set.iter().any(|(place, said)| covers(place) && said.0 && means(said));
                let own = own == Some(ALL) || own == Some(READS) && action == Action::GET_VALUE;
                prop_assert_eq!(found.is_ok(), !denied && (allowed || own), "{} on {}: {:?}", action, text, set);
            }
        }
    }
}
