//! All integration tests, as modules of one binary: one link instead of one per file.

mod audit;
mod backup;
mod bad_input;
mod bootstrap;
mod ceremonies;
mod certificates;
mod clusters;
mod documents;
mod durability;
mod e2e;
mod editor;
mod escalation;
mod factors;
mod faults;
mod first_minutes;
mod flood;
mod full_disk;
mod golden;
mod guarded;
mod guards;
mod identities;
mod layering;
mod local;
mod logins;
mod lost;
mod matrix;
mod members;
mod methods;
mod mfa;
mod needs;
mod passwords;
mod policies;
mod programs;
mod readme;
mod redaction;
mod regions;
mod replies;
mod retries;
mod roles;
mod root;
mod rotation;
mod seals;
mod sessions;
mod sharing;
mod signed;
mod source;
mod strangers;
mod three_nodes;
mod tidy;
mod transcript;
mod trust;
mod unit;
mod wire;

/// What cargo built for these tests.
const BINARIES: vault_tests::Binaries = vault_tests::Binaries {
    vaultd: env!("CARGO_BIN_EXE_test-vaultd"),
    vaultctl: env!("CARGO_BIN_EXE_test-vaultctl"),
};
