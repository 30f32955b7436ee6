//! The peers' port: bound once, so that it is the same when the daemon starts again in place.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::watch;
use vault_core::engine::cluster::{Card, CardError};

use crate::app::{Joined, Presence, Voter};
use crate::clock::Clock;
use crate::config::Config;
use crate::raft::{Member, NodeKey, PeerOptions};
use crate::tls::{TlsError, node_key};

/// Why peers cannot reach this node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address} for peers: {source}")]
    Bind {
        address: SocketAddr,
        source: io::Error,
    },
    /// Its key.
    #[error("the key for peers: {0}")]
    Key(#[from] TlsError),
    /// It cannot be presented like that.
    #[error("node.peer_address or node.name: {0}")]
    Card(#[from] CardError),
}

/// A listener for peers, and the key that is proved there.
#[derive(Debug)]
pub(crate) struct Port {
    listener: TcpListener,
    key: NodeKey,
}

/// The same, as one start of the node uses it.
pub(super) struct Opening {
    listener: TcpListener,
    key: NodeKey,
    pub(super) card: Card,
}

impl Port {
    /// Binds it, if the configuration wants one, and makes the key at the first start.
    ///
    /// # Errors
    /// [`PortError`].
    pub(crate) fn bind(config: &Config, clock: Clock) -> Result<Option<Self>, PortError> {
        let Some(address) = config.listen.peers else {
            return Ok(None);
        };
        let key = node_key(&config.node.data_dir, clock)?;
        let bound = TcpListener::bind(address);
        let listener = bound.map_err(|source| PortError::Bind { address, source })?;
        tracing::info!(key = %key.pin(), port = %address, "peers know this node by its key");
        Ok(Some(Self { listener, key }))
    }

    pub(super) fn of(&self, config: &Config) -> Result<Opening, PortError> {
        let bound = |source| PortError::Bind {
            address: config
                .listen
                .peers
                .unwrap_or_else(|| ([0, 0, 0, 0], 0).into()),
            source,
        };
        let own = self.listener.local_addr().map_err(bound)?.to_string();
        let address = config.node.peer_address.clone().unwrap_or(own);
        let name = config.node.name.clone();
        let name = name.or_else(hostname).unwrap_or_else(|| "node".into());
        Ok(Opening {
            listener: self.listener.try_clone().map_err(bound)?,
            key: self.key.clone(),
            card: Card::new(self.key.pin(), &address, &config.node.region, &name)?,
        })
    }
}

impl Opening {
    /// What raft and the application get of it.
    pub(super) fn open(self, joined: Option<Joined>) -> (PeerOptions, Presence) {
        let (may, may_lead) = watch::channel(false);
        let voters = joined.iter().flat_map(|joined| &joined.voters);
        let introduced = voters.map(|voter: &Voter| {
            let member = Member {
                address: voter.address.clone(),
                key: voter.key(),
            };
            (voter.id, member)
        });
        let options = PeerOptions {
            introduced: introduced.collect(),
            listener: self.listener,
            key: self.key,
            may_lead,
        };
        let presence = Presence {
            card: self.card,
            may_lead: Arc::new(may),
            joined,
        };
        (options, presence)
    }
}

fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
