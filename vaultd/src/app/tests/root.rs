//! The root identity: when it may be ended, and what a quorum of shares makes of it.

use super::super::audit::tests::Mood;
use super::operations::{lines, watched};
use super::*;

fn share_of(share: &Share) -> Share {
    Share::copy_of(share.expose())
}

async fn enter(world: &World, id: &str, share: &Share) -> Result<RootGeneration> {
    let enter = call("/GenerateRoot", None);
    let entered = world.app.generate_root(&enter, id, share_of(share)).await;
    entered.map(|answer| answer.reply)
}

/// A one-time root, by two shares.
async fn generated(world: &World) -> OneTimeRoot {
    let begun = enter(world, "", &world.shares[0]).await.unwrap();
    let id = begun.ceremony.to_string();
    let made = enter(world, &id, &world.shares[1]).await.unwrap();
    made.made.unwrap()
}

async fn state(world: &World, token: &TokenText) -> Result<vault_core::access::RootState> {
    let status = call("GetRootStatus", Some(token));
    let status = world.app.root_status(&status).await;
    status.map(|answer| answer.reply)
}

async fn disable(world: &World, token: &TokenText, force: bool) -> Result<bool> {
    let disable = call("DisableRoot", Some(token));
    let disabled = world.app.disable_root(&disable, force).await;
    disabled.map(|answer| answer.reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_of_shares_makes_a_root_for_an_hour_and_the_audit_calls_it_so() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let begun = enter(&world, "", &world.shares[0]).await.unwrap();
    assert_eq!(begun.progress.entered, [1]);
    assert_eq!(begun.progress.threshold, 2);
    assert!(begun.made.is_none());
    let id = begun.ceremony.to_string();
    let made = enter(&world, &id, &world.shares[2]).await.unwrap();
    let root = made.made.unwrap();
    let told = state(&world, &root.token).await.unwrap();
    assert!(told.enabled);
    assert_eq!(told.one_time, root.expires_at);
    let life = root.expires_at.unwrap() - world.app.now();
    assert!((59 * 60_000..=60 * 60_000).contains(&life), "{life}");
    let put = call("PutSecret", Some(&root.token));
    world
        .app
        .put_secret(&put, super::put("a", b"x"))
        .await
        .unwrap();
    let renew = call("RenewSession", Some(&root.token));
    let renew = world.app.renew_session(&renew).await.unwrap_err();
    assert_eq!(renew.reason(), Reason::RequestInvalid);
    let by = |method: &str| {
        let all = fake.lines().into_iter();
        let of = all.filter(|line| {
            line["method"]
                .as_str()
                .unwrap_or_default()
                .ends_with(method)
        });
        of.map(|line| line["by"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        by("/GenerateRoot"),
        ["a share", "a quorum of shares: one-time root"]
    );
    assert_eq!(by("/PutSecret"), ["one-time root"]);
    let unnamed = ("ok".to_owned(), String::new(), false);
    assert_eq!(lines(&fake, "/GenerateRoot"), [unnamed.clone(), unnamed]);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_none_of_the_seal_begins_nothing_learns_nothing_and_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let other = born(elsewhere.path()).await;
    let junk = Share::copy_of("vault-share-junk");
    let foreign = &other.shares[0];
    for (share, reason) in [
        (&junk, Reason::ShareMalformed),
        (foreign, Reason::ShareForeign),
    ] {
        let begun = enter(&world, "", share).await.unwrap_err();
        assert_eq!(begun.reason(), reason);
        assert!(world.app.ceremony.lock().await.generation.is_none());
    }
    let begun = enter(&world, "", &world.shares[0]).await.unwrap();
    let id = begun.ceremony.to_string();
    for (share, reason) in [
        (&junk, Reason::ShareMalformed),
        (foreign, Reason::ShareForeign),
    ] {
        let again = enter(&world, "", share).await.unwrap_err();
        assert_eq!(again.reason(), reason, "nothing of what is under way");
        assert_eq!(again.facts(), []);
        assert_eq!(
            enter(&world, &id, share).await.unwrap_err().reason(),
            reason
        );
        let cancel = call("CancelGenerateRoot", None);
        let cancel = world
            .app
            .cancel_root_generation(&cancel, &id, share_of(share));
        assert_eq!(cancel.await.unwrap_err().reason(), reason);
    }
    let twice = enter(&world, &id, &world.shares[0]).await.unwrap_err();
    assert_eq!(twice.reason(), Reason::ShareDuplicate);
    let second = enter(&world, "", &world.shares[1]).await.unwrap_err();
    assert_eq!(second.reason(), Reason::RootGenerationInProgress);
    assert_eq!(second.facts(), [("ceremony", id.clone())]);
    for stale in ["zz", &id.to_uppercase(), &format!("{id}0")] {
        if stale != id {
            let refused = enter(&world, stale, &world.shares[1]).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::CeremonyStale, "{stale}");
        }
    }
    assert!(
        enter(&world, &id, &world.shares[1])
            .await
            .unwrap()
            .made
            .is_some()
    );
    let over = enter(&world, &id, &world.shares[2]).await.unwrap_err();
    assert_eq!(over.reason(), Reason::CeremonyStale);
    world.app.shut_down().await;
    other.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_is_cancelled_by_a_share_expires_and_does_not_outlive_a_seal() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    let sealed = enter(&world, "", &world.shares[0]).await.unwrap_err();
    assert_eq!(sealed.reason(), Reason::Sealed);
    unseal(&world).await;
    let begin = async || {
        enter(&world, "", &world.shares[0])
            .await
            .unwrap()
            .ceremony
            .to_string()
    };
    let id = begin().await;
    let cancel = call("CancelGenerateRoot", None);
    let cancel = |id: String| {
        let share = share_of(&world.shares[2]);
        let (app, cancel) = (&world.app, &cancel);
        async move { app.cancel_root_generation(cancel, &id, share).await }
    };
    assert_eq!(
        cancel("0".repeat(32)).await.unwrap_err().reason(),
        Reason::CeremonyStale
    );
    cancel(id.clone()).await.unwrap();
    assert_eq!(
        cancel(id.clone()).await.unwrap_err().reason(),
        Reason::CeremonyStale
    );
    let late = enter(&world, &id, &world.shares[1]).await.unwrap_err();
    assert_eq!(late.reason(), Reason::CeremonyStale);
    let id = begin().await;
    let abandoned = |all: &mut ceremony::Ceremonies| all.generation.as_mut().unwrap().abandon();
    abandoned(&mut *world.app.ceremony.lock().await);
    while world.app.ceremony.lock().await.generation.is_some() {
        tokio::task::yield_now().await;
    }
    let late = enter(&world, &id, &world.shares[1]).await.unwrap_err();
    assert_eq!(late.reason(), Reason::CeremonyStale);
    begin().await;
    let seal = call("/Seal", Some(&world.token));
    world.app.seal(&seal).await.unwrap();
    assert!(world.app.ceremony.lock().await.generation.is_none());
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_of_before_a_rekey_make_no_root_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = born(dir.path()).await;
    unseal(&world).await;
    let id = enter(&world, "", &world.shares[0])
        .await
        .unwrap()
        .ceremony
        .to_string();
    let (start, submit) = (
        call("StartRekey", Some(&world.token)),
        call("SubmitRekey", Some(&world.token)),
    );
    let seal = SealChoice::Shamir(Split::new(2, 2).unwrap());
    let started = world.app.start_rekey(&start, seal).await.unwrap();
    let rekey = started.reply.ceremony.to_string();
    let input = |share: &Share| KeyInput::Share(share_of(share));
    let mut last = None;
    for share in &world.shares[..2] {
        last = Some(
            world
                .app
                .submit_rekey(&submit, &rekey, input(share))
                .await
                .unwrap(),
        );
    }
    let new = last.unwrap().reply.shares;
    for share in &new {
        world
            .app
            .submit_rekey(&submit, &rekey, input(share))
            .await
            .unwrap();
    }
    let old = enter(&world, &id, &world.shares[1]).await.unwrap_err();
    assert_eq!(old.reason(), Reason::ShareForeign);
    let stale = enter(&world, &id, &new[0]).await.unwrap_err();
    assert_eq!(stale.reason(), Reason::CeremonyStale);
    world.shares = new;
    generated(&world).await;
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_shares_make_a_root_where_the_vault_opens_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let seal = SealChoice::KeyFile(Split::new(2, 3).unwrap());
    let world = born_with(open(dir.path()).await, seal).await;
    assert_eq!(world.app.seal_status(), SealStatus::Unsealed);
    let root = generated(&world).await;
    assert!(state(&world, &root.token).await.is_ok());
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_one_time_root_ends_the_one_before_with_all_that_came_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let first = generated(&world).await;
    let login = call("/Login", Some(&first.token));
    let child = world.app.login(&login, LoginRequest::default()).await;
    let (child, session) = child.unwrap().reply;
    assert!(session.session.expires_at() <= first.expires_at);
    let second = generated(&world).await;
    for ended in [&first.token, &child] {
        let refused = state(&world, ended).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::TokenInvalid);
    }
    let told = state(&world, &second.token).await.unwrap();
    assert_eq!(told.one_time, second.expires_at);
    assert!(
        state(&world, &world.token).await.is_ok(),
        "the first root goes on"
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn root_is_not_disabled_while_nobody_could_go_on_unless_it_is_forced() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let login = call("/Login", Some(&world.token));
    let session = world.app.login(&login, LoginRequest::default()).await;
    let (session, _) = session.unwrap().reply;
    let last = disable(&world, &world.token, false).await.unwrap_err();
    assert_eq!(last.reason(), Reason::RootIsLast);
    assert!(state(&world, &world.token).await.unwrap().enabled);
    assert!(disable(&world, &world.token, true).await.unwrap());
    for ended in [&world.token, &session] {
        let refused = state(&world, ended).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::TokenInvalid);
    }
    let root = generated(&world).await;
    let told = state(&world, &root.token).await.unwrap();
    assert!(!told.enabled);
    assert!(
        !disable(&world, &root.token, false).await.unwrap(),
        "it had been"
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_status_nor_end_of_root_is_for_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let login = LoginRequest {
        actions: vec![vault_core::access::ActionGlob::try_from("secret:*").unwrap()],
        ..LoginRequest::default()
    };
    let narrow = world
        .app
        .login(&call("/Login", Some(&world.token)), login)
        .await;
    let (narrow, _) = narrow.unwrap().reply;
    let denied = [
        state(&world, &narrow).await.unwrap_err(),
        disable(&world, &narrow, true).await.unwrap_err(),
    ];
    for denied in denied {
        assert_eq!(denied.reason(), Reason::PolicyDenied);
    }
    assert!(state(&world, &world.token).await.unwrap().enabled);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_audit_no_share_is_taken_and_what_was_made_unrecorded_is_told_to_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = watched(dir.path()).await;
    let begun = enter(&world, "", &world.shares[0]).await.unwrap();
    let id = begun.ceremony.to_string();
    fake.set(Mood::Full);
    // It finds out by this very line: the root is made, and its token goes nowhere.
    let made = enter(&world, &id, &world.shares[1]).await.unwrap_err();
    assert_eq!(made.reason(), Reason::OutcomeUnknown);
    let refused = enter(&world, "", &world.shares[0]).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AuditUnavailable);
    assert!(world.app.ceremony.lock().await.generation.is_none());
    world.app.shut_down().await;
}
