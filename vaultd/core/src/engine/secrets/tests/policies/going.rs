//! Where policies go with what they are attached to.

use proptest::prelude::*;

use super::*;
use crate::{
    access::resource_policy::{Holder, ResourcePolicy},
    engine::secrets::model::Head,
    record::{Key, Kind, RecordError, Write},
};

/// Every policy that is stored, with the id of what it is attached to.
fn stored(world: &mut World) -> Vec<(Holder, ResourcePolicy)> {
    let all = Key::new(Kind::ResourcePolicy, &[]);
    let found = world
        .evaluate(|tx| tx.see_all::<ResourcePolicy>(&all).unwrap())
        .0;
    let found = found.into_iter().map(|(key, policy)| {
        let (sort, id) = key.ids().split_first().unwrap();
        let id = u64::from_be_bytes(id.try_into().unwrap());
        let holder = match sort {
            1 => Holder::Secret(id),
            _ => Holder::Folder(id),
        };
        (holder, (*policy).clone())
    });
    found.collect()
}

#[test]
fn a_policy_goes_with_its_secret_and_not_with_its_path() {
    let mut world = World::new();
    world.put("a/b", "1");
    let alice = world.user("alice", Some(READS));
    world.set("a/b", &says("Deny", "user:alice", "secret:GetValue"));
    world.move_secret("a/b", "x/y").unwrap();
    assert!(!world.may(&alice, Action::GET_VALUE, "x/y"));
    assert!(world.may(&alice, Action::GET_VALUE, "a/b"));
    world.put("a/b", "2");
    assert!(world.may(&alice, Action::GET_VALUE, "a/b"));
    world.copy("x/y", "z", false).unwrap();
    assert!(world.may(&alice, Action::GET_VALUE, "z"));
}

#[test]
fn in_the_trash_a_policy_keeps_from_restoring_and_comes_back_with_its_secret() {
    let mut world = World::new();
    world.put("a", "1");
    let alice = world.user("alice", Some(ALL));
    world.set(
        "a",
        &says("Deny", "user:alice", "secret:[GR]*").replace("[GR]*", "Restore"),
    );
    world.delete("a", None).unwrap();
    assert!(!world.may(&alice, Action::RESTORE, "a"));
    assert!(world.may(&alice, Action::DESTROY, "a"));
    assert!(world.may(&alice, Action::PUT_VALUE, "a"));
    // Another secret of that path has no policy, and is not freed of this one.
    let second = world.put("a", "2");
    assert_eq!(second.version, 1);
    assert!(matches!(world.shown("a"), Err(Refusal::PolicyNotFound)));
    assert!(!world.may(&alice, Action::RESTORE, "a"));
    world.delete("a", Some(0)).unwrap();
    world.restore("a", None, Some("b")).unwrap();
    assert!(world.shown("b").unwrap().contains("Restore"));
    assert!(!world.may(&alice, Action::RESTORE, "b"));
    assert!(world.may(&alice, Action::RESTORE, "a"));
}

#[test]
fn what_a_deleted_secret_allowed_is_of_no_other_of_its_path() {
    let mut world = World::new();
    world.put("a", "1");
    let alice = world.user("alice", None);
    world.set("a", &says("Allow", "user:alice", "secret:*"));
    world.delete("a", None).unwrap();
    for action in [
        Action::RESTORE,
        Action::DESTROY,
        Action::GET_VALUE,
        Action::PUT_VALUE,
    ] {
        assert!(!world.may(&alice, action, "a"), "{action}");
    }
    world.restore("a", None, None).unwrap();
    assert!(world.may(&alice, Action::GET_VALUE, "a"));
}

#[test]
fn with_its_last_version_a_policy_is_gone() {
    let mut world = World::new();
    for window in [Some(0), Some(DAY)] {
        world.put_each("a", 0..3);
        world.set("a", &says("Deny", "*", "secret:GetValue"));
        assert_eq!(stored(&mut world).len(), 1);
        world.delete("a", window).unwrap();
        world.now += 2 * DAY;
        world.sweep();
        assert_eq!(stored(&mut world).len(), 0);
    }
    world.put("a", "1");
    world.set("a", &says("Deny", "*", "secret:GetValue"));
    let id = world.delete("a", None).unwrap().id;
    let grant = world.on(Action::DESTROY, "a");
    world.run(|tx| destroy(tx, &grant, None, id)).unwrap();
    assert_eq!(stored(&mut world).len(), 0);
}

