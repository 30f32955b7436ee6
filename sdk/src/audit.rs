//! The audit trail of the node that answers, as streams.
//!
//! No limit in time: a tail never ends by itself. A stream that has begun is not repeated.

use tonic::Streaming;
use tonic::transport::Channel;
use uuid::Uuid;
use vault_proto::v1;
use vault_proto::v1::audit_client::AuditClient;

use crate::{Error, Vault};

/// Calls that read the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a>(pub(crate) &'a Vault);

/// What is read, on its way here. Dropped, the server stops reading.
#[derive(Debug)]
pub struct AuditStream<M>(Streaming<M>);

impl<M> AuditStream<M> {
    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// When the stream breaks off, or the caller may no longer read.
    pub async fn next(&mut self) -> Result<Option<M>, Error> {
        let message = self.0.message().await;
        message.map_err(|status| Error::from_status(&status))
    }
}

impl Audit<'_> {
    /// The last lines, then each new one.
    ///
    /// # Errors
    /// When not granted, or a word of the filter means nothing.
    pub async fn tail(
        self,
        request: v1::TailAuditRequest,
    ) -> Result<AuditStream<v1::AuditPage>, Error> {
        let request = self.0.request(request, &Uuid::new_v4().to_string(), None)?;
        let mut client = client(self.0.channel()?);
        let stream = self.0.finish(client.tail_audit(request).await);
        stream.map(AuditStream)
    }

    /// All lines that there are, oldest first.
    ///
    /// # Errors
    /// As of [`Self::tail`].
    pub async fn search(
        self,
        request: v1::SearchAuditRequest,
    ) -> Result<AuditStream<v1::AuditPage>, Error> {
        let request = self.0.request(request, &Uuid::new_v4().to_string(), None)?;
        let mut client = client(self.0.channel()?);
        let stream = self.0.finish(client.search_audit(request).await);
        stream.map(AuditStream)
    }

    /// Whether the trail is whole.
    ///
    /// # Errors
    /// When not granted.
    pub async fn verify(self) -> Result<AuditStream<v1::AuditCheck>, Error> {
        let request = v1::VerifyAuditRequest {};
        let request = self.0.request(request, &Uuid::new_v4().to_string(), None)?;
        let mut client = client(self.0.channel()?);
        let stream = self.0.finish(client.verify_audit(request).await);
        stream.map(AuditStream)
    }
}

fn client(channel: Channel) -> AuditClient<Channel> {
    AuditClient::new(channel).max_decoding_message_size(LARGEST_PAGE)
}

/// A line that names a thousand long paths is some megabytes.
const LARGEST_PAGE: usize = 16 * 1024 * 1024;
