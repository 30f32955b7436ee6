//! Why an operation on identities does not happen.

use crate::{
    access::{
        Exceeds, Sort, WrongGrant,
        onetime::IssueRefusal,
        policy::PolicyError,
        principal::NotBound,
        program::{peer::AllowRefusal, pin::PinRefusal, secret_id},
        trust::ClaimError,
    },
    name::MixedScripts,
    record::RecordError,
};

/// The reason, with what a caller needs to go on.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody, or nothing, has that name.
    #[error("`{0}:{1}` does not exist")]
    NotFound(Sort, String),
    /// The name is taken.
    #[error("`{0}:{1}` exists already")]
    Exists(Sort, String),
    /// It is written so that it can be taken for others.
    #[error("`{0}:{1}` is no name: {2}")]
    MixedScripts(Sort, String, MixedScripts),
    /// Somebody else's name, of other letters, looks the same.
    #[error("`{0}:{1}` looks like `{0}:{2}`, which exists: choose a name that can be told from it")]
    LooksLike(Sort, String, String),
    /// No issuer is called so.
    #[error("there is no trusted issuer `{0}`")]
    TrustNotFound(String),
    /// Another issuer is called so.
    #[error("there is a trusted issuer `{0}` already")]
    TrustExists(String),
    /// An issuer cannot be believed as it is said.
    #[error("{0}")]
    Issuer(Box<str>),
    /// Its keys lie where no connection is made to.
    #[error("{0}")]
    Destination(Box<str>),
    /// What a token must say is not said well.
    #[error(transparent)]
    Claims(#[from] ClaimError),
    /// Never made, or dropped.
    #[error("the policy has no version {0}")]
    VersionNotFound(u64),
    /// There is no inline policy of that name.
    #[error("there is no inline policy `{0}`")]
    InlineNotFound(String),
    /// The text is not a policy.
    #[error("the policy is refused: {0}")]
    Document(#[from] PolicyError),
    /// A document names somebody who is not there.
    #[error("the policy names `{0}`, and there is nobody of that name")]
    UnknownPrincipal(Box<str>),
    /// It is still attached.
    #[error("the policy is attached {0} times: detach it first")]
    Attached(u64),
    /// A bound, which the text names.
    #[error("{0}")]
    TooMany(&'static str),
    /// The request contradicts itself, or what it is about.
    #[error("{0}")]
    Invalid(&'static str),
    /// It would hand out more than the caller has, or that is not known yet.
    #[error(transparent)]
    Exceeds(#[from] Exceeds),
    /// No one-time code is issued.
    #[error(transparent)]
    OneTime(#[from] IssueRefusal),
    /// No secret id is issued.
    #[error(transparent)]
    SecretId(#[from] secret_id::IssueRefusal),
    /// The service has no such secret id.
    #[error("the service has no such secret id, or it was used up or has ended")]
    NoSecretId,
    /// No uid is bound.
    #[error(transparent)]
    Uid(#[from] AllowRefusal),
    /// No key is pinned.
    #[error(transparent)]
    Pin(#[from] PinRefusal),
    /// A fault of the program.
    #[error(transparent)]
    Grant(#[from] WrongGrant),
    /// The store or the keyring failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<NotBound> for Refusal {
    fn from(why: NotBound) -> Self {
        match why {
            NotBound::Unknown(name) => Self::UnknownPrincipal(name),
            NotBound::Record(error) => Self::Record(error),
        }
    }
}
