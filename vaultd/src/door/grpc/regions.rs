//! `vault.v1.Regions`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::access::region::Region;
use vault_proto::v1 as wire;
use vault_proto::v1::regions_server::Regions;

use super::Door;
use super::convert::timestamp;
use super::metadata::{call, refuse, respond, to_the_end};
use super::parse;
use super::system::{by_use, choice, passphrase};
use crate::app::Founded;

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Regions for Door {
    async fn list_regions(
        &self,
        request: Request<wire::ListRegionsRequest>,
    ) -> Reply<wire::ListRegionsResponse> {
        let call = call("/vault.v1.Regions/ListRegions", &request)?;
        let answer = self.app.list_regions(&call).await;
        respond(&call, answer, |regions| wire::ListRegionsResponse {
            regions: regions.iter().map(info).collect(),
        })
    }

    async fn create_region(
        &self,
        request: Request<wire::CreateRegionRequest>,
    ) -> Reply<wire::CreateRegionResponse> {
        let call = call("/vault.v1.Regions/CreateRegion", &request)?;
        let wire::CreateRegionRequest { name, seal } = request.into_inner();
        let parsed = parse::region_name(&name).and_then(|name| Ok((name, choice(seal)?)));
        let (name, seal) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.create_region(&call, name, seal).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |founded| prepared(&founded))
    }

    async fn confirm_region(
        &self,
        request: Request<wire::ConfirmRegionRequest>,
    ) -> Reply<wire::ConfirmRegionResponse> {
        let call = call("/vault.v1.Regions/ConfirmRegion", &request)?;
        let ceremony = request.into_inner().ceremony;
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.confirm_region(&call, &ceremony).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |region| wire::ConfirmRegionResponse {
            region: Some(info(&region)),
        })
    }

    async fn rename_region(
        &self,
        request: Request<wire::RenameRegionRequest>,
    ) -> Reply<wire::RenameRegionResponse> {
        let call = call("/vault.v1.Regions/RenameRegion", &request)?;
        let wire::RenameRegionRequest { name, new_name } = request.into_inner();
        let parsed = parse::region_name(&name);
        let parsed = parsed.and_then(|name| Ok((name, parse::region_name(&new_name)?)));
        let (name, new) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.rename_region(&call, name, new).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |region| wire::RenameRegionResponse {
            region: Some(info(&region)),
        })
    }

    async fn revoke_region(
        &self,
        request: Request<wire::RevokeRegionRequest>,
    ) -> Reply<wire::RevokeRegionResponse> {
        let call = call("/vault.v1.Regions/RevokeRegion", &request)?;
        let name = match parse::region_name(&request.into_inner().name) {
            Ok(name) => name,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.revoke_region(&call, name).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |revoked| wire::RevokeRegionResponse {
            region: Some(info(&revoked.region)),
            secrets: revoked.secrets,
            versions: revoked.versions,
        })
    }
}

fn info(region: &Region) -> wire::RegionInfo {
    wire::RegionInfo {
        number: region.number().into(),
        name: region.name().to_string(),
        home: region.is_home(),
        created_at: Some(timestamp(region.created_at())),
        revoked_at: region.revoked_at().map(timestamp),
    }
}

fn prepared(founded: &Founded) -> wire::CreateRegionResponse {
    let (shares, recovery_shares) = by_use(&founded.shares, founded.recovery);
    let key = founded.key.as_ref();
    wire::CreateRegionResponse {
        ceremony: founded.ceremony.to_string(),
        number: founded.number.into(),
        shares,
        recovery_shares,
        passphrase: passphrase(founded.passphrase.as_ref()),
        // EXPOSE: shown once to the operator who adds the region
        key: key.map(|key| hex::encode(key.expose())).unwrap_or_default(),
    }
}
