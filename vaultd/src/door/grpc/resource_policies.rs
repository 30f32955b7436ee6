//! `vault.v1.ResourcePolicies`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::engine::secrets::ShownPolicy;
use vault_proto::v1::resource_policies_server::ResourcePolicies;
use vault_proto::v1::{
    DeleteResourcePolicyRequest, DeleteResourcePolicyResponse, GetResourcePolicyRequest,
    PutResourcePolicyRequest, PutResourcePolicyResponse, ResourcePolicy,
};

use super::convert::timestamp;
use super::metadata::{call, refuse, repeatable, respond, to_the_end};
use super::{Door, format, parse};

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ResourcePolicies for Door {
    async fn get_resource_policy(
        &self,
        request: Request<GetResourcePolicyRequest>,
    ) -> Reply<ResourcePolicy> {
        let call = call("/vault.v1.ResourcePolicies/GetResourcePolicy", &request)?;
        let path = request.into_inner().path;
        let target = match parse::target(&path) {
            Ok(target) => target,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.resource_policy(&call, &target).await;
        respond(&call, answer, |policy| shown(path, policy))
    }

    async fn put_resource_policy(
        &self,
        request: Request<PutResourcePolicyRequest>,
    ) -> Reply<PutResourcePolicyResponse> {
        let call = repeatable("/vault.v1.ResourcePolicies/PutResourcePolicy", &request)?;
        let request = request.into_inner();
        let target = match parse::target(&request.path) {
            Ok(target) => target,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let put = app.put_resource_policy(&call, target, request.document);
            let answer = put.await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |warnings| PutResourcePolicyResponse {
            warnings: format::warnings(&warnings),
        })
    }

    async fn delete_resource_policy(
        &self,
        request: Request<DeleteResourcePolicyRequest>,
    ) -> Reply<DeleteResourcePolicyResponse> {
        let call = repeatable("/vault.v1.ResourcePolicies/DeleteResourcePolicy", &request)?;
        let target = match parse::target(&request.into_inner().path) {
            Ok(target) => target,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.delete_resource_policy(&call, target).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |()| DeleteResourcePolicyResponse {})
    }
}

fn shown(path: String, policy: ShownPolicy) -> ResourcePolicy {
    ResourcePolicy {
        path,
        id: policy.id,
        document: policy.text,
        updated_at: Some(timestamp(policy.updated_at)),
    }
}
