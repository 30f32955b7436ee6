//! Regions: which there are, and new ones with a seal of their own.

use vault_proto::v1;
use vault_proto::v1::regions_client::RegionsClient;

use crate::call::Safety;
use crate::system::{optional, texts};
use crate::{Error, Text, Vault};

/// Calls about regions.
#[derive(Clone, Copy, Debug)]
pub struct Regions<'a>(pub(crate) &'a Vault);

/// A region that was prepared. Nothing of it is shown again, and nothing of it is worth anything until it is confirmed.
#[derive(Debug)]
pub struct NewRegion {
    /// For [`Regions::confirm`].
    pub ceremony: String,
    /// Never another region's.
    pub number: u32,
    /// Shares of a Shamir seal.
    pub shares: Vec<Text>,
    /// Offline recovery shares beside another kind of seal.
    pub recovery_shares: Vec<Text>,
    /// A passphrase that the node made.
    pub passphrase: Option<Text>,
    /// What the region's nodes open by themselves with, as 64 hexadecimal digits: the 32 bytes of their key file or
    /// credential.
    pub key: Option<Text>,
}

impl Regions<'_> {
    /// Every region there is or was.
    ///
    /// # Errors
    /// When not granted.
    pub async fn list(self) -> Result<Vec<v1::RegionInfo>, Error> {
        let send =
            |channel, request| async { RegionsClient::new(channel).list_regions(request).await };
        let message = v1::ListRegionsRequest {};
        let reply = self.0.call(Safety::Read, message, send).await?;
        Ok(reply.regions)
    }

    /// Prepares a region, which comes to exist by [`Self::confirm`]: first bring what this returns to safety.
    ///
    /// # Errors
    /// When not granted, or there is or was one of that name.
    pub async fn create(self, name: &str, seal: v1::SealConfig) -> Result<NewRegion, Error> {
        let send =
            |channel, request| async { RegionsClient::new(channel).create_region(request).await };
        let message = v1::CreateRegionRequest {
            name: name.to_owned(),
            seal: Some(seal),
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(NewRegion {
            ceremony: reply.ceremony,
            number: reply.number,
            shares: texts(reply.shares),
            recovery_shares: texts(reply.recovery_shares),
            passphrase: optional(reply.passphrase),
            key: optional(reply.key),
        })
    }

    /// Makes the region that [`Self::create`] prepared, within ten minutes.
    ///
    /// # Errors
    /// When another one was prepared after it, or it was left alone for too long. After
    /// [`Kind::Unknown`](crate::Kind) it exists if [`Self::list`] shows its number.
    pub async fn confirm(self, ceremony: &str) -> Result<v1::RegionInfo, Error> {
        let send =
            |channel, request| async { RegionsClient::new(channel).confirm_region(request).await };
        let message = v1::ConfirmRegionRequest {
            ceremony: ceremony.to_owned(),
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(reply.region.unwrap_or_default())
    }

    /// Writes a region's keyring no more, and begins new terms of keys. What its nodes had, they have: the reply says how
    /// many secrets are to be changed.
    ///
    /// # Errors
    /// When not granted, there is none of that name, it was revoked before, or it is home.
    pub async fn revoke(self, name: &str) -> Result<v1::RevokeRegionResponse, Error> {
        let send =
            |channel, request| async { RegionsClient::new(channel).revoke_region(request).await };
        let message = v1::RevokeRegionRequest {
            name: name.to_owned(),
        };
        self.0.call(Safety::Once, message, send).await
    }

    /// Calls a region something else. The configuration of its nodes has to follow.
    ///
    /// # Errors
    /// When not granted, there is none of that name, or there is or was one of the new.
    pub async fn rename(self, name: &str, new: &str) -> Result<v1::RegionInfo, Error> {
        let send =
            |channel, request| async { RegionsClient::new(channel).rename_region(request).await };
        let message = v1::RenameRegionRequest {
            name: name.to_owned(),
            new_name: new.to_owned(),
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(reply.region.unwrap_or_default())
    }
}
