//! Regions as those see them who look after the vault.

use vault_core::access::region::{self, Region, Regions};
use vault_core::access::{Action, Resource};
use vault_core::name::RegionName;

use super::super::call::{Answer, Call};
use super::super::error::Result;
use super::super::transact::{Terms, Verdict};
use super::super::{App, refusal};
use super::{about, refused};

impl App {
    /// Every region there is or was.
    ///
    /// # Errors
    /// As of any read.
    pub async fn list_regions(&self, call: &Call) -> Result<Answer<Vec<Region>>> {
        self.read(call, |visit, tx| {
            visit.grant(tx, Action::REGION_LIST, Resource::System)?;
            let regions = Regions::of(tx).map_err(refusal::record)?;
            Ok(regions.iter().cloned().collect())
        })
        .await
    }

    /// Calls a region something else. Its nodes name it in their configuration, and follow.
    ///
    /// # Errors
    /// `REGION_NOT_FOUND`, `REGION_EXISTS`; as of any write.
    pub async fn rename_region(
        &self,
        call: &Call,
        name: RegionName,
        new: RegionName,
    ) -> Result<Answer<Region>> {
        self.write(call, Terms::default(), move |visit, tx| {
            visit.grant(tx, Action::REGION_UPDATE, Resource::System)?;
            visit.about(about(&name));
            visit.about(about(&new));
            let region = region::rename(tx, &name, &new).map_err(refused)?;
            Ok((Verdict::Commit, region))
        })
        .await
    }
}
