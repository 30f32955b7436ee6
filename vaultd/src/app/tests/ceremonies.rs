//! What key holders do in several steps: ids, ends, and what is never written.

use std::net::{Ipv4Addr, SocketAddr};

use super::*;

fn init_request(seal: SealChoice, code: &str) -> InitRequest {
    InitRequest {
        seal,
        setup_code: SetupCode::copy_of(code),
    }
}

fn confirm_request(ceremony: &str, code: &str) -> ConfirmInitRequest {
    ConfirmInitRequest {
        ceremony: ceremony.to_owned(),
        setup_code: SetupCode::copy_of(code),
    }
}

fn shamir() -> SealChoice {
    SealChoice::Shamir(Split::new(2, 3).unwrap())
}

async fn prepare(app: &App, seal: SealChoice) -> Born {
    let answer = app.init(&call("/Init", None), init_request(seal, "")).await;
    answer.unwrap().reply
}

async fn confirm(app: &App, ceremony: &str) -> Result<()> {
    let request = confirm_request(ceremony, "");
    let answer = app.confirm_init(&call("ConfirmInit", None), request).await;
    answer.map(|answer| answer.reply)
}

fn share(share: &Share) -> KeyInput {
    KeyInput::Share(Share::copy_of(share.expose()))
}

/// Waits until the timer has done its work.
async fn until(app: &App, done: impl Fn(&ceremony::Ceremonies) -> bool) {
    while !done(&*app.ceremony.lock().await) {
        tokio::task::yield_now().await;
    }
}

fn from_network(path: &str) -> Call {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 4242));
    Call {
        source: Source::Tcp(address),
        certificate: None,
        ..call(path, None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_nobody_confirmed_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let seal = SealChoice::KeyFile(Split::new(2, 3).unwrap());
    let born = prepare(&app, seal).await;
    assert_eq!(app.seal_status(), SealStatus::Uninitialised);
    assert_eq!(app.store.rows(), 0);
    assert!(!dir.path().join("seal.key").exists());
    assert!(dir.path().join("setup-code").exists());
    let enter = call("Unseal", None);
    let refused = app.unseal(&enter, share(&born.shares[0])).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::NotInitialised);
    confirm(&app, &born.ceremony.to_string()).await.unwrap();
    assert_eq!(app.seal_status(), SealStatus::Unsealed);
    assert!(dir.path().join("seal.key").exists());
    assert!(!dir.path().join("setup-code").exists());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_last_prepared_cluster_can_be_confirmed_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    assert_eq!(
        confirm(&app, "").await.unwrap_err().reason(),
        Reason::CeremonyStale
    );
    let first = prepare(&app, shamir()).await.ceremony.to_string();
    let second = prepare(&app, shamir()).await;
    let good = second.ceremony.to_string();
    for bad in [
        first.as_str(),
        "",
        "zz",
        good.get(1..).unwrap(),
        &good.to_uppercase(),
        &format!("{good} "),
    ] {
        if bad == good {
            continue; // digits only
        }
        let refused = confirm(&app, bad).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::CeremonyStale, "{bad}");
        assert_eq!(app.seal_status(), SealStatus::Uninitialised);
    }
    confirm(&app, &good).await.unwrap();
    assert_eq!(app.store.stamp().cluster, Some(second.cluster));
    assert_eq!(
        confirm(&app, &good).await.unwrap_err().reason(),
        Reason::AlreadyInitialised
    );
    let world = World {
        app,
        shares: second.shares,
        token: second.token,
    };
    unseal(&world).await;
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_on_the_network_neither_replaces_nor_confirms_what_was_prepared() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let id = prepare(&app, shamir()).await.ceremony.to_string();
    for code in ["", "guess", "\n"] {
        let (init, confirm) = (from_network("/Init"), from_network("ConfirmInit"));
        let init = app.init(&init, init_request(shamir(), code)).await;
        assert_eq!(init.unwrap_err().reason(), Reason::SetupCodeWrong);
        let confirm = app.confirm_init(&confirm, confirm_request(&id, code)).await;
        assert_eq!(confirm.unwrap_err().reason(), Reason::SetupCodeWrong);
    }
    assert_eq!(app.seal_status(), SealStatus::Uninitialised);
    let code = std::fs::read_to_string(dir.path().join("setup-code")).unwrap();
    let confirm = confirm_request(&id, &code);
    app.confirm_init(&from_network("ConfirmInit"), confirm)
        .await
        .unwrap();
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_prepared_and_left_alone_is_wiped_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path()).await;
    let id = prepare(&app, shamir()).await.ceremony.to_string();
    app.ceremony.lock().await.birth.as_mut().unwrap().abandon();
    until(&app, |all| all.birth.is_none()).await;
    assert_eq!(
        confirm(&app, &id).await.unwrap_err().reason(),
        Reason::CeremonyStale
    );
    assert_eq!(app.seal_status(), SealStatus::Uninitialised);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_that_were_entered_and_left_alone_are_wiped_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    let (app, unseal) = (&world.app, call("Unseal", None));
    app.unseal(&unseal, share(&world.shares[0])).await.unwrap();
    let junk = KeyInput::Share(Share::copy_of("vault-share-junk"));
    app.unseal(&unseal, junk).await.unwrap_err();
    let held = app.ceremony.lock().await.unsealing.is_some();
    assert!(held);
    let mut all = app.ceremony.lock().await;
    all.unsealing.as_mut().unwrap().abandon();
    drop(all);
    until(app, |all| all.unsealing.is_none()).await;
    let alone = app.unseal(&unseal, share(&world.shares[1])).await.unwrap();
    assert_eq!(
        (alone.reply.unsealed, alone.reply.entered),
        (false, vec![2])
    );
    app.shut_down().await;
}

