//! Connections to others, made by a process of its own that holds no key.
//!
//! ```text
//! daemon    Started ── supervisor thread: waits for its end, starts it again
//!    │      Outbound ── requests, bounded in number and time
//!    │
//!    │ one socket pair, its standard input
//!    │
//! helper    `vaultd outbound`: looks names up, judges addresses, speaks TLS and HTTP
//! ```
//! The daemon opens no connection itself. Where one may go is the node's configuration alone. The helper is started
//! before any key is in memory. One that ended is started again by `exec` of the same file, which leaves nothing of the
//! daemon's memory behind: it inherits its socket, and no other descriptor and no variable.
//!
//! | module | what lives there |
//! |---|---|
//! | [`address`] | which addresses may be connected to |
//! | [`destination`] | addresses of pages, and where they may be |
//! | [`message`] | what the two say to one another |
//! | [`link`] | the daemon's side |
//! | [`process`] | start and end of the helper |
//! | [`serve`], [`fetch`] | the helper's side |

mod address;
mod destination;
mod fetch;
mod link;
mod message;
mod process;
mod serve;

use std::path::PathBuf;

pub use address::{Network, NetworkError};
pub use destination::{Origin, Url, UrlError};
pub use link::{Outbound, State};
pub use message::Failure;
pub use process::{HelperError, StartError, Started, run};

/// What the configuration says of outbound connections.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The only places where connections go; none: there is no helper.
    pub allow: Vec<Origin>,
    /// Networks that are not public and allowed all the same.
    pub allow_private: Vec<Network>,
    /// PEM of the only authorities that are believed; none: the system's.
    pub ca_file: Option<PathBuf>,
    /// Account that the helper runs as, where the daemon is root.
    pub user: Option<String>,
}

/// Why no connection is made to an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It is none.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// It is elsewhere.
    #[error(
        "this node makes no connection to {0}; allow it in the configuration of each node: [outbound] allow = [\"{0}\"]"
    )]
    Elsewhere(Origin),
}

#[cfg(test)]
mod tests;
