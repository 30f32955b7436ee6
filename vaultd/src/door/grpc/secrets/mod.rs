//! `vault.v1.Secrets`: the trait; parsing and formatting lie in the files beside it.

mod format;
mod request;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_proto::v1 as wire;
use vault_proto::v1::secrets_server::Secrets;

use super::metadata::{call, refuse, respond, to_the_end};
use super::{Door, parse};
use crate::app::{Answer, Call, Result};

type Reply<T> = std::result::Result<Response<T>, Status>;

/// Parses, acts, formats: the shape of every method. A request that does not parse is refused and recorded.
macro_rules! serve {
    ($door:expr, $path:literal, $request:expr, $parse:expr, $act:expr, $format:expr) => {{
        let call = call($path, &$request)?;
        let parsed = match $parse($request.into_inner()) {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse($door, &call, error).await),
        };
        let answer: Result<Answer<_>> = $act($door, &call, parsed).await;
        respond(&call, answer, $format)
    }};
}

/// The same for a write: once begun it runs to its end, whatever becomes of the client.
macro_rules! serve_write {
    ($door:expr, $path:literal, $request:expr, $parse:expr, |$app:ident, $call:ident, $parsed:pat_param| $act:expr, $format:expr) => {{
        let call = call($path, &$request)?;
        let $parsed = match $parse($request.into_inner()) {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse($door, &call, error).await),
        };
        let $app = Arc::clone(&$door.app);
        let (call, answer) = to_the_end(async move {
            let $call = &call;
            let answer = $act.await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, $format)
    }};
}

#[tonic::async_trait]
impl Secrets for Door {
    async fn get_secret(
        &self,
        request: Request<wire::GetSecretRequest>,
    ) -> Reply<wire::GetSecretResponse> {
        let act = async |door: &Self, call: &Call, (path, get)| {
            door.app.get_secret(call, &path, &get).await
        };
        serve!(
            self,
            "/vault.v1.Secrets/GetSecret",
            request,
            request::get,
            act,
            format::value
        )
    }

    async fn batch_get_secrets(
        &self,
        request: Request<wire::BatchGetSecretsRequest>,
    ) -> Reply<wire::BatchGetSecretsResponse> {
        let paths: Vec<String> = request
            .get_ref()
            .requests
            .iter()
            .map(|get| get.path.clone())
            .collect();
        let act = async |door: &Self, call: &Call, wanted: Vec<_>| {
            door.app.batch_get_secrets(call, &wanted).await
        };
        let format = |results| format::batch(&paths, results);
        serve!(
            self,
            "/vault.v1.Secrets/BatchGetSecrets",
            request,
            request::batch,
            act,
            format
        )
    }

    async fn put_secret(
        &self,
        request: Request<wire::PutSecretRequest>,
    ) -> Reply<wire::PutSecretResponse> {
        let path = request.get_ref().path.clone();
        let format = |reply| format::put(path, &reply);
        serve_write!(
            self,
            "/vault.v1.Secrets/PutSecret",
            request,
            request::put,
            |app, call, put| app.put_secret(call, put),
            format
        )
    }

    async fn describe_secret(
        &self,
        request: Request<wire::DescribeSecretRequest>,
    ) -> Reply<wire::DescribeSecretResponse> {
        let parse = |request: wire::DescribeSecretRequest| parse::secret_path(&request.path);
        let act =
            async |door: &Self, call: &Call, path| door.app.describe_secret(call, &path).await;
        serve!(
            self,
            "/vault.v1.Secrets/DescribeSecret",
            request,
            parse,
            act,
            format::described
        )
    }

    async fn update_secret(
        &self,
        request: Request<wire::UpdateSecretRequest>,
    ) -> Reply<wire::DescribeSecretResponse> {
        serve_write!(
            self,
            "/vault.v1.Secrets/UpdateSecret",
            request,
            request::update,
            |app, call, (path, update, digest)| app.update_secret(call, path, update, digest),
            format::described
        )
    }

    async fn list_versions(
        &self,
        request: Request<wire::ListVersionsRequest>,
    ) -> Reply<wire::ListVersionsResponse> {
        let act = async |door: &Self, call: &Call, (path, paging)| {
            door.app.list_versions(call, &path, &paging).await
        };
        serve!(
            self,
            "/vault.v1.Secrets/ListVersions",
            request,
            request::versions,
            act,
            format::versions
        )
    }

    async fn list_secrets(
        &self,
        request: Request<wire::ListSecretsRequest>,
    ) -> Reply<wire::ListSecretsResponse> {
        let act = async |door: &Self, call: &Call, (folder, levels, paging)| {
            door.app.list_secrets(call, &folder, levels, &paging).await
        };
        serve!(
            self,
            "/vault.v1.Secrets/ListSecrets",
            request,
            request::list,
            act,
            format::listing
        )
    }

