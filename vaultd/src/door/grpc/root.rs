//! `vault.v1.Root`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::crypto::secret::Share;
use vault_proto::v1 as wire;
use vault_proto::v1::root_server::Root;

use super::Door;
use super::convert::timestamp;
use super::metadata::{call, respond, to_the_end};
use super::system::progress;
use crate::app::RootGeneration;

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Root for Door {
    async fn get_root_status(
        &self,
        request: Request<wire::GetRootStatusRequest>,
    ) -> Reply<wire::RootStatus> {
        let call = call("/vault.v1.Root/GetRootStatus", &request)?;
        let answer = self.app.root_status(&call).await;
        respond(&call, answer, |state| wire::RootStatus {
            enabled: state.enabled,
            one_time_until: state.one_time.map(timestamp),
        })
    }

    async fn disable_root(
        &self,
        request: Request<wire::DisableRootRequest>,
    ) -> Reply<wire::DisableRootResponse> {
        let call = call("/vault.v1.Root/DisableRoot", &request)?;
        let by_force = request.into_inner().force;
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.disable_root(&call, by_force).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |disabled| wire::DisableRootResponse {
            disabled,
        })
    }

    async fn generate_root(
        &self,
        request: Request<wire::GenerateRootRequest>,
    ) -> Reply<wire::RootGeneration> {
        let call = call("/vault.v1.Root/GenerateRoot", &request)?;
        let wire::GenerateRootRequest { share, ceremony } = request.into_inner();
        let (app, share) = (Arc::clone(&self.app), Share::from(share));
        let (call, answer) = to_the_end(async move {
            let answer = app.generate_root(&call, &ceremony, share).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, format)
    }

    async fn cancel_generate_root(
        &self,
        request: Request<wire::CancelGenerateRootRequest>,
    ) -> Reply<wire::RootGeneration> {
        let call = call("/vault.v1.Root/CancelGenerateRoot", &request)?;
        let wire::CancelGenerateRootRequest { share, ceremony } = request.into_inner();
        let (app, share) = (Arc::clone(&self.app), Share::from(share));
        let (call, answer) = to_the_end(async move {
            let answer = app.cancel_root_generation(&call, &ceremony, share).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, format)
    }
}

fn format(state: RootGeneration) -> wire::RootGeneration {
    let (threshold, entered) = (state.progress.threshold, &state.progress.entered);
    let (token, expires_at) = match state.made {
        // EXPOSE: shown once to whoever enters the last share
        Some(made) => (made.token.expose().to_owned(), made.expires_at),
        None => (String::new(), None),
    };
    wire::RootGeneration {
        ceremony: state.ceremony.to_string(),
        progress: Some(progress(threshold.into(), entered)),
        token,
        expires_at: expires_at.map(timestamp),
    }
}
