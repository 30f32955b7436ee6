//! Whose credentials are handed over to whom, where policies of secrets and folders allow something.

use super::*;
use crate::access::{
    StoredPolicy,
    policy::Kind as PolicyKind,
    principal::bind,
    resource_policy::{Holder, ResourcePolicy},
};

const HELPS: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["user:*", "role:*", "service:*"], "Resource": "*"},
    {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:team/*"}]}"#;

fn says(principal: &str, rest: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "secret:GetValue", {principal}{rest}}}}}"#
    )
}

impl World {
    /// What the secrets engine would store.
    fn place(&mut self, number: u64, place: &str, text: &str) {
        self.store
            .write(|tx| {
                let (parsed, _) =
                    access::policy::Document::parse(text, PolicyKind::Resource).unwrap();
                let bound = bind(tx, parsed).unwrap();
                let policy = ResourcePolicy {
                    place: place.to_owned(),
                    policy: StoredPolicy::bound(&format!("#{number}"), bound),
                    updated_at: 0,
                    deleted: false,
                };
                tx.put(Holder::Folder(number).key(), &policy)
            })
            .unwrap();
    }

    fn reset(&mut self, token: &TokenHash, name: &str) -> Result<(), Refusal> {
        let act = |tx: &mut Tx<'_>, caller: &Caller, _: &Grant, proofs: &mut Proofs| {
            hand_over(tx, caller, proofs, (Sort::User, name))
        };
        self.act(token, Action::USER_UPDATE, &user(name), act)
    }

    fn newcomer(&mut self, token: &TokenHash, name: &str) -> Result<u64, Refusal> {
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            create(tx, caller, grant, proofs, &New::default())
        };
        self.act(token, Action::USER_CREATE, &user(name), act)
    }
}

#[track_caller]
fn beyond<R: std::fmt::Debug>(result: Result<R, Refusal>) {
    let refusal = result.unwrap_err();
    assert!(
        matches!(refusal, Refusal::Exceeds(Exceeds::Beyond(_))),
        "{refusal}"
    );
}

#[test]
fn whom_a_policy_of_a_resource_names_is_handed_over_only_by_who_may_do_the_same() {
    let mut world = World::new();
    let help = world.user_with("help", HELPS);
    for name in ["bob", "carol", "dave"] {
        world.create(&user(name));
    }
    let bob = r#""Principal": {"Vault": "user:bob"}"#;
    world.place(1, "secret:team/a/", &says(bob, ""));
    world.reset(&help, "bob").unwrap();
    world.place(1, "secret:team", &says(bob, ""));
    beyond(world.reset(&help, "bob"));
    world.reset(&help, "carol").unwrap();
    let but = r#""NotPrincipal": {"Vault": "user:bob"}"#;
    world.place(1, "secret:other/", &says(but, ""));
    beyond(world.reset(&help, "carol"));
    beyond(world.newcomer(&help, "erin"));
    world.place(1, "secret:team/", &says(but, ""));
    world.reset(&help, "carol").unwrap();
    world.newcomer(&help, "erin").unwrap();
    // By a role that lets him in.
    let new = New {
        trust: Some(assuming::trust("user:dave", "role:Assume")),
        ..New::default()
    };
    world.create_as(&role("step"), &new).unwrap();
    let step = r#""Principal": {"Vault": "session:step/x"}"#;
    world.place(1, "secret:other/", &says(step, ""));
    world.reset(&help, "carol").unwrap();
    beyond(world.reset(&help, "dave"));
    let root = world.root;
    world.reset(&root, "dave").unwrap();
}

#[test]
fn what_everybody_may_is_handed_out_by_nobody_but_who_may_not() {
    let mut world = World::new();
    let help = world.user_with("help", HELPS);
    world.create(&user("bob"));
    let anyone = r#""Principal": "*""#;
    world.place(1, "secret:public/", &says(anyone, ""));
    world.reset(&help, "bob").unwrap();
    world.newcomer(&help, "frank").unwrap();
    // To everybody who is called so.
    let called = r#", "Condition": {"StringEquals": {"vault:PrincipalName": "gail"}}"#;
    world.place(1, "secret:public/", &says(anyone, called));
    beyond(world.reset(&help, "bob"));
    beyond(world.newcomer(&help, "gail"));
    world.place(1, "secret:public/", &says(anyone, ""));
    let deny = says(r#""Principal": {"Vault": "user:help"}"#, "").replace("Allow", "Deny");
    world.place(2, "secret:public/x/", &deny);
    beyond(world.reset(&help, "bob"));
    let bound = world.user_with("held", &HELPS.replace(
        "\"Statement\": [",
        r#""Statement": [{"Effect": "Deny", "Action": "secret:GetValue", "Resource": "secret:public/*"},"#,
    ));
    world.place(2, "secret:public/x/", &says(anyone, ""));
    beyond(world.reset(&bound, "bob"));
    world.reset(&help, "bob").unwrap();
}
