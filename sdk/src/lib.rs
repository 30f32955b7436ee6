//! Async client of the vault.
//!
//! ```no_run
//! use vault_sdk::{Reference, Token, Vault};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let vault = Vault::builder()
//!     .endpoint("https://fra:8200".parse()?)
//!     .endpoint("https://ams:8200".parse()?)
//!     .ca_fingerprint("sha256:…".parse()?)
//!     .token(Token::new("vlt_…"))
//!     .build()?;
//! let secret = vault.secrets().get(&"prod/db#password".parse::<Reference>()?).await?;
//! let password: &[u8] = secret.field("password")?.expose();
//! # Ok(())
//! # }
//! ```
//!
//! Map: `builder` and `vault` make the handle; `endpoint`, `connect`, `tls`, `client_identity` and `pin` make
//! connections;
//! `call` is the one place that retries, fails over and keeps the session consistent; `system`, `auth`,
//! `sessions`, `secrets`, `lifecycle`, `sharing`, `backup`, `identity`, `managed`, `mfa`, `policies`, `resource_policies`, `programs`, `regions`, `trust` and `audit` are the services; `reference` is the path grammar; `value` and
//! `secret` hold what must not be printed; `needs` is what requests take; `error` is the one error type.
//!
//! Plain replies are the wire types of `vault-proto`, re-exported as [`wire`]. What carries secret
//! material is wrapped in types that do not print and wipe their memory when dropped. The buffers
//! inside the HTTP/2 and protobuf libraries are beyond that reach.

mod audit;
mod auth;
mod backup;
mod builder;
mod call;
mod client_identity;
mod cluster;
mod connect;
mod consistency;
mod endpoint;
mod error;
mod identity;
mod lifecycle;
mod managed;
mod mfa;
mod needs;
mod pin;
mod policies;
mod programs;
mod put;
mod reference;
mod regions;
mod resource_policies;
mod root;
mod secret;
mod secrets;
mod sessions;
mod sharing;
mod system;
mod tls;
mod trust;
mod value;
mod vault;

pub use audit::{Audit, AuditStream};
pub use auth::{
    Auth, Credentials, LoggedIn, OneTimePassword, PasswordLogin, SessionLimits, SessionTerms,
};
pub use backup::{Backup, BackupStream, RestoreOptions};
pub use builder::Builder;
pub use client_identity::{ClientIdentity, PinnedKey};
pub use cluster::{Cluster, Invited};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{Error, Kind};
pub use identity::Identity;
pub use lifecycle::Lifecycle;
pub use managed::ManagedPolicies;
pub use mfa::{ConfirmedEnrolment, Enrolment, Mfa, NewAuthenticator};
pub use needs::{Need, Needs};
pub use pin::{Fingerprint, FingerprintError};
pub use policies::Policies;
pub use programs::{IssuedSecretId, PinTerms, Programs, SecretIdTerms};
pub use prost_types::{Duration as WireDuration, Timestamp};
pub use put::Put;
pub use reference::{Reference, ReferenceError, Selector, encode_path};
pub use regions::{NewRegion, Regions};
pub use resource_policies::ResourcePolicies;
pub use root::{Root, RootGeneration};
pub use secret::Secret;
pub use secrets::Secrets;
pub use sessions::{RoleTerms, Sessions};
pub use sharing::{Shared, Sharing, Unwrapped};
pub use system::{Initialised, Rekey, System, UnsealKey};
pub use tls::{CaCertificate, fetch_ca};
pub use trust::Trusts;
pub use value::{Text, Token, Value};
pub use vault::Vault;

/// The wire types of the public API.
pub use vault_proto::v1 as wire;