    async fn find_secrets(
        &self,
        request: Request<wire::FindSecretsRequest>,
    ) -> Reply<wire::ListSecretsResponse> {
        let act = async |door: &Self, call: &Call, find: request::Find| {
            door.app
                .find_secrets(
                    call,
                    &find.folder,
                    find.glob.as_ref(),
                    &find.tags,
                    &find.paging,
                )
                .await
        };
        serve!(
            self,
            "/vault.v1.Secrets/FindSecrets",
            request,
            request::find,
            act,
            format::listing
        )
    }

    async fn set_label(
        &self,
        request: Request<wire::SetLabelRequest>,
    ) -> Reply<wire::SetLabelResponse> {
        serve_write!(
            self,
            "/vault.v1.Secrets/SetLabel",
            request,
            request::set_label,
            |app, call, (path, label, digest)| app.set_label(call, path, label, digest),
            format::labels
        )
    }

    async fn remove_label(
        &self,
        request: Request<wire::RemoveLabelRequest>,
    ) -> Reply<wire::SetLabelResponse> {
        serve_write!(
            self,
            "/vault.v1.Secrets/RemoveLabel",
            request,
            request::remove_label,
            |app, call, (path, label, digest)| app.remove_label(call, path, label, digest),
            format::labels
        )
    }

    async fn delete_secret(
        &self,
        request: Request<wire::DeleteSecretRequest>,
    ) -> Reply<wire::DeleteSecretResponse> {
        serve_write!(
            self,
            "/vault.v1.Secrets/DeleteSecret",
            request,
            request::delete,
            |app, call, (target, delete, dry_run, digest)| app
                .delete_secret(call, target, delete, dry_run, digest),
            format::deleted
        )
    }

    async fn list_deleted(
        &self,
        request: Request<wire::ListDeletedRequest>,
    ) -> Reply<wire::ListDeletedResponse> {
        let act = async |door: &Self, call: &Call, (folder, paging)| {
            door.app.list_deleted(call, &folder, &paging).await
        };
        serve!(
            self,
            "/vault.v1.Secrets/ListDeleted",
            request,
            request::deleted,
            act,
            format::trash
        )
    }

    async fn restore_secret(
        &self,
        request: Request<wire::RestoreSecretRequest>,
    ) -> Reply<wire::RestoreSecretResponse> {
        serve_write!(
            self,
            "/vault.v1.Secrets/RestoreSecret",
            request,
            request::restore,
            |app, call, restore| app.restore_secret(
                call,
                restore.path,
                restore.id,
                restore.new_path,
                restore.digest,
            ),
            format::restored
        )
    }

    async fn destroy_secret(
        &self,
        request: Request<wire::DestroySecretRequest>,
    ) -> Reply<wire::DestroySecretResponse> {
        let format = |destroyed_versions| wire::DestroySecretResponse { destroyed_versions };
        serve_write!(
            self,
            "/vault.v1.Secrets/DestroySecret",
            request,
            request::destroy,
            |app, call, (path, what, digest)| app.destroy_secret(call, path, what, digest),
            format
        )
    }

    async fn copy_secret(
        &self,
        request: Request<wire::CopySecretRequest>,
    ) -> Reply<wire::CopySecretResponse> {
        serve_write!(
            self,
            "/vault.v1.Secrets/CopySecret",
            request,
            request::copy,
            |app, call, (source, destination, drop_history, digest)| app.copy_secret(
                call,
                source,
                destination,
                drop_history,
                digest
            ),
            format::copied
        )
    }

    async fn move_secret(
        &self,
        request: Request<wire::MoveSecretRequest>,
    ) -> Reply<wire::MoveSecretResponse> {
        let format = |folder| wire::MoveSecretResponse { folder };
        serve_write!(
            self,
            "/vault.v1.Secrets/MoveSecret",
            request,
            request::moving,
            |app, call, (source, destination, digest)| app.move_secret(
                call,
                source,
                destination,
                digest
            ),
            format
        )
    }

    async fn generate_random(
        &self,
        request: Request<wire::GenerateRandomRequest>,
    ) -> Reply<wire::GenerateRandomResponse> {
        let parse = |request: wire::GenerateRandomRequest| {
            Ok(parse::policy(&request.policy.unwrap_or_default()))
        };
        let act =
            async |door: &Self, call: &Call, policy| door.app.generate_random(call, &policy).await;
        serve!(
            self,
            "/vault.v1.Secrets/GenerateRandom",
            request,
            parse,
            act,
            format::random
        )
    }
}