/// Makes every policy that is stored one that does not open.
fn damage(world: &mut World) {
    let stored = world.state.records();
    let damaged = stored.filter(|(key, _)| key.kind_byte() == Kind::ResourcePolicy as u8);
    let damaged = damaged.map(|(key, record)| {
        let mut bytes = record.sealed.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        Write::Put(key.clone(), bytes.into())
    });
    let transaction = Transaction {
        checks: Vec::new(),
        writes: damaged.collect(),
    };
    world.sequence += 1;
    let revision = Revision {
        term: 1,
        sequence: world.sequence,
    };
    assert!(world.state.apply(revision, &transaction));
}

#[test]
fn a_policy_in_the_trash_that_does_not_open_goes_with_its_secret_and_holds_up_no_other() {
    for swept in [false, true] {
        let mut world = World::new();
        let alice = world.user("alice", Some(ALL));
        world.put("a", "1");
        world.set("a", &says("Deny", "*", "secret:GetValue"));
        let id = world.delete("a", None).unwrap().id;
        damage(&mut world);
        let asked = |tx: &mut Tx<'_>| access::authenticate(tx, &alice, &Origin::local()).map(drop);
        assert!(world.evaluate(asked).0.is_err(), "it may deny him anything");
        // Nothing but its end takes it away: it may deny who restores.
        let refused = world.restore("a", None, None).unwrap_err();
        assert!(
            matches!(&refused, Refusal::Record(RecordError::Open(_))),
            "{refused}"
        );
        world.put("b", "1");
        world.now += DAY;
        world.delete("b", None).unwrap();
        if swept {
            world.now += 40 * DAY;
            world.sweep();
            assert_eq!(world.deleted("").len(), 0);
        } else {
            let grant = world.on(Action::DESTROY, "a");
            world.run(|tx| destroy(tx, &grant, None, id)).unwrap();
        }
        assert_eq!(stored(&mut world).len(), 0);
        let alice = world.session(Sort::User, "alice");
        assert!(world.may(&alice, Action::GET_VALUE, "c"));
    }
}

#[test]
fn a_folder_stays_for_its_policy_and_goes_with_it() {
    let mut world = World::new();
    let before = world.records();
    world.put("a/b/c", "1");
    let alice = world.user("alice", Some(ALL));
    let made = world.records();
    world.set("a/b/", &says("Deny", "user:alice", "secret:GetValue"));
    world.delete("a/b/c", Some(0)).unwrap();
    world.sweep();
    assert_eq!(world.list_all("a"), Vec::<String>::new());
    assert_eq!(world.list("a"), ["a/b/"]);
    world.put("a/b/c", "2");
    assert!(!world.may(&alice, Action::GET_VALUE, "a/b/c"));
    world.delete("a/b/c", Some(0)).unwrap();
    // Another text of it counts once.
    world.set("a/b/", &says("Deny", "user:alice", "secret:*"));
    world.take("a/b/").unwrap();
    assert!(matches!(world.take("a/b/"), Err(Refusal::FolderNotFound)));
    world.sweep();
    assert!(world.records() < made && world.records() > before);
    assert_eq!(world.list(""), Vec::<String>::new());
}

#[test]
fn a_folder_takes_its_policies_along_with_those_below() {
    let mut world = World::new();
    for path in ["a/b/c", "a/d", "ab/e"] {
        world.put(path, "1");
    }
    let alice = world.user("alice", Some(READS));
    world.set("a/", &says("Allow", "user:alice", "secret:Describe"));
    world.set("a/b/c", &says("Deny", "user:alice", "secret:GetValue"));
    world.set("ab/", &says("Allow", "user:alice", "secret:List"));
    world.move_folder("a", "x/y").unwrap();
    assert!(world.may(&alice, Action::DESCRIBE, "x/y/d"));
    assert!(!world.may(&alice, Action::DESCRIBE, "a/d"));
    assert!(!world.may(&alice, Action::GET_VALUE, "x/y/b/c"));
    assert!(world.may(&alice, Action::GET_VALUE, "a/b/c"));
    assert!(world.may(&alice, Action::LIST, "ab/"));
}

