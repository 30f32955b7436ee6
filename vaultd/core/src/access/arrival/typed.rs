//! A second factor as it was typed: a code of an authenticator, or a recovery code.

use zeroize::Zeroizing;

use super::Wants;
use crate::{
    access::{
        lockout::NOBODY,
        recovery::{self, RecoveryError, RecoveryHash},
        totp::{self, Code, CodeError, Method, Window},
    },
    record::{RecordError, Tx},
};

/// A second factor as it was typed.
#[derive(Debug)]
pub enum Typed {
    /// Of an authenticator.
    Code(Code),
    /// A recovery code; what it hashes to depends on whose it is.
    Recovery(Recovery),
}

/// The text of a recovery code.
pub struct Recovery(Zeroizing<Box<str>>);

/// Recovery codes stay out of logs.
impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recovery(..)")
    }
}

/// Why a text is no code of either sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedError {
    /// Neither.
    #[error("{CodeError}, or a recovery code")]
    Shape,
    /// A recovery code with a typing error.
    #[error(transparent)]
    Recovery(RecoveryError),
}

impl Typed {
    /// Reads what was typed, before anything is looked up.
    ///
    /// # Errors
    /// When it has the shape of no code.
    pub fn parse(typed: &str) -> Result<Self, TypedError> {
        if let Ok(code) = Code::parse(typed) {
            return Ok(Self::Code(code));
        }
        match RecoveryHash::parse(NOBODY, typed) {
            Ok(_) => Ok(Self::Recovery(Recovery(Zeroizing::new(typed.into())))),
            Err(RecoveryError::Shape) => Err(TypedError::Shape),
            Err(error @ RecoveryError::Typo) => Err(TypedError::Recovery(error)),
        }
    }

    /// Checks it and uses it up.
    pub(super) fn show(
        &self,
        tx: &mut Tx<'_>,
        user: u64,
        window: Window,
    ) -> Result<Shown, RecordError> {
        let now = tx.now();
        let wants = |used| Shown::Not(Wants::RightCode { used });
        Ok(match self {
            Self::Code(code) => match totp::verify(tx, user, code, window)? {
                totp::Verdict::Accepted { .. } => Shown::By(Method::Totp, now, None),
                totp::Verdict::Used => wants(true),
                totp::Verdict::Wrong => wants(false),
            },
            Self::Recovery(Recovery(text)) => {
                let Ok(hash) = RecoveryHash::parse(user, text) else {
                    return Ok(wants(false));
                };
                match recovery::spend(tx, user, &hash) {
                    Ok(left) => Shown::By(Method::RecoveryCode, now, Some(left.codes)),
                    Err(recovery::SpendRefusal::Unknown) => wants(false),
                    Err(recovery::SpendRefusal::Record(error)) => return Err(error),
                }
            }
        })
    }
}

/// What came of it.
pub(super) enum Shown {
    /// It was right; how many recovery codes are left, if it was one.
    By(Method, u64, Option<usize>),
    /// It was not.
    Not(Wants),
}
