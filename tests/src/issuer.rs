//! An issuer of tokens (RFC 7519): a key of its own, made when it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

/// See the module.
#[derive(Debug)]
pub struct Issuer(KeyPair);

impl Issuer {
    /// One with a fresh key.
    pub fn make() -> Self {
        Self(KeyPair::generate_for(&PKCS_ED25519).expect("a key"))
    }

    /// Its public key, as a vault is told of it.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.key("one")] })
    }

    /// Its public key under an id, for a set of several.
    pub fn key(&self, id: &str) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.der_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "x": x})
    }

    /// A token under any header.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token as issuers make them.
    pub fn token(&self, claims: &Value) -> String {
        self.token_by("one", claims)
    }

    /// The same, which says that it is signed with the key of that id.
    pub fn token_by(&self, key: &str, claims: &Value) -> String {
        self.sign(&json!({"alg": "EdDSA", "kid": key, "typ": "JWT"}), claims)
    }
}
