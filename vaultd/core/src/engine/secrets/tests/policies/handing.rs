//! Nobody hands out by a policy of a resource what he has not, nor takes a Deny away that he could not have set.

use super::*;

/// Sets policies everywhere, and may read below `team/`.
const SETS: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "secret:*ResourcePolicy", "Resource": "*"},
    {"Effect": "Allow", "Action": ["secret:GetValue", "secret:Move"], "Resource": "secret:team/*"}]}"#;

fn world() -> (World, TokenHash) {
    let mut world = World::new();
    for path in ["team/a", "team/b/c", "team/s*", "other/d"] {
        world.put(path, "1");
    }
    let setter = world.user("setter", Some(SETS));
    world.user("bob", None);
    (world, setter)
}

#[test]
fn who_sets_a_policy_may_do_himself_what_it_allows() {
    let (mut world, setter) = world();
    let reads = says("Allow", "user:bob", "secret:GetValue");
    for good in ["team/a", "team/", "team/b/", "team/s*"] {
        world.set_as(&setter, good, &reads).unwrap();
    }
    for bad in ["other/d", "other/", "/"] {
        beyond(world.set_as(&setter, bad, &reads));
    }
    for action in ["secret:*", "*", "secret:Delete", "secret:D*"] {
        beyond(world.set_as(&setter, "team/a", &says("Allow", "user:bob", action)));
    }
    beyond(world.set_as(&setter, "team/a", &says("Allow", "*", "secret:Delete")));
    let mut not = says("Allow", "user:bob", "secret:GetValue");
    not = not.replace("\"Action\"", "\"NotAction\"");
    beyond(world.set_as(&setter, "team/a", &not));
    // A resource that means more than lies there means what lies there.
    let wide = reads.replace("}}", r#", "Resource": "*"}}"#);
    world.set_as(&setter, "team/b/", &wide).unwrap();
    beyond(world.set_as(&setter, "other/", &wide));
    let but = reads.replace("}}", r#", "NotResource": "secret:team/b/c"}}"#);
    world.set_as(&setter, "team/b/", &but).unwrap();
    let own = reads.replace("}}", r#", "Resource": "secret:${vault:PrincipalName}"}}"#);
    beyond(world.set_as(&setter, "/", &own));
    // A Deny hands nothing out, and one of it does not count for what is handed out to others.
    let both = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Vault": "user:bob"}, "Action": "secret:*"},
        {"Effect": "Deny", "Principal": "*", "NotAction": ["secret:GetValue", "secret:*ResourcePolicy"]}]}"#;
    beyond(world.set_as(&setter, "team/a", both));
    world
        .set_as(&setter, "other/d", &says("Deny", "user:bob", "secret:*"))
        .unwrap();
}

#[test]
fn a_deny_is_taken_away_by_who_has_all_rights() {
    let (mut world, setter) = world();
    let denies = says("Deny", "user:bob", "secret:GetValue");
    world.set_as(&setter, "team/a", &denies).unwrap();
    beyond(world.take_as(&setter, "team/a"));
    beyond(world.set_as(
        &setter,
        "team/a",
        &says("Allow", "user:bob", "secret:GetValue"),
    ));
    beyond(world.set_as(&setter, "team/a", &denies));
    let admin = world.user("admin", Some(ALL));
    world.set_as(&admin, "team/a", &denies).unwrap();
    world.take_as(&admin, "team/a").unwrap();
    world
        .set_as(
            &setter,
            "team/a",
            &says("Allow", "user:bob", "secret:GetValue"),
        )
        .unwrap();
    world.take_as(&setter, "team/a").unwrap();
}

#[test]
fn nobody_keeps_himself_from_taking_his_policy_back() {
    let (mut world, setter) = world();
    let admin = world.user("admin", Some(ALL));
    for text in [
        says("Deny", "*", "*"),
        says("Deny", "user:admin", "secret:Delete*"),
        says("Deny", "user:admin", "secret:PutResourcePolicy"),
        says("Deny", "user:bob", "*").replace("Principal", "NotPrincipal"),
    ] {
        for at in ["team/a", "team/", "/"] {
            let refused = world.set_as(&admin, at, &text);
            assert!(matches!(refused, Err(Refusal::LocksOut)), "{at}: {text}");
        }
    }
    world
        .set_as(&admin, "team/a", &says("Deny", "user:setter", "*"))
        .unwrap();
    assert!(!world.may(&setter, Action::PUT_RESOURCE_POLICY, "team/a"));
    assert!(!world.may(&setter, Action::PUT_RESOURCE_POLICY, "team/"));
    // Who may set and never could take away loses nothing.
    let puts = ALL.replace(
        "\"*\", \"Resource\"",
        "\"secret:PutResourcePolicy\", \"Resource\"",
    );
    let puts = world.user("puts", Some(&puts));
    world
        .set_as(&puts, "other/d", &says("Deny", "user:bob", "*"))
        .unwrap();
    // The root identity is bound by none, so it may.
    world.set("/", &says("Deny", "*", "*"));
    assert!(!world.may(&admin, Action::DELETE_RESOURCE_POLICY, "/"));
    world.take("/").unwrap();
}

#[test]
fn who_is_denied_something_by_a_policy_there_hands_it_to_nobody() {
    let (mut world, setter) = world();
    let reads = says("Allow", "user:bob", "secret:GetValue");
    world.set("team/", &says("Deny", "user:setter", "secret:Get*ue"));
    beyond(world.set_as(&setter, "team/a", &reads));
    world.set("team/", &says("Deny", "*", "secret:Delete"));
    world.set_as(&setter, "team/a", &reads).unwrap();
    // A name that begins alike is not below.
    world.put("team/ab", "1");
    world.set("team/ab", &says("Deny", "user:setter", "secret:GetValue"));
    world.set_as(&setter, "team/a", &reads).unwrap();
    world.take("team/ab").unwrap();
    world.set(
        "team/b/c",
        &says("Deny", "user:bob", "secret:GetValue").replace("Principal", "NotPrincipal"),
    );
    beyond(world.set_as(&setter, "team/b/", &reads));
}

#[test]
fn what_is_moved_is_handed_out_where_it_comes_to() {
    let (mut world, setter) = world();
    world.set("team/b/c", &says("Allow", "user:bob", "secret:*"));
    let mut moved = Moved::Living;
    let carry_to = |world: &mut World, moved: Moved, token: &TokenHash, from: &str, to: &str| {
        let (from, to) = (place(from), place(to));
        let asked = |tx: &mut Tx<'_>, caller: &Caller, _: &Grant, proofs: &mut Proofs| {
            if !carries(caller, moved, &from) {
                return Ok(());
            }
            let grant = access::authorise(caller, Action::PUT_RESOURCE_POLICY, to.clone());
            let grant = grant.map_err(|_| Refusal::Invalid("not granted"))?;
            carry(tx, caller, &grant, proofs, (moved, &from))
        };
        world.act(token, (Action::MOVE, &from), asked)
    };
    beyond(carry_to(&mut world, moved, &setter, "team/b/c", "team/x"));
    beyond(carry_to(&mut world, moved, &setter, "team/b/", "team/x/"));
    carry_to(&mut world, moved, &setter, "team/a", "team/x").unwrap();
    world.set("team/b/c", &says("Allow", "user:bob", "secret:GetValue"));
    carry_to(&mut world, moved, &setter, "team/b/c", "team/x").unwrap();
    beyond(carry_to(&mut world, moved, &setter, "team/b/c", "other/x"));
    let carter = world.user(
        "carter",
        Some(&SETS.replace("secret:*ResourcePolicy", "secret:Describe")),
    );
    let refused = carry_to(&mut world, moved, &carter, "team/b/c", "team/x").unwrap_err();
    assert!(
        matches!(refused, Refusal::Invalid("not granted")),
        "{refused}"
    );
    carry_to(&mut world, moved, &carter, "team/a", "team/x").unwrap();
    // Out of the trash to elsewhere is a move as well.
    world.delete("team/b/c", None).unwrap();
    carry_to(&mut world, moved, &setter, "team/b/c", "other/x").unwrap();
    moved = Moved::Deleted;
    beyond(carry_to(&mut world, moved, &setter, "team/b/c", "other/x"));
}
