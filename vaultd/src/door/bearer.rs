//! The token that a request carries, read in one way wherever it is looked at.

use http::HeaderValue;
use vault_core::access::{Bearer, TokenHash};
use vault_core::crypto::{signed, token};

/// The bearer token, if the `authorization` header holds one of the right shape. Nothing but the shape is looked at.
pub(super) fn bearer(header: &HeaderValue) -> Option<Bearer> {
    let text = header.to_str().ok()?.strip_prefix("Bearer ")?;
    if text.starts_with(signed::PREFIX) {
        return Bearer::signed(text).ok();
    }
    let secret = token::parse(text).ok()?;
    Some(TokenHash::of(&secret).into())
}
