//! A vault of several nodes, and what is asked of them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use vault_core::crypto::secret::{SetupCode, Share};
use vault_core::crypto::shamir::Split;
use vault_proto::v1;
use vault_proto::v1::secrets_client::SecretsClient;

use super::nodes::{Machine, PATIENCE, inside};
use crate::app::{ConfirmInitRequest, InitRequest, SealChoice};

/// A vault of several nodes, all unsealed.
pub(super) struct Vault {
    pub(super) machines: Vec<Machine>,
    pub(super) token: String,
    pub(super) shares: Vec<Share>,
    dir: TempDir,
}

impl Vault {
    /// Of voters.
    pub(super) async fn of(size: u64) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let first = Machine::start(dir.path().join("1"), 1, BTreeMap::new()).await;
        let request = InitRequest {
            seal: SealChoice::Shamir(Split::new(2, 3).expect("split")),
            setup_code: SetupCode::copy_of(""),
        };
        let born = first
            .app
            .init(&inside("/Init"), request)
            .await
            .expect("born");
        let born = born.reply;
        let confirm = ConfirmInitRequest {
            ceremony: born.ceremony.to_string(),
            setup_code: SetupCode::copy_of(""),
        };
        let confirmed = first
            .app
            .confirm_init(&inside("ConfirmInit"), confirm)
            .await;
        confirmed.expect("confirmed");
        first.unseal(&born.shares).await;
        let mut vault = Self {
            machines: vec![first],
            token: born.token.expose().to_owned(),
            shares: born.shares,
            dir,
        };
        for id in 2..=size {
            vault.take_in(id).await;
            let shares = &vault.shares;
            vault.machine(id).unseal(shares).await;
        }
        if size > 1 {
            let voters = (2..=size).collect();
            vault
                .leader()
                .await
                .node
                .promote(voters)
                .await
                .expect("voters");
        }
        for machine in &vault.machines {
            let ready = timeout(PATIENCE, async {
                while machine.node.read_index().await.is_err()
                    || machine.node.members().iter().any(|seat| !seat.votes)
                {
                    sleep(Duration::from_millis(10)).await;
                }
            });
            ready.await.expect("a member");
        }
        vault
    }

    /// A node without a vote, sealed.
    pub(super) async fn take_in(&mut self, id: u64) {
        let known = self.machines.iter();
        let known = known
            .map(|machine| (machine.id, machine.member()))
            .collect();
        let machine = Machine::start(self.dir.path().join(id.to_string()), id, known).await;
        let leader = self.leader().await;
        let added = leader.node.add_learner(id, machine.member()).await;
        added.expect("a member");
        let index = leader.node.read_index().await.expect("a leader");
        let applied = timeout(PATIENCE, machine.store.wait_applied(index));
        applied.await.expect("it catches up");
        self.machines.push(machine);
    }

    pub(super) fn machine(&self, id: u64) -> &Machine {
        let found = self.machines.iter().find(|machine| machine.id == id);
        found.expect("a machine")
    }

    /// Who leads, once somebody does.
    pub(super) async fn leader(&self) -> &Machine {
        let found = timeout(PATIENCE, async {
            loop {
                let mut machines = self.machines.iter();
                if let Some(leader) = machines.find(|machine| machine.node.leader_term().is_some())
                {
                    return leader;
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        found.await.expect("a leader")
    }

    /// A voter that does not lead.
    pub(super) async fn follower(&self) -> &Machine {
        let leader = self.leader().await.id;
        let mut machines = self.machines.iter();
        let found = machines.find(|machine| machine.id != leader);
        found.expect("another")
    }

    /// Takes a machine out, to be stopped.
    pub(super) fn take(&mut self, id: u64) -> Machine {
        let at = self.machines.iter().position(|machine| machine.id == id);
        self.machines.remove(at.expect("a machine"))
    }

    pub(super) async fn stop(self) {
        for machine in self.machines {
            machine.stop().await;
        }
    }
}

/// A request in a session.
pub(super) fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}").parse().expect("ASCII");
    request.metadata_mut().insert("authorization", bearer);
    request
}

/// Why a request was refused.
pub(super) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details
        .error_info()
        .map_or_else(|| format!("{status:?}"), |info| info.reason.clone())
}

/// A write of one value.
pub(super) fn put(path: &str, value: &'static [u8]) -> v1::PutSecretRequest {
    v1::PutSecretRequest {
        path: path.into(),
        fields: [("value".to_owned(), Bytes::from_static(value))].into(),
        ..Default::default()
    }
}

/// A read of it.
pub(super) fn get(path: &str) -> v1::GetSecretRequest {
    v1::GetSecretRequest {
        path: path.into(),
        ..Default::default()
    }
}

/// The value that a node has.
pub(super) async fn read(channel: Channel, token: &str, path: &str) -> Result<Bytes, Status> {
    let answer = SecretsClient::new(channel)
        .get_secret(with(token, get(path)))
        .await?;
    Ok(answer.into_inner().fields["value"].clone())
}