/// An open vault with a rekey that has one of its two shares.
async fn rekeying(dir: &Path) -> (World, String) {
    let world = born(dir).await;
    unseal(&world).await;
    let start = call("StartRekey", Some(&world.token));
    let started = world.app.start_rekey(&start, shamir()).await.unwrap();
    let id = started.reply.ceremony.to_string();
    let submit = call("SubmitRekey", Some(&world.token));
    let entered = world
        .app
        .submit_rekey(&submit, &id, share(&world.shares[0]))
        .await;
    assert_eq!(entered.unwrap().reply.entered, [1]);
    (world, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_takes_steps_with_its_id_only_and_names_it_to_one_who_may_rekey() {
    let dir = tempfile::tempdir().unwrap();
    let (world, id) = rekeying(dir.path()).await;
    let (submit, cancel) = (
        call("SubmitRekey", Some(&world.token)),
        call("CancelRekey", Some(&world.token)),
    );
    for bad in [
        "",
        "0",
        id.get(2..).unwrap(),
        "00000000000000000000000000000000",
    ] {
        let step = world
            .app
            .submit_rekey(&submit, bad, share(&world.shares[1]));
        assert_eq!(step.await.unwrap_err().reason(), Reason::CeremonyStale);
        let end = world.app.cancel_rekey(&cancel, bad);
        assert_eq!(end.await.unwrap_err().reason(), Reason::CeremonyStale);
    }
    let start = call("StartRekey", Some(&world.token));
    let again = world.app.start_rekey(&start, shamir()).await.unwrap_err();
    assert_eq!(again.reason(), Reason::RekeyInProgress);
    assert_eq!(again.facts(), [("ceremony", id.clone())]);
    world.app.cancel_rekey(&cancel, &id).await.unwrap();
    let ended = world.app.cancel_rekey(&cancel, &id).await.unwrap_err();
    assert_eq!(ended.reason(), Reason::RekeyNotStarted);
    let other = world.app.start_rekey(&start, shamir()).await.unwrap();
    assert_ne!(other.reply.ceremony.to_string(), id);
    let stale = world
        .app
        .submit_rekey(&submit, &id, share(&world.shares[1]));
    assert_eq!(stale.await.unwrap_err().reason(), Reason::CeremonyStale);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_that_is_left_alone_is_wiped_by_itself_and_the_seal_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (world, id) = rekeying(dir.path()).await;
    let header = world.app.seal_header().unwrap();
    let mut all = world.app.ceremony.lock().await;
    all.rekey.as_mut().unwrap().abandon();
    drop(all);
    until(&world.app, |all| all.rekey.is_none()).await;
    let submit = call("SubmitRekey", Some(&world.token));
    let late = world
        .app
        .submit_rekey(&submit, &id, share(&world.shares[1]));
    assert_eq!(late.await.unwrap_err().reason(), Reason::RekeyNotStarted);
    assert_eq!(world.app.seal_header().unwrap(), header);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_wipes_a_rekey_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let (world, id) = rekeying(dir.path()).await;
    let seal = call("Seal", Some(&world.token));
    world.app.seal(&seal).await.unwrap();
    assert!(world.app.ceremony.lock().await.rekey.is_none());
    unseal(&world).await;
    let submit = call("SubmitRekey", Some(&world.token));
    let late = world
        .app
        .submit_rekey(&submit, &id, share(&world.shares[1]));
    assert_eq!(late.await.unwrap_err().reason(), Reason::RekeyNotStarted);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_to_a_key_file_writes_it_only_when_the_new_shares_were_entered() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let (start, submit) = (
        call("StartRekey", Some(&world.token)),
        call("SubmitRekey", Some(&world.token)),
    );
    let choice = SealChoice::KeyFile(Split::new(2, 2).unwrap());
    let started = world.app.start_rekey(&start, choice).await.unwrap();
    let id = started.reply.ceremony.to_string();
    let enter = async |of: &Share| world.app.submit_rekey(&submit, &id, share(of)).await;
    enter(&world.shares[0]).await.unwrap();
    let made = enter(&world.shares[1]).await.unwrap().reply;
    let passphrase = KeyInput::Passphrase(vault_core::crypto::secret::Passphrase::copy_of("x"));
    let refused = world.app.submit_rekey(&submit, &id, passphrase).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::RequestInvalid);
    enter(&made.shares[0]).await.unwrap();
    assert!(!dir.path().join("seal.key").exists());
    let twice = enter(&made.shares[0]).await.unwrap_err();
    assert_eq!(twice.reason(), Reason::ShareDuplicate);
    let done = enter(&made.shares[1]).await.unwrap().reply;
    assert_eq!(done.phase, RekeyPhase::Done);
    assert!(dir.path().join("seal.key").exists());
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_init_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    let request = InitRequest {
        seal: SealChoice::Shamir(Split::DEFAULT),
        setup_code: SetupCode::copy_of(""),
    };
    let refused = world
        .app
        .init(&call("/Init", None), request)
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::AlreadyInitialised);
    unseal(&world).await;
    assert_eq!(world.app.seal_status(), SealStatus::Unsealed);
    world.app.shut_down().await;
}
