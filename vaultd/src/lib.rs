//! The vault's daemon: the shell around the pure core, and the rooms that do I/O.
//!
//! | rank | module | what lives there |
//! |---|---|---|
//! | 5 | [`store`] | sealed records: the log and the state on disk |
//! | 6 | [`raft`] | replication: openraft, and nothing of it outside |
//! | 7 | [`app`] | the pipeline that no request gets around, audit, one file per service |
//! | 8 | [`door`] | listeners, limits around every request, health |
//! | 9 | [`config`], [`clock`], [`telemetry`], [`tls`], [`metrics`], [`server`] | the shell: constructs everything, decides nothing |

pub mod app;
pub mod clock;
pub mod config;
pub mod door;
pub mod metrics;
pub mod raft;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tls;
