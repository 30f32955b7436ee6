//! Wire types and gRPC stubs of the vault, generated from `proto/vault/v1`.
//!
//! Messages that carry secrets print as their name and `(..)`. `METHODS` says of each method which
//! action it needs. No behaviour lives here.

/// Package `vault.v1`: the public API.
pub mod v1 {
    tonic::include_proto!("vault.v1");
}

/// Package `vault.peer.v1`: what nodes say to each other. No part of the public API.
pub mod peer {
    /// The one version there is.
    pub mod v1 {
        tonic::include_proto!("vault.peer.v1");
    }
}

include!(concat!(env!("OUT_DIR"), "/redacted.rs"));

/// The encoded `FileDescriptorSet` of the API, for reflection and for tests.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// How a method is guarded; see `Access` in `options.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An authenticated caller who was granted the method's action.
    Granted,
    /// Anyone who can connect.
    Public,
    /// Holders of key material, who prove themselves in the request.
    KeyHolder,
    /// Any authenticated caller, about himself or about what he brings along.
    Own,
    /// Anyone who proves himself in the request: a code, a password.
    Credential,
}

impl Access {
    const fn from_i32(number: i32) -> Self {
        match number {
            1 => Self::Public,
            2 => Self::KeyHolder,
            3 => Self::Own,
            4 => Self::Credential,
            _ => Self::Granted,
        }
    }
}

/// One method of the API.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// `/vault.v1.Secrets/GetSecret`.
    pub path: &'static str,
    /// `secret:GetValue`, or as the option has it, `{user,group}:Create`; empty unless `access` is
    /// [`Access::Granted`].
    pub action: &'static str,
    /// Every action that the method may need: one, but for a method that is about several sorts.
    pub actions: &'static [&'static str],
    /// Who may call at all.
    pub access: Access,
    /// Served by any node from its own state; everything else goes to the one that leads.
    pub local: bool,
}

include!(concat!(env!("OUT_DIR"), "/methods.rs"));
