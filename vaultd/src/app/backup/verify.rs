//! Verifying a backup on an unsealed node: whether it is whole, opens, and with which shares it will.

use std::io::Read;
use std::ops::ControlFlow;

use vault_core::crypto::keyring::{HOME_REGION, Keyring, KeyringError};
use vault_core::record::{Key, opens};
use vault_proto::v1::Reason;

use super::contents::{Contents, SealThen, Verified};
use super::unread;
use crate::app::App;
use crate::app::error::{Error, Result};
use crate::app::seals::keyring_key;
use crate::store::inspect_snapshot;

impl App {
    /// Reads a backup to its end, checks every digest, and opens every document and every wrapped data key
    /// that this node's keyring can be expected to open. The keys are held for one record at a time: a node
    /// that is sealed meanwhile does not wait for this. Blocks: call it on a thread for that.
    ///
    /// # Errors
    /// `BACKUP_DAMAGED`, `SEALED`; `HOME_REGION_ONLY`, for it takes all keys to open all records.
    pub fn verify_backup(&self, reader: &mut dyn Read) -> Result<Verified> {
        self.at_home()?;
        let cluster = self.store.stamp().cluster;
        // ORDER: the keys are at least as new as this header.
        let before = self.seal_header()?;
        self.keys.follow(&self.store);
        let mut contents = Contents::default();
        let (mut opened, mut refused, mut beyond) = (0_u64, 0_u64, 0_u64);
        // Sealed as it lies in the backup, ahead of all that it opens.
        let mut own = None;
        let mut unsealable = false;
        let inspected = inspect_snapshot(reader, &mut |info, key, bytes| {
            contents.see(key, bytes);
            let Some(keys) = self.keys.load() else {
                return ControlFlow::Break(());
            };
            if info.cluster == cluster {
                if *key == keyring_key(HOME_REGION) {
                    own = Some(Vec::from(bytes));
                    unsealable = keys.keyring().reload(bytes).is_ok();
                }
                match opens_here(keys.keyring(), own.as_deref(), key, bytes) {
                    Some(Opens::Yes) => opened += 1,
                    Some(Opens::No) => refused += 1,
                    Some(Opens::Unknown) => beyond += 1,
                    None => {}
                }
            }
            ControlFlow::Continue(())
        });
        let verified = contents.verified(inspected.map_err(unread)?)?;
        if refused > 0 {
            let message = format!(
                "{refused} of {} records do not open under this cluster's keys",
                opened + refused + beyond
            );
            return Err(Error::new(Reason::BackupDamaged, message));
        }
        let now = self.seal_header()?;
        let seal = if verified.info.cluster != cluster {
            SealThen::Unknown
        } else if verified.header == now {
            SealThen::Present
        } else {
            SealThen::Replaced
        };
        // Where a rekey came in between, the keys were perhaps of another seal than this.
        if seal == SealThen::Present && before == now && !unsealable {
            return Err(Error::new(
                Reason::BackupDamaged,
                "the backup's keyring does not open with the seal beside it: once it is restored, nothing could open it",
            ));
        }
        Ok(Verified {
            opened: opened > 0 && beyond == 0,
            seal,
            ..verified
        })
    }
}

/// Whether a record of a backup can be opened.
enum Opens {
    Yes,
    No,
    /// It is under a term that was destroyed here, and the backup's own keyring opens with another seal only.
    Unknown,
}

/// Tries a record under the node's keyring, and then under the one that the backup holds: terms that the record needs
/// may have been destroyed since.
fn opens_here(now: &Keyring, own: Option<&[u8]>, key: &Key, bytes: &[u8]) -> Option<Opens> {
    if opens(now, key, bytes)? {
        return Some(Opens::Yes);
    }
    match own.map(|record| now.reload(record)) {
        Some(Ok(own)) => Some(if opens(&own, key, bytes)? {
            Opens::Yes
        } else {
            Opens::No
        }),
        Some(Err(KeyringError::Rekeyed)) => Some(Opens::Unknown),
        Some(Err(_)) | None => Some(Opens::No),
    }
}
