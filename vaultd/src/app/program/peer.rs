//! Programs that are known by whose process they are, over the Unix socket.

use vault_core::access::program::peer::{self, Member};
use vault_core::access::{Action, Resource};
use vault_core::crypto::secret::TokenText;
use vault_core::engine::identity as engine;
use vault_core::name::ServiceName;
use vault_proto::v1::Reason;

use super::ProgramLogin;
use crate::app::audit::Source;
use crate::app::call::{Answer, Call};
use crate::app::error::{Error, Result};
use crate::app::{App, Oneself, refusal};

impl App {
    /// Logs a program in by the uid of its process, and its gid.
    ///
    /// # Errors
    /// `LOGIN_FAILED` where the service is not that uid's, `REQUEST_INVALID` from a network; or as of any login.
    pub async fn login_peer(
        &self,
        call: &Call,
        request: ProgramLogin,
    ) -> Result<Answer<(TokenText, Oneself)>> {
        let who = match call.source {
            Source::Unix { uid, gid, .. } => (known(uid), gid),
            Source::Tcp(_) | Source::Inside => {
                let error = Error::new(
                    Reason::RequestInvalid,
                    "whose process calls is known over the node's Unix socket only",
                );
                return self.refused(call, error).await;
            }
        };
        let service = request.service.clone();
        let asked = (Some(request.service), request.login);
        self.login_program(call, asked, move |_, tx| peer::prove(tx, &service, who))
            .await
    }

    /// Lets processes of a uid be a service, or not any more; `false` if nothing changed.
    ///
    /// # Errors
    /// `BEYOND_OWN_RIGHTS` where the service may do what the caller may not; as the engine refuses, or as of any write.
    pub async fn bind_uid(
        &self,
        call: &Call,
        service: ServiceName,
        (member, allowed): (Member, bool),
    ) -> Result<Answer<bool>> {
        let action = if allowed {
            Action::SERVICE_ALLOW_UID
        } else {
            Action::SERVICE_REMOVE_UID
        };
        let Member { uid, gid } = member;
        let overflow = vault_sys::overflow_uid();
        let gid = gid.map(|gid| format!(",gid:{gid}")).unwrap_or_default();
        let about = (Resource::Service(service), Some(format!("uid:{uid}{gid}")));
        self.change_identity_and(call, action, about, move |tx, caller, grant, proofs| {
            if allowed {
                engine::allow_uid(tx, caller, grant, proofs, (member, overflow))
            } else {
                engine::remove_uid(tx, grant, uid)
            }
        })
        .await
    }

    /// The uids of a service.
    ///
    /// # Errors
    /// As of any read.
    pub async fn list_uids(
        &self,
        call: &Call,
        service: &ServiceName,
    ) -> Result<Answer<Vec<Member>>> {
        self.read(call, |visit, tx| {
            let about = Resource::Service(service.clone());
            let grant = visit.grant(tx, Action::SERVICE_DESCRIBE, about)?;
            engine::list_uids(tx, &grant).map_err(refusal::identity)
        })
        .await
    }
}

/// A uid, and the one that is nobody's on this machine.
fn known(uid: u32) -> peer::Uid {
    let overflow = vault_sys::overflow_uid();
    peer::Uid { uid, overflow }
}
