//! A node of one under load, to be killed: it writes numbered records, says which are acknowledged,
//! and after a restart says how far they reach.
//!
//! ```text
//! recovered N      records 0 to N-1 are there, each with its own bytes, and nothing else
//! acked N          record N is acknowledged
//! ```
//! Anything amiss ends the process with a message and no `recovered` line.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;

use vault_core::crypto::entropy::Entropy;
use vault_core::crypto::secret::LogSigningKey;
use vault_core::crypto::sign;
use vault_core::record::{Batch, Key, Kind, Outcome, Transaction, View, Write};
use vaultd::raft::{Node, NodeOptions, Proposal, Timing};
use vaultd::store::{Fatal, Options, Store};

/// Batches in flight.
const FLIGHT: usize = 16;

/// Writes between two cuts of the log.
const CUT: u64 = 400;

/// Anything that goes wrong here is told and ends the process.
pub type Failure = Box<dyn std::error::Error>;

/// Runs until it is killed.
///
/// # Errors
/// When the store refuses to open, or does not hold what it should.
pub fn run(dir: &Path) -> Result<(), Failure> {
    let fatal = Fatal::new(|reason| {
        eprintln!("fatal: {reason}");
        std::process::abort();
    });
    let options = Options {
        segment_bytes: 256 << 10,
        cache_bytes: 1 << 20,
        reserve_bytes: 0,
        ..Options::new([7; 16], fatal)
    };
    let store = Store::open(dir, &options)?;
    let node = Node::start(
        store.clone(),
        NodeOptions {
            id: 1,
            address: "127.0.0.1:8201".into(),
            key: None,
            timing: Timing::Region,
        },
        None,
    )?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    if !node.initialised() {
        runtime.block_on(node.initialise())?;
    }
    let term = runtime.block_on(node.wait_leader())?;
    let recovered = verify(&store)?;
    say("recovered", recovered)?;
    let mut load = Load {
        key: LogSigningKey::make(&mut Fixed),
        flying: VecDeque::new(),
        sequence: store.stamp().last.sequence,
        incarnation: 1,
        term,
        next: recovered,
        node,
    };
    if store.rows() == 0 {
        load.found()?;
    }
    loop {
        load.write()?;
        if load.next.is_multiple_of(CUT) {
            runtime.block_on(load.node.snapshot())?;
        }
    }
}

fn say(what: &str, n: u64) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what} {n}")?;
    out.flush()
}

/// Bytes that are all alike: a key for tests.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(3);
    }
}

fn signer_key() -> Key {
    Key::new(Kind::Header, &[b"log-signer"])
}

fn key(n: u64) -> Key {
    Key::new(Kind::Secret, &[&n.to_be_bytes()])
}

/// The record that every write replaces.
fn head() -> Key {
    Key::new(Kind::Ids, &[b"head"])
}

/// The bytes of record `n`: of many lengths, none all zero.
fn body(n: u64) -> Vec<u8> {
    let length = 8 + (n.wrapping_mul(2_654_435_761) % 2500) as usize;
    let number = n.to_be_bytes();
    number
        .iter()
        .copied()
        .chain((0..length).map(|at| (at as u8 ^ number[7]) | 1))
        .collect()
}

/// How many records there are, after looking at each.
fn verify(store: &Store) -> Result<u64, Failure> {
    let mut count = 0;
    let mut after: Option<Key> = None;
    loop {
        let page = store.scan(&[Kind::Secret as u8], after.as_ref(), 500)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (found, record) in &page {
            if *found != key(count) || record.sealed != body(count) {
                return Err(format!("record {count} is missing or wrong: {found:?}").into());
            }
            count += 1;
        }
    }
    let head = store.get(&head())?.map(|record| record.sealed);
    let expected = count.checked_sub(1).map(|last| last.to_be_bytes());
    if head.as_deref() != expected.as_ref().map(<[u8; 8]>::as_slice) {
        return Err(format!("the head is not that of {count} records").into());
    }
    let others = u64::from(store.rows() > 0) + u64::from(count > 0);
    if store.rows() != count + others {
        return Err(format!("{} rows for {count} records", store.rows()).into());
    }
    Ok(count)
}

struct Load {
    key: LogSigningKey,
    node: Node,
    flying: VecDeque<(u64, Proposal)>,
    sequence: u64,
    incarnation: u64,
    term: u64,
    next: u64,
}

impl Load {
    fn propose(&mut self, writes: Vec<Write>) -> Proposal {
        self.sequence += 1;
        let batch = Batch {
            cluster: [9; 16],
            incarnation: self.incarnation,
            term: self.term,
            first_sequence: self.sequence,
            leader_time: self.sequence,
            transactions: vec![Transaction {
                checks: vec![],
                writes,
            }],
        };
        let entry = batch.encode(|digest| sign::sign(&self.key, digest));
        self.node.propose(entry, self.term)
    }

    fn found(&mut self) -> Result<(), Failure> {
        let public = sign::public(&self.key).to_vec();
        let proposal = self.propose(vec![Write::Put(signer_key(), public.into())]);
        proposal.wait()?;
        Ok(())
    }

    /// One more write; waits for the oldest when enough are in flight.
    fn write(&mut self) -> Result<(), Failure> {
        let n = self.next;
        let proposal = self.propose(vec![
            Write::Put(key(n), body(n).into()),
            Write::Put(head(), n.to_be_bytes().to_vec().into()),
        ]);
        self.flying.push_back((n, proposal));
        self.next += 1;
        if self.flying.len() < FLIGHT {
            return Ok(());
        }
        let Some((n, proposal)) = self.flying.pop_front() else {
            return Ok(());
        };
        match proposal.wait()?.outcomes.as_slice() {
            [Outcome::Applied(_)] => Ok(say("acked", n)?),
            other => Err(format!("record {n}: {other:?}").into()),
        }
    }
}
