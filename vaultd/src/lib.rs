//! The vault's daemon: the shell around the pure core, and the rooms that do I/O.
//!
//! | rank | module | what lives there |
//! |---|---|---|
//! | 9 | [`config`], [`clock`], [`telemetry`] | the shell: constructs everything, decides nothing |

pub mod clock;
pub mod config;
pub mod telemetry;
