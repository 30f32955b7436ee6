//! How a handle is set up.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::connect::channel;
use crate::consistency::Seen;
use crate::tls::{Tls, Trust};
use crate::vault::{Nodes, bearer};
use crate::{
    CaCertificate, ClientIdentity, Endpoint, Error, Fingerprint, SessionTerms, Text, Token, Vault,
};

/// Settings of a [`Vault`]; everything but the endpoints has a default.
#[derive(Debug)]
pub struct Builder {
    endpoints: Vec<Endpoint>,
    trust: Trust,
    server_name: Option<String>,
    identity: Option<ClientIdentity>,
    token: Option<Token>,
    timeout: Duration,
    connect_timeout: Duration,
    retries: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            trust: Trust::Machine,
            server_name: None,
            identity: None,
            token: None,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            retries: 3,
        }
    }
}

impl Builder {
    /// Adds an endpoint. They are tried in order, and the one that answered last is tried first.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Adds several.
    #[must_use]
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.endpoints.extend(endpoints);
        self
    }

    /// Trusts this CA and no other. Without it, or a fingerprint, the machine's own authorities are
    /// trusted.
    #[must_use]
    pub fn ca(mut self, ca: CaCertificate) -> Self {
        self.trust = Trust::Ca(ca);
        self
    }

    /// Trusts the CA with this fingerprint and no other; the server has to send it.
    #[must_use]
    pub fn ca_fingerprint(mut self, pin: Fingerprint) -> Self {
        self.trust = Trust::Pin(pin);
        self
    }

    /// The name to verify instead of the endpoint's host.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// The certificate that every TLS connection shows, and the key that it proves to hold: for logging in by it, and
    /// for sessions that are good with it only. A Unix socket shows none.
    #[must_use]
    pub fn client_identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The caller's token.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Limit for one call with all its retries; 10 s unless given.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Limit for making one connection; 3 s unless given.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often a call that may be repeated is repeated; 3 unless given.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Makes the handle and logs in as a service with a secret id: the handle's token is that session's, which lasts
    /// as `terms` say and is not made anew.
    ///
    /// # Errors
    /// As [`Builder::build`], and as [`Programs::login_secret_id`](crate::Programs::login_secret_id).
    pub async fn log_in_with_secret_id(
        self,
        service: &str,
        secret_id: &Text,
        terms: SessionTerms,
    ) -> Result<Vault, Error> {
        let vault = self.build()?;
        let login = vault.programs().login_secret_id(service, secret_id, terms);
        let token = login.await?.token;
        vault.with_token(&token)
    }

    /// Makes the handle and logs in as a service by the uid of this process, over the node's Unix socket: the handle's
    /// token is that session's, which lasts as `terms` say and is not made anew.
    ///
    /// # Errors
    /// As [`Builder::build`], and as [`Programs::login_peer`](crate::Programs::login_peer).
    pub async fn log_in_as_peer(self, service: &str, terms: SessionTerms) -> Result<Vault, Error> {
        let vault = self.build()?;
        let token = vault.programs().login_peer(service, terms).await?.token;
        vault.with_token(&token)
    }

    /// Makes the handle and logs in as the service that the key of [`Builder::client_identity`] is: the handle's token is
    /// that session's, which lasts as `terms` say, is not made anew, and is good with that key only.
    ///
    /// # Errors
    /// As [`Builder::build`], and as [`Programs::login_certificate`](crate::Programs::login_certificate).
    pub async fn log_in_with_certificate(self, terms: SessionTerms) -> Result<Vault, Error> {
        let vault = self.build()?;
        let login = vault.programs().login_certificate(None, terms);
        let token = login.await?.token;
        vault.with_token(&token)
    }

    /// Makes the handle. Connects to nothing yet. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// When no endpoint is given, or a setting is unusable.
    pub fn build(self) -> Result<Vault, Error> {
        if self.endpoints.is_empty() {
            return Err(Error::config("no endpoint is set"));
        }
        let over_tcp = self
            .endpoints
            .iter()
            .any(|e| matches!(e, Endpoint::Https { .. }));
        let identity = self.identity.as_ref();
        let tls = over_tcp.then(|| Tls::new(&self.trust, self.server_name.as_deref(), identity));
        let tls = tls.transpose()?;
        let limit = self.connect_timeout.min(self.timeout);
        let channels = self
            .endpoints
            .iter()
            .map(|e| channel(e, tls.as_ref(), limit));
        Ok(Vault {
            nodes: Arc::new(Nodes {
                channels: channels.collect::<Result<_, _>>()?,
                preferred: AtomicUsize::new(0),
                seen: Seen::default(),
            }),
            token: self.token.as_ref().map(bearer).transpose()?,
            timeout: self.timeout,
            retries: self.retries,
            needs: None,
        })
    }
}
