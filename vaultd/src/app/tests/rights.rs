//! Whoever has one right of several, through the pipeline: what is told of him, and what is recorded.

use vault_core::access::{Action, Assume, Limits, Resource};
use vault_core::engine::identity::New;
use vault_core::name::{GroupName, PolicyName, UserName};

use super::mfa::user;
use super::operations::watched;
use super::sessions::{assume, login, make_role, page, role};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_can_assume_a_role_is_whom_it_trusts() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    make_role(&world, "first", r#""*""#, r#""secret:*""#).await;
    make_role(&world, "other", r#""*""#, r#""role:Assume""#).await;
    make_role(&world, "second", r#"{"Vault": "role:first"}"#, r#""*""#).await;
    let (first, _) = assume(&world, &world.token, "first", Assume::default())
        .await
        .unwrap();
    let action = Action::ROLE_ASSUME;
    let can = call("Can", Some(&first));
    for (name, good) in [("second", true), ("other", true), ("none", false)] {
        let answer = world.app.can(&can, action, role(name)).await.unwrap();
        assert_eq!(answer.reply.allowed, good, "{name}");
    }
    let asked = call("Simulate", Some(&world.token));
    for (name, good) in [("first", true), ("other", false)] {
        let who = role(name);
        let answer = world.app.simulate(&asked, who, action, role("second"));
        assert_eq!(answer.await.unwrap().reply.allowed, good, "{name}");
    }
    let asked = call("WhoCan", Some(&world.token));
    let about = (action, role("second"));
    let answer = world
        .app
        .who_can(&asked, about, &page("", 100))
        .await
        .unwrap();
    assert_eq!(answer.reply.who, ["role:first"]);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_by_one_of_two_rights_is_not_recorded_as_denied() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let (_, alice) = user(&world).await;
    make_role(&world, "reader", r#""*""#, r#""secret:*""#).await;
    make_role(&world, "ender", r#""*""#, r#""secret:List""#).await;
    for whose in ["user:alice", "role:reader"] {
        let document = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "session:Revoke", "Resource": "{whose}"}}}}"#
        );
        let policy = (PolicyName::try_from("end").unwrap(), document);
        let attach = call("PutInlinePolicy", Some(&world.token));
        let put = world.app.put_inline_policy(&attach, role("ender"), policy);
        put.await.unwrap();
        let made = assume(&world, &alice, "reader", Assume::default()).await;
        let ender = assume(&world, &world.token, "ender", Assume::default()).await;
        let revoke = call("RevokeSession", Some(&ender.unwrap().0));
        let accessor = made.unwrap().1.session.accessor().to_owned();
        let revoked = world.app.revoke_session(&revoke, accessor).await;
        revoked.unwrap();
        let line = fake.lines().pop().unwrap();
        assert_eq!(line["method"], "/vault.v1.Sessions/RevokeSession");
        assert_eq!(line["decision"], "allowed", "{whose}");
    }
    world.app.shut_down().await;
}

