//! Peers: how the nodes of a cluster reach each other.
//!
//! | file | what it does |
//! |---|---|
//! | `wire` | openraft's messages as `vault.peer.v1` has them, and back |
//! | `trust` | which keys are members', and what each may ask |
//! | `tls` | connections between two pinned keys |
//! | `channel` | connections to one member |
//! | `link` | the client's side: openraft's network over such connections |
//! | `judge` | what a peer answers is believed by who it is |
//! | `send`, `receive` | a snapshot on its way |
//! | `ways` | what members ask each other beside raft |
//! | `service` | the server's side: what a member asks is given to raft, or refused |
//! | `places` | how much of the port one source or key may hold |
//! | `pass`, `arrive` | requests of clients that a voter passes on |
//! | `serve` | the listener, on a thread and runtime of its own |
//!
//! A node is its key. No name, address or issuer proves anything, and no message is believed about who sent it.

mod arrive;
mod channel;
mod judge;
mod link;
mod pass;
mod places;
mod receive;
mod send;
mod serve;
mod service;
mod tls;
mod trust;
mod ways;
mod wire;

pub(super) use self::arrive::Doorway;
pub use self::arrive::Forwarded;
pub(super) use self::link::Peers;
pub use self::pass::{Leader, Unforwarded};
pub use self::serve::PeerOptions;
pub(super) use self::serve::{Answering, Serving};
pub use self::tls::{NodeKey, NodeKeyError};
pub(super) use self::ways::{Way, Ways};

#[cfg(test)]
pub(crate) mod testing {
    //! For tests that say to a node what no node says.

    use std::sync::Arc;

    use http::Uri;
    use rustls::ClientConfig;
    use tokio_rustls::TlsConnector;
    use tower::Service;
    use vault_core::access::KeyHash;

    use super::channel::connect;
    use super::tls::NodeKey;

    /// TLS as whoever has this key, to whoever has that one.
    pub(crate) fn client(key: &NodeKey, target: KeyHash) -> ClientConfig {
        key.client(target).unwrap()
    }

    /// Connects like that.
    pub(crate) fn dial(
        address: String,
        config: ClientConfig,
    ) -> impl Service<
        Uri,
        Response = impl hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
        Error = std::io::Error,
        Future = impl Future + Send,
    > + Send
    + 'static {
        let connector = TlsConnector::from(Arc::new(config));
        tower::service_fn(move |_: Uri| connect(address.clone(), connector.clone()))
    }
}
