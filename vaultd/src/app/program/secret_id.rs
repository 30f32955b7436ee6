//! Secret ids: what programs log in with, and administrators issue, see and take back.

use vault_core::access::program::secret_id::{self, Accessor, Listed, SecretIdHash, Terms};
use vault_core::access::{Action, Resource};
use vault_core::crypto::secret::{SecretId, SecretIdText, TokenText};
use vault_core::engine::identity as engine;
use vault_core::name::ServiceName;

use super::ProgramLogin;
use crate::app::call::{Answer, Call};
use crate::app::error::Result;
use crate::app::{App, Oneself, refusal};
use crate::clock::OsEntropy;

impl App {
    /// Logs a program in with a secret id.
    ///
    /// # Errors
    /// `LOGIN_FAILED` for whatever is wrong with it; or as of any login.
    pub async fn login_secret_id(
        &self,
        call: &Call,
        request: ProgramLogin,
        id: &SecretId,
    ) -> Result<Answer<(TokenText, Oneself)>> {
        let (hash, service) = (SecretIdHash::of(id), request.service.clone());
        let origin = self.calling(call).origin();
        let asked = (Some(request.service), request.login);
        self.login_program(call, asked, move |notes, tx| {
            // Of one that was used up or taken back, too: whoever issued it may want to know.
            notes.about(named(hash.accessor()));
            secret_id::prove(tx, &service, &hash, &origin)
        })
        .await
    }

    /// Gives out a secret id of a service, which is in this reply and nowhere else.
    ///
    /// # Errors
    /// `BEYOND_OWN_RIGHTS` where the service may do what the caller may not; as the engine refuses, or as of any write.
    pub async fn issue_secret_id(
        &self,
        call: &Call,
        service: ServiceName,
        terms: Terms,
    ) -> Result<Answer<(SecretIdText, Listed)>> {
        let id = SecretId::make(&mut OsEntropy);
        let (text, hash) = (
            vault_core::crypto::secret_id::to_text(&id),
            SecretIdHash::of(&id),
        );
        let about = (Resource::Service(service), Some(named(hash.accessor())));
        let action = Action::SERVICE_ISSUE_SECRET_ID;
        let answer = self
            .change_identity_and(call, action, about, move |tx, caller, grant, proofs| {
                engine::issue_secret_id(tx, caller, grant, proofs, (&hash, &terms))
            })
            .await?;
        Ok(answer.map(|listed| (text, listed)))
    }

    /// Secret ids of a service that are good yet.
    ///
    /// # Errors
    /// As of any read.
    pub async fn list_secret_ids(
        &self,
        call: &Call,
        service: &ServiceName,
        (after, limit): (Option<Accessor>, usize),
    ) -> Result<Answer<(Vec<Listed>, Option<Accessor>)>> {
        self.read(call, |visit, tx| {
            let about = Resource::Service(service.clone());
            let grant = visit.grant(tx, Action::SERVICE_DESCRIBE, about)?;
            engine::list_secret_ids(tx, &grant, after, limit).map_err(refusal::identity)
        })
        .await
    }

    /// Takes a secret id back.
    ///
    /// # Errors
    /// `SECRET_ID_NOT_FOUND`, or as of any write.
    pub async fn revoke_secret_id(
        &self,
        call: &Call,
        service: ServiceName,
        accessor: Accessor,
    ) -> Result<Answer<()>> {
        let about = (Resource::Service(service), Some(named(accessor)));
        let action = Action::SERVICE_REVOKE_SECRET_ID;
        self.change_identity_and(call, action, about, move |tx, _, grant, _| {
            engine::revoke_secret_id(tx, grant, accessor)
        })
        .await
    }
}

/// As the audit names it.
fn named(accessor: Accessor) -> String {
    format!("secret-id:{accessor}")
}
