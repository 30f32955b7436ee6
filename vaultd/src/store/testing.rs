//! What tests of store and raft share: a leader that signs batches, and options for small stores.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use vault_core::crypto::entropy::Entropy;
use vault_core::crypto::secret::LogSigningKey;
use vault_core::crypto::sign;
use vault_core::record::{Batch, Key, Kind, Transaction, Write};

use super::{Fatal, Options};

/// Options for a small store, and the reasons that it gave for ending the process.
pub(crate) fn options() -> (Options, Arc<Mutex<Vec<String>>>) {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reasons);
    let fatal = Fatal::new(move |reason| told.lock().unwrap().push(reason.to_owned()));
    let options = Options {
        segment_bytes: 64 << 10,
        cache_bytes: 1 << 20,
        reserve_bytes: 0,
        ..Options::new([7; 16], fatal)
    };
    (options, reasons)
}

/// Bytes that are all alike: a key for tests.
#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) u8);

impl Entropy for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(self.0);
    }
}

/// Signs batches as a leader would.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    pub(crate) key: Arc<LogSigningKey>,
    pub(crate) term: u64,
    pub(crate) sequence: u64,
    pub(crate) incarnation: u64,
    pub(crate) cluster: [u8; 16],
    pub(crate) time: u64,
}

impl Leader {
    pub(crate) fn new(term: u64) -> Self {
        Self {
            key: Arc::new(LogSigningKey::make(&mut Fixed(3))),
            term,
            sequence: 0,
            incarnation: 1,
            cluster: [9; 16],
            time: 1_700_000_000_000,
        }
    }

    /// The next batch, signed.
    pub(crate) fn batch(&mut self, transactions: Vec<Transaction>) -> Bytes {
        let count = transactions.len() as u64;
        self.time += 1;
        let batch = Batch {
            cluster: self.cluster,
            incarnation: self.incarnation,
            term: self.term,
            first_sequence: self.sequence + 1,
            leader_time: self.time,
            transactions,
        };
        self.sequence += count;
        batch.encode(|digest| sign::sign(&self.key, digest))
    }

    /// The batch that a cluster begins with.
    pub(crate) fn founding(&mut self) -> Bytes {
        let signer = Bytes::copy_from_slice(&sign::public(&self.key));
        self.batch(vec![writes(vec![Write::Put(signer_key(), signer)])])
    }
}

pub(crate) fn signer_key() -> Key {
    Key::new(Kind::Header, &[b"log-signer"])
}

pub(crate) fn key(n: u64) -> Key {
    Key::new(Kind::Secret, &[&n.to_be_bytes()])
}

pub(crate) fn put(n: u64, length: usize) -> Write {
    let byte = u8::try_from(n % 251).unwrap();
    Write::Put(key(n), vec![byte; length].into())
}

pub(crate) fn writes(writes: Vec<Write>) -> Transaction {
    Transaction {
        checks: vec![],
        writes,
    }
}
