//! What a decision rests on.

use std::fmt;

use super::policy::{self, Certainty, Layer};

/// What a decision rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The root identity, which no policy binds.
    Root,
    /// The one that a quorum of shares made.
    OneTimeRoot,
    /// What is the caller's own.
    Own,
    /// This statement.
    Statement {
        /// Where its policy is attached.
        layer: Layer,
        /// The policy by its id: `#42@3` is version 3 of a managed one, `#43` one that is attached to this only.
        policy: Box<str>,
        /// The statement's place in it, from zero.
        statement: usize,
        /// Its `Sid`.
        sid: Option<Box<str>>,
        /// Whether it is known to apply: a Deny of which that cannot be told denies.
        certainty: Certainty,
    },
    /// Nothing in this layer allows it.
    Missing(Layer),
    /// The session was narrowed to other actions, or another folder.
    Narrowed,
    /// It is allowed to the folder's name, and not shown to be allowed to everything below.
    Below,
    /// The session is for enrolling a second factor.
    Enrolling,
    /// Nobody can call as it.
    Disabled,
    /// To this caller it looks as if it were not there.
    Hidden,
}

impl Why {
    pub(super) fn statement(by: &policy::Deciding<'_>, certainty: Certainty) -> Self {
        Self::Statement {
            layer: by.layer,
            policy: by.policy.into(),
            statement: by.statement,
            sid: by.sid.map(Into::into),
            certainty,
        }
    }
}

/// For the audit log: policies by id, statements by number, as names of either are nobody's to read there.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::OneTimeRoot => f.write_str("one-time root"),
            Self::Own => f.write_str("own"),
            Self::Statement {
                layer,
                policy,
                statement,
                ..
            } => write!(f, "{layer} policy {policy} statement {}", statement + 1),
            Self::Missing(layer) => write!(f, "no {layer} policy"),
            Self::Narrowed => f.write_str("narrowed session"),
            Self::Below => f.write_str("not for all below"),
            Self::Enrolling => f.write_str("no second factor"),
            Self::Disabled => f.write_str("disabled"),
            Self::Hidden => f.write_str("hidden"),
        }
    }
}