/// Who may reset users' passwords and see who they are, and a user who may read a secret.
async fn helper(world: &World) -> TokenText {
    let (_, help) = user(world).await;
    let may = |action: &str, resource: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}}}"#
        )
    };
    let admin = call("CreateIdentity", Some(&world.token));
    let boss = Resource::User(UserName::try_from("boss").unwrap());
    let equal = Resource::User(UserName::try_from("equal").unwrap());
    for who in [&boss, &equal] {
        let made = world
            .app
            .create_identity(&admin, who.clone(), New::default());
        made.await.unwrap();
    }
    let alice = Resource::User(UserName::try_from("alice").unwrap());
    for (who, text) in [
        (alice, may("user:ResetPassword", "*")),
        (boss, may("secret:GetValue", "secret:prod/payments/db")),
    ] {
        let policy = (PolicyName::try_from("own").unwrap(), text);
        let attach = call("PutInlinePolicy", Some(&world.token));
        let put = world.app.put_inline_policy(&attach, who, policy);
        put.await.unwrap();
    }
    help
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_that_come_to_nothing_take_no_place_from_logins() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _) = watched(dir.path()).await;
    let help = helper(&world).await;
    let places = world.app.all_hashing_places();
    let reset = |name: &'static str, ttl| {
        let (world, call) = (&world, call("ResetPassword", Some(&help)));
        let name = UserName::try_from(name).unwrap();
        async move {
            let reset = world.app.reset_password(&call, name, ttl).await;
            reset.map(drop).map_err(|error| error.reason())
        }
    };
    for (name, ttl, reason) in [
        ("nobody-1", None, Reason::IdentityNotFound),
        ("boss", None, Reason::BeyondOwnRights),
        ("alice", None, Reason::RequestInvalid),
        ("equal", Some(1), Reason::RequestInvalid),
        ("equal", None, Reason::Overloaded),
    ] {
        assert_eq!(reset(name, ttl).await, Err(reason), "{name}");
    }
    drop(places);
    reset("equal", None).await.unwrap();
    // Of many at once of one caller only one is made at a time.
    let many = futures::future::join_all((0..8).map(|_| reset("equal", None))).await;
    let made = many.iter().filter(|made| made.is_ok()).count();
    assert!((1..8).contains(&made), "{many:?}");
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_may_do_is_in_the_audit_and_not_in_the_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let help = helper(&world).await;
    let boss = UserName::try_from("boss").unwrap();
    let reset = call("ResetPassword", Some(&help));
    let refused = world.app.reset_password(&reset, boss, None).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.reason(), Reason::BeyondOwnRights);
    let said = format!("{refused} {:?}", refused.facts());
    assert!(
        !said.contains("payments") && !said.contains("GetValue"),
        "{said}"
    );
    let line = fake.lines().pop().unwrap();
    assert_eq!(line["method"], reset.method.path);
    assert_eq!(line["decision"], "denied");
    assert_eq!(line["reason"], "BEYOND_OWN_RIGHTS");
    let by = line["by"].as_str().unwrap();
    assert!(
        by.starts_with("beyond own rights, as secret:GetValue on "),
        "{by}"
    );
    assert!(!by.contains("payments"), "names are blinded: {by}");
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_put_into_a_group_by_who_has_a_right_to_the_group_only() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _) = watched(dir.path()).await;
    let help = helper(&world).await;
    let own = Resource::Group(GroupName::try_from("own").unwrap());
    let create = call("CreateIdentity", Some(&world.token));
    let made = world
        .app
        .create_identity(&create, own.clone(), New::default());
    made.await.unwrap();
    let text = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "group:*", "Resource": "group:own"},
        {"Effect": "Allow", "Action": "group:AddMember", "Resource": "user:equal"}]}"#;
    let alice = Resource::User(UserName::try_from("alice").unwrap());
    let runs = (PolicyName::try_from("runs").unwrap(), text.to_owned());
    let attach = call("PutInlinePolicy", Some(&world.token));
    let put = world.app.put_inline_policy(&attach, alice, runs);
    put.await.unwrap();
    let add = call("AddMember", Some(&help));
    for (name, added) in [("boss", Err(Reason::PolicyDenied)), ("equal", Ok(true))] {
        let member = (UserName::try_from(name).unwrap(), true);
        let answer = world.app.set_member(&add, own.clone(), member).await;
        let answer = answer.map(|answer| answer.reply);
        assert_eq!(answer.map_err(|error| error.reason()), added, "{name}");
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_sessions_goes_on_after_one_that_ended_and_its_cursor_names_none() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    for _ in 0..5 {
        login(&world, &world.token, Limits::default())
            .await
            .unwrap();
    }
    let list = call("ListSessions", Some(&world.token));
    let (first, next) = world
        .app
        .list_sessions(&list, None, &page("", 3))
        .await
        .unwrap()
        .reply;
    assert_eq!(first.len(), 3);
    for one in &first {
        assert!(!next.contains(one.session.accessor()));
        let end = call("RevokeSession", Some(&world.token));
        let accessor = one.session.accessor().to_owned();
        // the initial token is none that ends
        drop(world.app.revoke_session(&end, accessor).await);
    }
    let rest = world.app.list_sessions(&list, None, &page(&next, 10)).await;
    let (rest, end) = rest.unwrap().reply;
    assert_eq!((rest.len(), end.as_str()), (3, ""));
    let (role_token, _) = {
        make_role(&world, "lister", r#""*""#, r#""session:List""#).await;
        let made = assume(&world, &world.token, "lister", Assume::default()).await;
        made.unwrap()
    };
    let foreign = Paging {
        query: [8; 32],
        ..page(&next, 10)
    };
    for (cursor, token) in [
        (foreign, &world.token),
        (page("x", 10), &world.token),
        (page(first[0].session.accessor(), 10), &role_token),
    ] {
        let list = call("ListSessions", Some(token));
        let refused = world.app.list_sessions(&list, None, &cursor).await;
        assert_eq!(refused.unwrap_err().reason(), Reason::CursorInvalid);
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_ask_about_others_learns_of_nobody_whom_he_may_not_see() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    for name in ["r1", "r2", "r3"] {
        make_role(&world, name, r#""*""#, r#""random:Generate""#).await;
    }
    let simulate = r#""policy:Simulate""#;
    make_role(&world, "asker", r#""*""#, simulate).await;
    make_role(
        &world,
        "seer",
        r#""*""#,
        r#"["policy:Simulate", "role:Describe"]"#,
    )
    .await;
    let secret = Resource::Secret(path("db/password"));
    for (asker, known) in [("asker", false), ("seer", true)] {
        let made = assume(&world, &world.token, asker, Assume::default()).await;
        let token = made.unwrap().0;
        let asked = call("Simulate", Some(&token));
        for (action, about) in [
            (Action::GET_VALUE, secret.clone()),
            (Action::ROLE_ASSUME, role("r2")),
            (Action::ROLE_ASSUME, role("none")),
            (Action::LIST, Resource::Folder(FolderPath::root())),
        ] {
            let mut told = Vec::new();
            for name in ["r1", "nobody"] {
                let answer = world
                    .app
                    .simulate(&asked, role(name), action, about.clone());
                told.push(
                    answer
                        .await
                        .map(|answer| (answer.reply.allowed, answer.reply.why)),
                );
            }
            let [there, absent] = &told[..] else {
                panic!("two were asked about");
            };
            let there = there.as_ref().expect("an answer");
            match absent {
                Ok(absent) => assert!(!known && absent == there, "{action}"),
                Err(error) => {
                    assert!(known, "{action}: {error}");
                    assert_eq!(error.reason(), Reason::IdentityNotFound);
                }
            }
        }
        pages(&world, &token).await;
    }
    world.app.shut_down().await;
}

/// Who may have random values made, as one who may ask is told.
async fn pages(world: &World, token: &TokenText) {
    // A page at a time, and no page says who was looked at.
    let asked = call("WhoCan", Some(token));
    let about = || (Action::RANDOM, Resource::Own);
    let first = world.app.who_can(&asked, about(), &page("", 2)).await;
    let first = first.unwrap().reply;
    for name in ["asker", "role:r1"] {
        assert!(!first.next.contains(name), "{}", first.next);
    }
    let further = page(&first.next, 10);
    let rest = world.app.who_can(&asked, about(), &further).await;
    let rest = rest.unwrap().reply;
    assert_eq!(rest.next, "");
    let all = [first.who, rest.who].concat();
    let own = ["role:asker", "role:r1", "role:r2", "role:r3", "role:seer"];
    assert_eq!(all, own);
    for foreign in [
        page("role:r1", 10),
        page("x", 10),
        Paging {
            query: [8; 32],
            ..page(&first.next, 10)
        },
    ] {
        let refused = world.app.who_can(&asked, about(), &foreign).await;
        assert_eq!(refused.unwrap_err().reason(), Reason::CursorInvalid);
    }
}
