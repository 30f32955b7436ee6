//! How a client reached this node.

use std::net::SocketAddr;

/// How a client reached this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over TCP and TLS, from there.
    Tcp(SocketAddr),
    /// Over the Unix socket. The kernel vouches for these at the time of connecting.
    Unix {
        /// The user; 0 is a user like any other.
        uid: u32,
        /// The group.
        gid: u32,
        /// The process, if it is visible from here.
        pid: Option<i32>,
    },
}

impl Transport {
    /// Whether it is whoever runs the daemon or the machine. The kernel vouches for the uid. Where programs may open the
    /// socket, too, theirs are strangers like those of a network until they show a session.
    pub(super) fn is_own(&self) -> bool {
        match self {
            Self::Unix { uid, .. } => *uid == 0 || *uid == vault_sys::effective_uid(),
            Self::Tcp(_) => false,
        }
    }
}
