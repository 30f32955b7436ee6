//! Which regions there are, and which of them this node is in.
//!
//! A node is in the region that its configuration names. What it unseals with, and what it can open then, is that
//! region's: home's keyring holds all keys, another region's those that a node there needs to answer
//! (`vault_core::crypto::keyring`). Whatever takes more is refused by [`App::at_home`], or by the proposer, which
//! signs nothing without home's keys, before anything is looked at.

mod found;
mod manage;
mod revoke;

use std::sync::Arc;

use vault_core::access::region::{self, Region, RegionRefusal, Regions};
use vault_core::crypto::keyring::{HOME_REGION, Keyring};
use vault_core::name::RegionName;
use vault_core::record::{IdBlock, Tx};
use vault_proto::v1::Reason;

pub(super) use found::Founding;
pub use found::{Founded, RegionKey};
pub use revoke::Revoked;

use super::error::{Error, Result};
use super::transact::{Terms, Verdict};
use super::unsealed::Unsealed;
use super::{App, refusal};

impl App {
    /// The region that this node's configuration names.
    ///
    /// # Errors
    /// `REQUEST_INVALID` for a name that no region has: the configuration is read more strictly than that.
    pub(super) fn own_region(&self) -> Result<RegionName> {
        let name = RegionName::try_from(&*self.settings.region);
        name.map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
    }

    /// The number of that region, as far as is known before anything is open. In a state that was made before regions
    /// had names, every node is at home; and where their names cannot be read, so that what is damaged there keeps no
    /// vault shut. (Shares of another region are refused by their number then.)
    ///
    /// # Errors
    /// `REGION_NOT_FOUND`, `REGION_REVOKED`.
    pub(super) fn own_number(&self) -> Result<u16> {
        let known = Regions::in_clear(&self.store).ok();
        let Some(regions) = known.filter(|known| known.iter().next().is_some()) else {
            return Ok(HOME_REGION);
        };
        let own = self.own_region()?;
        let found = regions.live(&own).map(Region::number);
        if let Err(RegionRefusal::Unknown(name)) = &found {
            return Err(Error::new(
                Reason::RegionNotFound,
                format!(
                    "`node.region` of this node is `{name}`, and the vault has no such region: set it to one that there \
                     is, or add this one at a node of the home region: vaultctl region add {name}"
                ),
            ));
        }
        found.map_err(refused)
    }

    /// Whether this node has home's keys.
    ///
    /// # Errors
    /// `SEALED`; `HOME_REGION_ONLY`.
    pub(super) fn at_home(&self) -> Result<()> {
        if self.unsealed()?.keyring().is_home() {
            Ok(())
        } else {
            Err(refusal::at_home_only())
        }
    }

    /// A share that opens another region of this vault.
    pub(super) fn share_of_another_region(&self, number: u16) -> Error {
        let regions = Regions::in_clear(&self.store).unwrap_or_default();
        let other = regions.by_number(number).map(Region::name);
        let other = other.map_or_else(
            || format!("region number {number}"),
            |name| format!("the region `{name}`"),
        );
        let own = &self.settings.region;
        Error::new(
            Reason::ShareForeign,
            format!(
                "this is a share of {other}, and this node is in `{own}`: it was not taken; enter it at a node of its own region"
            ),
        )
    }

    /// Compares what a sealed node believed of its region with the record that nobody alters unseen. At home nothing hangs
    /// on it, and it is mended.
    ///
    /// # Errors
    /// `RECORD_DAMAGED` where they differ, in another region.
    pub(super) fn compare_regions(&self, keyring: &Keyring) -> Result<()> {
        if self.regions_agree(keyring) {
            return Ok(());
        }
        let message = "what this node's disk says in clear of the regions is not what the vault's sealed record says: it was \
                       damaged or altered";
        tracing::error!("{message}");
        if keyring.is_home() {
            Ok(())
        } else {
            Err(Error::new(
                Reason::RecordDamaged,
                format!("{message}; nothing was opened"),
            ))
        }
    }

    fn regions_agree(&self, keyring: &Keyring) -> bool {
        let mut none = IdBlock::default();
        let mut tx = Tx::new(&self.store, keyring, self.now(), &mut none);
        match (Regions::of(&mut tx), Regions::in_clear(&self.store)) {
            (Ok(regions), Ok(copy)) => regions == copy,
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    /// Writes what the home region is called into a state that was made before regions had names, and what is in clear
    /// of regions where that is damaged. What keeps it from that now does not when the leader's next round comes.
    pub(super) async fn name_home(&self) {
        if let Err(error) = self.try_to_name_home().await {
            let reason = error.reason().as_str_name();
            tracing::debug!(reason, "the home region has no name in the state yet");
        }
    }

    async fn try_to_name_home(&self) -> Result<()> {
        let at_home = |keys: &Arc<Unsealed>| keys.keyring().is_home();
        let Some(keys) = self.keys.load().filter(at_home) else {
            return Ok(());
        };
        let named = Regions::in_clear(&self.store).is_ok_and(|known| known.iter().next().is_some());
        if named && self.regions_agree(keys.keyring()) {
            return Ok(());
        }
        drop(keys);
        let name = self.own_region()?;
        let write = move |tx: &mut Tx<'_>| match region::name_home(tx, &name) {
            Ok(_) => (Verdict::Commit, Ok(())),
            Err(error) => (Verdict::Discard, Err(refusal::record(error))),
        };
        self.proposer.run(Terms::default(), write).await.map(drop)
    }
}

/// As the audit names a region.
fn about(name: &RegionName) -> String {
    format!("region:{name}")
}

/// What is wrong with a change of regions.
fn refused(refused: RegionRefusal) -> Error {
    let message = refused.to_string();
    match refused {
        RegionRefusal::Exists(_) => Error::new(Reason::RegionExists, message),
        RegionRefusal::Unknown(_) => Error::new(
            Reason::RegionNotFound,
            format!("{message}; see: vaultctl region ls"),
        ),
        RegionRefusal::Revoked(_) => Error::new(Reason::RegionRevoked, message),
        RegionRefusal::Home(_) => Error::new(Reason::RequestInvalid, message),
        RegionRefusal::Unnamed => Error::new(Reason::Contention, message),
        RegionRefusal::TooMany => Error::new(Reason::LimitReached, message),
        RegionRefusal::Record(error) => refusal::record(error),
    }
}
