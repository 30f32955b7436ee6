//! What a token may fill of the audit, tried through the pipeline.

use vault_core::access::Login;
use vault_core::name::ServiceName;

use super::super::audit::tests::{Fake, breakable_at};
use super::*;

/// An open vault whose sessions may write some twenty lines of audit each, and then wait for minutes.
pub(super) async fn tight(dir: &Path) -> (World, Fake) {
    let (audit, fake) = breakable_at(15);
    let world = born_in(open_with(dir, || audit).await).await;
    unseal(&world).await;
    (world, fake)
}

/// Looks at itself until it is refused; how often it was answered, and why it no longer is.
pub(super) async fn exhaust(world: &World, token: &TokenText) -> (usize, Reason) {
    let call = call("WhoAmI", Some(token));
    for answered in 0..1000 {
        if let Err(error) = world.app.who_am_i(&call).await {
            return (answered, error.reason());
        }
    }
    panic!("never refused");
}

async fn session(world: &World) -> TokenText {
    let call = call("Login", Some(&world.token));
    let login = world.app.login(&call, LoginRequest::default());
    login.await.unwrap().reply.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_fills_the_audit_is_refused_and_counted_and_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = tight(dir.path()).await;
    let child = session(&world).await;
    let (answered, reason) = exhaust(&world, &child).await;
    assert_eq!(reason, Reason::Overloaded);
    assert!((10..40).contains(&answered), "{answered}");

    // What is left is too little for a read, and pays for one write, on credit.
    let write = call("PutSecret", Some(&child));
    let _on_credit = world.app.put_secret(&write, put("a/a", b"x")).await;
    let before = fake.lines().len();
    for _ in 0..100 {
        let again = world.app.who_am_i(&call("WhoAmI", Some(&child))).await;
        assert_eq!(again.unwrap_err().reason(), Reason::Overloaded);
    }
    let refused = world.app.put_secret(&write, put("a/b", b"x")).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::Overloaded);
    assert_eq!(fake.lines().len(), before, "counted, not listed");

    let missing = value(&world, "a/b").await.unwrap_err();
    assert_eq!(missing.reason(), Reason::SecretNotFound);
    world
        .app
        .logout(&call("Logout", Some(&child)))
        .await
        .unwrap();
    let ended = fake.lines().pop().unwrap();
    assert_eq!(ended["method"], "/vault.v1.Auth/Logout");

    world.app.shut_down().await;
    drop(world);
    let of = format!("session:{}", ended["accessor"].as_str().unwrap());
    let counted = loop {
        let lines = fake.lines();
        if lines.iter().any(|line| line["type"] == "stopped") {
            let of = lines.iter().filter(|line| line["source"] == of.as_str());
            break of.map(|line| line["count"].as_u64().unwrap()).sum::<u64>();
        }
        tokio::task::yield_now().await;
    };
    assert!(counted >= 101, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn further_sessions_are_no_way_around_it_and_sealing_is_never_refused_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut world, fake) = tight(dir.path()).await;
    let mut sessions = Vec::new();
    let refused = loop {
        let call = call("Login", Some(&world.token));
        match world.app.login(&call, LoginRequest::default()).await {
            Ok(answer) => sessions.push(answer.reply.0),
            Err(error) => break error.reason(),
        }
    };
    assert_eq!(refused, Reason::Overloaded);
    let mut answered = 0;
    for session in &sessions {
        answered += exhaust(&world, session).await.0;
    }
    assert!(answered < 200, "{answered}");
    world.token = sessions.pop().unwrap();
    let (more, reason) = exhaust(&world, &world.token).await;
    assert_eq!((more, reason), (0, Reason::Overloaded));
    world
        .app
        .seal(&call("Seal", Some(&world.token)))
        .await
        .unwrap();
    assert_eq!(
        fake.lines().pop().unwrap()["method"],
        "/vault.v1.System/Seal"
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_budget_a_session_still_ends_others_and_changes_nothing_else() {
    use vault_core::access::Resource;
    use vault_core::engine::identity::{Change, New};
    let dir = tempfile::tempdir().unwrap();
    let (world, _fake) = tight(dir.path()).await;
    let alice = || Resource::User("alice".try_into().unwrap());
    let create = call("CreateIdentity", Some(&world.token));
    let made = world.app.create_identity(&create, alice(), New::default());
    made.await.unwrap();
    let child = session(&world).await;
    exhaust(&world, &child).await;
    let (update, delete) = (
        call("UpdateIdentity", Some(&child)),
        call("DeleteIdentity", Some(&child)),
    );
    let ends = || Change {
        disabled: Some(true),
        ..Change::default()
    };
    let more = Change {
        description: Some("more".to_owned()),
        ..ends()
    };
    let back = Change {
        disabled: Some(false),
        end_sessions: true,
        ..Change::default()
    };
    // what is left may pay for one write, on credit
    let write = call("PutSecret", Some(&child));
    let _on_credit = world.app.put_secret(&write, put("a/a", b"x")).await;
    for change in [more, back] {
        let refused = world.app.update_identity(&update, alice(), change).await;
        assert_eq!(refused.unwrap_err().reason(), Reason::Overloaded);
    }
    let refused = world.app.delete_identity(&delete, alice()).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::Overloaded);
    let ended = world.app.update_identity(&update, alice(), ends()).await;
    ended.unwrap();
    // What has ended needs no brake.
    let applied = world.app.store.applied();
    for _ in 0..3 {
        let again = world.app.update_identity(&update, alice(), ends()).await;
        assert_eq!(again.unwrap_err().reason(), Reason::Overloaded);
        let revoke = call("RevokeSessions", Some(&child));
        let again = world.app.revoke_sessions(&revoke, alice()).await;
        assert_eq!(again.unwrap_err().reason(), Reason::Overloaded);
    }
    assert_eq!(world.app.store.applied(), applied);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_logs_in_without_end_is_refused_and_writes_nothing_more() {
    use vault_core::access::Resource;
    use vault_core::access::program::secret_id::Terms;
    use vault_core::crypto::secret_id;
    use vault_core::engine::identity::New;
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = tight(dir.path()).await;
    let name = ServiceName::try_from("ci").unwrap();
    let create = call("CreateIdentity", Some(&world.token));
    let service = Resource::Service(name.clone());
    let made = world.app.create_identity(&create, service, New::default());
    made.await.unwrap();
    let issue = call("IssueSecretId", Some(&world.token));
    let issued = world
        .app
        .issue_secret_id(&issue, name.clone(), Terms::default());
    let text = issued.await.unwrap().reply.0;
    let id = secret_id::parse(text.expose()).unwrap();
    let log_in = async || {
        let request = ProgramLogin {
            service: name.clone(),
            login: Login::default(),
        };
        let login = call("LoginSecretId", None);
        world.app.login_secret_id(&login, request, &id).await
    };
    let mut made = 0;
    let refused = loop {
        match log_in().await {
            // Ending what was made is no way around it.
            Ok(answer) => {
                let logout = call("Logout", Some(&answer.reply.0));
                world.app.logout(&logout).await.unwrap();
            }
            Err(error) => break error.reason(),
        }
        made += 1;
        assert!(made < 1000, "no end");
    };
    assert_eq!(refused, Reason::Overloaded);
    let (applied, lines) = (world.app.store.applied(), fake.lines().len());
    for _ in 0..50 {
        let again = log_in().await.unwrap_err();
        assert_eq!(again.reason(), Reason::Overloaded);
    }
    assert_eq!(world.app.store.applied(), applied);
    assert_eq!(fake.lines().len(), lines, "counted, not listed");
    world.app.shut_down().await;
}
