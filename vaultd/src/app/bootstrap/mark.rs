//! What a vault was bootstrapped from: said when it is opened, if the file says something else by then.

use minicbor::{Decode, Encode};
use vault_core::crypto::envelope::Class;
use vault_core::record::{Document, IdBlock, Key, Kind, RecordError, Tx};

use super::Bootstrap;
use crate::app::App;

/// Stored with what was made.
#[derive(Debug, Encode, Decode)]
struct Mark {
    /// Of the files.
    #[cbor(n(0), with = "minicbor::bytes")]
    digest: [u8; 32],
}

impl Document for Mark {
    const CLASS: Class = Class::Shared;
}

impl Mark {
    fn key() -> Key {
        Key::new(Kind::Bootstrap, &[])
    }
}

impl Bootstrap {
    /// Notes in the transaction that makes the vault what it was made from.
    pub(in crate::app) fn mark(&self, tx: &mut Tx<'_>) -> Result<(), RecordError> {
        let digest = self.plan.digest;
        tx.put(Mark::key(), &Mark { digest })
    }
}

impl App {
    /// Says in the log when a bootstrap file stands beside a vault that was made from another one, or from none: it
    /// changes nothing, and whoever wrote it may believe that it did.
    pub(in crate::app) fn compare_bootstrap(&self) {
        let Some(path) = &self.settings.bootstrap else {
            return;
        };
        let gone = std::fs::symlink_metadata(path).is_err();
        let Some(keys) = self.keys.load().filter(|_| !gone) else {
            return;
        };
        let mut none = IdBlock::default();
        let mut tx = Tx::new(&self.store, keys.keyring(), self.now(), &mut none);
        let found = match tx.get::<Mark>(&Mark::key()) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "cannot tell what this vault was bootstrapped from");
                return;
            }
        };
        let read = super::parse::plan(path).map(|(plan, _)| plan.digest);
        match (found, read) {
            (Some(mark), Ok(digest)) if mark.digest == digest => tracing::info!(
                "the bootstrap file was taken up when this vault was created, and is not read again; you may delete it"
            ),
            (Some(_), _) => tracing::warn!(
                "the bootstrap file is not what this vault was created from; nothing of it is taken up, now or ever: \
                 make changes by vaultctl, and delete the file"
            ),
            (None, _) => tracing::warn!(
                "this vault was created without a bootstrap file; nothing of the one that is configured is taken up, \
                 now or ever: make changes by vaultctl, and delete the file"
            ),
        }
    }

    /// Says in the log, before there is a vault, what the bootstrap file is good for.
    pub(in crate::app) fn announce_bootstrap(&self) {
        let Some(path) = &self.settings.bootstrap else {
            return;
        };
        match Bootstrap::read(path, self.now()) {
            Ok(found) => tracing::info!(
                things = found.summary().len(),
                "`vaultctl init` will make what the bootstrap file says"
            ),
            Err(faults) => tracing::error!(
                faults = faults.count(),
                "the bootstrap file is wrong, and `vaultctl init` refuses it: `vaultd check-bootstrap FILE` says why"
            ),
        }
    }
}
