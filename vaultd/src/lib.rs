//! The vault's daemon: the shell around the pure core, and the rooms that do I/O.
//!
//! | rank | module | what lives there |
//! |---|---|---|
//! | 7 | [`app`] | the pipeline that no request gets around, audit, one file per service |
//! | 9 | [`config`], [`clock`], [`telemetry`] | the shell: constructs everything, decides nothing |

pub mod app;
pub mod clock;
pub mod config;
pub mod telemetry;
pub mod tls;
