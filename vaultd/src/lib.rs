//! The vault's daemon: the shell around the pure core, and the rooms that do I/O.
//!
//! | rank | module | what lives there |
//! |---|---|---|
//! | 5 | [`store`] | sealed records: the log and the state on disk |
//! | 6 | [`raft`] | replication: openraft, and nothing of it outside |
//! | 7 | [`app`] | the pipeline that no request gets around, audit, one file per service |
//! | 8 | [`door`] | listeners, limits around every request, health |
//! | - | [`clock`], [`metrics`], [`outbound`] | below all: time and randomness, counters, the way out |
//! | 9 | [`config`], [`telemetry`], [`tls`], [`server`] | the shell: constructs everything, decides nothing |
//! | 9 | `cli`, `run`, `daemon`, `node`, `dev`, `signals`, `console` | from the command line to an exit code |

pub mod app;
mod cli;
pub mod clock;
pub mod config;
mod console;
mod daemon;
mod dev;
pub mod door;
pub mod metrics;
mod node;
pub mod outbound;
pub mod raft;
mod run;
pub mod server;
mod signals;
pub mod store;
pub mod telemetry;
pub mod tls;

pub use run::run;
