//! Which regions there are, and which of them this node is in.

use std::sync::Arc;

use vault_core::access::region::{self, Regions};
use vault_core::crypto::keyring::HOME_REGION;
use vault_core::name::RegionName;
use vault_core::record::Tx;
use vault_proto::v1::Reason;

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

    /// Writes what the home region is called into a state that was made before regions had names. What keeps it from
    /// that now does not when the leader's next round comes.
    pub(super) async fn name_home(&self) {
        if let Err(error) = self.try_to_name_home().await {
            let reason = error.reason().as_str_name();
            tracing::debug!(reason, "the home region has no name in the state yet");
        }
    }

    async fn try_to_name_home(&self) -> Result<()> {
        let named = Regions::in_clear(&self.store).map_err(refusal::record)?;
        let at_home = |keys: &Arc<Unsealed>| keys.keyring().region() == HOME_REGION;
        if named.iter().next().is_some() || !self.keys.load().as_ref().is_some_and(at_home) {
            return Ok(());
        }
        let name = self.own_region()?;
        let write = move |tx: &mut Tx<'_>| match region::name_home(tx, &name) {
            Ok(_) => (Verdict::Commit, Ok(())),
            Err(error) => (Verdict::Discard, Err(refusal::record(error))),
        };
        self.proposer.run(Terms::default(), write).await.map(drop)
    }
}
