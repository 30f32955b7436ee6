//! The store and raft of one node under load: `store-load DIRECTORY`. Run by the durability tests.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        eprintln!("usage: store-load DIRECTORY");
        return ExitCode::from(64);
    };
    match vault_tests::load::run(&PathBuf::from(dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store-load: {error}");
            ExitCode::FAILURE
        }
    }
}
