//! What a backup holds, as far as it shows without a key: counts, and whether it is a vault at all.

use vault_core::crypto::keyring::HOME_REGION;
use vault_core::crypto::slots::SealHeader;
use vault_core::record::{Key, Kind};
use vault_proto::v1::Reason;

use crate::app::error::{Error, Result};
use crate::app::{seals, setup, transact};
use crate::store::SnapshotInfo;

/// How a backup's seal stands to the one in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealThen {
    /// There is nothing to compare it with: it is of another cluster, or to be restored.
    Unknown,
    /// The same; the backup's keyring opened with it.
    Present,
    /// Another: a rekey lies between.
    Replaced,
}

/// What a backup was found to hold.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What it says of itself; all of it has verified.
    pub info: SnapshotInfo,
    /// Secrets, living and deleted.
    pub secrets: u64,
    /// Versions of them.
    pub versions: u64,
    /// Who can log in once it is restored.
    pub principals: u64,
    /// Sessions, which a restore ends.
    pub sessions: u64,
    /// Bytes of keys and sealed payloads.
    pub bytes: u64,
    /// Made by `vaultd dev`.
    pub dev: bool,
    /// Every document and every wrapped data key opened, under this node's keyring or the backup's own.
    pub opened: bool,
    /// What opens it once it is restored.
    pub header: SealHeader,
    /// Whether that is what opens this vault now.
    pub seal: SealThen,
}

/// Counted row by row.
#[derive(Debug, Default)]
pub(super) struct Contents {
    secrets: u64,
    versions: u64,
    principals: u64,
    sessions: u64,
    bytes: u64,
    dev: bool,
    keyring: bool,
    signer: bool,
    seal: Option<SealHeader>,
}

impl Contents {
    /// Counts a row.
    pub(super) fn see(&mut self, key: &Key, sealed: &[u8]) {
        let is = |kind: Kind| u64::from(key.kind_byte() == kind as u8);
        self.secrets += is(Kind::Secret);
        self.versions += is(Kind::Version);
        self.principals += is(Kind::Principal);
        self.sessions += is(Kind::Session);
        self.bytes += super::size(key.as_bytes()) + super::size(sealed);
        self.dev |= *key == setup::dev_key();
        self.keyring |= *key == seals::keyring_key(HOME_REGION);
        self.signer |= *key == transact::signer_key();
        if *key == seals::seal_key(HOME_REGION) {
            self.seal = SealHeader::from_record(sealed).ok();
        }
    }

    /// The count, of a backup that can be opened again once it is restored.
    ///
    /// # Errors
    /// `BACKUP_DAMAGED` when a node that is made of it could never be unsealed.
    pub(super) fn verified(self, info: SnapshotInfo) -> Result<Verified> {
        let seal = self
            .seal
            .filter(|seal| Some(*seal.cluster()) == info.cluster);
        let Some(header) = seal.filter(|_| self.keyring && self.signer) else {
            return Err(Error::new(
                Reason::BackupDamaged,
                "the backup lacks its seal, its keyring or its log signer: nothing could open it",
            ));
        };
        Ok(Verified {
            info,
            secrets: self.secrets,
            versions: self.versions,
            principals: self.principals,
            sessions: self.sessions,
            bytes: self.bytes,
            dev: self.dev,
            opened: false,
            header,
            seal: SealThen::Unknown,
        })
    }
}
