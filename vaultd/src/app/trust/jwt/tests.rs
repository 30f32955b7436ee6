//! Tokens that are good, and many more that only look so. All keys are made here.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData as _,
};
use serde_json::json;

use super::super::keys::KeysError;
use super::*;

const NOW: u64 = 1_800_000_000;

/// A key of an issuer, made for the test.
struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    id: &'static str,
    public: Vec<u8>,
}

impl Signer {
    fn make(id: &'static str, algorithm: Algorithm) -> Self {
        let curve = if algorithm == Algorithm::ES256 {
            &PKCS_ECDSA_P256_SHA256
        } else if algorithm == Algorithm::ES384 {
            &PKCS_ECDSA_P384_SHA384
        } else {
            &PKCS_ED25519
        };
        let pair = KeyPair::generate_for(curve).unwrap();
        let (der, public) = (pair.serialize_der(), pair.der_bytes().to_vec());
        let key = if algorithm == Algorithm::EdDSA {
            EncodingKey::from_ed_der(&der)
        } else {
            EncodingKey::from_ec_der(&der)
        };
        Self {
            key,
            algorithm,
            id,
            public,
        }
    }

    fn jwk(&self) -> Value {
        if self.algorithm == Algorithm::EdDSA {
            let x = URL_SAFE_NO_PAD.encode(&self.public);
            return json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x});
        }
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = self.id.into();
        jwk
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_texts(&header.to_string(), &claims.to_string())
    }

    fn sign_texts(&self, header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    fn header(&self) -> Value {
        let mut header = serde_json::to_value(Header::new(self.algorithm)).unwrap();
        header["kid"] = self.id.into();
        header
    }
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn issuer() -> Issuer {
    Issuer {
        issuer: "https://issuer.test".to_owned(),
        audiences: vec!["vault".to_owned(), "other".to_owned()],
        max_age: 3_600_000,
        ..Issuer::default()
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.test", "aud": "vault", "sub": "system:serviceaccount:shop:till",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 600,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn check(token: &str, keys: &str) -> Result<(), Bad> {
    let keys = Keys::parse(keys).unwrap();
    Unverified::read(token)?.verify(&issuer(), &keys, NOW)
}

#[test]
fn a_token_of_the_issuer_is_good_with_each_sort_of_key() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let signer = Signer::make("a", algorithm);
        let keys = set(&[signer.jwk()]);
        let token = signer.sign(&signer.header(), &claims());
        assert_eq!(check(&token, &keys), Ok(()), "{algorithm:?}");
        let list = with("aud", json!(["elsewhere", "vault"]));
        assert_eq!(check(&signer.sign(&signer.header(), &list), &keys), Ok(()));
    }
}

