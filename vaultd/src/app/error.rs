//! The one error that doors see: a stable reason, a message for people, facts for programs.
//!
//! The kind follows from the reason, so that the two cannot disagree. What went wrong inside is kept
//! as a private source for the log, and never leaves the node.

use std::borrow::Cow;

use vault_proto::v1::Reason;

/// What a caller can do about an error; doors map it to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// Log in first.
    Unauthenticated,
    /// Not allowed.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Read again first.
    Conflict,
    /// It is there already.
    Exists,
    /// The node is not in the state for this.
    Precondition,
    /// Later, or less.
    Limited,
    /// Later, or elsewhere.
    Unavailable,
    /// It may have happened; ask again with the same request id.
    Unknown,
    /// A fault of the node.
    Internal,
}

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    reason: Reason,
    message: Cow<'static, str>,
    facts: Vec<(&'static str, String)>,
    for_the_leader: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What app functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a message for people: lower case, nothing secret, user input in backticks.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            message: message.into(),
            facts: Vec::new(),
            for_the_leader: false,
            source: None,
        }
    }

    /// A fault of this node: the caller learns nothing but the request id, the log all.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let message = "the node failed; its log says more under this request id";
        Self {
            source: Some(source.into()),
            ..Self::new(Reason::Internal, message)
        }
    }

    /// Adds a fact for programs (`ErrorInfo` metadata): never a value.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// Says more.
    #[must_use]
    pub fn more(mut self, text: impl AsRef<str>) -> Self {
        self.message.to_mut().push_str(text.as_ref());
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Marks what only the node that leads can do, and of which nothing was done here.
    #[must_use]
    pub(super) fn for_the_leader(mut self) -> Self {
        self.for_the_leader = true;
        self
    }

    /// Whether only the node that leads can do it, and nothing was done here.
    pub fn is_for_the_leader(&self) -> bool {
        self.for_the_leader
    }

    /// The stable reason.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// For programs.
    pub fn facts(&self) -> &[(&'static str, String)] {
        &self.facts
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> Kind {
        kind(self.reason)
    }
}

/// The kind of each reason.
#[expect(clippy::too_many_lines, reason = "one table")]
pub fn kind(reason: Reason) -> Kind {
    match reason {
        Reason::PathInvalid
        | Reason::FieldInvalid
        | Reason::LabelInvalid
        | Reason::ValueTooLarge
        | Reason::RequestInvalid
        | Reason::CursorInvalid
        | Reason::ShareMalformed
        | Reason::ShareForeign
        | Reason::ShareWrong
        | Reason::ShareDuplicate
        | Reason::PassphraseWrong
        | Reason::TagInvalid
        | Reason::SetupCodeWrong
        | Reason::PolicyUnsatisfiable
        | Reason::RequestIdInvalid
        | Reason::NameInvalid
        | Reason::PolicyInvalid
        | Reason::PrincipalUnknown
        | Reason::PasswordRefused
        | Reason::BootstrapInvalid
        | Reason::CodeInvalid
        | Reason::BackupDamaged => Kind::Invalid,
        Reason::TokenInvalid
        | Reason::LoginFailed
        | Reason::MfaRequired
        | Reason::CodeWrong
        | Reason::CodeUsed
        | Reason::PasswordChangeRequired
        | Reason::PasswordExpired
        | Reason::CertificateMissing
        | Reason::CertificateUnfit => Kind::Unauthenticated,
        Reason::PolicyDenied
        | Reason::BeyondOwnRights
        | Reason::SecondFactorNeeded
        | Reason::OwnSessionNeeded => Kind::Forbidden,
        Reason::SecretNotFound
        | Reason::VersionNotFound
        | Reason::LabelNotFound
        | Reason::FieldNotFound
        | Reason::FolderNotFound
        | Reason::VersionDestroyed
        | Reason::IdentityNotFound
        | Reason::PolicyNotFound
        | Reason::WrappedNotFound
        | Reason::SessionNotFound
        | Reason::AuthenticatorNotFound
        | Reason::SecretIdNotFound
        | Reason::NodeNotFound
        | Reason::RegionNotFound => Kind::NotFound,
        Reason::VersionMismatch
        | Reason::LabelMismatch
        | Reason::Contention
        | Reason::RequestIdReused => Kind::Conflict,
        Reason::SecretExists
        | Reason::AlreadyInitialised
        | Reason::IdentityExists
        | Reason::KeyTaken
        | Reason::RegionExists
        | Reason::AuthenticatorExists => Kind::Exists,
        Reason::NotInitialised
        | Reason::AlreadyUnsealed
        | Reason::RekeyNotStarted
        | Reason::RekeyInProgress
        | Reason::NoSuchSeal
        | Reason::CurrentVersionProtected
        | Reason::DevMode
        | Reason::RotationInProgress
        | Reason::NotEmpty
        | Reason::KeyHolderLocalOnly
        | Reason::SetupInProgress
        | Reason::CeremonyStale
        | Reason::PolicyAttached
        | Reason::LimitReached
        | Reason::RootGenerationInProgress
        | Reason::RootIsLast
        | Reason::LastAuthenticator
        | Reason::SecondFactorExists
        | Reason::NoSecondFactor
        | Reason::EnrolmentNotStarted
        | Reason::DestinationNotAllowed
        | Reason::PolicyLocksOut
        | Reason::PolicyNamesPaths
        | Reason::InvitationUnknown
        | Reason::ClusterRefused
        | Reason::NoPeers
        | Reason::NodeJoining
        | Reason::SessionSigned
        | Reason::HomeRegionOnly
        | Reason::SecretNotInRegion
        | Reason::RegionRevoked => Kind::Precondition,
        Reason::Overloaded | Reason::DiskFull | Reason::LoginLocked => Kind::Limited,
        Reason::Sealed
        | Reason::NoLeader
        | Reason::AuditUnavailable
        | Reason::ShuttingDown
        | Reason::Stale => Kind::Unavailable,
        Reason::OutcomeUnknown => Kind::Unknown,
        Reason::Unspecified | Reason::Internal | Reason::RecordDamaged => Kind::Internal,
    }
}
