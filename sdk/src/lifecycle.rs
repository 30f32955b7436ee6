//! Deleting, restoring, destroying, copying and moving secrets.

use std::time::Duration;

use vault_proto::v1;

use crate::call::Safety;
use crate::secrets::client;
use crate::{Error, Vault};

/// Calls about where secrets live and when they end.
#[derive(Clone, Copy, Debug)]
pub struct Lifecycle<'a>(pub(crate) &'a Vault);

impl Lifecycle<'_> {
    /// Deletes a secret, or a folder with all below it; it can be restored within the window.
    ///
    /// # Errors
    /// When there is no such thing, or not granted.
    pub async fn delete(
        self,
        what: v1::DeleteSecretRequest,
    ) -> Result<v1::DeleteSecretResponse, Error> {
        let send = |channel, request| async { client(channel).delete_secret(request).await };
        let safety = if what.dry_run {
            Safety::Read
        } else {
            Safety::Write
        };
        self.0.call(safety, what, send).await
    }

    /// A page of what was deleted and can be restored.
    ///
    /// # Errors
    /// When not granted.
    pub async fn deleted(
        self,
        page: v1::ListDeletedRequest,
    ) -> Result<v1::ListDeletedResponse, Error> {
        let send = |channel, request| async { client(channel).list_deleted(request).await };
        self.0.call(Safety::Read, page, send).await
    }

    /// Brings a deleted secret back, with its history.
    ///
    /// # Errors
    /// When it is gone, or its path is taken.
    pub async fn restore(
        self,
        what: v1::RestoreSecretRequest,
    ) -> Result<v1::RestoreSecretResponse, Error> {
        let send = |channel, request| async { client(channel).restore_secret(request).await };
        self.0.call(Safety::Write, what, send).await
    }

    /// Ends a version, or a deleted secret, beyond recovery.
    ///
    /// # Errors
    /// When there is no such version, or it is the current one.
    pub async fn destroy(
        self,
        what: v1::DestroySecretRequest,
    ) -> Result<v1::DestroySecretResponse, Error> {
        let send = |channel, request| async { client(channel).destroy_secret(request).await };
        self.0.call(Safety::Write, what, send).await
    }

    /// Copies a secret with its history, on the server.
    ///
    /// # Errors
    /// When the source does not exist or the destination does.
    pub async fn copy(self, what: v1::CopySecretRequest) -> Result<v1::CopySecretResponse, Error> {
        let send = |channel, request| async { client(channel).copy_secret(request).await };
        self.0.call(Safety::Write, what, send).await
    }

    /// Moves a secret, or a folder with all below it.
    ///
    /// # Errors
    /// When the source does not exist or the destination does.
    pub async fn rename(
        self,
        what: v1::MoveSecretRequest,
    ) -> Result<v1::MoveSecretResponse, Error> {
        let send = |channel, request| async { client(channel).move_secret(request).await };
        self.0.call(Safety::Write, what, send).await
    }
}

/// A duration as the wire has it.
pub(crate) fn wire_duration(duration: Duration) -> Result<prost_types::Duration, Error> {
    prost_types::Duration::try_from(duration)
        .map_err(|_| Error::config("a duration is too long to be sent"))
}
