//! Proofs for changes: made apart, remembered by what they are about, and by nothing else.

use super::*;

/// Somebody who may attach policies and read all secrets, two policies that lie within that, and whom to give them to.
fn limited() -> (World, TokenHash) {
    let mut world = World::new();
    world.policy("a", &allow("secret:GetValue", "secret:a/*"));
    world.policy("b", &allow("secret:GetValue", "secret:b/*"));
    world.create(&user("bob"));
    let text = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "user:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "*"}]}"#;
    let lead = world.user_with("lead", text);
    (world, lead)
}

fn attach_once(
    world: &mut World,
    token: &TokenHash,
    name: &str,
    proofs: &mut Proofs,
) -> Result<bool, Refusal> {
    world.store.write(|tx| {
        let caller = access::authenticate(tx, token, &Origin::local()).unwrap();
        let grant = access::authorise(&caller, Action::USER_ATTACH, user("bob")).unwrap();
        attach(tx, &caller, &grant, proofs, &policy(name))
    })
}

fn is_unproven(done: &Result<bool, Refusal>) -> bool {
    matches!(done, Err(Refusal::Exceeds(Exceeds::Unproven)))
}

#[test]
fn what_another_evaluation_wanted_does_not_stand_in_the_way_of_what_was_proved() {
    let (mut world, lead) = limited();
    let mut proofs = Proofs::default();
    assert!(is_unproven(&attach_once(
        &mut world,
        &lead,
        "a",
        &mut proofs
    )));
    assert!(proofs.prove(&|| false));
    assert!(is_unproven(&attach_once(
        &mut world,
        &lead,
        "b",
        &mut proofs
    )));
    assert!(attach_once(&mut world, &lead, "a", &mut proofs).unwrap());
}

#[test]
fn what_is_wanted_twice_is_proved_once_and_what_is_known_never_again() {
    let (mut world, lead) = limited();
    let mut proofs = Proofs::default();
    for _ in 0..3 {
        assert!(is_unproven(&attach_once(
            &mut world,
            &lead,
            "a",
            &mut proofs
        )));
    }
    assert_eq!(format!("{proofs:?}").matches("Claim").count(), 1);
    assert!(proofs.prove(&|| false));
    assert!(!proofs.prove(&|| false));
    assert!(attach_once(&mut world, &lead, "a", &mut proofs).unwrap());
    assert!(!proofs.wants());
}

#[test]
fn what_is_stopped_stays_to_be_proved_and_is_taken_for_nothing() {
    let (mut world, lead) = limited();
    let mut proofs = Proofs::default();
    assert!(is_unproven(&attach_once(
        &mut world,
        &lead,
        "a",
        &mut proofs
    )));
    assert!(!proofs.prove(&|| true));
    assert!(proofs.wants());
    assert!(is_unproven(&attach_once(
        &mut world,
        &lead,
        "a",
        &mut proofs
    )));
    assert!(proofs.prove(&|| false));
    assert!(!proofs.wants());
    assert!(attach_once(&mut world, &lead, "a", &mut proofs).unwrap());
}

/// Reads secrets with a tag of that key, which the request or the resource has.
fn of_tag(key: &str, team: &str) -> String {
    let condition = format!(r#"{{"StringEquals": {{"vault:{key}/{team}": "yes"}}}}"#);
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [
        {{"Effect": "Allow", "Action": "user:*", "Resource": "*"}},
        {{"Effect": "Allow", "Action": "secret:GetValue", "Resource": "*", "Condition": {condition}}}]}}"#
    )
}

#[test]
fn what_was_proved_of_one_tag_says_nothing_of_another() {
    for key in ["ResourceTag", "RequestTag"] {
        let mut world = World::new();
        world.policy("p", &of_tag(key, "mine"));
        world.create(&user("bob"));
        let lead = world.user_with("lead", &of_tag(key, "mine"));
        let mut proofs = Proofs::default();
        assert!(is_unproven(&attach_once(
            &mut world,
            &lead,
            "p",
            &mut proofs
        )));
        assert!(proofs.prove(&|| false));
        // Its text changes between the proof and the write.
        let root = world.root;
        let other = PolicyChange::Text(of_tag(key, "theirs"));
        let managed = Resource::Policy(policy("p"));
        world
            .act(
                &root,
                Action::POLICY_UPDATE,
                &managed,
                |tx, by, grant, p| update_policy(tx, by, grant, p, &other),
            )
            .unwrap();
        let attached = attach_once(&mut world, &lead, "p", &mut proofs);
        assert!(is_unproven(&attached), "{attached:?}");
        assert!(proofs.prove(&|| false));
        let attached = attach_once(&mut world, &lead, "p", &mut proofs);
        assert!(matches!(
            attached,
            Err(Refusal::Exceeds(Exceeds::Beyond(_)))
        ));
    }
}

#[test]
fn each_policy_of_whoever_is_handed_over_is_proved_though_they_differ_by_a_tag_only() {
    let mut world = World::new();
    let lead = world.user_with("lead", &of_tag("ResourceTag", "a"));
    world.create(&user("bob"));
    let root = world.root;
    let hand = |tx: &mut Tx<'_>, caller: &Caller, _: &Grant, proofs: &mut Proofs| {
        hand_over(tx, caller, proofs, (Sort::User, "bob"))
    };
    let mut handed = Vec::new();
    // What lies within the caller's rights is looked at first.
    for team in ["a", "b"] {
        world.policy(team, &of_tag("ResourceTag", team));
        world.attach_as(&root, &user("bob"), team).unwrap();
        handed.push(world.act(&lead, Action::USER_UPDATE, &user("bob"), hand));
    }
    assert!(matches!(
        &*handed,
        [Ok(()), Err(Refusal::Exceeds(Exceeds::Beyond(_)))]
    ));
}
