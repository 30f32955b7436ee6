//! The token that a request carries, read in one way wherever it is looked at.

use http::HeaderValue;
use vault_core::access::TokenHash;
use vault_core::crypto::token;

/// The hash of a bearer token, if the `authorization` header holds one of the right shape.
pub(super) fn bearer(header: &HeaderValue) -> Option<TokenHash> {
    let text = header.to_str().ok()?.strip_prefix("Bearer ")?;
    token::parse(text).ok().map(|secret| TokenHash::of(&secret))
}
