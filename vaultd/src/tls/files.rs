//! Reading certificates and keys. A key that others can read is refused, not repaired.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::TlsError;

/// The chain of one file with the key of another, which must belong together.
pub(super) fn load(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = read_chain(certificate)?;
    let der = read_key(key)?;
    join(chain, &der, certificate, key)
}

/// Joins chain and key, and proves that they belong together.
pub(super) fn join(
    chain: Vec<CertificateDer<'static>>,
    der: &PrivateKeyDer<'_>,
    certificate: &Path,
    key: &Path,
) -> Result<CertifiedKey, TlsError> {
    let signer = any_supported_type(der).map_err(|error| damaged(key, error.to_string()))?;
    let certified = CertifiedKey::new(chain, Arc::clone(&signer));
    certified.keys_match().map_err(|_| {
        damaged(
            certificate,
            format!("the key in `{}` is not this certificate's", key.display()),
        )
    })?;
    Ok(certified)
}

/// The certificates of a PEM file, at least one.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|error| damaged(path, error.to_string()))?;
    if chain.is_empty() {
        return Err(damaged(path, "no certificate in it"));
    }
    for der in &chain {
        if x509_parser::parse_x509_certificate(der).is_err() {
            return Err(damaged(path, "not a certificate"));
        }
    }
    Ok(chain)
}

/// The key of a PEM file that nobody else can read.
pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read_key_pem(path)?;
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| damaged(path, error.to_string()))
}

/// The text of such a file.
pub(super) fn read_key_pem(path: &Path) -> Result<Zeroizing<String>, TlsError> {
    let file = vault_sys::check_private_file(path)?;
    // Room for all of it at once: a text that grows leaves copies behind.
    let mut pem = Zeroizing::new(String::with_capacity(MAX_BYTES));
    let read = file.take(MAX_BYTES as u64).read_to_string(&mut pem);
    read.map_err(|source| TlsError::File {
        path: path.into(),
        source,
    })?;
    Ok(pem)
}

fn read(path: &Path) -> Result<String, TlsError> {
    let failed = |source| TlsError::File {
        path: path.into(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut pem = String::new();
    file.take(MAX_BYTES as u64)
        .read_to_string(&mut pem)
        .map_err(failed)?;
    Ok(pem)
}

pub(super) fn damaged(path: &Path, why: impl Into<String>) -> TlsError {
    TlsError::Damaged {
        path: path.into(),
        why: why.into(),
    }
}

/// More than any chain or key that makes sense.
const MAX_BYTES: usize = 256 * 1024;