#[test]
fn what_is_no_token_is_refused_before_anything_is_verified() {
    let signer = Signer::make("a", Algorithm::ES256);
    let good = signer.sign(&signer.header(), &claims());
    let (cut, _) = good.rsplit_once('.').unwrap();
    let twice = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        cut.to_owned(),
        format!("{cut}."),
        format!("{good}.x"),
        format!(" {good}"),
        format!("{good}="),
        signer.sign_texts("[]", &claims().to_string()),
        signer.sign_texts(&signer.header().to_string(), "7"),
        signer.sign_texts(&signer.header().to_string(), &twice),
        signer.sign_texts(r#"{"alg":"ES256","alg":"none"}"#, &claims().to_string()),
        signer.sign_texts(r#"{"typ":"JWT"}"#, &claims().to_string()),
        signer.sign_texts(r#"{"alg":["ES256"]}"#, &claims().to_string()),
        signer.sign_texts(r#"{"alg":"ES256","kid":7}"#, &claims().to_string()),
    ] {
        assert_eq!(Unverified::read(&bad).unwrap_err(), Bad::Malformed, "{bad}");
    }
    let large = signer.sign(&signer.header(), &with("x", "y".repeat(MAX_TOKEN).into()));
    assert_eq!(Unverified::read(&large).unwrap_err(), Bad::TooLarge);
}

#[test]
fn no_signature_and_a_mac_with_the_public_key_are_refused() {
    let signer = Signer::make("a", Algorithm::ES256);
    for name in [
        "none", "None", "NONE", "HS256", "HS384", "HS512", "es256", "ES512", "RS1", "",
    ] {
        let header = json!({ "alg": name, "kid": "a" });
        let token = signer.sign(&header, &claims());
        assert_eq!(
            Unverified::read(&token).unwrap_err(),
            Bad::Algorithm,
            "{name}"
        );
    }
    // The public key as a shared secret, as a confused verifier would take it.
    let secret = EncodingKey::from_secret(signer.jwk().to_string().as_bytes());
    let confused = Signer {
        key: secret,
        algorithm: Algorithm::HS256,
        id: "a",
        public: Vec::new(),
    };
    let token = confused.sign(&confused.header(), &claims());
    assert_eq!(Unverified::read(&token).unwrap_err(), Bad::Algorithm);
    let said = confused.sign(&signer.header(), &claims());
    assert_eq!(check(&said, &set(&[signer.jwk()])), Err(Bad::Signature));
}

#[test]
fn extensions_and_other_types_are_refused() {
    let signer = Signer::make("a", Algorithm::ES256);
    for (name, value, bad) in [
        ("crit", json!(["exp"]), Bad::Critical),
        ("crit", json!([]), Bad::Critical),
        ("b64", json!(false), Bad::Critical),
        ("typ", json!("secevent+jwt"), Bad::Type),
        ("typ", json!("JOSE"), Bad::Type),
    ] {
        let mut header = signer.header();
        header[name] = value;
        let token = signer.sign(&header, &claims());
        assert_eq!(Unverified::read(&token).unwrap_err(), bad, "{name}");
    }
}

#[test]
fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let (ours, theirs) = (
        Signer::make("a", Algorithm::ES256),
        Signer::make("a", Algorithm::ES256),
    );
    let mut header = theirs.header();
    header["jwk"] = theirs.jwk();
    header["jku"] = "https://evil.test/jwks".into();
    header["x5u"] = "https://evil.test/cert".into();
    header["x5c"] = json!(["AAAA"]);
    let token = theirs.sign(&header, &claims());
    assert_eq!(check(&token, &set(&[ours.jwk()])), Err(Bad::Signature));
}

#[test]
fn another_key_another_name_and_another_algorithm_are_refused() {
    let (one, two) = (
        Signer::make("a", Algorithm::ES256),
        Signer::make("b", Algorithm::ES384),
    );
    let keys = set(&[one.jwk(), two.jwk()]);
    let mut unknown = one.header();
    unknown["kid"] = "c".into();
    assert_eq!(check(&one.sign(&unknown, &claims()), &keys), Err(Bad::Key));
    let unnamed = json!({ "alg": "ES256" });
    assert_eq!(check(&one.sign(&unnamed, &claims()), &keys), Err(Bad::Key));
    assert_eq!(
        check(&one.sign(&unnamed, &claims()), &set(&[one.jwk()])),
        Ok(())
    );
    let swapped = json!({ "alg": "ES256", "kid": "b" });
    assert_eq!(check(&one.sign(&swapped, &claims()), &keys), Err(Bad::Key));
    let stranger = Signer::make("a", Algorithm::ES256);
    assert_eq!(
        check(&stranger.sign(&stranger.header(), &claims()), &keys),
        Err(Bad::Signature)
    );
    let good = one.sign(&one.header(), &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(with("sub", "admin".into()).to_string());
    let forged = format!("{header}.{forged}.{signature}");
    assert_eq!(check(&forged, &keys), Err(Bad::Signature));
    let limited = Issuer {
        algorithms: vec!["EdDSA".into()],
        ..issuer()
    };
    let read = Unverified::read(&good).unwrap();
    let keys = Keys::parse(&keys).unwrap();
    assert_eq!(read.verify(&limited, &keys, NOW), Err(Bad::Algorithm));
}

#[test]
fn issuer_and_audience_are_compared_to_the_letter() {
    let signer = Signer::make("a", Algorithm::EdDSA);
    let keys = set(&[signer.jwk()]);
    for (claims, bad) in [
        (with("iss", "https://issuer.test/".into()), Bad::Issuer),
        (with("iss", "https://ISSUER.test".into()), Bad::Issuer),
        (with("iss", json!(["https://issuer.test"])), Bad::Issuer),
        (with("iss", Value::Null), Bad::Issuer),
        (with("aud", "Vault".into()), Bad::Audience),
        (with("aud", "vault2".into()), Bad::Audience),
        (with("aud", json!([])), Bad::Audience),
        (with("aud", json!(["vault", 7])), Bad::Audience),
        (with("aud", json!({"vault": true})), Bad::Audience),
        (with("aud", Value::Null), Bad::Audience),
    ] {
        let token = signer.sign(&signer.header(), &claims);
        assert_eq!(check(&token, &keys), Err(bad), "{claims}");
    }
}

#[test]
fn times_are_held_to_within_a_minute() {
    let signer = Signer::make("a", Algorithm::EdDSA);
    let keys = set(&[signer.jwk()]);
    let check = |claims: &Value| check(&signer.sign(&signer.header(), claims), &keys);
    for (name, value, bad) in [
        ("exp", json!(NOW - LEEWAY), Bad::Ended),
        ("exp", json!(0), Bad::Ended),
        ("nbf", json!(NOW + LEEWAY + 1), Bad::NotYet),
        ("iat", json!(NOW + LEEWAY + 1), Bad::NotYet),
        ("iat", json!(NOW - 3600 - LEEWAY - 1), Bad::TooOld),
        ("iat", json!(u64::MAX), Bad::NotYet),
        ("exp", json!("1900000000"), Bad::Malformed),
        ("exp", json!(-1), Bad::Malformed),
        ("exp", json!(1.9e9), Bad::Malformed),
        ("nbf", Value::Null, Bad::Malformed),
        ("iat", json!([NOW]), Bad::Malformed),
    ] {
        assert_eq!(
            check(&with(name, value.clone())),
            Err(bad),
            "{name} {value}"
        );
    }
    let mut endless = claims();
    endless.as_object_mut().unwrap().remove("exp");
    assert_eq!(check(&endless), Err(Bad::NoEnd));
    let mut undated = with("exp", json!(NOW + 3600 + LEEWAY + 1));
    undated.as_object_mut().unwrap().remove("iat");
    undated.as_object_mut().unwrap().remove("nbf");
    assert_eq!(check(&undated), Err(Bad::TooOld));
    for (name, value) in [
        ("exp", NOW - LEEWAY + 1),
        ("nbf", NOW + LEEWAY),
        ("iat", NOW + LEEWAY),
        ("iat", NOW - 3600),
        ("exp", u64::MAX),
    ] {
        assert_eq!(check(&with(name, value.into())), Ok(()), "{name}");
    }
}

#[test]
fn keys_that_verify_nothing_or_too_much_are_refused() {
    let (one, two) = (
        Signer::make("a", Algorithm::ES256),
        Signer::make("a", Algorithm::EdDSA),
    );
    let mut private = one.jwk();
    private["d"] = "AAAA".into();
    let mut unnamed = Signer::make("b", Algorithm::ES256).jwk();
    unnamed.as_object_mut().unwrap().remove("kid");
    let mut encrypts = one.jwk();
    encrypts["use"] = "enc".into();
    let mut other = one.jwk();
    other["alg"] = "ES384".into();
    let mut short = one.jwk();
    short["x"] = "AAAA".into();
    let rsa = |bytes: usize| {
        let n = URL_SAFE_NO_PAD.encode(vec![0xc1; bytes]);
        json!({ "kty": "RSA", "kid": "r", "n": n, "e": "AQAB" })
    };
    for (keys, error) in [
        (set(&[]), KeysError::None),
        ("{}".to_owned(), KeysError::Malformed),
        ("[]".to_owned(), KeysError::Malformed),
        (r#"{"keys":[],"keys":[]}"#.to_owned(), KeysError::Malformed),
        (set(&[json!({})]), KeysError::Malformed),
        (
            set(&[json!({"kty": "oct", "k": "AAAA", "kid": "m"})]),
            KeysError::Shared,
        ),
        (
            set(&[one.jwk(), json!({"kty": "oct", "k": "AAAA"})]),
            KeysError::Shared,
        ),
        (set(&[private]), KeysError::Private),
        (set(&[one.jwk(), two.jwk()]), KeysError::Twice),
        (set(&[one.jwk(), unnamed]), KeysError::Unnamed),
        (set(&[encrypts]), KeysError::None),
        (set(&[other]), KeysError::None),
        (
            set(&[json!({"kty": "AKP", "alg": "ML-DSA-44"})]),
            KeysError::None,
        ),
        (set(&[short]), KeysError::Damaged),
        (set(&[rsa(128)]), KeysError::Size),
        (set(&[rsa(2048)]), KeysError::Size),
        (" ".repeat(65_537), KeysError::TooLarge),
        (set(&vec![json!({}); 65]), KeysError::TooLarge),
    ] {
        let shown: String = keys.chars().take(80).collect();
        assert_eq!(Keys::parse(&keys).unwrap_err(), error, "{shown}");
    }
    assert!(Keys::parse(&set(&[rsa(256)])).is_ok());
}
