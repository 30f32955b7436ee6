//! Policies as documents: validating, comparing, trying them.

use tonic::transport::Channel;
use vault_proto::v1;
use vault_proto::v1::policies_client::PoliciesClient;

use crate::call::Safety;
use crate::{Error, Vault};

/// Two documents in another form than they came in.
const LARGEST_REPLY: usize = 64 << 20;

/// Calls about documents that they are given; nothing is stored.
#[derive(Clone, Copy, Debug)]
pub struct Policies<'a>(pub(crate) &'a Vault);

impl Policies<'_> {
    /// What is wrong with a document, and what its author may not mean; with `format` in its one form, too.
    ///
    /// # Errors
    /// When the call fails. That the document is no policy is an answer.
    pub async fn validate(
        self,
        kind: v1::PolicyKind,
        document: String,
        format: bool,
    ) -> Result<v1::ValidatePolicyResponse, Error> {
        let send = |channel, request| async { client(channel).validate_policy(request).await };
        let message = v1::ValidatePolicyRequest {
            kind: kind.into(),
            document,
            format,
        };
        self.0.call(Safety::Read, message, send).await
    }

    /// What changed from one document to another.
    ///
    /// # Errors
    /// When either is no policy, with `document`, `line` and `column` as details.
    pub async fn diff(
        self,
        kind: v1::PolicyKind,
        old_document: String,
        new_document: String,
    ) -> Result<Vec<v1::PolicyChange>, Error> {
        let send = |channel, request| async { client(channel).diff_policies(request).await };
        let message = v1::DiffPoliciesRequest {
            kind: kind.into(),
            old_document,
            new_document,
        };
        let reply = self.0.call(Safety::Read, message, send).await?;
        Ok(reply.changes)
    }

    /// Whether one document allows anything that another does not. Only `NoNewAccess` is a proof.
    ///
    /// # Errors
    /// When either is no policy, with `document`, `line` and `column` as details.
    pub async fn check_no_new_access(
        self,
        kind: v1::PolicyKind,
        old_document: String,
        new_document: String,
    ) -> Result<v1::CheckNoNewAccessResponse, Error> {
        let send = |channel, request| async { client(channel).check_no_new_access(request).await };
        let message = v1::CheckNoNewAccessRequest {
            kind: kind.into(),
            old_document,
            new_document,
        };
        self.0.call(Safety::Read, message, send).await
    }

    /// What documents would decide of requests; a decision for each case.
    ///
    /// # Errors
    /// When a document is no policy, or a request is one that nobody can make: `case` is its number, from one.
    pub async fn test(
        self,
        policies: Vec<v1::PolicyAttachment>,
        cases: Vec<v1::PolicyCase>,
    ) -> Result<Vec<v1::PolicyDecision>, Error> {
        let asked = cases.len();
        let send = |channel, request| async { client(channel).test_policy(request).await };
        let message = v1::TestPolicyRequest { policies, cases };
        let reply = self.0.call(Safety::Read, message, send).await?;
        if reply.decisions.len() != asked {
            return Err(Error::incomplete("decision for each case"));
        }
        Ok(reply.decisions)
    }
}

fn client(channel: Channel) -> PoliciesClient<Channel> {
    PoliciesClient::new(channel).max_decoding_message_size(LARGEST_REPLY)
}
