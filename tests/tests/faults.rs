//! A cluster keeps what it promised while nodes die, stop, are cut off, come and go.

use vault_tests::dice::{env_number, seed};
use vault_tests::faults::guarantees::{self, Sort};
use vault_tests::faults::inject::Fault;
use vault_tests::faults::nodes::{Nodes, until};
use vault_tests::faults::proxy::Link;
use vault_tests::faults::run::Plan;
use vault_tests::faults::workload::{Memory, Workload};

use crate::BINARIES;

/// How often each fault is caused.
fn rounds() -> usize {
    env_number("VAULT_FAULTS").map_or(1, |rounds| {
        usize::try_from(rounds).expect("a number of rounds")
    })
}

#[track_caller]
fn survives(faults: &[Fault]) {
    let rounds = rounds();
    let plan = Plan {
        seed: seed(),
        nodes: 3,
        clients: 6,
        faults: faults.to_vec(),
        rounds,
        failovers: 0,
        least: (300 * rounds, 100 * rounds),
    };
    let report = plan.run(BINARIES).unwrap_or_else(|why| panic!("{why}"));
    println!("VAULT_TESTS_SEED={}\n{report}", plan.seed);
    assert!(
        report.violations.is_empty(),
        "VAULT_TESTS_SEED={}\n{report}",
        plan.seed
    );
}

#[test]
fn a_cluster_under_load_survives_every_fault_in_turn() {
    survives(&Fault::ALL);
}

/// A planted fault: clients that do not say what they have seen read of a node to which everything comes late.
#[test]
fn clients_that_forget_what_they_saw_are_found_to_read_backwards() {
    let nodes = Nodes::start(BINARIES, 3);
    let leader = until("nobody leads", || nodes.leader()).expect("a leader");
    let late = Link {
        delay: std::time::Duration::from_millis(100),
        ..Link::default()
    };
    nodes.net.set(leader, (leader + 1) % 3, late);
    let mut load = Workload::start(&nodes, 4, seed(), Memory::None);
    let many = until("too little is written", || {
        (load.recorder.counts().1 >= 200).then_some(())
    });
    nodes.net.heal();
    load.end(&nodes);
    many.expect("writes");
    let found = guarantees::check(&load.recorder.events(), &[]);
    let backwards = |sort| matches!(sort, Sort::OwnWrites | Sort::Backwards);
    assert!(found.iter().any(|found| backwards(found.sort)), "{found:?}");
    // Nothing else is wrong: writes were in order all the while.
    assert!(found.iter().all(|found| backwards(found.sort)), "{found:?}");
}
