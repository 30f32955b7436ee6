//! Whose credentials are handed over: what he may come to do counts, and whatever it is for whoever calls.

use super::{
    assuming::{tags, trust},
    *,
};

const HELPS: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["user:*", "role:*", "service:*"], "Resource": "*"},
    {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:team/*"}]}"#;

#[track_caller]
fn beyond<R: std::fmt::Debug>(result: Result<R, Refusal>) {
    let refusal = result.unwrap_err();
    assert!(
        matches!(refusal, Refusal::Exceeds(Exceeds::Beyond(_))),
        "{refusal}"
    );
}

impl World {
    fn hand(&mut self, token: &TokenHash, name: &str) -> Result<(), Refusal> {
        let act = |tx: &mut Tx<'_>, caller: &Caller, _: &Grant, proofs: &mut Proofs| {
            hand_over(tx, caller, proofs, (Sort::User, name))
        };
        self.act(token, Action::USER_UPDATE, &user(name), act)
    }

    fn change(&mut self, token: &TokenHash, of: &Resource, change: &Change) -> Result<(), Refusal> {
        let (sort, _) = of.named().unwrap();
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            update(tx, caller, grant, proofs, change)
        };
        self.act(token, Action::update(sort), of, act)
    }

    fn make(&mut self, token: &TokenHash, of: &Resource, new: &New) -> Result<u64, Refusal> {
        let (sort, _) = of.named().unwrap();
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            create(tx, caller, grant, proofs, new)
        };
        self.act(token, Action::create(sort), of, act)
    }

    fn unlock(&mut self, token: &TokenHash, name: &str) -> Result<(), Refusal> {
        self.act(token, Action::USER_UNLOCK, &user(name), unlock)
    }

    fn role(&mut self, name: &str, trust: String) {
        let new = New {
            trust: Some(trust),
            ..New::default()
        };
        self.create_as(&role(name), &new).unwrap();
    }

    fn give(&mut self, resource: &Resource, text: &str) {
        let root = self.root;
        let (sort, _) = resource.named().unwrap();
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            put_inline(tx, caller, grant, proofs, (&policy("own"), text))
        };
        self.act(&root, Action::attach(sort), resource, act)
            .unwrap();
    }
}

#[test]
fn who_may_assume_a_role_is_handed_over_only_by_who_may_do_what_that_may() {
    let mut world = World::new();
    let help = world.user_with("help", HELPS);
    for name in ["bob", "carol", "dave"] {
        world.create(&user(name));
    }
    world.role("admin", trust("user:bob", "role:Assume"));
    world.give(&role("admin"), &allow("*", "*"));
    beyond(world.hand(&help, "bob"));
    world.hand(&help, "carol").unwrap();
    // From role to role, and by an Allow that would hold under conditions only.
    world.role("step", trust("user:carol", "*"));
    let chained = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "role:Assume",
        "Principal": {"Vault": "role:step"}, "Condition": {"Bool": {"vault:MultiFactorAuthPresent": "true"}}}}"#;
    world.role("second", chained.to_owned());
    world.hand(&help, "carol").unwrap();
    world.give(&role("second"), &allow("system:Seal", "*"));
    beyond(world.hand(&help, "carol"));
    beyond(world.unlock(&help, "carol"));
    world.hand(&help, "dave").unwrap();
    world.unlock(&help, "dave").unwrap();
    // What a role may that trusts him counts as far as the caller has it too.
    world.role("reads", trust("user:dave", "role:Assume"));
    world.give(&role("reads"), &allow("secret:GetValue", "secret:team/a"));
    world.hand(&help, "dave").unwrap();
    world.role("all", trust("*", "role:Assume"));
    world.give(&role("all"), &allow("secret:GetValue", "secret:b"));
    beyond(world.hand(&help, "dave"));
    let root = world.root;
    world.hand(&root, "bob").unwrap();
}

#[test]
fn a_role_that_another_one_trusts_is_opened_only_by_who_may_do_what_that_may() {
    let mut world = World::new();
    let help = world.user_with("help", HELPS);
    world.role("low", trust("user:help", "role:Describe"));
    world.role("admin", trust("role:low", "role:Assume"));
    world.give(&role("admin"), &allow("*", "*"));
    let open = Change {
        trust: Some(trust("user:help", "role:Assume")),
        ..Change::default()
    };
    beyond(world.change(&help, &role("low"), &open));
    let longer = Change {
        longest_session: Some(12 * 3_600_000),
        ..Change::default()
    };
    beyond(world.change(&help, &role("low"), &longer));
    world.create(&user("bob"));
    world.role("boss", trust("user:bob", "role:Assume"));
    world.give(&role("boss"), &allow("*", "*"));
    let [disable, enable] = [true, false].map(|disabled| Change {
        disabled: Some(disabled),
        ..Change::default()
    });
    world.change(&help, &user("bob"), &disable).unwrap();
    beyond(world.change(&help, &user("bob"), &enable));
    let root = world.root;
    world.change(&root, &user("bob"), &enable).unwrap();
    world.change(&root, &role("low"), &open).unwrap();
}

#[test]
fn nobody_is_made_whom_a_role_trusts_because_it_does_not_know_him() {
    let mut world = World::new();
    let help = world.user_with("help", HELPS);
    let all_but = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "role:Assume",
        "NotPrincipal": {"Vault": "user:help"}}}"#;
    world.role("admin", all_but.to_owned());
    world.make(&help, &user("before"), &New::default()).unwrap();
    world.give(&role("admin"), &allow("*", "*"));
    beyond(world.make(&help, &user("x"), &New::default()));
    beyond(world.make(&help, &service("x"), &New::default()));
    let new = New {
        trust: Some(trust("user:help", "role:Assume")),
        ..New::default()
    };
    beyond(world.make(&help, &role("x"), &new));
    beyond(world.hand(&help, "before"));
}

#[test]
fn no_role_is_made_that_another_may_trust_under_a_condition_or_but_for_a_deny() {
    let allowed = |rest: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Action": "role:Assume", "Principal": "*"{rest}]}}"#
        )
    };
    let on = |condition: &str| allowed(&format!(r#", "Condition": {condition}}}"#));
    let all_but_mallory =
        r#"}, {"Effect": "Deny", "Action": "role:Assume", "Principal": {"Vault": "user:mallory"}}"#;
    let trusting = [
        on(r#"{"StringEquals": {"vault:PrincipalTag/team": "admins"}}"#),
        on(r#"{"StringLike": {"vault:PrincipalName": "ops-*"}}"#),
        on(r#"{"StringEquals": {"vault:PrincipalType": "Role"}}"#),
        allowed(all_but_mallory),
        allowed("}"),
    ];
    for text in trusting {
        let mut world = World::new();
        let creates = allow("role:Create", "*");
        let mallory = world.user_with("mallory", &creates);
        let own = New {
            trust: Some(trust("user:mallory", "*")),
            ..New::default()
        };
        world.make(&mallory, &role("before"), &own).unwrap();
        world.role("admin", text.clone());
        world.make(&mallory, &role("harmless"), &own).unwrap();
        world.give(&role("admin"), &allow("*", "*"));
        beyond(world.make(&mallory, &role("ops-x"), &own));
        let root = world.root;
        world.make(&root, &role("ops-x"), &own).unwrap();
    }
}

/// Whether a refusal says what would be handed out. That it is known, the audit needs.
#[track_caller]
fn told<R: std::fmt::Debug>(refused: Result<R, Refusal>) -> bool {
    let refused = refused.unwrap_err();
    let said = refused.to_string();
    let Refusal::Exceeds(Exceeds::Beyond(beyond)) = refused else {
        panic!("{said}");
    };
    assert_eq!(
        &*beyond.example().unwrap().resource,
        "secret:prod/payments/db"
    );
    assert_eq!(said.contains("payments"), said.contains("GetValue"));
    said.contains("payments")
}

#[test]
fn what_others_may_do_is_told_to_nobody_who_may_not_see_policies() {
    let mut world = World::new();
    let text = |more: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Action": ["user:*", "group:*", "role:*"], "Resource": "*"}}{more}]}}"#
        )
    };
    let one = r#", {"Effect": "Allow", "Action": "policy:Describe", "Resource": "policy:p"}"#;
    let blind = world.user_with("blind", &text(""));
    let seeing = world.user_with("seeing", &text(one));
    let auditor = world.user_with("auditor", &text(&one.replace("policy:p", "*")));
    let theirs = allow("secret:GetValue", "secret:prod/payments/db");
    world.user_with("bob", &theirs);
    world.policy("p", &theirs);
    world.create(&group("g"));
    world.create(&user("carol"));
    let root = world.root;
    world.attach_as(&root, &group("g"), "p").unwrap();
    world.role("reads", trust("user:carol", "role:Assume"));
    world.give(&role("reads"), &theirs);
    let own = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        put_inline(tx, caller, grant, proofs, (&policy("own"), &theirs))
    };
    for (token, managed, others) in [
        (blind, false, false),
        (seeing, true, false),
        (auditor, true, true),
    ] {
        assert_eq!(told(world.hand(&token, "bob")), others);
        assert_eq!(told(world.hand(&token, "carol")), others);
        assert_eq!(told(world.join(&token, ("g", "carol"))), others);
        assert_eq!(told(world.attach_as(&token, &user("carol"), "p")), managed);
        // What is written in this request is no news to whoever wrote it.
        assert!(told(world.act(
            &token,
            Action::USER_ATTACH,
            &user("carol"),
            own
        )));
    }
}

#[test]
fn too_many_roles_take_the_right_to_everything() {
    let mut world = World::new();
    let help = world.user_with("help", HELPS);
    world.create(&user("bob"));
    for n in 0..31 {
        world.role(&format!("r{n}"), trust("user:bob", "role:Assume"));
    }
    world.hand(&help, "bob").unwrap();
    world.role("one-more", trust("user:bob", "role:Assume"));
    beyond(world.hand(&help, "bob"));
    let root = world.root;
    world.hand(&root, "bob").unwrap();
}

#[test]
fn what_is_everybodys_own_is_not_the_same_for_two() {
    let mut world = World::new();
    let statement = |effect: &str, rest: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Action": "user:*", "Resource": "*"}},
            {{"Effect": "{effect}", "Action": "secret:GetValue", {rest}}}]}}"#
        )
    };
    let on = |condition: &str| format!(r#""Resource": "secret:home/*", "Condition": {condition}"#);
    let same = [
        r#""Resource": "secret:home/${vault:PrincipalName}/*""#.to_owned(),
        r#""Resource": "secret:${vault:PrincipalTag/team, 'none'}/*""#.to_owned(),
        r#""NotResource": "secret:home/${vault:PrincipalName}/*""#.to_owned(),
        on(r#"{"StringEquals": {"vault:PrincipalName": ["boss", "bob"]}}"#),
        on(r#"{"StringNotEquals": {"vault:PrincipalTag/team": "help"}}"#),
        on(r#"{"StringEquals": {"vault:PrincipalType": "User"}}"#),
        on(r#"{"StringEquals": {"vault:ResourceTag/owner": "${vault:PrincipalName}"}}"#),
    ];
    for (at, rest) in same.iter().enumerate() {
        let text = statement("Allow", rest);
        let (one, other) = (format!("help{at}"), format!("bob{at}"));
        let help = world.user_with(&one, &text);
        world.user_with(&other, &text);
        beyond(world.hand(&help, &other));
    }
    // A Deny of the caller's own counts as far as it may mean him, one of the other's not at all.
    let all = |rest: &str| {
        let denies = statement("Deny", rest);
        denies.replace(
            r#""Statement": ["#,
            r#""Statement": [{"Effect": "Allow", "Action": "secret:*", "Resource": "*"},"#,
        )
    };
    let rest = r#""Resource": "secret:home/${vault:PrincipalName}/*""#;
    let help = world.user_with("denied", &all(rest));
    world.user_with("as-well", &all(rest));
    beyond(world.hand(&help, "as-well"));
    // What covers every home covers each.
    let all = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "user:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:home/*"}]}"#;
    let keeper = world.user_with("keeper", all);
    world.hand(&keeper, "bob0").unwrap();
    // What is of the request, and of nobody, is the same for two.
    let mfa = statement(
        "Allow",
        &on(r#"{"Bool": {"vault:MultiFactorAuthPresent": "true"}}"#),
    );
    let help = world.user_with("help", &mfa);
    world.user_with("bob", &mfa);
    world.hand(&help, "bob").unwrap();
}

#[test]
fn tags_are_given_and_taken_only_by_who_may_do_everything() {
    let mut world = World::new();
    let help = world.user_with("help", HELPS);
    world.create(&user("bob"));
    let set = Change {
        set_tags: tags(&[("team", "ops")]),
        ..Change::default()
    };
    let remove = Change {
        remove_tags: set.set_tags.keys().cloned().collect(),
        ..Change::default()
    };
    let new = New {
        tags: tags(&[("team", "ops")]),
        ..New::default()
    };
    for who in ["help", "bob"] {
        beyond(world.change(&help, &user(who), &set));
        beyond(world.change(&help, &user(who), &remove));
    }
    beyond(world.make(&help, &user("carol"), &new));
    beyond(world.make(&help, &service("carol"), &new));
    let root = world.root;
    world.change(&root, &user("bob"), &set).unwrap();
    world.make(&root, &user("carol"), &new).unwrap();
}

#[test]
fn nobody_unlocks_himself_however_much_he_may() {
    let mut world = World::new();
    let help = world.user_with("help", &allow("*", "*"));
    let own = world.unlock(&help, "help");
    assert!(matches!(own, Err(Refusal::Invalid(_))), "{own:?}");
    world.role("unlocks", trust("user:help", "role:Assume"));
    world.give(&role("unlocks"), &allow("*", "*"));
    let session = world.assume(&help, "unlocks").unwrap();
    let own = world.unlock(&session, "help");
    assert!(matches!(own, Err(Refusal::Invalid(_))), "{own:?}");
}
