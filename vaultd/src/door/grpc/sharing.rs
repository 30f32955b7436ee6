//! `vault.v1.Sharing`.

use std::sync::Arc;

use prost::Message as _;
use tonic::{Request, Response, Status};
use vault_core::crypto::code;
use vault_core::crypto::secret::UnwrapCode;
use vault_core::engine::secrets::Get;
use vault_core::engine::sharing::{Accessor, Claim, Info, Share};
use vault_proto::v1 as wire;
use vault_proto::v1::Reason;
use vault_proto::v1::sharing_server::Sharing;

use super::convert::{self, timestamp};
use super::metadata::{call, refuse, respond, to_the_end};
use super::{Door, parse};
use crate::app::{self, Error, Result};

type Reply<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl Sharing for Door {
    async fn share(&self, request: Request<wire::ShareRequest>) -> Reply<wire::ShareResponse> {
        let call = call("/vault.v1.Sharing/Share", &request)?;
        let share = match share(request.into_inner()) {
            Ok(share) => share,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.share(&call, share).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |(code, info)| wire::ShareResponse {
            // EXPOSE: the reply hands the code to its creator
            code: code.expose().to_owned(),
            info: Some(shown(info)),
        })
    }

    async fn unwrap(&self, request: Request<wire::UnwrapRequest>) -> Reply<wire::UnwrapResponse> {
        let call = call("/vault.v1.Sharing/Unwrap", &request)?;
        let (code, claim) = match proof(&request.into_inner()) {
            Ok(proof) => proof,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.unwrap_value(&call, code, claim).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |unwrapped| wire::UnwrapResponse {
            fields: unwrapped
                .fields
                .into_iter()
                .map(|(name, value)| (name.to_string(), value))
                .collect(),
            created_by: unwrapped.info.created_by,
            created_at: Some(timestamp(unwrapped.info.created_at)),
        })
    }

    async fn lookup_share(
        &self,
        request: Request<wire::LookupShareRequest>,
    ) -> Reply<wire::LookupShareResponse> {
        let call = call("/vault.v1.Sharing/LookupShare", &request)?;
        let accessor = match accessor(&request.get_ref().accessor) {
            Ok(accessor) => accessor,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.look_up_share(&call, &accessor).await;
        respond(&call, answer, |info| wire::LookupShareResponse {
            info: Some(shown(info)),
        })
    }

    async fn revoke_share(
        &self,
        request: Request<wire::RevokeShareRequest>,
    ) -> Reply<wire::RevokeShareResponse> {
        let call = call("/vault.v1.Sharing/RevokeShare", &request)?;
        let accessor = match accessor(&request.get_ref().accessor) {
            Ok(accessor) => accessor,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.revoke_share(&call, accessor).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |info| wire::RevokeShareResponse {
            info: Some(shown(info)),
        })
    }
}

fn share(request: wire::ShareRequest) -> Result<app::ShareRequest> {
    let bytes = request.encoded_len();
    let share = Share {
        ttl: convert::milliseconds("ttl", request.ttl)?,
    };
    let one = |what: &'static str| Error::new(Reason::RequestInvalid, what);
    let of_secret = request.selector.is_some() || !request.only.is_empty();
    let source = match (request.fields.is_empty(), request.path.as_str()) {
        (true, "") => return Err(one("there is nothing to share: give `fields` or a `path`")),
        (false, "") if of_secret => {
            return Err(one(
                "`selector` and `only` are of a secret: they go with `path`",
            ));
        }
        (false, "") => app::SharedSource::Fields(parse::values(request.fields)?),
        (true, path) => {
            let get = Get {
                selector: parse::selector(request.selector)?,
                fields: parse::fields(&request.only)?,
            };
            app::SharedSource::Secret(parse::secret_path(path)?, get)
        }
        (false, _) => return Err(one("give `fields` or a `path`, not both")),
    };
    Ok(app::ShareRequest {
        source,
        share,
        bytes,
    })
}

/// A text that is no code is as unknown as one that nothing lies under; only what to do about it differs.
fn proof(request: &wire::UnwrapRequest) -> Result<(UnwrapCode, Claim)> {
    let claim = Claim::of(&request.claim)
        .map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))?;
    let code = code::parse(&request.code)
        .map_err(|error| Error::new(Reason::WrappedNotFound, error.to_string()))?;
    Ok((code, claim))
}

fn accessor(text: &str) -> Result<Accessor> {
    Accessor::try_from(text).map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
}

fn shown(info: Info) -> wire::ShareInfo {
    wire::ShareInfo {
        accessor: info.accessor.to_string(),
        created_by: info.created_by,
        session: info.session,
        created_at: Some(timestamp(info.created_at)),
        expires_at: Some(timestamp(info.expires_at)),
        unwrapped_at: info.unwrapped_at.map(timestamp),
    }
}
