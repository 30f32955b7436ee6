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
    assert_eq!(format!("{proofs:?}").matches("Wanted").count(), 1);
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
