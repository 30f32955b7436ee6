//! Certificates that clients show: the key is proved, and nothing else is believed.

use rcgen::{
    CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData as _, date_time_ymd,
};
use rustls::CertificateError;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;

use super::*;
use crate::door::certificate::{Unreadable, read};

fn params() -> CertificateParams {
    CertificateParams::new(vec!["till.test".to_owned()]).expect("params")
}

/// The same with something else.
fn like(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = params();
    change(&mut params);
    params
}

fn signed(params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
    params.self_signed(key).expect("certificate").der().clone()
}

/// Shows a chain in a handshake, and signs with a key.
fn shows(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Result<ServerConnection, Error> {
    let dir = tempfile::tempdir().expect("dir");
    let identity = load(dir.path()).expect("identity");
    let der = PrivateKeyDer::try_from(key.serialize_der()).expect("key");
    let signer = any_supported_type(&der).expect("signer");
    let shown = CertifiedKey::new(chain, signer);
    let mut client = connecting(&identity, ALL, b"h2", Some(shown));
    handshake(&mut client, &identity)
}

#[test]
fn a_key_is_proved_whoever_signed_its_certificate_and_whenever_it_is_good() {
    let old = like(|params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    for (key, params) in [
        (KeyPair::generate(), params()),
        (KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384), params()),
        (KeyPair::generate_for(&PKCS_ED25519), old),
    ] {
        let key = key.expect("key");
        let leaf = signed(&params, &key);
        let server = shows(vec![leaf.clone()], &key).expect("handshake");
        let shown = server.peer_certificates().expect("shown");
        assert_eq!(shown, [leaf]);
        let certificate = read(&shown[0]).expect("read");
        let digest = Sha256::digest(key.subject_public_key_info());
        assert_eq!(
            certificate.key.to_string(),
            format!("sha256:{}", hex::encode(digest))
        );
    }
}

#[test]
fn whoever_shows_no_certificate_is_served_as_before() {
    let dir = tempfile::tempdir().expect("dir");
    let identity = load(dir.path()).expect("identity");
    let server = handshake(&mut client(&identity, ALL, b"h2"), &identity).expect("handshake");
    assert!(server.peer_certificates().is_none());
}

#[test]
fn anothers_certificate_without_its_key_ends_the_handshake() {
    let (own, others) = (
        KeyPair::generate().expect("key"),
        KeyPair::generate().expect("key"),
    );
    let stolen = signed(&params(), &others);
    let error = shows(vec![stolen.clone()], &own).expect_err("no proof");
    assert!(
        matches!(
            error,
            Error::InvalidCertificate(CertificateError::BadSignature)
        ),
        "{error:?}"
    );
    // Beside one's own it is read by nobody.
    let leaf = signed(&params(), &own);
    let server = shows(vec![leaf.clone(), stolen], &own).expect("handshake");
    let shown = server.peer_certificates().expect("shown");
    assert_eq!(read(&shown[0]), read(&leaf));
}

#[test]
fn what_is_no_certificate_ends_the_handshake() {
    let key = KeyPair::generate().expect("key");
    let good = signed(&params(), &key);
    let mut cut = good.to_vec();
    cut.pop();
    let longer = [&good[..], &[0]].concat();
    let mut nested = vec![0x30, 0x80];
    nested.extend([0x30, 0x80].repeat(2000));
    let unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    let critical = |mut extension: CustomExtension| {
        extension.set_criticality(true);
        let params = like(|params| params.custom_extensions = vec![extension]);
        signed(&params, &key).to_vec()
    };
    for bytes in [
        Vec::new(),
        b"garbage".to_vec(),
        vec![0x30, 0],
        vec![0xff; 4096],
        cut,
        longer,
        nested,
        critical(unknown),
    ] {
        let shown = CertificateDer::from(bytes.clone());
        assert_eq!(read(&shown), Err(Unreadable::Malformed), "{bytes:02x?}");
        let error = shows(vec![shown], &key).expect_err("no certificate");
        assert!(
            matches!(
                error,
                Error::InvalidCertificate(CertificateError::BadEncoding)
                    | Error::InvalidMessage(_)
                    | Error::AlertReceived(_)
            ),
            "{error:?}"
        );
    }
}

#[test]
fn every_byte_of_a_certificate_may_be_wrong_and_nothing_else_comes_of_it() {
    let key = KeyPair::generate().expect("key");
    let good = signed(&params(), &key);
    let own = read(&good).expect("read").key;
    for at in 0..good.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = good.to_vec();
            bytes[at] ^= flip;
            let shown = CertificateDer::from(bytes);
            // The key may still be this one, or be another that nobody has proved.
            if let Ok(found) = read(&shown) {
                let whole = key.subject_public_key_info();
                let holds = shown.windows(whole.len()).any(|part| part == whole);
                assert!(holds || found.key != own, "byte {at}");
            }
        }
    }
}

#[test]
fn large_certificates_and_long_chains_end_the_handshake() {
    let key = KeyPair::generate().expect("key");
    let leaf = signed(&params(), &key);
    let names = |count: usize| {
        let names = (0..count).map(|at| format!("{at}.{}.test", "x".repeat(50)));
        let params = CertificateParams::new(names.collect::<Vec<_>>()).expect("params");
        signed(&params, &key)
    };
    let (fits, large) = (names(100), names(150));
    assert!(fits.len() < 8192 && large.len() > 8192);
    assert_eq!(read(&large), Err(Unreadable::TooLarge));
    shows(vec![fits.clone(), fits.clone()], &key).expect("handshake");
    for chain in [
        vec![large.clone()],
        [vec![leaf.clone()], vec![fits.clone(); 3]].concat(),
        [vec![leaf.clone()], vec![large; 2]].concat(),
        [vec![leaf], vec![fits; 12]].concat(),
    ] {
        shows(chain, &key).expect_err("too large");
    }
}

#[test]
fn what_a_certificate_is_for_is_read_only_where_it_says_so() {
    use ExtendedKeyUsagePurpose as For;
    let key = KeyPair::generate().expect("key");
    let of = |purposes: &[For], usages: &[KeyUsagePurpose]| {
        let params = like(|params| {
            params.extended_key_usages = purposes.to_vec();
            params.key_usages = usages.to_vec();
            params.not_before = date_time_ymd(2026, 1, 1);
            params.not_after = date_time_ymd(2027, 1, 1);
        });
        read(&signed(&params, &key)).expect("read")
    };
    let signs = KeyUsagePurpose::DigitalSignature;
    for (purposes, usages, fit) in [
        (&[][..], &[][..], true),
        (&[For::ClientAuth], &[], true),
        (&[For::ServerAuth, For::ClientAuth], &[signs], true),
        (&[For::ServerAuth], &[], false),
        (&[For::Any], &[], false),
        (&[For::CodeSigning], &[signs], false),
        (&[], &[signs], true),
        (&[For::ClientAuth], &[KeyUsagePurpose::KeyCertSign], false),
    ] {
        assert_eq!(
            of(purposes, usages).for_clients,
            fit,
            "{purposes:?} {usages:?}"
        );
    }
    let read = of(&[], &[]);
    // 2026-01-01T00:00:00Z, and through 2027-01-01T00:00:00Z.
    assert_eq!(
        (read.from, read.until),
        (1_767_225_600_000, 1_798_761_601_000)
    );
}
