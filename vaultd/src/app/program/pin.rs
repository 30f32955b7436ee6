//! Programs that are known by a key, which the TLS handshake of their connection has proved.

use vault_core::access::program::pin::{self, Listed, Terms};
use vault_core::access::{Action, KeyHash, Login, Resource};
use vault_core::crypto::secret::TokenText;
use vault_core::engine::identity as engine;
use vault_core::name::ServiceName;

use crate::app::call::{Answer, Call};
use crate::app::error::Result;
use crate::app::{App, Oneself, refusal};

impl App {
    /// Logs a program in by the key of its connection's certificate; as the service that the key is, or that is named.
    ///
    /// # Errors
    /// `CERTIFICATE_MISSING` and `CERTIFICATE_UNFIT` of the certificate, `LOGIN_FAILED` where its key is not the
    /// service's; or as of any login.
    pub async fn login_certificate(
        &self,
        call: &Call,
        (service, login): (Option<ServiceName>, Login),
    ) -> Result<Answer<(TokenText, Oneself)>> {
        let (certificate, named) = (call.certificate, service.clone());
        self.login_program(call, (service, login), move |notes, tx| {
            // Of one that is nobody's any more, too: whoever pinned it may want to know.
            if let Some(shown) = &certificate {
                notes.about(called(&shown.key));
            }
            pin::prove(tx, named.as_ref(), certificate.as_ref())
        })
        .await
    }

    /// Lets whoever holds a key be a service; `false` if nothing changed.
    ///
    /// # Errors
    /// `BEYOND_OWN_RIGHTS` where the service may do what the caller may not; as the engine refuses, or as of any write.
    pub async fn add_pin(
        &self,
        call: &Call,
        service: ServiceName,
        (key, terms): (KeyHash, Terms),
    ) -> Result<Answer<bool>> {
        let about = (Resource::Service(service), Some(called(&key)));
        let action = Action::SERVICE_BIND;
        self.change_identity_and(call, action, about, move |tx, caller, grant, proofs| {
            engine::add_pin(tx, caller, grant, proofs, (key, &terms))
        })
        .await
    }

    /// Takes a key from a service, and ends the sessions that were made with it; `false` if it had it not.
    ///
    /// # Errors
    /// As of any write.
    pub async fn remove_pin(
        &self,
        call: &Call,
        service: ServiceName,
        key: KeyHash,
    ) -> Result<Answer<bool>> {
        let about = (Resource::Service(service), Some(called(&key)));
        let action = Action::SERVICE_UNBIND;
        self.change_identity_and(call, action, about, move |tx, _, grant, _| {
            engine::remove_pin(tx, grant, &key)
        })
        .await
    }

    /// The keys of a service that are good yet.
    ///
    /// # Errors
    /// As of any read.
    pub async fn list_pins(
        &self,
        call: &Call,
        service: &ServiceName,
    ) -> Result<Answer<Vec<Listed>>> {
        self.read(call, |visit, tx| {
            let about = Resource::Service(service.clone());
            let grant = visit.grant(tx, Action::SERVICE_DESCRIBE, about)?;
            engine::list_pins(tx, &grant).map_err(refusal::identity)
        })
        .await
    }
}

/// As the audit names it.
fn called(key: &KeyHash) -> String {
    format!("key:{key}")
}
