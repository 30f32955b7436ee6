//! The pin verifier against chains made for the purpose.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::{Fingerprint, PinVerifier};

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca() -> Ca {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn leaf(issuer: &Ca, name: &str) -> CertificateDer<'static> {
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params
        .signed_by(&KeyPair::generate().unwrap(), issuer)
        .unwrap()
        .der()
        .clone()
}

fn verify(
    pin: Fingerprint,
    leaf: &CertificateDer<'_>,
    chain: &[CertificateDer<'_>],
    name: &str,
) -> Result<(), Error> {
    let verifier = PinVerifier::new(pin, Arc::new(default_provider()));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    verifier
        .verify_server_cert(leaf, chain, &name, &[], now)
        .map(drop)
}

const NOW: u64 = 1_800_000_000;

#[test]
fn a_chain_under_the_pinned_ca_is_accepted() {
    let ca = ca();
    let pin = Fingerprint::of(ca.der());
    assert_eq!(
        verify(pin, &leaf(&ca, "vault"), &[ca.der().clone()], "vault"),
        Ok(())
    );
}

#[test]
fn a_chain_without_the_ca_is_refused() {
    let ca = ca();
    let refused = verify(Fingerprint::of(ca.der()), &leaf(&ca, "vault"), &[], "vault");
    assert!(matches!(
        refused,
        Err(Error::InvalidCertificate(CertificateError::Other(_)))
    ));
}

#[test]
fn another_ca_is_refused() {
    let (ours, other) = (ca(), ca());
    let pin = Fingerprint::of(ours.der());
    assert!(verify(pin, &leaf(&other, "vault"), &[other.der().clone()], "vault").is_err());
}

#[test]
fn a_leaf_of_another_ca_beside_the_pinned_one_is_refused() {
    let (ours, other) = (ca(), ca());
    let chain = [other.der().clone(), ours.der().clone()];
    let refused = verify(
        Fingerprint::of(ours.der()),
        &leaf(&other, "vault"),
        &chain,
        "vault",
    );
    assert!(matches!(refused, Err(Error::InvalidCertificate(_))));
}

#[test]
fn a_pin_on_the_leaf_itself_is_refused() {
    let ca = ca();
    let leaf = leaf(&ca, "vault");
    assert!(verify(Fingerprint::of(&leaf), &leaf, &[ca.der().clone()], "vault").is_err());
}

#[test]
fn another_name_is_refused() {
    let ca = ca();
    let pin = Fingerprint::of(ca.der());
    assert!(verify(pin, &leaf(&ca, "vault"), &[ca.der().clone()], "evil").is_err());
}

#[test]
fn an_expired_leaf_is_refused() {
    let ca = ca();
    let mut params = CertificateParams::new(vec!["vault".to_owned()]).unwrap();
    params.not_after = (SystemTime::UNIX_EPOCH + Duration::from_secs(NOW - 1)).into();
    let leaf = params
        .signed_by(&KeyPair::generate().unwrap(), &ca)
        .unwrap()
        .der()
        .clone();
    assert!(
        verify(
            Fingerprint::of(ca.der()),
            &leaf,
            &[ca.der().clone()],
            "vault"
        )
        .is_err()
    );
}

#[test]
fn fingerprints_are_read_in_the_usual_spellings() {
    let plain = Fingerprint::of(b"x");
    let digits = plain.to_string().trim_start_matches("sha256:").to_owned();
    let colons: Vec<_> = digits
        .as_bytes()
        .chunks(2)
        .map(|b| str::from_utf8(b).unwrap())
        .collect();
    for text in [
        plain.to_string(),
        digits.clone(),
        format!("SHA256:{}", digits.to_uppercase()),
        colons.join(":"),
        format!(" {plain}\n"),
    ] {
        assert_eq!(text.parse(), Ok(plain), "{text}");
    }
}

#[test]
fn other_texts_are_not_fingerprints() {
    for text in [
        "",
        "sha256:",
        "sha256:12",
        "sha1:00",
        &"0".repeat(63),
        &"0".repeat(66),
        &"g".repeat(64),
    ] {
        assert!(text.parse::<Fingerprint>().is_err(), "{text}");
    }
}
