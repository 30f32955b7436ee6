//! The benchmark: `cargo run --release -p vault-tests --bin bench -- [--quick] [--assert]`.
//!
//! Started under the name `vaultd` or `vaultctl` it is that program, so that whole processes are measured
//! from the very code that was built.

use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args_os().next().unwrap_or_default();
    if name == "vaultd" {
        return vaultd::run();
    }
    if name == "vaultctl" {
        return vaultctl::run();
    }
    match vault_tests::bench::run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}
