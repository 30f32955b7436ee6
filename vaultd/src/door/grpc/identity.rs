//! `vault.v1.Identity`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::engine::identity::PolicyChange;
use vault_proto::v1::identity_server::Identity;
use vault_proto::v1::update_policy_request::Change as Wanted;
use vault_proto::v1::{
    AddMemberRequest, AddMemberResponse, AttachPolicyRequest, AttachPolicyResponse, CanRequest,
    CreateIdentityRequest, CreateIdentityResponse, CreatePolicyRequest, CreatePolicyResponse,
    DeleteIdentityRequest, DeleteIdentityResponse, DeleteInlinePolicyRequest,
    DeleteInlinePolicyResponse, DeletePolicyRequest, DeletePolicyResponse, DescribeIdentityRequest,
    DescribePolicyRequest, DetachPolicyRequest, DetachPolicyResponse, IdentityDescription,
    ListIdentitiesRequest, ListIdentitiesResponse, ListPoliciesRequest, ListPoliciesResponse,
    PolicyDescription, PutInlinePolicyRequest, PutInlinePolicyResponse, Reason,
    RemoveMemberRequest, RemoveMemberResponse, SetBoundaryRequest, SetBoundaryResponse,
    SimulateRequest, Simulation, UpdateIdentityRequest, UpdateIdentityResponse,
    UpdatePolicyRequest, UpdatePolicyResponse, WhoCanRequest, WhoCanResponse,
};

use super::metadata::{call, refuse, repeatable, respond, to_the_end};
use super::{Door, format, parse, simulate};
use crate::app::Error;

type Reply<T> = Result<Response<T>, Status>;

/// One write method: parse, act to the end, answer.
macro_rules! write {
    ($door:ident, $method:literal, $request:ident, $parse:expr, |$app:ident, $call:ident, $parsed:pat_param| $act:expr, $format:expr) => {{
        let call = repeatable(concat!("/vault.v1.Identity/", $method), &$request)?;
        let parsed = match $parse($request.into_inner()) {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse($door, &call, error).await),
        };
        let app = Arc::clone(&$door.app);
        let (call, answer) = to_the_end(async move {
            let answer = {
                let ($app, $call, $parsed) = (&app, &call, parsed);
                $act.await
            };
            (call, answer)
        })
        .await?;
        respond(&call, answer, $format)
    }};
}

#[tonic::async_trait]
impl Identity for Door {
    async fn create_identity(
        &self,
        request: Request<CreateIdentityRequest>,
    ) -> Reply<CreateIdentityResponse> {
        let parse = |request: CreateIdentityRequest| {
            let who = parse::who(&request.who)?;
            let shown = parse::who_text(&who);
            Ok((who, shown, parse::new_identity(request)?))
        };
        write!(
            self,
            "CreateIdentity",
            request,
            parse,
            |app, call, (who, shown, new)| async {
                let answer = app.create_identity(call, who, new).await?;
                Ok(answer.map(|_| shown))
            },
            |who| CreateIdentityResponse { who }
        )
    }

