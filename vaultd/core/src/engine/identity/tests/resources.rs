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

/// Manages everybody, and may do everything with secrets but for what a policy there denies him.
const MANAGES: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
    "Action": ["user:*", "role:*", "service:*", "group:*", "secret:*"], "Resource": "*"}}"#;

impl World {
    fn give_as(&mut self, token: &TokenHash, to: &Resource, text: &str) -> Result<(), Refusal> {
        let action = Action::attach(to.named().unwrap().0);
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            put_inline(tx, caller, grant, proofs, (&policy("given"), text))
        };
        self.act(token, action, to, act).map(drop)
    }

    fn hand_service(&mut self, token: &TokenHash, name: &str) -> Result<(), Refusal> {
        let act = |tx: &mut Tx<'_>, caller: &Caller, _: &Grant, proofs: &mut Proofs| {
            hand_over(tx, caller, proofs, (Sort::Service, name))
        };
        self.act(token, Action::SERVICE_ISSUE_SECRET_ID, &service(name), act)
    }
}

#[test]
fn what_a_policy_of_a_resource_denies_somebody_he_gives_to_nobody_else_either() {
    let mut world = World::new();
    let manager = world.user_with("manager", MANAGES);
    let reads = allow("secret:GetValue", "secret:hr/*");
    let elsewhere = allow("secret:GetValue", "secret:team/*");
    world.user_with("reader", &reads);
    for who in [user("y"), service("payroll"), group("hr")] {
        world.create(&who);
    }
    let new = New {
        trust: Some(assuming::trust("user:reader", "role:Assume")),
        ..New::default()
    };
    world.create_as(&role("hr"), &new).unwrap();
    let root = world.root;
    world.give_as(&root, &service("payroll"), &reads).unwrap();
    world.give_as(&root, &group("hr"), &reads).unwrap();
    world.give_as(&root, &role("hr"), &reads).unwrap();
    let opened = |world: &mut World| {
        let trust = assuming::trust("user:y", "role:Assume");
        let change = Change {
            trust: Some(trust),
            ..Change::default()
        };
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            update(tx, caller, grant, proofs, &change)
        };
        world
            .act(&manager, Action::ROLE_UPDATE, &role("hr"), act)
            .map(drop)
    };
    let denies = |rest: &str| {
        says(r#""Principal": {"Vault": "user:manager"}"#, rest).replace("Allow", "Deny")
    };
    let names = r#", "Condition": {"StringLike": {"vault:PrincipalName": "man*"}}"#;
    for (place, text) in [
        ("secret:hr/", denies("")),
        ("secret:", denies("")),
        ("secret:hr/pay/", denies("")),
        ("secret:hr/pay", denies("")),
        ("secret:hr/", denies(r#", "Resource": "secret:hr/pay/*""#)),
        (
            "secret:hr/",
            denies(r#", "NotResource": "secret:hr/pay/*""#),
        ),
        (
            "secret:hr/",
            denies(r#", "Condition": {"Bool": {"vault:MultiFactorAuthPresent": "false"}}"#),
        ),
        (
            "secret:hr/",
            denies(r#", "Resource": "secret:hr/${vault:PrincipalName}""#),
        ),
        (
            "secret:hr/",
            denies("")
                .replace("user:manager", "user:y")
                .replace("Principal", "NotPrincipal"),
        ),
        (
            "secret:hr/",
            denies(names).replace(r#"{"Vault": "user:manager"}"#, "\"*\""),
        ),
    ] {
        world.place(1, place, &text);
        beyond(world.give_as(&manager, &user("y"), &reads));
        beyond(world.reset(&manager, "reader"));
        beyond(world.hand_service(&manager, "payroll"));
        beyond(world.join(&manager, ("hr", "y")));
        beyond(opened(&mut world));
        if place != "secret:" {
            world.give_as(&manager, &user("y"), &elsewhere).unwrap();
            world.reset(&manager, "y").unwrap();
        }
        world.give_as(&root, &user("y"), &elsewhere).unwrap();
    }
    // What is denied everybody alike, or all but him, keeps nothing from him that another would have.
    let other = denies("").replace("user:manager", "user:reader");
    let but = denies("").replace("Principal", "NotPrincipal");
    let all = denies("").replace(r#"{"Vault": "user:manager"}"#, "\"*\"");
    for text in [other, but, all, denies("").replace("GetValue", "Delete")] {
        world.place(1, "secret:hr/", &text);
        world.give_as(&manager, &user("y"), &reads).unwrap();
        world.reset(&manager, "reader").unwrap();
        world.hand_service(&manager, "payroll").unwrap();
    }
    world.join(&manager, ("hr", "y")).unwrap();
    opened(&mut world).unwrap();
}
