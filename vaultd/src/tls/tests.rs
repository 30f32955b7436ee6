//! The node's TLS as seen from outside, and its files as a careless operator leaves them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, ConnectionCommon, Error, ProtocolVersion,
    RootCertStore, ServerConnection,
};

use super::*;
use crate::config::Layers;

mod clients;

fn config(dir: &Path, more: &str) -> Config {
    let mut layers = Layers::default();
    let text = format!("{more}\nnode.data_dir = {:?}\n", dir.display().to_string());
    layers.text(Path::new("v.toml"), &text).expect("text");
    Config::build(&layers).expect("config")
}

fn load(dir: &Path) -> Result<Identity, TlsError> {
    Identity::load(&config(dir, ""), Clock::default())
}

fn client(
    identity: &Identity,
    groups: &[&'static dyn SupportedKxGroup],
    alpn: &[u8],
) -> ClientConnection {
    connecting(identity, groups, alpn, None)
}

/// A client that shows a certificate, if it is given one.
fn connecting(
    identity: &Identity,
    groups: &[&'static dyn SupportedKxGroup],
    alpn: &[u8],
    shown: Option<CertifiedKey>,
) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let pem = &identity.authority().expect("own CA").pem;
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("pem"))
        .expect("root");
    let provider = CryptoProvider {
        kx_groups: groups.to_vec(),
        ..aws_lc_rs::default_provider()
    };
    let trusting = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match shown {
        Some(shown) => trusting.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown))),
        None => trusting.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    ClientConnection::new(
        Arc::new(config),
        ServerName::try_from("localhost").expect("name"),
    )
    .expect("client")
}

/// Carries bytes both ways until both are done, or one refuses.
fn handshake(
    client: &mut ClientConnection,
    identity: &Identity,
) -> Result<ServerConnection, Error> {
    let mut server = ServerConnection::new(identity.server())?;
    for _ in 0..8 {
        carry(client, &mut server)?;
        carry(&mut server, client)?;
    }
    assert!(
        !client.is_handshaking() && !server.is_handshaking(),
        "the handshake did not end"
    );
    Ok(server)
}

fn carry<A, B>(from: &mut ConnectionCommon<A>, to: &mut ConnectionCommon<B>) -> Result<(), Error> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).expect("write");
    }
    let mut wire = wire.as_slice();
    while !wire.is_empty() {
        to.read_tls(&mut wire).expect("read");
        to.process_new_packets()?;
    }
    Ok(())
}

const ALL: &[&dyn SupportedKxGroup] = &[
    kx_group::X25519,
    kx_group::SECP256R1,
    kx_group::X25519MLKEM768,
];

#[test]
fn a_modern_client_gets_tls_1_3_with_the_hybrid_group_http2_and_no_ticket() {
    let dir = tempfile::tempdir().expect("dir");
    let identity = load(dir.path()).expect("identity");
    let groups: &[&dyn SupportedKxGroup] = &[kx_group::X25519MLKEM768, kx_group::X25519];
    let mut client = client(&identity, groups, b"h2");
    let server = handshake(&mut client, &identity).expect("handshake");
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = server
        .negotiated_key_exchange_group()
        .expect("group")
        .name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    assert_eq!(server.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(client.tls13_tickets_received(), 0);
}

#[test]
fn a_client_that_offers_only_the_hybrid_group_is_served() {
    let dir = tempfile::tempdir().expect("dir");
    let identity = load(dir.path()).expect("identity");
    let mut client = client(&identity, &[kx_group::X25519MLKEM768], b"h2");
    handshake(&mut client, &identity).expect("handshake");
}

#[test]
fn a_client_that_offers_only_tls_1_2_is_refused() {
    let dir = tempfile::tempdir().expect("dir");
    let identity = load(dir.path()).expect("identity");
    let mut server = ServerConnection::new(identity.server()).expect("server");
    let mut wire: &[u8] = &hello_of_tls_1_2();
    while !wire.is_empty() {
        server.read_tls(&mut wire).expect("read");
    }
    let error = server.process_new_packets().expect_err("version");
    assert!(matches!(error, Error::PeerIncompatible(_)), "{error:?}");
    let mut answer = Vec::new();
    server.write_tls(&mut answer).expect("alert");
    // RFC 8446 section 6.2: alert, fatal, protocol_version.
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 70], "{answer:02x?}");
}

/// RFC 5246 section 7.4.1.2: what a client without TLS 1.3 sends first.
fn hello_of_tls_1_2() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 23, // groups: secp256r1
        0, 11, 0, 2, 1, 0, // point formats: uncompressed
        0, 13, 0, 6, 0, 4, 4, 3, 8, 4, // signatures: ecdsa p256, rsa-pss
    ];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0xc0, 0x2f, 0xc0, 0x2b]);
    body.extend([1, 0]);
    body.extend(
        u16::try_from(extensions.len())
            .expect("short")
            .to_be_bytes(),
    );
    body.extend(extensions);
    let length = u16::try_from(body.len()).expect("short");
    let mut hello = vec![22, 3, 1];
    hello.extend((length + 4).to_be_bytes());
    hello.extend([1, 0]);
    hello.extend(length.to_be_bytes());
    hello.extend(body);
    hello
}

