//! Certificates of clients: asked for, and read for the key that the handshake proves and for their own terms.
//!
//! No authority is trusted, no name or issuer is read, and nobody is refused a connection for having none. What is no
//! certificate, is too large, or has a key that is too weak ends the handshake, like one whose key did not sign it.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    PeerIncompatible, SignatureScheme,
};
use vault_core::access::{Certificate, KeyHash};
use x509_parser::asn1_rs::Oid;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_SIG_ED25519};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::conn::Stream;

/// Longest certificate, in bytes of DER.
const LARGEST: usize = 8 * 1024;
/// The most that a client may send along with it, in bytes: a chain that nobody reads.
const LARGEST_CHAIN: usize = 16 * 1024;
/// Bits of an RSA key.
const RSA: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why bytes are not the certificate of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Over 8 KiB, or with over 16 KiB of others.
    #[error("the certificate is too large: 8 KiB at most, and 16 KiB of others with it")]
    TooLarge,
    /// No X.509 version 3 in DER.
    #[error("this is no X.509 certificate of version 3")]
    Malformed,
    /// Weak, or of a sort that nobody verifies here.
    #[error(
        "the key of the certificate is too weak or of another sort: RSA of 2048 to 8192 bits, P-256, P-384, P-521 and Ed25519 are good"
    )]
    Key,
}

/// What the client of a connection has shown in its handshake, which has ended.
pub(super) fn shown(stream: &Stream) -> Option<Certificate> {
    let Stream::Tls(stream) = stream else {
        return None;
    };
    let leaf = stream.get_ref().1.peer_certificates()?.first()?;
    // The handshake has read it so.
    read(leaf).ok()
}

/// What a certificate shows.
///
/// # Errors
/// When it is none, is too large, or its key is too weak.
pub fn read(der: &CertificateDer<'_>) -> Result<Certificate, Unreadable> {
    if der.len() > LARGEST {
        return Err(Unreadable::TooLarge);
    }
    let malformed = |_| Unreadable::Malformed;
    let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| Unreadable::Malformed)?;
    // INVARIANT: the key that is read is the one that the handshake's signature is verified by, whatever another
    // reader makes of the same bytes.
    let verified = ParsedCertificate::try_from(der).map_err(malformed)?;
    let key = verified.subject_public_key_info();
    if !rest.is_empty() || parsed.public_key().raw != key.as_ref() {
        return Err(Unreadable::Malformed);
    }
    if !is_strong(parsed.public_key()) {
        return Err(Unreadable::Key);
    }
    let purposes = parsed.extended_key_usage();
    let purposes = purposes.map_err(|_| Unreadable::Malformed)?;
    let usage = parsed.key_usage().map_err(|_| Unreadable::Malformed)?;
    let validity = parsed.validity();
    Ok(Certificate {
        key: KeyHash::of(&key),
        from: milliseconds(validity.not_before.timestamp()),
        // RFC 5280 section 4.1.2.5: through that second.
        until: milliseconds(validity.not_after.timestamp().saturating_add(1)),
        for_clients: purposes.is_none_or(|purposes| purposes.value.client_auth)
            // RFC 8446 section 4.4.2.2
            && usage.is_none_or(|usage| usage.value.digital_signature()),
    })
}

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).map_or(0, |seconds| seconds.saturating_mul(1000))
}

fn is_strong(key: &SubjectPublicKeyInfo<'_>) -> bool {
    let curve = || {
        let parameters = key.algorithm.parameters.as_ref();
        parameters.and_then(|curve| Oid::try_from(curve).ok())
    };
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => RSA.contains(&rsa.key_size()),
        Ok(PublicKey::EC(_)) => curve().is_some_and(|curve| {
            [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521].contains(&curve)
        }),
        Ok(PublicKey::Unknown(_)) => key.algorithm.algorithm == OID_SIG_ED25519,
        Ok(PublicKey::DSA(_) | PublicKey::GostR3410(_) | PublicKey::GostR3410_2012(_)) | Err(_) => {
            false
        }
    }
}

/// Takes any certificate whose key has signed the handshake.
#[derive(Debug)]
pub struct AnyHolder(WebPkiSupportedAlgorithms);

impl AnyHolder {
    /// By these signature algorithms.
    pub fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self(algorithms)
    }
}

impl ClientCertVerifier for AnyHolder {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let sent: usize = others.iter().map(|other| other.len()).sum();
        let read = if sent > LARGEST_CHAIN {
            Err(Unreadable::TooLarge)
        } else {
            read(leaf)
        };
        match read {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(Unreadable::Malformed) => Err(CertificateError::BadEncoding.into()),
            Err(why @ (Unreadable::TooLarge | Unreadable::Key)) => {
                let why = OtherError(std::sync::Arc::new(why));
                Err(CertificateError::Other(why).into())
            }
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
        verify_tls13_signature(message, leaf, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
