//! The TLS side: whom to trust, and nothing below TLS 1.3 with the hybrid group offered first.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};

use crate::client_identity::ClientIdentity;
use crate::connect::{ConnectError, open_tls};
use crate::endpoint::Endpoint;
use crate::pin::{Fingerprint, PinVerifier};
use crate::{Error, Kind};

/// A CA certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaCertificate(CertificateDer<'static>);

impl CaCertificate {
    /// Reads the one certificate of a PEM text.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let mut found = CertificateDer::pem_slice_iter(pem);
        match (found.next(), found.next()) {
            (Some(Ok(der)), None) => Ok(Self(der)),
            (None, _) => Err(Error::config("no certificate in the CA file")),
            (Some(Err(_)), _) => Err(Error::config("the CA file is not PEM")),
            (Some(Ok(_)), Some(_)) => {
                Err(Error::config("more than one certificate in the CA file"))
            }
        }
    }

    /// The certificate as PEM.
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("CERTIFICATE", self.0.as_ref()), config)
    }

    /// What a pin on it is.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

/// Whom to believe that it is the vault.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// The certificate authorities of this machine.
    Machine,
    Ca(CaCertificate),
    Pin(Fingerprint),
}

/// What a connector needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: Option<ServerName<'static>>,
}

impl Tls {
    pub(crate) fn new(
        trust: &Trust,
        name: Option<&str>,
        identity: Option<&ClientIdentity>,
    ) -> Result<Self, Error> {
        let name = name.map(|name| {
            let parsed = ServerName::try_from(name.to_owned());
            parsed.map_err(|_| Error::config(format!("`{name}` is not a server name")))
        });
        Ok(Self {
            config: Arc::new(client_config(trust, identity)?),
            name: name.transpose()?,
        })
    }
}

/// Connects once to a server whose CA has the given fingerprint, verifies it as every later
/// connection will, and returns that CA.
///
/// # Errors
/// When the server cannot be reached, or does not prove itself under that CA.
pub async fn fetch_ca(
    endpoint: &Endpoint,
    pin: Fingerprint,
    server_name: Option<&str>,
    timeout: Duration,
) -> Result<CaCertificate, Error> {
    let Endpoint::Https { host, port } = endpoint else {
        return Err(Error::config("a Unix socket has no CA"));
    };
    let tls = Tls::new(&Trust::Pin(pin), server_name, None)?;
    let opened = tokio::time::timeout(timeout, open_tls(&tls, host, *port)).await;
    let late = || ConnectError::Timeout {
        to: endpoint.to_string(),
    };
    let stream = opened
        .unwrap_or_else(|_| Err(late()))
        .map_err(|cause| Error::from_connect(&cause))?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let found = chain.iter().find(|der| Fingerprint::of(der) == pin);
    let missing = || Error::local(Kind::Unavailable, "TLS_UNTRUSTED", "the server sent no CA");
    found
        .map(|der| CaCertificate(der.clone().into_owned()))
        .ok_or_else(missing)
}

fn client_config(trust: &Trust, identity: Option<&ClientIdentity>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| Error::config(error.to_string()))?;
    let trusting = match trust {
        Trust::Pin(pin) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PinVerifier::new(*pin, provider))),
        Trust::Ca(ca) => {
            let mut roots = RootCertStore::empty();
            let added = roots.add(ca.0.clone());
            added.map_err(|_| Error::config("the CA certificate cannot be used as a root"))?;
            builder.with_root_certificates(roots)
        }
        Trust::Machine => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            builder.with_root_certificates(roots)
        }
    };
    let mut config = match identity {
        Some(identity) => trusting.with_client_cert_resolver(identity.resolver()),
        None => trusting.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::{NamedGroup, ServerConfig};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::{CaCertificate, Trust, client_config, fetch_ca};
    use crate::{Endpoint, Fingerprint};

    /// A TLS server on a free port, with a CA of its own that it sends along; answers handshakes only.
    async fn server() -> (Endpoint, Fingerprint) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["vault.test".into()]).unwrap();
        let leaf = leaf.signed_by(&key, &ca).unwrap().der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf, ca.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        drop(tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                drop(acceptor.accept(tcp).await);
            }
        }));
        (
            Endpoint::Https {
                host: "127.0.0.1".into(),
                port,
            },
            Fingerprint::of(ca.der()),
        )
    }

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn the_pinned_ca_is_fetched_and_nothing_else_is_believed() {
        let (at, pin) = server().await;
        let ca = fetch_ca(&at, pin, Some("vault.test"), SOON).await.unwrap();
        assert_eq!(ca.fingerprint(), pin);
        let other_name = fetch_ca(&at, pin, Some("evil.test"), SOON)
            .await
            .unwrap_err();
        assert_eq!(other_name.reason(), "TLS_UNTRUSTED");
        let other_pin = Fingerprint::of(b"another");
        let refused = fetch_ca(&at, other_pin, Some("vault.test"), SOON)
            .await
            .unwrap_err();
        assert_eq!(refused.reason(), "TLS_UNTRUSTED");
        assert!(refused.message().contains("pinned CA"), "{refused}");
    }

    #[test]
    fn the_hybrid_group_is_offered_first() {
        let config = client_config(&Trust::Pin(Fingerprint::of(b"")), None).unwrap();
        let first = config.crypto_provider().kx_groups[0].name();
        assert_eq!(first, NamedGroup::X25519MLKEM768);
    }

    #[test]
    fn ca_files_that_hold_no_or_two_certificates_are_refused() {
        let one = rcgen::generate_simple_self_signed(vec!["ca".into()])
            .unwrap()
            .cert
            .pem();
        let read = CaCertificate::from_pem(one.as_bytes()).unwrap();
        assert_eq!(
            CaCertificate::from_pem(read.to_pem().as_bytes()).unwrap(),
            read
        );
        let broken = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
        for bad in ["", "not pem", broken, &format!("{one}{one}")] {
            assert!(CaCertificate::from_pem(bad.as_bytes()).is_err());
        }
    }
}
