//! What a program's session will be known by, drawn before anybody knows whether there will be one.

use vault_core::access::{Entered, Keeping, Login, SignedId, TokenHash};
use vault_core::crypto::secret::{TokenSecret, TokenText};
use vault_core::crypto::token;

use crate::app::Oneself;
use crate::app::error::{Error, Result};
use crate::clock::OsEntropy;

/// Of a session that begins.
pub(in crate::app) enum Drawn {
    /// A record will be kept of it.
    Stored(TokenSecret, TokenHash),
    /// None will.
    Signed(SignedId),
}

impl Drawn {
    /// For a session that shall be like that.
    pub(in crate::app) fn new(login: &Login) -> Self {
        if login.limits.signed {
            return Self::Signed(SignedId::make(&mut OsEntropy));
        }
        let secret = TokenSecret::make(&mut OsEntropy);
        let hash = TokenHash::of(&secret);
        Self::Stored(secret, hash)
    }

    /// Without the secret: for the transaction that decides.
    pub(in crate::app) fn shown(&self) -> Shown {
        match self {
            Self::Stored(_, hash) => Shown::Stored(*hash),
            Self::Signed(id) => Shown::Signed(*id),
        }
    }

    /// The token of the session that came of it, with what it is.
    pub(in crate::app) fn token(
        self,
        (signed, session): (Option<TokenText>, Oneself),
    ) -> Result<(TokenText, Oneself)> {
        let text = match (self, signed) {
            (Self::Stored(secret, _), None) => token::to_text(&secret),
            (Self::Signed(_), Some(text)) => text,
            (Self::Stored(..), Some(_)) | (Self::Signed(_), None) => {
                return Err(Error::internal(
                    "a session was kept otherwise than it was asked for",
                ));
            }
        };
        Ok((text, session))
    }
}

/// See [`Drawn::shown`].
#[derive(Clone, Copy)]
pub(in crate::app) enum Shown {
    Stored(TokenHash),
    Signed(SignedId),
}

impl Shown {
    pub(in crate::app) fn keeping(&self) -> Keeping<'_> {
        match self {
            Self::Stored(hash) => Keeping::Stored(hash),
            Self::Signed(id) => Keeping::Signed(id),
        }
    }
}

/// What is left of an entry once it is noted who it was.
pub(in crate::app) fn entered(entered: Entered) -> (Option<TokenText>, Oneself) {
    let Entered {
        caller,
        session,
        token,
    } = entered;
    (token, Oneself::of(&caller, session))
}
