//! The long run: `cargo run --release -p vault-tests --bin faults -- [--rounds N] [--kills N] [--assert]`.
//!
//! Causes every fault N times and kills the leader N times more, and prints a table. With `--assert` the aims must be met.
//! Started under the name `vaultd` or `vaultctl` it is that program.

use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args_os().next().unwrap_or_default();
    match std::path::Path::new(&name)
        .file_name()
        .and_then(std::ffi::OsStr::to_str)
    {
        Some("vaultd") => return vaultd::run(),
        Some("vaultctl") => return vaultctl::run(),
        _ => {}
    }
    match vault_tests::faults::long::run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::from(2)
        }
    }
}
