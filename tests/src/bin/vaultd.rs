//! The daemon, for the tests: cargo builds no other package's binaries for them.

use std::process::ExitCode;

fn main() -> ExitCode {
    vaultd::run()
}
