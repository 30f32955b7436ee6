//! What is granted and is no record: its audit line says how it ended.

use serde_json::Value;

use super::super::audit::tests::{Fake, Mood, breakable};
use super::*;

/// An open vault whose audit a test reads and breaks.
pub(super) async fn watched(dir: &Path) -> (World, Fake) {
    let (audit, fake) = breakable();
    let world = born_in(open_with(dir, || audit).await).await;
    unseal(&world).await;
    (world, fake)
}

/// The lines of one method so far: status, reason, whether its caller is named.
pub(super) fn lines(fake: &Fake, method: &str) -> Vec<(String, String, bool)> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let lines = fake.lines().into_iter();
    let of = lines.filter(|line| text(line, "method").ends_with(method));
    of.map(|line| {
        let named = !text(&line, "accessor").is_empty();
        (text(&line, "status"), text(&line, "reason"), named)
    })
    .collect()
}

fn line(status: &str, reason: &str) -> (String, String, bool) {
    (status.to_owned(), reason.to_owned(), true)
}

fn share(share: &Share) -> KeyInput {
    KeyInput::Share(Share::copy_of(share.expose()))
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_is_recorded_once_with_its_caller_and_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let seal = call("Seal", Some(&world.token));
    world.app.seal(&seal).await.unwrap();
    assert_eq!(lines(&fake, "/Seal"), [line("ok", "")]);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_a_rekey_that_is_refused_is_recorded_as_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let submit = call("SubmitRekey", Some(&world.token));
    let none = world.app.submit_rekey(&submit, "", share(&world.shares[0]));
    assert_eq!(none.await.unwrap_err().reason(), Reason::RekeyNotStarted);
    let start = call("StartRekey", Some(&world.token));
    let choice = || SealChoice::Shamir(Split::new(2, 2).unwrap());
    let started = world.app.start_rekey(&start, choice()).await.unwrap();
    let id = started.reply.ceremony.to_string();
    world.app.start_rekey(&start, choice()).await.unwrap_err();
    let junk = KeyInput::Share(Share::copy_of("vault-share-junk"));
    world
        .app
        .submit_rekey(&submit, &id, junk)
        .await
        .unwrap_err();
    assert_eq!(
        lines(&fake, "/StartRekey"),
        [line("ok", ""), line("precondition", "REKEY_IN_PROGRESS")]
    );
    assert_eq!(
        lines(&fake, "/SubmitRekey"),
        [
            line("precondition", "REKEY_NOT_STARTED"),
            line("invalid", "SHARE_MALFORMED")
        ]
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_without_the_right_to_it_does_nothing_and_is_recorded_as_denied() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let login = LoginRequest {
        ttl_ms: None,
        actions: vec![vault_core::access::ActionGlob::try_from("secret:*").unwrap()],
        ..LoginRequest::default()
    };
    let login = world
        .app
        .login(&call("Login", Some(&world.token)), login)
        .await;
    let (narrow, _) = login.unwrap().reply;
    let seal = world.app.seal(&call("Seal", Some(&narrow))).await;
    assert_eq!(seal.unwrap_err().reason(), Reason::PolicyDenied);
    let rotate = call("RotateKeyring", Some(&narrow));
    let rotate = world.app.rotate_keyring(&rotate).await;
    assert_eq!(rotate.unwrap_err().reason(), Reason::PolicyDenied);
    assert_eq!(world.app.seal_status(), SealStatus::Unsealed);
    for method in ["/Seal", "/RotateKeyring"] {
        assert_eq!(lines(&fake, method), [line("denied", "POLICY_DENIED")]);
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_audit_nothing_is_rotated_or_rekeyed_or_cancelled_but_the_node_seals() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let (rotate, start, seal) = (
        call("RotateKeyring", Some(&world.token)),
        call("StartRekey", Some(&world.token)),
        call("Seal", Some(&world.token)),
    );
    fake.set(Mood::Full);
    // The first request finds out; from then on nothing begins that could not be recorded.
    let found = world
        .app
        .who_am_i(&call("WhoAmI", Some(&world.token)))
        .await;
    assert_eq!(found.unwrap_err().reason(), Reason::AuditUnavailable);
    let rotated = world.app.rotate_keyring(&rotate).await;
    assert_eq!(rotated.unwrap_err().reason(), Reason::AuditUnavailable);
    let generation = world.app.unsealed().unwrap().keyring().generation();
    assert_eq!(generation, 1);
    let choice = SealChoice::Shamir(Split::DEFAULT);
    let started = world.app.start_rekey(&start, choice).await;
    assert_eq!(started.unwrap_err().reason(), Reason::AuditUnavailable);
    assert!(world.app.ceremony.lock().await.rekey.is_none());

    let sealed = world.app.seal(&seal).await.unwrap_err();
    assert_eq!(sealed.reason(), Reason::OutcomeUnknown);
    assert_eq!(world.app.seal_status(), SealStatus::Sealed);

    let entered = world
        .app
        .unseal(&call("Unseal", None), share(&world.shares[0]))
        .await;
    assert_eq!(entered.unwrap_err().reason(), Reason::AuditUnavailable);
    let cancelled = world
        .app
        .cancel_unseal(
            &call("CancelUnseal", None),
            Share::copy_of(world.shares[1].expose()),
        )
        .await;
    assert_eq!(cancelled.unwrap_err().reason(), Reason::AuditUnavailable);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_applied_and_not_recorded_is_not_called_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    fake.set(Mood::Full);
    let write = call("PutSecret", Some(&world.token));
    let first = world.app.put_secret(&write, put("a/b", b"x")).await;
    assert_eq!(first.unwrap_err().reason(), Reason::OutcomeUnknown);
    // By now it is known that nothing can be recorded: this is a refusal.
    let second = world.app.put_secret(&write, put("a/c", b"x")).await;
    assert_eq!(second.unwrap_err().reason(), Reason::AuditUnavailable);
    fake.set(Mood::Well);
    while world.app.audit.ready().is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(value(&world, "a/b").await.unwrap(), b"x");
    let missing = value(&world, "a/c").await.unwrap_err();
    assert_eq!(missing.reason(), Reason::SecretNotFound);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_whose_client_goes_away_while_it_is_hashed_is_recorded_as_aborted() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let user = || vault_core::name::UserName::try_from("alice").unwrap();
    let reset = call("ResetPassword", Some(&world.token));
    let missing = world.app.reset_password(&reset, user(), None).await;
    assert_eq!(missing.unwrap_err().reason(), Reason::IdentityNotFound);
    assert_eq!(
        lines(&fake, "/ResetPassword").len(),
        1,
        "one line of one request"
    );
    mfa::user(&world).await;
    {
        let resetting = world.app.reset_password(&reset, user(), None);
        let gone = tokio::time::timeout(Duration::ZERO, resetting).await;
        assert!(gone.is_err(), "it takes a hash");
    }
    while lines(&fake, "/ResetPassword").len() < 2 {
        tokio::task::yield_now().await;
    }
    let (status, _, named) = lines(&fake, "/ResetPassword").pop().unwrap();
    assert_eq!((status.as_str(), named), ("aborted", true));
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_use_of_a_token_is_counted_while_nothing_can_be_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let (mut world, fake) = watched(dir.path()).await;
    let write = call("PutSecret", Some(&world.token));
    world
        .app
        .put_secret(&write, put("a/b", b"x"))
        .await
        .unwrap();
    let limits = vault_core::access::Limits {
        uses: Some(1),
        ..Default::default()
    };
    let login = LoginRequest {
        limits,
        ..LoginRequest::default()
    };
    let asked = call("Login", Some(&world.token));
    let once = world.app.login(&asked, login).await.unwrap().reply.0;
    fake.set(Mood::Full);
    let who = call("WhoAmI", Some(&world.token));
    let found = world.app.who_am_i(&who).await;
    assert_eq!(found.unwrap_err().reason(), Reason::AuditUnavailable);
    world.token = once;
    let refused = value(&world, "a/b").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AuditUnavailable);
    let (reset, user) = (call("ResetPassword", Some(&world.token)), "alice");
    let user = vault_core::name::UserName::try_from(user).unwrap();
    let refused = world.app.reset_password(&reset, user, None).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::AuditUnavailable);
    fake.set(Mood::Well);
    while world.app.audit.ready().is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(value(&world, "a/b").await.unwrap(), b"x");
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_birth_that_could_not_be_recorded_is_not_called_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, fake) = breakable();
    let app = open_with(dir.path(), || audit).await;
    let request = InitRequest {
        seal: SealChoice::Shamir(Split::new(2, 3).unwrap()),
        setup_code: SetupCode::copy_of(""),
    };
    let born = app.init(&call("/Init", None), request).await.unwrap().reply;
    let confirm = async || {
        let request = ConfirmInitRequest {
            ceremony: born.ceremony.to_string(),
            setup_code: SetupCode::copy_of(""),
        };
        let confirmed = app.confirm_init(&call("ConfirmInit", None), request).await;
        confirmed.unwrap_err()
    };
    fake.set(Mood::Full);
    let unrecorded = confirm().await;
    assert_eq!(unrecorded.reason(), Reason::OutcomeUnknown);
    let said = unrecorded.to_string();
    assert!(said.contains("the vault is created"), "{said}");
    assert!(app.initialised());
    // By now it is known that nothing can be recorded: this is a refusal.
    assert_eq!(confirm().await.reason(), Reason::AuditUnavailable);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_was_taken_and_not_recorded_is_not_called_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, fake) = breakable();
    let world = born_in(open_with(dir.path(), || audit).await).await;
    let enter = call("Unseal", None);
    let first = world.app.unseal(&enter, share(&world.shares[0])).await;
    assert_eq!(first.unwrap().reply.entered, [1]);
    fake.set(Mood::Full);
    let last = world.app.unseal(&enter, share(&world.shares[1])).await;
    assert_eq!(last.unwrap_err().reason(), Reason::OutcomeUnknown);
    assert_eq!(world.app.seal_status(), SealStatus::Unsealed);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_share_that_could_not_be_recorded_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, fake) = breakable();
    let world = born_in(open_with(dir.path(), || audit).await).await;
    fake.set(Mood::Full);
    let junk = KeyInput::Share(Share::copy_of("vault-share-junk"));
    let entered = world.app.unseal(&call("Unseal", None), junk).await;
    assert_eq!(entered.unwrap_err().reason(), Reason::AuditUnavailable);
    assert_eq!(world.app.seal_status(), SealStatus::Sealed);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_stays_so_when_it_cannot_be_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    fake.set(Mood::Full);
    let entry = world.app.begin(&call("PutSecret", Some(&world.token)));
    let unknown = Error::new(Reason::OutcomeUnknown, "proposed, and no more is known");
    let told = world.app.finish::<()>(entry, Err(unknown)).await;
    assert_eq!(told.unwrap_err().reason(), Reason::OutcomeUnknown);
    world.app.shut_down().await;
}
