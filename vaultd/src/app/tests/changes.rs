//! Keys and shares that are replaced while the vault is in use.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_readers_and_all_records_move_to_the_new_terms() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    for n in 0..200 {
        let call = call("PutSecret", Some(&world.token));
        world
            .app
            .put_secret(&call, put(&format!("many/s{n}"), b"kept"))
            .await
            .unwrap();
    }
    let state = world
        .app
        .rotate_keyring(&call("RotateKeyring", Some(&world.token)))
        .await
        .unwrap()
        .reply;
    assert_eq!(state.generation, 2);
    loop {
        for n in 0..200 {
            assert_eq!(value(&world, &format!("many/s{n}")).await.unwrap(), b"kept");
        }
        let state = world
            .app
            .keyring_status(&call("GetKeyringStatus", Some(&world.token)))
            .await
            .unwrap()
            .reply;
        if !state.rewrapping {
            assert!(state.done > 400, "{state:?}");
            break;
        }
    }
    // The new signer signs, the new generation opens after a seal.
    world
        .app
        .put_secret(&call("PutSecret", Some(&world.token)), put("after", b"new"))
        .await
        .unwrap();
    world
        .app
        .seal(&call("Seal", Some(&world.token)))
        .await
        .unwrap();
    unseal(&world).await;
    assert_eq!(value(&world, "after").await.unwrap(), b"new");
    assert_eq!(value(&world, "many/s7").await.unwrap(), b"kept");
    world.app.shut_down().await;
}

#[expect(clippy::too_many_lines, reason = "one story, told in order")]
#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_counts_only_when_the_new_shares_were_entered_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = born(dir.path()).await;
    unseal(&world).await;
    world
        .app
        .put_secret(&call("PutSecret", Some(&world.token)), put("a", b"kept"))
        .await
        .unwrap();
    let (start, submit) = (
        call("StartRekey", Some(&world.token)),
        call("SubmitRekey", Some(&world.token)),
    );
    let choice = SealChoice::Shamir(Split::new(2, 2).unwrap());
    let started = world.app.start_rekey(&start, choice).await.unwrap();
    let id = started.reply.ceremony.to_string();
    let again = world
        .app
        .start_rekey(&start, SealChoice::Shamir(Split::DEFAULT))
        .await
        .unwrap_err();
    assert_eq!(again.reason(), Reason::RekeyInProgress);
    let share = |share: &Share| KeyInput::Share(Share::copy_of(share.expose()));
    world
        .app
        .submit_rekey(&submit, &id, share(&world.shares[0]))
        .await
        .unwrap();
    let twice = world
        .app
        .submit_rekey(&submit, &id, share(&world.shares[0]))
        .await
        .unwrap_err();
    assert_eq!(twice.reason(), Reason::ShareDuplicate);
    let verify = world
        .app
        .submit_rekey(&submit, &id, share(&world.shares[2]))
        .await
        .unwrap()
        .reply;
    assert_eq!(verify.phase, RekeyPhase::Verify);
    let old = world
        .app
        .submit_rekey(&submit, &id, share(&world.shares[0]))
        .await
        .unwrap_err();
    assert_eq!(old.reason(), Reason::ShareForeign);
    for new in &verify.shares {
        world
            .app
            .submit_rekey(&submit, &id, share(new))
            .await
            .unwrap();
    }
    world
        .app
        .seal(&call("Seal", Some(&world.token)))
        .await
        .unwrap();
    let old = share(&world.shares[0]);
    let old = world.app.unseal(&call("Unseal", None), old).await;
    assert_eq!(old.unwrap_err().reason(), Reason::ShareForeign);
    world.shares = verify.shares;
    unseal(&world).await;
    assert_eq!(value(&world, "a").await.unwrap(), b"kept");
    world.app.shut_down().await;
}
