//! A store in memory at a moment that tests move: for what is kept beside secrets.

use crate::{
    crypto::{entropy::Seeded, keyring::Keyring, secret::RootKey},
    record::{IdBlock, Mem, Revision, Transaction, Tx},
};

pub(crate) struct World {
    pub(crate) state: Mem,
    pub(crate) entropy: Seeded,
    pub(crate) now: u64,
    pub(crate) keys: Keyring,
    ids: IdBlock,
    sequence: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut entropy = Seeded::new(11);
        let root = RootKey::make(&mut entropy);
        let keys = Keyring::make(&root, [5; 16], &mut entropy, 1_000);
        Self {
            state: Mem::default(),
            entropy,
            now: 1_800_000_000_000,
            keys,
            ids: IdBlock::new(1, 100_000),
            sequence: 0,
        }
    }

    /// Evaluates, and returns the transaction without applying it.
    pub(crate) fn evaluate<R>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> R) -> (R, Transaction) {
        let mut tx = Tx::new(&self.state, &self.keys, self.now, &mut self.ids);
        let reply = f(&mut tx);
        let changes = tx.into_changes();
        (reply, changes.seal(&self.keys, &mut self.entropy).unwrap())
    }

    pub(crate) fn apply(&mut self, transaction: &Transaction) -> bool {
        self.sequence += 1;
        let revision = Revision {
            term: 1,
            sequence: self.sequence,
        };
        self.state.apply(revision, transaction)
    }

    /// Evaluates and applies; what was refused is not applied.
    pub(crate) fn write<R, E>(
        &mut self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let (reply, transaction) = self.evaluate(f);
        if reply.is_ok() {
            assert!(self.apply(&transaction));
        }
        reply
    }
}