    async fn describe_identity(
        &self,
        request: Request<DescribeIdentityRequest>,
    ) -> Reply<IdentityDescription> {
        let call = call("/vault.v1.Identity/DescribeIdentity", &request)?;
        let who = match parse::who(&request.into_inner().who) {
            Ok(who) => who,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let group = matches!(who.named(), Some((vault_core::access::Sort::Group, _)));
        let shown = parse::who_text(&who);
        let answer = self.app.describe_identity(&call, who).await;
        respond(&call, answer, |described| {
            format::identity(shown, group, described)
        })
    }

    async fn list_identities(
        &self,
        request: Request<ListIdentitiesRequest>,
    ) -> Reply<ListIdentitiesResponse> {
        let call = call("/vault.v1.Identity/ListIdentities", &request)?;
        let request = request.into_inner();
        let parsed = parse::sort(&request.sort)
            .and_then(|sort| Ok((sort, parse::page_size(request.page_size)?)));
        let (sort, size) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let after = Some(request.after.as_str()).filter(|after| !after.is_empty());
        let answer = self.app.list_identities(&call, sort, (after, size)).await;
        respond(&call, answer, |names| ListIdentitiesResponse {
            names: names.names,
            more: names.more,
        })
    }

    async fn update_identity(
        &self,
        request: Request<UpdateIdentityRequest>,
    ) -> Reply<UpdateIdentityResponse> {
        let parse = |request: UpdateIdentityRequest| {
            Ok((parse::who(&request.who)?, parse::identity_change(request)?))
        };
        write!(
            self,
            "UpdateIdentity",
            request,
            parse,
            |app, call, (who, change)| app.update_identity(call, who, change),
            |()| UpdateIdentityResponse {}
        )
    }

    async fn delete_identity(
        &self,
        request: Request<DeleteIdentityRequest>,
    ) -> Reply<DeleteIdentityResponse> {
        let parse = |request: DeleteIdentityRequest| parse::who(&request.who);
        write!(
            self,
            "DeleteIdentity",
            request,
            parse,
            |app, call, who| app.delete_identity(call, who),
            |()| DeleteIdentityResponse {}
        )
    }

    async fn attach_policy(
        &self,
        request: Request<AttachPolicyRequest>,
    ) -> Reply<AttachPolicyResponse> {
        let parse = |request: AttachPolicyRequest| {
            Ok((
                parse::who(&request.who)?,
                parse::policy_name(&request.policy)?,
            ))
        };
        write!(
            self,
            "AttachPolicy",
            request,
            parse,
            |app, call, (who, policy)| app.attach_policy(call, who, policy),
            |changed| AttachPolicyResponse { changed }
        )
    }

    async fn detach_policy(
        &self,
        request: Request<DetachPolicyRequest>,
    ) -> Reply<DetachPolicyResponse> {
        let parse = |request: DetachPolicyRequest| {
            Ok((
                parse::who(&request.who)?,
                parse::policy_name(&request.policy)?,
            ))
        };
        write!(
            self,
            "DetachPolicy",
            request,
            parse,
            |app, call, (who, policy)| app.detach_policy(call, who, policy),
            |changed| DetachPolicyResponse { changed }
        )
    }

    async fn put_inline_policy(
        &self,
        request: Request<PutInlinePolicyRequest>,
    ) -> Reply<PutInlinePolicyResponse> {
        let parse = |request: PutInlinePolicyRequest| {
            let name = parse::policy_name(&request.name)?;
            Ok((parse::who(&request.who)?, (name, request.document)))
        };
        write!(
            self,
            "PutInlinePolicy",
            request,
            parse,
            |app, call, (who, policy)| app.put_inline_policy(call, who, policy),
            |warnings| PutInlinePolicyResponse {
                warnings: format::warnings(&warnings),
            }
        )
    }

    async fn delete_inline_policy(
        &self,
        request: Request<DeleteInlinePolicyRequest>,
    ) -> Reply<DeleteInlinePolicyResponse> {
        let parse = |request: DeleteInlinePolicyRequest| {
            Ok((
                parse::who(&request.who)?,
                parse::policy_name(&request.name)?,
            ))
        };
        write!(
            self,
            "DeleteInlinePolicy",
            request,
            parse,
            |app, call, (who, name)| app.delete_inline_policy(call, who, name),
            |()| DeleteInlinePolicyResponse {}
        )
    }

    async fn set_boundary(
        &self,
        request: Request<SetBoundaryRequest>,
    ) -> Reply<SetBoundaryResponse> {
        let parse = |request: SetBoundaryRequest| {
            let policy = Some(request.policy.as_str()).filter(|policy| !policy.is_empty());
            let policy = policy.map(parse::policy_name).transpose()?;
            Ok((parse::who(&request.who)?, policy))
        };
        write!(
            self,
            "SetBoundary",
            request,
            parse,
            |app, call, (who, policy)| app.set_boundary(call, who, policy),
            |()| SetBoundaryResponse {}
        )
    }

    async fn add_member(&self, request: Request<AddMemberRequest>) -> Reply<AddMemberResponse> {
        let parse = |request: AddMemberRequest| {
            Ok((
                parse::group(&request.group)?,
                parse::user_name(&request.user)?,
            ))
        };
        write!(
            self,
            "AddMember",
            request,
            parse,
            |app, call, (group, user)| app.set_member(call, group, (user, true)),
            |changed| AddMemberResponse { changed }
        )
    }

    async fn remove_member(
        &self,
        request: Request<RemoveMemberRequest>,
    ) -> Reply<RemoveMemberResponse> {
        let parse = |request: RemoveMemberRequest| {
            Ok((
                parse::group(&request.group)?,
                parse::user_name(&request.user)?,
            ))
        };
        write!(
            self,
            "RemoveMember",
            request,
            parse,
            |app, call, (group, user)| app.set_member(call, group, (user, false)),
            |changed| RemoveMemberResponse { changed }
        )
    }

    async fn create_policy(
        &self,
        request: Request<CreatePolicyRequest>,
    ) -> Reply<CreatePolicyResponse> {
        let parse = |request: CreatePolicyRequest| {
            let name = parse::policy_name(&request.name)?;
            let shown = name.as_str().to_owned();
            let description = parse::about(request.description)?;
            Ok((name, shown, (request.document, description)))
        };
        write!(
            self,
            "CreatePolicy",
            request,
            parse,
            |app, call, (name, shown, policy)| async {
                let answer = app.create_policy(call, name, policy).await?;
                Ok(answer.map(|warnings| (shown, warnings)))
            },
            |(name, warnings)| CreatePolicyResponse {
                name,
                warnings: format::warnings(&warnings),
            }
        )
    }

    async fn describe_policy(
        &self,
        request: Request<DescribePolicyRequest>,
    ) -> Reply<PolicyDescription> {
        let call = call("/vault.v1.Identity/DescribePolicy", &request)?;
        let request = request.into_inner();
        let name = match parse::policy_name(&request.name) {
            Ok(name) => name,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let version = Some(request.version).filter(|version| *version != 0);
        let answer = self.app.describe_policy(&call, &name, version).await;
        respond(&call, answer, format::policy)
    }

    async fn list_policies(
        &self,
        request: Request<ListPoliciesRequest>,
    ) -> Reply<ListPoliciesResponse> {
        let call = call("/vault.v1.Identity/ListPolicies", &request)?;
        let request = request.into_inner();
        let size = match parse::page_size(request.page_size) {
            Ok(size) => size,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let after = Some(request.after.as_str()).filter(|after| !after.is_empty());
        let sort = vault_core::access::Sort::Policy;
        let answer = self.app.list_identities(&call, sort, (after, size)).await;
        respond(&call, answer, |names| ListPoliciesResponse {
            names: names.names,
            more: names.more,
        })
    }

    async fn update_policy(
        &self,
        request: Request<UpdatePolicyRequest>,
    ) -> Reply<UpdatePolicyResponse> {
        let parse = |request: UpdatePolicyRequest| {
            let change = match request.change {
                Some(Wanted::Document(text)) => PolicyChange::Text(text),
                Some(Wanted::Version(version)) => PolicyChange::Version(version),
                Some(Wanted::Description(text)) => PolicyChange::Description(parse::about(text)?),
                None => return Err(nothing_to_change()),
            };
            Ok((parse::policy_name(&request.name)?, change))
        };
        write!(
            self,
            "UpdatePolicy",
            request,
            parse,
            |app, call, (name, change)| app.update_policy(call, name, change),
            |warnings| UpdatePolicyResponse {
                warnings: format::warnings(&warnings),
            }
        )
    }

    async fn can(&self, request: Request<CanRequest>) -> Reply<Simulation> {
        simulate::can(self, request).await
    }

    async fn simulate(&self, request: Request<SimulateRequest>) -> Reply<Simulation> {
        simulate::simulate(self, request).await
    }

    async fn who_can(&self, request: Request<WhoCanRequest>) -> Reply<WhoCanResponse> {
        simulate::who_can(self, request).await
    }

    async fn delete_policy(
        &self,
        request: Request<DeletePolicyRequest>,
    ) -> Reply<DeletePolicyResponse> {
        let parse = |request: DeletePolicyRequest| parse::policy_name(&request.name);
        write!(
            self,
            "DeletePolicy",
            request,
            parse,
            |app, call, name| app.delete_policy(call, name),
            |()| DeletePolicyResponse {}
        )
    }
}

fn nothing_to_change() -> Error {
    Error::new(
        Reason::RequestInvalid,
        "give a document, a version or a description",
    )
}
