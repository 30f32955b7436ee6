//! A certificate and its key, by which this program is known to the vault.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::{Error, Fingerprint};

/// A certificate and its private key. The key never leaves this process; each connection proves that it is held.
#[derive(Clone)]
pub struct ClientIdentity(Arc<CertifiedKey>);

impl ClientIdentity {
    /// Reads a certificate, with or without others that signed it, and its key, from PEM texts. The key is PKCS#8,
    /// PKCS#1 or SEC 1, without a passphrase.
    ///
    /// # Errors
    /// When there is none of either, one is damaged, or they do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Error> {
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| Error::config("the client certificate is not PEM"))?;
        if chain.is_empty() {
            return Err(Error::config(
                "no certificate in the client certificate's file",
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| Error::config("no private key in PEM in the client key's file"))?;
        let key = any_supported_type(&key).map_err(|_| {
            Error::config("the client key is of a sort that TLS here has no use for")
        })?;
        let certified = CertifiedKey::new(chain, key);
        certified
            .keys_match()
            .map_err(|_| Error::config("the client key is not the client certificate's"))?;
        Ok(Self(Arc::new(certified)))
    }

    pub(crate) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from((*self.0).clone()))
    }
}

/// Which certificate it is, is nobody's business that reads logs.
impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").finish_non_exhaustive()
    }
}

/// Which key is a service's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinnedKey {
    /// That of a certificate, in DER.
    Certificate(Vec<u8>),
    /// By the SHA-256 of its SubjectPublicKeyInfo: `sha256:` and 64 digits.
    Hash(String),
}

impl PinnedKey {
    /// The key of the first certificate of a PEM text: whoever signed it comes after it.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        match CertificateDer::pem_slice_iter(pem).next() {
            Some(Ok(der)) => Ok(Self::Certificate(der.to_vec())),
            Some(Err(_)) | None => Err(Error::config("no certificate in PEM")),
        }
    }

    /// The hash by which the vault calls it.
    ///
    /// # Errors
    /// When what should be a certificate is none.
    pub fn hash(&self) -> Result<String, Error> {
        match self {
            Self::Hash(text) => Ok(text.clone()),
            Self::Certificate(der) => {
                let der = CertificateDer::from_slice(der);
                let read = ParsedCertificate::try_from(&der);
                let read = read.map_err(|_| Error::config("this is no X.509 certificate"))?;
                let key = read.subject_public_key_info();
                Ok(Fingerprint::of(&key).to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientIdentity, PinnedKey};

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["till".into()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_goes_with_its_own_key_only() {
        let ((certificate, key), (other, others)) = (made(), made());
        let read = |certificate: &str, key: &str| {
            ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes())
        };
        assert!(read(&certificate, &key).is_ok());
        let shown = format!("{:?}", read(&certificate, &key).unwrap());
        assert_eq!(shown, "ClientIdentity { .. }");
        let chain = format!("{certificate}{other}");
        assert!(read(&chain, &key).is_ok(), "its own first");
        let one_file = format!("{key}{certificate}");
        assert!(read(&one_file, &one_file).is_ok());
        let broken = certificate.replacen('M', "!", 1);
        for (certificate, key) in [
            (&*certificate, &*others),
            (&other, &key),
            (&certificate, ""),
            ("", &key),
            (&certificate, &certificate),
            (&key, &key),
            ("garbage", "garbage"),
            (&broken, &key),
        ] {
            let refused = read(certificate, key).unwrap_err().to_string();
            assert!(!refused.contains("BEGIN"), "{refused}");
        }
    }

    #[test]
    fn of_a_chain_the_first_certificate_is_pinned() {
        let ((first, key), (second, _)) = (made(), made());
        let alone = PinnedKey::from_pem(first.as_bytes()).unwrap();
        let chain = format!("{first}{second}");
        assert_eq!(PinnedKey::from_pem(chain.as_bytes()).unwrap(), alone);
        for none in ["", "garbage", &*key] {
            assert!(PinnedKey::from_pem(none.as_bytes()).is_err());
        }
    }
}
