//! What is typed where a second factor is wanted: read in one place, at logins as anywhere else.

use zeroize::Zeroizing;

use crate::{
    access::{
        lockout::NOBODY,
        onetime::{OneTimeError, OneTimeHash},
        recovery::{self, Left, RecoveryError, RecoveryHash},
        totp::{self, Code, CodeError, Method, Window},
    },
    record::{RecordError, Tx},
};

/// Longest text that is taken for any code.
const LONGEST: usize = 256;

/// What was typed. Whether it is right is another question.
#[derive(Debug)]
pub enum Typed {
    /// What shows a second factor.
    Factor(Factor),
    /// An administrator's one-time code, which enrols a first authenticator and shows none.
    OneTime(OneTimeHash),
}

/// A second factor as it was typed.
#[derive(Debug)]
pub enum Factor {
    /// A code of an authenticator.
    Code(Code),
    /// A recovery code; what it hashes to depends on whose it is.
    Recovery(RecoveryText),
}

/// A recovery code as it was typed.
pub struct RecoveryText(Zeroizing<Box<str>>);

/// Recovery codes stay out of logs.
impl std::fmt::Debug for RecoveryText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryText(..)")
    }
}

/// A text is no code of any kind, or of none that is wanted. It does not say what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedError {
    /// Neither digits nor groups of letters.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// As long as a recovery code, and none.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// Begins like a one-time code, and is none.
    #[error(transparent)]
    OneTime(#[from] OneTimeError),
    /// It enrols a first authenticator, and shows none.
    #[error(
        "a one-time code enrols a first authenticator and does nothing else: show a code of an authenticator, or a recovery code"
    )]
    NoFactor,
}

impl Typed {
    /// Reads what was typed, before anything is looked up.
    ///
    /// # Errors
    /// With what is wrong with the kind of code that it looks like.
    pub fn parse(typed: &str) -> Result<Self, TypedError> {
        let begins = typed.trim_start().get(..3).unwrap_or_default();
        if begins.eq_ignore_ascii_case("vlt") {
            return Ok(OneTimeHash::parse(typed).map(Self::OneTime)?);
        }
        // With a letter in it and longer than any code of digits, it was meant to be the other.
        let letters = typed.chars().any(|c| c.is_ascii_alphabetic());
        if typed.len() <= LONGEST && typed.len() > 8 && letters {
            // Of nobody: only whether it has the shape, and no typing error.
            RecoveryHash::parse(NOBODY, typed)?;
            let text = RecoveryText(Zeroizing::new(typed.into()));
            return Ok(Self::Factor(Factor::Recovery(text)));
        }
        Ok(Self::Factor(Factor::Code(Code::parse(typed)?)))
    }

    /// What shows a second factor.
    ///
    /// # Errors
    /// [`TypedError::NoFactor`].
    pub fn factor(self) -> Result<Factor, TypedError> {
        match self {
            Self::Factor(factor) => Ok(factor),
            Self::OneTime(_) => Err(TypedError::NoFactor),
        }
    }
}

impl Factor {
    /// Checks it and uses it up. Its attempt was counted before; commit the transaction whatever comes of it.
    pub(in crate::access) fn show(
        &self,
        tx: &mut Tx<'_>,
        user: u64,
        window: Window,
    ) -> Result<Proved, RecordError> {
        Ok(match self {
            Self::Code(code) => match totp::verify(tx, user, code, window)? {
                totp::Verdict::Accepted { .. } => Proved::By(Method::Totp, None),
                totp::Verdict::Used => Proved::Used,
                totp::Verdict::Wrong => Proved::Wrong,
            },
            Self::Recovery(RecoveryText(text)) => {
                // EXPOSE: into its hash
                let Ok(hash) = RecoveryHash::parse(user, text) else {
                    return Ok(Proved::Wrong);
                };
                match recovery::spend(tx, user, &hash) {
                    Ok(left) => Proved::By(Method::RecoveryCode, Some(left)),
                    Err(recovery::SpendRefusal::Unknown) => Proved::Wrong,
                    Err(recovery::SpendRefusal::Record(error)) => return Err(error),
                }
            }
        })
    }
}

/// What came of it.
pub(in crate::access) enum Proved {
    /// It was right; what is left of the recovery codes, if it was one.
    By(Method, Option<Left>),
    /// It was right once.
    Used,
    /// It is not.
    Wrong,
}
