//! The command line of the vault.

fn main() -> std::process::ExitCode {
    vaultctl::run()
}
