//! Yes, no, or could not be told.
//!
//! Kleene's logic: an error decides only what nothing else decides. What comes of it is for the rule to
//! say: an Allow that could not be told does not allow, a Deny that could not be told denies.

/// The outcome of one test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Yes,
    No,
    Error,
}

impl Verdict {
    /// Yes if all are.
    pub(super) fn all(verdicts: impl Iterator<Item = Self>) -> Self {
        let mut all = Self::Yes;
        for verdict in verdicts {
            match verdict {
                Self::No => return Self::No,
                Self::Error => all = Self::Error,
                Self::Yes => {}
            }
        }
        all
    }

    /// Yes if any is.
    pub(super) fn any(verdicts: impl Iterator<Item = Self>) -> Self {
        Self::all(verdicts.map(Self::not)).not()
    }

    #[must_use]
    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Error => Self::Error,
        }
    }

    #[must_use]
    pub(super) fn not_if(self, negated: bool) -> Self {
        if negated { self.not() } else { self }
    }
}

impl From<bool> for Verdict {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}
