//! The key by which peers know this node: two files in `peer/` of the data directory, `node.key` with mode 0600 and
//! `node.pem` around it.
//!
//! The certificate says nothing that anybody reads, its validity least of all: a node is its key. Both are made once,
//! and never again while one of them is left.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::crypto::aws_lc_rs;

use super::TlsError;
use super::files::{damaged, read_chain, read_key};
use super::own::{CA_DAYS, common_name, file, last, sync, write};
use crate::clock::Clock;
use crate::raft::NodeKey;

/// The node's key; made where there is none.
///
/// # Errors
/// [`TlsError`]; what cannot be read is never replaced.
pub fn node_key(data_dir: &Path, clock: Clock) -> Result<NodeKey, TlsError> {
    let dir = data_dir.join("peer");
    if !dir.exists() {
        make(&dir, clock)?;
    }
    vault_sys::check_private_dir(&dir)?;
    let (certificate, key) = (dir.join("node.pem"), dir.join("node.key"));
    for path in [&certificate, &key] {
        if !path.exists() {
            return Err(TlsError::Missing { path: path.clone() });
        }
    }
    let leaf = read_chain(&certificate)?.swap_remove(0);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let made = NodeKey::new(provider, leaf, read_key(&key)?);
    made.map_err(|error| damaged(&key, error.to_string()))
}

/// Makes both under a name of their own and moves them into place whole.
fn make(dir: &Path, clock: Clock) -> Result<(), TlsError> {
    let staging = dir.with_extension("new");
    if staging.exists() {
        std::fs::remove_dir_all(&staging).map_err(|source| file(&staging, source))?;
    }
    let made = DirBuilder::new().mode(0o700).create(&staging);
    made.map_err(|source| file(&staging, source))?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name("vault peer");
    last(&mut params, clock, CA_DAYS);
    let certificate = params.self_signed(&key)?;
    write(&staging.join("node.key"), &key.serialize_pem(), 0o600)?;
    write(&staging.join("node.pem"), &certificate.pem(), 0o644)?;
    sync(&staging)?;
    std::fs::rename(&staging, dir).map_err(|source| file(dir, source))?;
    dir.parent().map_or(Ok(()), sync)
}