#[test]
fn a_client_without_a_common_group_or_protocol_is_refused() {
    let dir = tempfile::tempdir().expect("dir");
    let identity = load(dir.path()).expect("identity");
    let mut other = client(&identity, &[kx_group::SECP384R1], b"h2");
    let error = handshake(&mut other, &identity).expect_err("group");
    assert!(matches!(error, Error::PeerIncompatible(_)), "{error:?}");
    let mut other = client(&identity, ALL, b"http/1.1");
    let error = handshake(&mut other, &identity).expect_err("protocol");
    let refused = matches!(
        error,
        Error::NoApplicationProtocol
            | Error::AlertReceived(AlertDescription::NoApplicationProtocol)
    );
    assert!(refused, "{error:?}");
}

#[test]
fn the_ca_is_made_once_and_kept() {
    let dir = tempfile::tempdir().expect("dir");
    let first = load(dir.path())
        .expect("first")
        .authority()
        .expect("own")
        .clone();
    let second = load(dir.path())
        .expect("second")
        .authority()
        .expect("own")
        .clone();
    assert!(first.fresh && !second.fresh);
    assert_eq!(first.fingerprint, second.fingerprint);
    assert_eq!(first.fingerprint.len(), "sha256:".len() + 64);
    for (name, mode) in [("ca.key", 0o600), ("node.key", 0o600), ("node.pem", 0o644)] {
        let meta = std::fs::metadata(dir.path().join("tls").join(name)).expect(name);
        assert_eq!(meta.permissions().mode() & 0o7777, mode, "{name}");
    }
}

#[test]
fn a_new_name_gets_a_new_certificate_under_the_same_ca() {
    let dir = tempfile::tempdir().expect("dir");
    let first = load(dir.path()).expect("first");
    let leaf = std::fs::read(dir.path().join("tls/node.pem")).expect("leaf");
    let more = config(
        dir.path(),
        "tls.names = [\"Vault.Example\", \"::ffff:0:1\"]",
    );
    let second = Identity::load(&more, Clock::default()).expect("second");
    let again = std::fs::read(dir.path().join("tls/node.pem")).expect("leaf");
    assert_ne!(leaf, again);
    let third = Identity::load(&more, Clock::default()).expect("third");
    assert_eq!(
        again,
        std::fs::read(dir.path().join("tls/node.pem")).expect("leaf")
    );
    for other in [second, third] {
        let same = other.authority().expect("own").fingerprint
            == first.authority().expect("own").fingerprint;
        assert!(same);
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for name in ["ca.key", "node.key"] {
        let dir = tempfile::tempdir().expect("dir");
        load(dir.path()).expect("first");
        let path = dir.path().join("tls").join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        // The CA's key is read only when a certificate is issued: ask for a new name.
        let more = if name == "ca.key" {
            "tls.names = [\"another.example\"]"
        } else {
            ""
        };
        let error = Identity::load(&config(dir.path(), more), Clock::default());
        let error = error.expect_err(name).to_string();
        assert!(error.contains(name) && error.contains("0644"), "{error}");
    }
}

#[test]
fn damage_and_loss_are_named_and_never_repaired_by_a_new_ca() {
    for (name, text) in [
        ("ca.pem", "garbage"),
        ("ca.pem", ""),
        (
            "node.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
        (
            "node.pem",
            "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n",
        ),
        (
            "node.key",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ),
        ("node.key", ""),
    ] {
        let dir = tempfile::tempdir().expect("dir");
        load(dir.path()).expect("first");
        std::fs::write(dir.path().join("tls").join(name), text).expect("damage");
        let error = load(dir.path()).expect_err(name).to_string();
        assert!(error.contains(name), "{name} {text:?}: {error}");
    }
    for name in ["ca.pem", "ca.key"] {
        let dir = tempfile::tempdir().expect("dir");
        load(dir.path()).expect("first");
        std::fs::remove_file(dir.path().join("tls").join(name)).expect("remove");
        let error = load(dir.path()).expect_err(name);
        assert!(
            matches!(&error, TlsError::Missing { path } if path.ends_with(name)),
            "{error}"
        );
    }
}

#[test]
fn a_certificate_of_the_operators_must_fit_its_key() {
    let (a, b) = (
        tempfile::tempdir().expect("dir"),
        tempfile::tempdir().expect("dir"),
    );
    load(a.path()).expect("a");
    load(b.path()).expect("b");
    let files = |key: &Path| {
        let (chain, key) = (a.path().join("tls/node.pem"), key.join("tls/node.key"));
        let text = format!("tls.certificate = {chain:?}\ntls.key = {key:?}");
        Identity::load(&config(a.path(), &text), Clock::default())
    };
    assert!(files(a.path()).expect("fits").authority().is_none());
    let error = files(b.path()).expect_err("other key").to_string();
    assert!(error.contains("is not this certificate's"), "{error}");
    let error = files(Path::new("/no")).expect_err("no key").to_string();
    assert!(error.contains("/no/tls/node.key"), "{error}");
}

#[test]
fn a_reload_that_fails_keeps_the_certificate_in_use() {
    let dir = tempfile::tempdir().expect("dir");
    let identity = load(dir.path()).expect("identity");
    let path = dir.path().join("tls/node.pem");
    let good = std::fs::read(&path).expect("leaf");
    std::fs::write(&path, "garbage").expect("damage");
    identity
        .reload(&config(dir.path(), ""), Clock::default())
        .expect_err("damaged");
    let mut other = client(&identity, ALL, b"h2");
    handshake(&mut other, &identity).expect("the old one serves");
    std::fs::write(&path, good).expect("repair");
    identity
        .reload(&config(dir.path(), ""), Clock::default())
        .expect("reload");
}