#[test]
fn what_names_paths_is_not_moved_from_them() {
    let mut world = World::new();
    for path in ["a/b", "a/c", "d/e"] {
        world.put(path, "1");
    }
    let named = |resource: &str| {
        let text = says("Deny", "*", "secret:GetValue");
        text.replace("}}", &format!(r#", "Resource": "{resource}"}}}}"#))
    };
    world.set("a/b", &named("secret:a/b"));
    world.set("d/", &named("secret:d/*"));
    for refused in [
        world.move_secret("a/b", "x").unwrap_err(),
        world.move_folder("a", "x").unwrap_err(),
        world.move_folder("d", "x").unwrap_err(),
    ] {
        assert!(matches!(refused, Refusal::PolicyNamesPaths(_)), "{refused}");
    }
    world.move_secret("a/c", "x").unwrap();
    world.move_secret("d/e", "y").unwrap();
    world.delete("a/b", None).unwrap();
    let refused = world.restore("a/b", None, Some("z")).unwrap_err();
    assert!(matches!(refused, Refusal::PolicyNamesPaths(_)), "{refused}");
    world.restore("a/b", None, None).unwrap();
    world.set("a/b", &named("*"));
    world.move_secret("a/b", "z").unwrap();
}

#[test]
fn more_policies_than_one_change_takes_are_not_moved_at_once() {
    let mut world = World::new();
    let policy = says("Allow", "*", "secret:Describe");
    for number in 0..65 {
        world.put(&format!("a/{number}"), "1");
        world.set(&format!("a/{number}"), &policy);
    }
    assert!(matches!(
        world.move_folder("a", "b"),
        Err(Refusal::TooLarge(_))
    ));
    world.take("a/0").unwrap();
    world.move_folder("a", "b").unwrap();
    // As many as there are of them, with every secret of a folder.
    let grant = world.below(Action::DELETE, "b");
    let request = Delete::default();
    let mut deleted = 0;
    loop {
        let reply = world
            .run(|tx| delete_folder(tx, &grant, None, &request))
            .unwrap();
        deleted += reply.deleted.len();
        if !reply.more {
            break;
        }
    }
    assert_eq!(deleted, 65);
    assert!(stored(&mut world).iter().all(|(_, policy)| policy.deleted));
}

const PATHS: [&str; 6] = ["a", "a/b", "a/b/c", "e", "e/a", "e/b/c"];
const FOLDERS: [&str; 6] = ["", "a", "a/b", "e", "x", "x/y"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_policy_says_where_what_it_is_attached_to_lies(
        steps in proptest::collection::vec((0..9_usize, 0..6_usize, 0..6_usize), 1..40),
    ) {
        let mut world = World::new();
        let policy = says("Deny", "*", "secret:GetValue");
        let token = world.token;
        let mut had = BTreeMap::new();
        for (step, one, other) in steps {
            let (path, to) = (PATHS[one], PATHS[other]);
            let (folder, into) = (FOLDERS[one], FOLDERS[other]);
            let done = match step {
                0 => { world.put(path, "1"); Ok(()) }
                1 => world.set_as(&token, path, &policy),
                2 => world.set_as(&token, &format!("{folder}/"), &policy),
                3 => world.take(path),
                4 => world.take(&format!("{folder}/")),
                5 => world.move_secret(path, to),
                6 => world.move_folder(folder, into),
                7 => world.delete(path, (other > 3).then_some(0)).map(drop),
                _ => world.restore(path, None, (other > 2).then_some(to)).map(drop),
            };
            drop(done);
            let mut now = BTreeMap::new();
            for (holder, policy) in stored(&mut world) {
                let place = policy.place.strip_prefix("secret:").unwrap();
                let (id, expected) = match holder {
                    Holder::Folder(id) => {
                        let path = FolderPath::try_from(place.trim_end_matches('/')).unwrap();
                        (id, world.evaluate(|tx| tree::folder(tx, &path).unwrap()).0)
                    }
                    Holder::Secret(id) if policy.deleted => {
                        let deleted = world.deleted("");
                        (id, deleted.iter().find(|found| found.id == id && found.path == place).map(|found| found.id))
                    }
                    Holder::Secret(id) => {
                        let found = world.evaluate(|tx| tree::seen(tx, &at(place)).unwrap()).0;
                        (id, found.map(|(id, _)| id))
                    }
                };
                prop_assert_eq!(expected, Some(id), "{}", place);
                now.insert(holder.key(), holder);
            }
            // None is lost but by being taken away, or with its secret.
            for (key, holder) in &had {
                let gone = match holder {
                    Holder::Secret(id) => world.evaluate(|tx| tx.read::<Head>(&Head::key(*id)).unwrap()).0.is_none(),
                    Holder::Folder(_) => false,
                };
                prop_assert!(now.contains_key(key) || gone || step == 3 || step == 4);
            }
            had = now;
        }
    }
}
