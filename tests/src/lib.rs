//! What the integration tests share: a private place on disk, a real daemon in it, the command line
//! beside it, and a search of everything that was left there.
//!
//! Nothing waits by sleeping and no port is fixed: the daemon reports readiness over the service
//! manager's socket and listens where the kernel lets it.

pub mod bench;
pub mod cluster;
mod daemon;
pub mod dice;
pub mod faults;
mod issuer;
pub mod load;
mod output;
mod place;
pub mod shim;
mod skip;
mod small_disk;
mod terminal;

pub use daemon::{Daemon, Dress, Opened};
pub use issuer::Issuer;
pub use output::Output;
pub use place::Place;
pub use skip::cannot_run;
pub use small_disk::SmallDisk;
pub use terminal::Terminal;

/// Where the binaries under test lie; cargo tells the test binary only.
#[derive(Clone, Copy, Debug)]
pub struct Binaries {
    /// The daemon.
    pub vaultd: &'static str,
    /// The command line.
    pub vaultctl: &'static str,
}
