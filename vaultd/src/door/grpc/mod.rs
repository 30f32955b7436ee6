//! The gRPC services: each method parses a request, calls the app, formats the answer. They decide nothing.
//!
//! Headers in: `authorization: Bearer`, `vault-request-id`, `vault-index`. Headers out, on errors too:
//! `vault-request-id`, and on answers `vault-index` and `vault-staleness-ms`.

mod audit;
mod auth;
mod backup;
mod cluster;
mod convert;
mod flow;
mod format;
mod identity;
mod metadata;
mod mfa;
mod parse;
mod pins;
mod policies;
mod programs;
mod regions;
mod resource_policies;
mod root;
mod secrets;
mod sessions;
mod sharing;
mod simulate;
mod status;
mod system;
mod trust;

use std::sync::Arc;

use tonic::service::Routes;
use vault_proto::v1::audit_server::AuditServer;
use vault_proto::v1::auth_server::AuthServer;
use vault_proto::v1::backup_server::BackupServer;
use vault_proto::v1::cluster_server::ClusterServer;
use vault_proto::v1::identity_server::IdentityServer;
use vault_proto::v1::mfa_server::MfaServer;
use vault_proto::v1::policies_server::PoliciesServer;
use vault_proto::v1::programs_server::ProgramsServer;
use vault_proto::v1::regions_server::RegionsServer;
use vault_proto::v1::resource_policies_server::ResourcePoliciesServer;
use vault_proto::v1::root_server::RootServer;
use vault_proto::v1::secrets_server::SecretsServer;
use vault_proto::v1::sessions_server::SessionsServer;
use vault_proto::v1::sharing_server::SharingServer;
use vault_proto::v1::system_server::SystemServer;
use vault_proto::v1::trust_server::TrustServer;

use crate::app::App;

/// Largest request of an authenticated method: 1 MiB of values, and slack for names.
const MAX_REQUEST: usize = (1 << 20) + (128 << 10);
/// Largest request of a method that holds no values.
const MAX_SMALL: usize = 64 << 10;
/// Largest request about policies: two documents of 1 MiB each.
const MAX_DOCUMENTS: usize = (2 << 20) + (128 << 10);
/// Largest reply: a batch of many secrets.
const MAX_REPLY: usize = 64 << 20;

/// One handle that all services share.
#[derive(Clone, Debug)]
struct Door {
    app: Arc<App>,
}

/// All services over an app.
pub fn routes(app: &Arc<App>) -> Routes {
    let door = Door {
        app: Arc::clone(app),
    };
    let system = SystemServer::new(door.clone()).max_decoding_message_size(MAX_SMALL);
    let root = RootServer::new(door.clone()).max_decoding_message_size(MAX_SMALL);
    let regions = RegionsServer::new(door.clone()).max_decoding_message_size(MAX_SMALL);
    let auth = AuthServer::new(door.clone()).max_decoding_message_size(MAX_SMALL);
    let identity = IdentityServer::new(door.clone()).max_decoding_message_size(MAX_REQUEST);
    let sessions = SessionsServer::new(door.clone()).max_decoding_message_size(MAX_SMALL);
    let mfa = MfaServer::new(door.clone()).max_decoding_message_size(MAX_SMALL);
    let programs = ProgramsServer::new(door.clone()).max_decoding_message_size(MAX_SMALL);
    let resource_policies =
        ResourcePoliciesServer::new(door.clone()).max_decoding_message_size(MAX_REQUEST);
    let trust = TrustServer::new(door.clone())
        .max_decoding_message_size(MAX_REQUEST)
        .max_encoding_message_size(MAX_REPLY);
    let secrets = SecretsServer::new(door.clone())
        .max_decoding_message_size(MAX_REQUEST)
        .max_encoding_message_size(MAX_REPLY);
    let policies = PoliciesServer::new(door.clone())
        .max_decoding_message_size(MAX_DOCUMENTS)
        .max_encoding_message_size(MAX_REPLY);
    let sharing = SharingServer::new(door.clone())
        .max_decoding_message_size(MAX_REQUEST)
        .max_encoding_message_size(MAX_REQUEST);
    let backup = BackupServer::new(door.clone())
        .max_decoding_message_size(MAX_REQUEST)
        .max_encoding_message_size(MAX_REQUEST);
    let cluster = ClusterServer::new(door.clone()).max_decoding_message_size(MAX_SMALL);
    let audit = AuditServer::new(door)
        .max_decoding_message_size(MAX_SMALL)
        .max_encoding_message_size(MAX_REPLY);
    Routes::new(system)
        .add_service(root)
        .add_service(regions)
        .add_service(auth)
        .add_service(identity)
        .add_service(mfa)
        .add_service(secrets)
        .add_service(sharing)
        .add_service(backup)
        .add_service(policies)
        .add_service(resource_policies)
        .add_service(audit)
        .add_service(sessions)
        .add_service(programs)
        .add_service(trust)
        .add_service(cluster)
}
