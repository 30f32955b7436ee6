//! The handle that everything starts from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::consistency::Seen;
use crate::{
    Audit, Auth, Backup, Builder, Cluster, Error, Identity, Lifecycle, ManagedPolicies, Mfa, Needs,
    Policies, Programs, Regions, ResourcePolicies, Root, Secrets, Sessions, Sharing, System, Token,
    Trusts,
};

/// A vault: its endpoints, the caller's token and the session's memory. Cheap to clone; clones share
/// connections and what was seen.
#[derive(Clone)]
pub struct Vault {
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) token: Option<MetadataValue<Ascii>>,
    pub(crate) timeout: Duration,
    pub(crate) retries: usize,
    /// Requests are only asked about.
    pub(crate) needs: Option<Needs>,
}

/// The endpoints, and the one that answered last.
pub(crate) struct Nodes {
    pub(crate) channels: Vec<Channel>,
    pub(crate) preferred: AtomicUsize,
    pub(crate) seen: Seen,
}

impl Nodes {
    /// Positions of all endpoints, the preferred first.
    pub(crate) fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let count = self.channels.len();
        let first = self.preferred.load(Ordering::Relaxed);
        (0..count).map(move |step| (first + step) % count)
    }
}

impl Vault {
    /// Starts building a handle.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The same vault, called with another token.
    ///
    /// # Errors
    /// When the token cannot be sent in a header.
    pub fn with_token(&self, token: &Token) -> Result<Self, Error> {
        Ok(Self {
            token: Some(bearer(token)?),
            ..self.clone()
        })
    }

    /// The same vault, with another limit for one call and its retries.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            timeout,
            ..self.clone()
        }
    }

    /// The same vault, asked only what requests take: it decides and evaluates them, writes nothing and begins nothing,
    /// and what grants were asked for is gathered. Where one is denied, what it would have asked for next is not known.
    /// Methods that take no session are refused.
    ///
    /// Look at [`Needs::understood`] after a first request that does no harm: an older server acts.
    #[must_use]
    pub fn asking(&self, needs: &Needs) -> Self {
        Self {
            needs: Some(needs.clone()),
            ..self.clone()
        }
    }

    /// The time of the last answer by the server's clock, as its `date` header has it (RFC 9110).
    pub fn server_date(&self) -> Option<String> {
        self.nodes.seen.date()
    }

    /// State, seals and keys of a node.
    pub fn system(&self) -> System<'_> {
        System(self)
    }

    /// The caller's own session.
    pub fn auth(&self) -> Auth<'_> {
        Auth(self)
    }

    /// Roles, and sessions of everybody.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }

    /// Reading, writing, listing secrets.
    pub fn secrets(&self) -> Secrets<'_> {
        Secrets(self)
    }

    /// Deleting, restoring, copying, moving secrets.
    pub fn lifecycle(&self) -> Lifecycle<'_> {
        Lifecycle(self)
    }

    /// Values that are handed out once, to whoever brings the code.
    pub fn sharing(&self) -> Sharing<'_> {
        Sharing(self)
    }

    /// The nodes of the cluster.
    pub fn cluster(&self) -> Cluster<'_> {
        Cluster(self)
    }

    /// The root identity.
    pub fn root(&self) -> Root<'_> {
        Root(self)
    }

    /// Regions.
    pub fn regions(&self) -> Regions<'_> {
        Regions(self)
    }

    /// Snapshots.
    pub fn backup(&self) -> Backup<'_> {
        Backup(self)
    }

    /// Users, services, roles, groups.
    pub fn identity(&self) -> Identity<'_> {
        Identity(self)
    }

    /// Policies that are kept in the vault.
    pub fn managed_policies(&self) -> ManagedPolicies<'_> {
        ManagedPolicies(self)
    }

    /// Second factors.
    pub fn mfa(&self) -> Mfa<'_> {
        Mfa(self)
    }

    /// Programs, and what they prove themselves as services with.
    pub fn programs(&self) -> Programs<'_> {
        Programs(self)
    }

    /// Policies of secrets and folders.
    pub fn resource_policies(&self) -> ResourcePolicies<'_> {
        ResourcePolicies(self)
    }

    /// Issuers whose tokens programs log in with.
    pub fn trusts(&self) -> Trusts<'_> {
        Trusts(self)
    }

    /// Policies as documents.
    pub fn policies(&self) -> Policies<'_> {
        Policies(self)
    }

    /// The audit trail.
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }

    /// The preferred endpoint's channel, for what is not repeated elsewhere.
    pub(crate) fn channel(&self) -> Result<Channel, Error> {
        let mut order = self.nodes.order();
        let found = order
            .next()
            .and_then(|position| self.nodes.channels.get(position));
        found
            .cloned()
            .ok_or_else(|| Error::config("no endpoint is set"))
    }

    /// The answer to such a call.
    pub(crate) fn finish<R>(&self, outcome: Result<Response<R>, Status>) -> Result<R, Error> {
        let reply = outcome.map_err(|status| Error::from_status(&status))?;
        self.observe(reply.metadata());
        Ok(reply.into_inner())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("nodes", &self.nodes.channels.len())
            .finish_non_exhaustive()
    }
}

pub(crate) fn bearer(token: &Token) -> Result<MetadataValue<Ascii>, Error> {
    let header = zeroize::Zeroizing::new(format!("Bearer {}", token.expose()));
    let value: Result<MetadataValue<Ascii>, _> = header.parse();
    let mut value =
        value.map_err(|_| Error::config("the token holds characters that no token has"))?;
    value.set_sensitive(true);
    Ok(value)
}
