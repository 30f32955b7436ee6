//! What takes rights away, in a vault of several nodes.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use vault_proto::v1;
use vault_proto::v1::auth_client::AuthClient;
use vault_proto::v1::sessions_client::SessionsClient;

use super::nodes::{Machine, PATIENCE};
use super::vault::{Vault, reason, with};

/// Logs in over a connection to a node; the session's token and accessor.
async fn session(vault: &Vault, at: &Machine) -> (String, String) {
    let login = with(&vault.token, v1::LoginRequest::default());
    let mut auth = AuthClient::new(at.connect().await);
    let answer = auth.login(login).await.unwrap().into_inner();
    (answer.token, answer.session.unwrap().accessor)
}

fn revoke(vault: &Vault, accessor: String) -> tonic::Request<v1::RevokeSessionRequest> {
    with(&vault.token, v1::RevokeSessionRequest { accessor })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_that_was_revoked_is_good_on_no_node_once_that_is_acknowledged() {
    let mut vault = Vault::of(3).await;
    let clock = crate::clock::Clock::default();
    let leader = vault.leader().await.id;
    let cut_off = vault.follower().await.id;
    let mut revoked = Vec::new();
    for cut in [false, true] {
        let (token, accessor) = session(&vault, vault.machine(leader)).await;
        for machine in &vault.machines {
            let asked = with(&token, v1::WhoAmIRequest {});
            AuthClient::new(machine.connect().await)
                .who_am_i(asked)
                .await
                .unwrap();
        }
        if cut {
            vault.machine(cut_off).node.cut_off();
        }
        let asked = clock.boottime();
        let mut sessions = SessionsClient::new(vault.machine(leader).connect().await);
        sessions
            .revoke_session(revoke(&vault, accessor))
            .await
            .unwrap();
        let took = clock.boottime().saturating_sub(asked);
        revoked.push(took);
        for machine in &vault.machines {
            let who = with(&token, v1::WhoAmIRequest {});
            let refused = AuthClient::new(machine.connect().await)
                .who_am_i(who)
                .await
                .unwrap_err();
            let why = reason(&refused);
            let wanted: &[&str] = if cut && machine.id == cut_off {
                &["STALE", "NO_LEADER"]
            } else {
                &["TOKEN_INVALID"]
            };
            assert!(wanted.contains(&why.as_str()), "node {}: {why}", machine.id);
        }
    }
    let (together, apart) = (revoked[0], revoked[1]);
    assert!(together < Duration::from_secs(2), "{together:?}");
    assert!(apart > Duration::from_secs(3), "{apart:?}");
    assert!(apart < Duration::from_secs(8), "{apart:?}");
    drop(vault.take(cut_off));
    vault.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_leader_had_that_was_lost_is_of_unknown_outcome() {
    let vault = Vault::of(3).await;
    let leader = vault.leader().await;
    let mut others = vault
        .machines
        .iter()
        .filter(|machine| machine.id != leader.id);
    let (follower, silent) = (others.next().unwrap(), others.next().unwrap());
    let (_, accessor) = session(&vault, follower).await;
    let mut sessions = SessionsClient::new(follower.connect().await);
    // It is waited for while the leader has the request.
    silent.node.cut_off();
    let waiting = tokio::spawn({
        let request = revoke(&vault, accessor);
        async move { sessions.revoke_session(request).await }
    });
    sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    leader.node.cut_off();
    let ended = timeout(PATIENCE, waiting).await.expect("it ends").unwrap();
    assert_eq!(reason(&ended.unwrap_err()), "OUTCOME_UNKNOWN");
}
