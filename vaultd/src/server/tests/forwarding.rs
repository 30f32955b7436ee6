//! Requests to a node that does not lead.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::sleep;
use tonic::transport::Channel;
use vault_proto::v1;
use vault_proto::v1::auth_client::AuthClient;
use vault_proto::v1::identity_client::IdentityClient;
use vault_proto::v1::secrets_client::SecretsClient;
use vault_proto::v1::system_client::SystemClient;

use super::nodes::PATIENCE;
use super::vault::{Vault, get, put, read, reason, with};

const PUT: &str = "/vault.v1.Secrets/PutSecret";
const GET: &str = "/vault.v1.Secrets/GetSecret";
const LOGIN: &str = "/vault.v1.Auth/LoginPassword";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_sent_to_a_follower_is_made_by_the_leader_and_a_read_is_served_where_it_was_asked()
{
    let vault = Vault::of(3).await;
    let (leader, follower) = (vault.leader().await, vault.follower().await);
    let from = Ipv4Addr::new(127, 0, 0, 7);
    let channel = follower.connect_from(from).await;
    let mut secrets = SecretsClient::new(channel.clone());
    let mut request = with(&vault.token, put("db/password", b"hunter2"));
    let id = "0190a6f4-92c1-7cc3-98c4-dc0c0c07398f";
    request
        .metadata_mut()
        .insert("vault-request-id", id.parse().unwrap());
    let written = secrets.put_secret(request).await.unwrap();
    let index = written.metadata().get("vault-index").unwrap().clone();
    assert_eq!(written.metadata().get("vault-request-id").unwrap(), id);
    assert_eq!(written.into_inner().version, 1);
    // What was seen there is seen here.
    let mut request = with(&vault.token, get("db/password"));
    request.metadata_mut().insert("vault-index", index);
    let answer = secrets.get_secret(request).await.unwrap().into_inner();
    assert_eq!(answer.fields["value"], "hunter2");
    assert_eq!(follower.recorded(GET).len(), 1);
    assert!(leader.recorded(GET).is_empty());
    assert!(follower.recorded(PUT).is_empty());
    let lines = leader.recorded(PUT);
    assert_eq!(lines.len(), 1);
    let line = lines[0].to_string();
    assert!(line.contains("127.0.0.7:"), "{line}");
    assert!(line.contains(id), "{line}");
    // Over the Unix socket it is a local user of that node.
    let mut local = SecretsClient::new(follower.connect_unix().await);
    let request = with(&vault.token, put("db/password", b"hunter3"));
    local.put_secret(request).await.unwrap();
    let line = leader.recorded(PUT).pop().unwrap().to_string();
    let user = format!("unix:uid={}", vault_sys::effective_uid());
    assert!(line.contains(&user), "{line}");
    vault.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_is_known_on_every_node_as_soon_as_it_was_handed_out() {
    let vault = Vault::of(3).await;
    for round in 0..10 {
        let leader = vault.leader().await.connect().await;
        let login = with(&vault.token, v1::LoginRequest::default());
        let session = AuthClient::new(leader)
            .login(login)
            .await
            .unwrap()
            .into_inner();
        for machine in &vault.machines {
            let asked = with(&session.token, v1::WhoAmIRequest {});
            let known = AuthClient::new(machine.connect().await)
                .who_am_i(asked)
                .await;
            known.unwrap_or_else(|status| panic!("round {round}, node {}: {status}", machine.id));
        }
    }
    vault.stop().await;
}

async fn user(vault: &Vault, name: &str) -> String {
    let channel = vault.follower().await.connect().await;
    let create = v1::CreateIdentityRequest {
        who: format!("user:{name}"),
        ..Default::default()
    };
    let mut identity = IdentityClient::new(channel.clone());
    identity
        .create_identity(with(&vault.token, create))
        .await
        .unwrap();
    let reset = v1::ResetPasswordRequest {
        user: name.into(),
        ttl: None,
    };
    let mut auth = AuthClient::new(channel);
    let reset = auth
        .reset_password(with(&vault.token, reset))
        .await
        .unwrap();
    reset.into_inner().one_time_password
}

async fn log_in(
    channel: Channel,
    user: &str,
    password: &str,
    new: &str,
) -> Result<String, tonic::Status> {
    let request = v1::LoginPasswordRequest {
        user: user.into(),
        password: password.into(),
        new_password: new.into(),
        ..Default::default()
    };
    let answer = AuthClient::new(channel).login_password(request).await?;
    Ok(answer.into_inner().token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_through_a_follower_counts_for_the_address_of_the_client() {
    let vault = Vault::of(3).await;
    let one_time = user(&vault, "alice").await;
    let (home, away) = (Ipv4Addr::new(127, 0, 0, 3), Ipv4Addr::new(127, 0, 0, 4));
    let own = hex::encode(rand_bytes());
    let (leader, follower) = (vault.leader().await, vault.follower().await);
    let at_home = follower.connect_from(home).await;
    let at_away = follower.connect_from(away).await;
    let token = log_in(at_home.clone(), "alice", &one_time, &own)
        .await
        .unwrap();
    let who = with(&token, v1::WhoAmIRequest {});
    AuthClient::new(at_home.clone())
        .who_am_i(who)
        .await
        .unwrap();
    let mut refused = Vec::new();
    while refused.last().is_none_or(|reason| reason != "LOGIN_LOCKED") {
        assert!(refused.len() < 200, "{refused:?}");
        let wrong = log_in(at_away.clone(), "alice", "wrong", "")
            .await
            .unwrap_err();
        refused.push(reason(&wrong));
    }
    assert!(refused.len() > 2, "{refused:?}");
    // Locked for those from elsewhere, with the right password, too; not for him.
    let locked = log_in(at_away, "alice", &own, "").await.unwrap_err();
    assert_eq!(reason(&locked), "LOGIN_LOCKED");
    let straight = leader.connect_from(away).await;
    let locked = log_in(straight, "alice", &own, "").await.unwrap_err();
    assert_eq!(reason(&locked), "LOGIN_LOCKED");
    log_in(at_home, "alice", &own, "").await.unwrap();
    assert!(follower.recorded(LOGIN).is_empty());
    let lines = leader.recorded(LOGIN);
    assert!(
        lines
            .iter()
            .any(|line| line.to_string().contains("127.0.0.3:")),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.to_string().contains("127.0.0.4:")),
        "{lines:?}"
    );
    vault.stop().await;
}

fn rand_bytes() -> [u8; 16] {
    use vault_core::crypto::entropy::Entropy as _;
    let mut bytes = [0; 16];
    crate::clock::OsEntropy.fill(&mut bytes);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_only_a_node_may_say_is_not_believed_of_a_client() {
    let vault = Vault::of(3).await;
    let leader = vault.leader().await;
    for machine in [leader, vault.follower().await] {
        let before = leader.recorded(PUT).len();
        let mut forged = with(&vault.token, put("db/forged", b"x"));
        let pin = vault_core::access::KeyHash::of(b"another's");
        for (name, value) in [
            ("vault-forwarded-source", "unix 0 0 1".to_owned()),
            (
                "vault-forwarded-certificate",
                format!("{pin} 0 18446744073709551615 true"),
            ),
            ("vault-forwarded-agent", "another".to_owned()),
            ("vault-for-the-leader", "1".to_owned()),
            ("vault-cluster", "another".to_owned()),
        ] {
            forged.metadata_mut().insert(name, value.parse().unwrap());
        }
        let channel = machine.connect_from(Ipv4Addr::new(127, 0, 0, 9)).await;
        SecretsClient::new(channel.clone())
            .put_secret(forged)
            .await
            .unwrap();
        let line = leader.recorded(PUT).pop().unwrap().to_string();
        assert_eq!(leader.recorded(PUT).len(), before + 1);
        assert!(
            line.contains("127.0.0.9:") && !line.contains("unix"),
            "{line}"
        );
        // Nor does a certificate that was only told of log in.
        let mut login = tonic::Request::new(v1::LoginCertificateRequest::default());
        let value = format!("{pin} 0 18446744073709551615 true");
        login
            .metadata_mut()
            .insert("vault-forwarded-certificate", value.parse().unwrap());
        let mut programs = v1::programs_client::ProgramsClient::new(channel);
        let refused = programs.login_certificate(login).await.unwrap_err();
        assert_eq!(reason(&refused), "CERTIFICATE_MISSING");
    }
    vault.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sealed_follower_passes_nothing_on() {
    let vault = Vault::of(3).await;
    let (leader, follower) = (vault.leader().await, vault.follower().await);
    let channel = follower.connect().await;
    SystemClient::new(channel.clone())
        .seal(with(&vault.token, v1::SealRequest {}))
        .await
        .unwrap();
    let refused = SecretsClient::new(channel)
        .put_secret(with(&vault.token, put("a/b", b"x")))
        .await;
    assert_eq!(reason(&refused.unwrap_err()), "SEALED");
    assert!(leader.recorded(PUT).is_empty());
    let channel = leader.connect().await;
    SecretsClient::new(channel)
        .put_secret(with(&vault.token, put("a/b", b"x")))
        .await
        .unwrap();
    vault.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_use_of_a_counted_session_is_counted_wherever_it_is_used() {
    let vault = Vault::of(3).await;
    let channel = vault.follower().await.connect().await;
    SecretsClient::new(channel.clone())
        .put_secret(with(&vault.token, put("a/b", b"x")))
        .await
        .unwrap();
    let login = v1::LoginRequest {
        limits: Some(v1::SessionLimits {
            uses: Some(3),
            ..Default::default()
        }),
        ..Default::default()
    };
    let session = AuthClient::new(channel)
        .login(with(&vault.token, login))
        .await
        .unwrap();
    let token = session.into_inner().token;
    for machine in &vault.machines {
        let value = read(machine.connect().await, &token, "a/b").await.unwrap();
        assert_eq!(value, "x", "node {}", machine.id);
    }
    for machine in &vault.machines {
        let refused = read(machine.connect().await, &token, "a/b")
            .await
            .unwrap_err();
        assert_eq!(reason(&refused), "TOKEN_INVALID", "node {}", machine.id);
    }
    vault.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_without_a_leader_writes_nothing_and_goes_on_with_the_next() {
    let mut vault = Vault::of(3).await;
    let leader = vault.leader().await.id;
    let follower = vault.follower().await.id;
    let channel = vault.machine(follower).connect().await;
    let mut secrets = SecretsClient::new(channel.clone());
    secrets
        .put_secret(with(&vault.token, put("a/b", b"1")))
        .await
        .unwrap();
    vault.take(leader).stop().await;
    let mut seen = Vec::new();
    let written = tokio::time::timeout(PATIENCE, async {
        loop {
            let mut request = with(&vault.token, put("a/b", b"2"));
            let id = "0190a6f4-92c1-7cc3-98c4-dc0c0c073990";
            request
                .metadata_mut()
                .insert("vault-request-id", id.parse().unwrap());
            match secrets.put_secret(request).await {
                Ok(answer) => return answer.into_inner().version,
                Err(status) => seen.push(reason(&status)),
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(written.await.expect("the next leader takes it"), 2);
    let told = ["NO_LEADER", "OUTCOME_UNKNOWN"];
    assert!(
        seen.iter().all(|reason| told.contains(&reason.as_str())),
        "{seen:?}"
    );
    assert_eq!(read(channel, &vault.token, "a/b").await.unwrap(), "2");
    vault.stop().await;
}
