//! The root identity: its end, and one-time roots by a quorum of shares.

use prost_types::Timestamp;
use vault_proto::v1;
use vault_proto::v1::root_client::RootClient;

use crate::call::Safety;
use crate::{Error, Text, Vault};

/// Calls about the root identity.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a>(pub(crate) &'a Vault);

/// How far the making of a one-time root has come.
#[derive(Debug)]
pub struct RootGeneration {
    /// Names it in every later step.
    pub ceremony: String,
    /// Shares that were accepted, and how many it takes.
    pub progress: v1::UnsealProgress,
    /// The one-time root's token; told once, to whoever enters the last share.
    pub token: Option<Text>,
    /// When that ends.
    pub expires_at: Option<Timestamp>,
}

impl Root<'_> {
    /// Whether the root identity can call.
    ///
    /// # Errors
    /// When not granted.
    pub async fn status(self) -> Result<v1::RootStatus, Error> {
        let send =
            |channel, request| async { RootClient::new(channel).get_root_status(request).await };
        self.0
            .call(Safety::Read, v1::GetRootStatusRequest {}, send)
            .await
    }

    /// Ends the root identity that `init` made, for ever; `false` if it had been. `force`: even if nobody could go on.
    ///
    /// # Errors
    /// When not granted, or nobody could go on.
    pub async fn disable(self, force: bool) -> Result<bool, Error> {
        let send =
            |channel, request| async { RootClient::new(channel).disable_root(request).await };
        let message = v1::DisableRootRequest { force };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(reply.disabled)
    }

    /// Enters a share towards a one-time root; begins without an id.
    ///
    /// # Errors
    /// Names a share that is malformed, foreign, wrong or entered twice.
    pub async fn generate(
        self,
        ceremony: Option<&str>,
        share: &Text,
    ) -> Result<RootGeneration, Error> {
        let send =
            |channel, request| async { RootClient::new(channel).generate_root(request).await };
        let message = v1::GenerateRootRequest {
            // EXPOSE: the request
            share: share.expose().to_owned(),
            ceremony: ceremony.unwrap_or_default().to_owned(),
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(RootGeneration {
            ceremony: reply.ceremony,
            progress: reply.progress.unwrap_or_default(),
            token: (!reply.token.is_empty()).then(|| Text::new(reply.token)),
            expires_at: reply.expires_at,
        })
    }

    /// Gives the making of a one-time root up; any share of the seal allows it.
    ///
    /// # Errors
    /// As of entering one.
    pub async fn cancel(self, ceremony: &str, share: &Text) -> Result<(), Error> {
        let send = |channel, request| async {
            RootClient::new(channel).cancel_generate_root(request).await
        };
        let message = v1::CancelGenerateRootRequest {
            // EXPOSE: the request
            share: share.expose().to_owned(),
            ceremony: ceremony.to_owned(),
        };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }
}
