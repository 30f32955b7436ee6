//! Why an operation on secrets does not happen.

use crate::{
    access::{Exceeds, WrongGrant, policy::PolicyError, principal::NotBound},
    name::FieldName,
    record::RecordError,
};

/// The reason, with what a caller needs to go on.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing has that path, or that id.
    #[error("the secret does not exist")]
    SecretNotFound,
    /// Nothing has that path.
    #[error("the folder does not exist")]
    FolderNotFound,
    /// Never made, or pruned.
    #[error("the version does not exist")]
    VersionNotFound,
    /// On no version.
    #[error("the label is on no version")]
    LabelNotFound,
    /// Not in the version.
    #[error("the version has no field `{0}`")]
    FieldNotFound(FieldName),
    /// Known, but its value is gone.
    #[error("the version was destroyed")]
    VersionDestroyed,
    /// Compare-and-set failed.
    #[error("the latest version is {found}")]
    VersionMismatch {
        /// The latest version; 0: the secret does not exist.
        found: u64,
    },
    /// Compare-and-set failed, or a selector's version and label do not agree.
    #[error("the label is at version {found}")]
    LabelMismatch {
        /// Where the label is; 0: nowhere.
        found: u64,
    },
    /// A request id came again with another body.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// The path is taken.
    #[error("the path is taken")]
    Exists,
    /// The current version is neither destroyed nor left without its label.
    #[error("the current version is protected: make another one current first")]
    CurrentVersionProtected,
    /// A limit, which the text names.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The request contradicts itself or a bound, which the text names.
    #[error("{0}")]
    Invalid(&'static str),
    /// A position that this operation did not give.
    #[error("the position is not one of this listing")]
    PositionInvalid,
    /// The secret or folder has no policy.
    #[error("it has no policy of its own")]
    PolicyNotFound,
    /// The text is not a policy, or not one for here.
    #[error("the policy is refused: {0}")]
    Document(#[from] PolicyError),
    /// A document names somebody who is not there.
    #[error("the policy names `{0}`, and there is nobody of that name")]
    UnknownPrincipal(Box<str>),
    /// It would hand out more than the caller has, or that is not known yet.
    #[error(transparent)]
    Exceeds(#[from] Exceeds),
    /// A policy would bind its own author.
    #[error(
        "with this policy you could neither change it nor take it back: leave `secret:PutResourcePolicy` and \
         `secret:DeleteResourcePolicy` out of what it denies you"
    )]
    LocksOut,
    /// What is moved has a policy that would mean something else there.
    #[error(
        "the policy of `{0}` names paths, which would be others where it is moved to: give it one without `Resource` first"
    )]
    PolicyNamesPaths(Box<str>),
    /// There are as many policies as there may be.
    #[error("{0}")]
    TooMany(&'static str),
    /// A fault of the program.
    #[error(transparent)]
    Grant(#[from] WrongGrant),
    /// The store or the keyring failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Refusal {
    /// Whether it tells that nothing is there: told as "denied" to a caller who may not list the folder
    /// ([`crate::access::Caller::may_list`]).
    pub fn tells_absence(&self) -> bool {
        matches!(self, Self::SecretNotFound | Self::FolderNotFound)
    }
}

impl From<NotBound> for Refusal {
    fn from(why: NotBound) -> Self {
        match why {
            NotBound::Unknown(name) => Self::UnknownPrincipal(name),
            NotBound::Record(error) => Self::Record(error),
        }
    }
}
