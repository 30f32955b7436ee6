//! `vault.v1.Policies`.

use tonic::{Request, Response, Status};
use vault_core::access::policy::rehearsal::{Case, Outcome};
use vault_core::access::policy::{Example, Kind, Layer, NewAccess, Warning};
use vault_proto::v1 as wire;
use vault_proto::v1::Reason;
use vault_proto::v1::policies_server::Policies;

use super::Door;
use super::metadata::{call, refuse, respond};
use crate::app::{Attachment, Changed, Error, Pair, Result, Validated};

type Reply<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl Policies for Door {
    async fn validate_policy(
        &self,
        request: Request<wire::ValidatePolicyRequest>,
    ) -> Reply<wire::ValidatePolicyResponse> {
        let call = call("/vault.v1.Policies/ValidatePolicy", &request)?;
        let asked = request.into_inner();
        let kind = match kind(asked.kind) {
            Ok(kind) => kind,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self
            .app
            .validate_policy(&call, kind, asked.document, asked.format)
            .await;
        respond(&call, answer, validated)
    }

    async fn diff_policies(
        &self,
        request: Request<wire::DiffPoliciesRequest>,
    ) -> Reply<wire::DiffPoliciesResponse> {
        let call = call("/vault.v1.Policies/DiffPolicies", &request)?;
        let asked = request.into_inner();
        let pair = match pair(asked.kind, asked.old_document, asked.new_document) {
            Ok(pair) => pair,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.diff_policies(&call, pair).await;
        respond(&call, answer, |changes| wire::DiffPoliciesResponse {
            changes: changes.into_iter().map(changed).collect(),
        })
    }

    async fn check_no_new_access(
        &self,
        request: Request<wire::CheckNoNewAccessRequest>,
    ) -> Reply<wire::CheckNoNewAccessResponse> {
        let call = call("/vault.v1.Policies/CheckNoNewAccess", &request)?;
        let asked = request.into_inner();
        let pair = match pair(asked.kind, asked.old_document, asked.new_document) {
            Ok(pair) => pair,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.check_no_new_access(&call, pair).await;
        respond(&call, answer, compared)
    }

    async fn test_policy(
        &self,
        request: Request<wire::TestPolicyRequest>,
    ) -> Reply<wire::TestPolicyResponse> {
        let call = call("/vault.v1.Policies/TestPolicy", &request)?;
        let asked = request.into_inner();
        let attached: Result<Vec<_>> = asked.policies.into_iter().map(attachment).collect();
        let attached = match attached {
            Ok(attached) => attached,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let cases = asked.cases.into_iter().map(case).collect();
        let answer = self.app.test_policy(&call, attached, cases).await;
        respond(&call, answer, |outcomes| wire::TestPolicyResponse {
            decisions: outcomes.into_iter().map(decision).collect(),
        })
    }
}

fn kind(number: i32) -> Result<Kind> {
    match wire::PolicyKind::try_from(number) {
        Ok(wire::PolicyKind::Identity) => Ok(Kind::Identity),
        Ok(wire::PolicyKind::Resource) => Ok(Kind::Resource),
        Ok(wire::PolicyKind::Trust) => Ok(Kind::Trust),
        Ok(wire::PolicyKind::Boundary) => Ok(Kind::Boundary),
        Ok(wire::PolicyKind::Session) => Ok(Kind::Session),
        Err(_) => Err(Error::new(
            Reason::RequestInvalid,
            "`kind` is none that this node knows",
        )),
    }
}

fn pair(kind: i32, old: String, new: String) -> Result<Pair> {
    let kind = self::kind(kind)?;
    Ok(Pair { kind, old, new })
}

fn attachment(attached: wire::PolicyAttachment) -> Result<Attachment> {
    Ok(Attachment {
        kind: kind(attached.kind)?,
        name: attached.name,
        document: attached.document,
        to: attached.to,
    })
}

fn case(case: wire::PolicyCase) -> Case {
    Case {
        who: case.who,
        action: case.action,
        resource: case.resource,
        context: case.context,
    }
}

fn validated(found: Validated) -> wire::ValidatePolicyResponse {
    let findings = match found.findings {
        Ok(warnings) => warnings.iter().map(warning).collect(),
        Err(error) => vec![wire::PolicyFinding {
            severity: wire::PolicySeverity::Error.into(),
            line: count(error.line()),
            column: count(error.column()),
            name: String::new(),
            message: error.message().to_owned(),
        }],
    };
    wire::ValidatePolicyResponse {
        findings,
        formatted: found.formatted.unwrap_or_default(),
    }
}

pub(super) fn warning(warning: &Warning) -> wire::PolicyFinding {
    wire::PolicyFinding {
        severity: wire::PolicySeverity::Warning.into(),
        line: count(warning.line()),
        column: count(warning.column()),
        name: warning.code().as_str().to_owned(),
        message: warning.message(),
    }
}

fn changed(changed: Changed) -> wire::PolicyChange {
    wire::PolicyChange {
        member: changed.member.to_owned(),
        old: changed.old,
        new: changed.new,
    }
}

fn compared(found: NewAccess) -> wire::CheckNoNewAccessResponse {
    let (verdict, example) = match found {
        NewAccess::None => (wire::AccessVerdict::NoNewAccess, None),
        NewAccess::Found(example) => (wire::AccessVerdict::NewAccess, Some(example)),
        NewAccess::CannotProve(example) => (wire::AccessVerdict::CannotProve, Some(example)),
        NewAccess::Unbound | NewAccess::TooLarge => (wire::AccessVerdict::CannotProve, None),
    };
    wire::CheckNoNewAccessResponse {
        verdict: verdict.into(),
        example: example.map(self::example),
    }
}

fn example(example: Example) -> wire::AccessExample {
    wire::AccessExample {
        action: example.action.to_string(),
        resource: example.resource.into(),
        principal: example.principal.map(Into::into).unwrap_or_default(),
    }
}

fn decision(outcome: Outcome) -> wire::PolicyDecision {
    let kind = match outcome.layer {
        Layer::Identity => wire::PolicyKind::Identity,
        Layer::Resource => wire::PolicyKind::Resource,
        Layer::Trust => wire::PolicyKind::Trust,
        Layer::Boundary => wire::PolicyKind::Boundary,
        Layer::Session => wire::PolicyKind::Session,
    };
    wire::PolicyDecision {
        allowed: outcome.allowed,
        kind: kind.into(),
        by: outcome.by.map(|by| wire::PolicyStatement {
            policy: by.policy.into(),
            statement: count(by.statement.saturating_add(1)),
            sid: by.sid.map(Into::into).unwrap_or_default(),
        }),
        could_not_tell: outcome.could_not_tell,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
