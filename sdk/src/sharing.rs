//! Values that are left for whoever brings the code, and handed out once.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use prost_types::Timestamp;
use tonic::transport::Channel;
use uuid::Uuid;
use vault_proto::v1;
use vault_proto::v1::sharing_client::SharingClient;

use crate::call::Safety;
use crate::{Error, Reference, Text, Value, Vault};

/// Calls about wrapped values.
#[derive(Clone, Copy, Debug)]
pub struct Sharing<'a>(pub(crate) &'a Vault);

/// A value that was just left.
#[derive(Debug)]
pub struct Shared {
    /// Opens it, once; to be handed to whom it is for.
    pub code: Text,
    /// What is known of it.
    pub info: v1::ShareInfo,
}

/// A value that was handed out.
#[derive(Debug)]
pub struct Unwrapped {
    /// Its fields, by name.
    pub fields: BTreeMap<String, Value>,
    /// Who left it.
    pub created_by: String,
    /// When.
    pub created_at: Option<Timestamp>,
}

impl Sharing<'_> {
    /// Leaves a value for a minute to seven days; an hour unless given.
    ///
    /// # Errors
    /// When not granted, or when something is over a limit.
    pub async fn share(
        self,
        fields: &[(String, Value)],
        ttl: Option<Duration>,
    ) -> Result<Shared, Error> {
        // EXPOSE: the request
        let bytes = |value: &Value| Bytes::copy_from_slice(value.expose());
        let fields = fields
            .iter()
            .map(|(name, value)| (name.clone(), bytes(value)));
        let message = v1::ShareRequest {
            fields: fields.collect(),
            ..Default::default()
        };
        self.leave(message, ttl).await
    }

    /// Leaves what a secret holds now, or a field of it.
    ///
    /// # Errors
    /// When there is no such secret, or not granted, or the time is out of bounds.
    pub async fn share_secret(
        self,
        secret: &Reference,
        ttl: Option<Duration>,
    ) -> Result<Shared, Error> {
        let get = secret.clone().into_request();
        let message = v1::ShareRequest {
            path: get.path,
            selector: get.selector,
            only: get.fields,
            ..Default::default()
        };
        self.leave(message, ttl).await
    }

    async fn leave(
        self,
        mut message: v1::ShareRequest,
        ttl: Option<Duration>,
    ) -> Result<Shared, Error> {
        message.ttl = ttl.map(crate::lifecycle::wire_duration).transpose()?;
        let send = |channel, request| async { client(channel).share(request).await };
        // Sent again it would leave another one, whose predecessor nobody has the code of.
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(Shared {
            code: Text::new(reply.code),
            info: reply.info.ok_or_else(|| Error::incomplete("info"))?,
        })
    }

    /// Takes a value. Of all who come with its code one gets it: a repetition after a lost reply is recognised as
    /// the same taker.
    ///
    /// # Errors
    /// Not found, for every code that opens nothing.
    pub async fn unwrap(self, code: &Text) -> Result<Unwrapped, Error> {
        // Two of them hold 244 random bits.
        let claim = [Uuid::new_v4(), Uuid::new_v4()];
        let message = v1::UnwrapRequest {
            // EXPOSE: the request
            code: code.expose().to_owned(),
            claim: claim.iter().flat_map(|half| *half.as_bytes()).collect(),
        };
        let send = |channel, request| async { client(channel).unwrap(request).await };
        let reply = self.0.call(Safety::Write, message, send).await?;
        let fields = reply.fields.into_iter();
        Ok(Unwrapped {
            fields: fields
                .map(|(name, bytes)| (name, Value::new(bytes.as_ref())))
                .collect(),
            created_by: reply.created_by,
            created_at: reply.created_at,
        })
    }

    /// What is known of a value that the caller left.
    ///
    /// # Errors
    /// When he left none under that accessor, or its time is over.
    pub async fn look_up(self, accessor: &str) -> Result<v1::ShareInfo, Error> {
        let message = v1::LookupShareRequest {
            accessor: accessor.to_owned(),
        };
        let send = |channel, request| async { client(channel).lookup_share(request).await };
        let reply = self.0.call(Safety::Read, message, send).await?;
        reply.info.ok_or_else(|| Error::incomplete("info"))
    }

    /// Takes back a value that the caller left; `unwrapped_at` says that it was too late.
    ///
    /// # Errors
    /// As [`Sharing::look_up`].
    pub async fn revoke(self, accessor: &str) -> Result<v1::ShareInfo, Error> {
        let message = v1::RevokeShareRequest {
            accessor: accessor.to_owned(),
        };
        let send = |channel, request| async { client(channel).revoke_share(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        reply.info.ok_or_else(|| Error::incomplete("info"))
    }
}

fn client(channel: Channel) -> SharingClient<Channel> {
    SharingClient::new(channel)
}
