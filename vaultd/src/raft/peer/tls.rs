//! Connections between two pinned keys: TLS 1.3 in both directions, and nothing of a certificate looked at but its
//! key. Validity times are not: a cluster that was off for a month forms again.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerIncompatible, ServerConfig, SignatureScheme, version,
};
use vault_core::access::KeyHash;

use super::trust::Trust;

/// The key that this node proves to its peers.
#[derive(Clone)]
pub struct NodeKey {
    provider: Arc<CryptoProvider>,
    certified: Arc<CertifiedKey>,
    pin: KeyHash,
}

/// Why a node's key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeKeyError {
    /// TLS cannot use the key.
    #[error("the node's key cannot be used: {0}")]
    Key(#[from] Error),
    /// There is no certificate, or it is malformed.
    #[error("the node's certificate cannot be read")]
    Certificate,
}

impl NodeKey {
    /// A key with a certificate around it, which may be signed by the key itself.
    ///
    /// # Errors
    /// When they do not belong together, or cannot be read.
    pub fn new(
        provider: Arc<CryptoProvider>,
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, NodeKeyError> {
        let pin = key_of(&certificate).ok_or(NodeKeyError::Certificate)?;
        let signer = provider.key_provider.load_private_key(key)?;
        let certified = CertifiedKey::new(vec![certificate], signer);
        certified.keys_match()?;
        Ok(Self {
            provider,
            certified: Arc::new(certified),
            pin,
        })
    }

    /// What peers know it by.
    pub fn pin(&self) -> KeyHash {
        self.pin
    }

    /// For connections to the one member whose key that is.
    pub(super) fn client(&self, target: KeyHash) -> Result<ClientConfig, Error> {
        let verifier = Pinned {
            provider: Arc::clone(&self.provider),
            target,
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(
                &self.certified,
            ))));
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(config)
    }

    /// For connections of members.
    pub(super) fn server(&self, trust: Trust) -> Result<ServerConfig, Error> {
        let verifier = Members {
            provider: Arc::clone(&self.provider),
            trust,
        };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(
                &self.certified,
            ))));
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        Ok(config)
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeKey").field(&self.pin).finish()
    }
}

/// The key of a certificate; nothing if it is none.
///
/// INVARIANT: read by what verifies the handshake's signature, or a certificate could show one key and prove another.
pub(super) fn key_of(der: &CertificateDer<'_>) -> Option<KeyHash> {
    let certificate = ParsedCertificate::try_from(der).ok()?;
    Some(KeyHash::of(&certificate.subject_public_key_info()))
}

/// Believes the one key.
#[derive(Debug)]
struct Pinned {
    provider: Arc<CryptoProvider>,
    target: KeyHash,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if key_of(leaf) == Some(self.target) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Believes the keys of the members.
#[derive(Debug)]
struct Members {
    provider: Arc<CryptoProvider>,
    trust: Trust,
}

impl ClientCertVerifier for Members {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let key = key_of(leaf);
        if key.is_some_and(|key| self.trust.whose(&key).is_some()) {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
