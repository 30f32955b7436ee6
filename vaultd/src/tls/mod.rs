//! The node's TLS: version 1.3 only, a post-quantum hybrid first, one provider named explicitly.
//!
//! No tickets, no early data, no protocol but HTTP/2. The certificate is the operator's, or one that the
//! node's own CA issued; it can be replaced while connections are served. Clients may show one too, which is believed
//! for its key and nothing else ([`crate::door::certificate`]).

mod files;
mod own;
mod peer;

#[cfg(test)]
mod tests;

pub use peer::node_key;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::config::Config;
use crate::door::certificate::AnyHolder;

/// Why the node has no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A key file that others can use, or that is no plain file.
    #[error("refusing a TLS key: {0}")]
    Key(#[from] vault_sys::FileError),
    /// A file cannot be read or written.
    #[error("cannot use `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{path}` is damaged or not what it should be: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected.
        why: String,
    },
    /// Part of the node's own certificate files is gone. A new CA would lock out every client.
    #[error(
        "`{path}` is missing beside files that belong to it; restore it, or remove them all to start a new CA"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The library refused.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The library refused.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// The node's certificate in use, and what clients are to pin.
#[derive(Debug)]
pub struct Identity {
    server: Arc<ServerConfig>,
    current: Arc<Current>,
    authority: Option<Authority>,
}

/// The node's own CA, as clients see it.
#[derive(Clone, Debug)]
pub struct Authority {
    /// `sha256:` and 64 hex digits, of the certificate's DER.
    pub fingerprint: String,
    /// The certificate.
    pub pem: String,
    /// Whether it was made just now.
    pub fresh: bool,
}

impl Identity {
    /// Loads the certificate that the configuration names, or the node's own; makes that at first start.
    ///
    /// # Errors
    /// [`TlsError`]; nothing is ever replaced that cannot be read.
    pub fn load(config: &Config, clock: Clock) -> Result<Self, TlsError> {
        let (key, authority) = certificate(config, clock)?;
        let current = Arc::new(Current(ArcSwap::from_pointee(key)));
        let server = Arc::new(server_config(Arc::clone(&current))?);
        Ok(Self {
            server,
            current,
            authority,
        })
    }

    /// Reads the certificate again; connections that stand keep theirs. On error the old one stays.
    ///
    /// # Errors
    /// As [`Identity::load`].
    pub fn reload(&self, config: &Config, clock: Clock) -> Result<(), TlsError> {
        let (key, _) = certificate(config, clock)?;
        self.current.0.store(Arc::new(key));
        Ok(())
    }

    /// What the listener runs by.
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// The node's own CA, unless the operator gave a certificate.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }
}

fn certificate(
    config: &Config,
    clock: Clock,
) -> Result<(CertifiedKey, Option<Authority>), TlsError> {
    if let Some(files) = &config.tls.files {
        return Ok((files::load(&files.certificate, &files.key)?, None));
    }
    let (key, authority) = own::load(config, clock)?;
    Ok((key, Some(authority)))
}

/// The one provider of the process: TLS 1.3 suites, and the hybrid before the classical groups.
pub fn provider() -> CryptoProvider {
    use aws_lc_rs::{cipher_suite, kx_group};
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![
            kx_group::X25519MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
        ],
        ..aws_lc_rs::default_provider()
    }
}

fn server_config(current: Arc<Current>) -> Result<ServerConfig, rustls::Error> {
    let provider = provider();
    let holders = AnyHolder::new(provider.signature_verification_algorithms);
    let mut server = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(Arc::new(holders))
        .with_cert_resolver(current);
    server.alpn_protocols = vec![b"h2".to_vec()];
    server.send_tls13_tickets = 0;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.max_early_data_size = 0;
    Ok(server)
}

/// The certificate that new connections get.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// `sha256:` and the digest of a certificate's DER, as clients pin it.
pub fn fingerprint(der: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(der)))
}
