//! The vault's daemon.

fn main() -> std::process::ExitCode {
    vaultd::run()
}
