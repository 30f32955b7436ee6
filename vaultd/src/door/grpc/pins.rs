//! Keys of programs, as the wire has them.

use std::borrow::Cow;

use rustls::pki_types::CertificateDer;
use vault_core::access::KeyHash;
use vault_core::access::program::pin::{Listed, Terms};
use vault_core::name::{ServiceName, TagValue};
use vault_proto::v1::{AddPinRequest, Pin, Reason};

use super::convert::{milliseconds, timestamp};
use super::parse;
use crate::app::{Error, Result};
use crate::door::certificate;

/// Which key is to be whose, and how.
pub(super) fn adding(request: AddPinRequest) -> Result<(ServiceName, (KeyHash, Terms))> {
    let key = match (&*request.certificate, &*request.key_hash) {
        ([], "") => return Err(invalid("say which key: by a certificate, or its hash")),
        ([], text) => key_hash(text)?,
        (certificate, "") => of_certificate(certificate)?,
        _ => return Err(invalid("a certificate, or the hash of its key: not both")),
    };
    parse::text::<TagValue>("label", &request.label)?;
    let terms = Terms {
        label: request.label,
        ttl: milliseconds("ttl", request.ttl)?,
    };
    Ok((parse::service_name(&request.service)?, (key, terms)))
}

/// A hash as it is written.
pub(super) fn key_hash(text: &str) -> Result<KeyHash> {
    let none = || {
        invalid(
            "the hash of a key is `sha256:` and 64 digits, 0-9 and a-f, of its SubjectPublicKeyInfo",
        )
    };
    KeyHash::parse(text).ok_or_else(none)
}

/// A pin as lists show it.
pub(super) fn listed(pin: Listed) -> Pin {
    Pin {
        key_hash: pin.key.to_string(),
        label: pin.label,
        created_at: Some(timestamp(pin.created_at)),
        expires_at: pin.expires_at.map(timestamp),
    }
}

fn of_certificate(der: &[u8]) -> Result<KeyHash> {
    let read = certificate::read(&CertificateDer::from_slice(der));
    let shown = read.map_err(|error| invalid(error.to_string()))?;
    Ok(shown.key)
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Reason::RequestInvalid, message)
}
