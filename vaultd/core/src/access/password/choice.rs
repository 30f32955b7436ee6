//! A new password that its owner chose: looked at, compared with those of before, hashed.
//!
//! Each comparison is a hash, and a policy may ask for two dozen of them. So they are steps of their own, between
//! which others get their turn.

use super::{
    Context, Cost, Credential, Factors, Hasher, InUse, NoMemory, Origin, Password, PasswordHash,
    Policy, Weakness, check,
};
use crate::crypto::entropy::Entropy;

/// A password that will do, as its hash, and beside which factors it was found to.
#[derive(Debug)]
pub struct Chosen {
    hash: PasswordHash,
    factors: Factors,
    /// It would do without a second factor, too.
    alone: bool,
}

/// Why a new password will not do.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// All the reasons.
    #[error("the password does not do")]
    Weak(Vec<Weakness>),
    /// The one in use, one of those before it, or what a reset took away.
    #[error("it is the present password or one of those before it")]
    Reused,
    /// So many of its user's were compared with older ones that others wait: nothing is known of it.
    #[error("too many new passwords were compared with older ones; try again in a moment")]
    TooOften,
    /// Nothing is known of it.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
}

/// A password that the rules let pass, and what it is still to be compared with.
#[derive(Debug)]
pub struct Candidate {
    password: Password,
    /// The present one last.
    history: Vec<PasswordHash>,
    in_use: InUse,
    factors: Factors,
    alone: bool,
}

/// What came of a step.
#[derive(Debug)]
pub enum Step {
    /// It is another than one of those; there are more.
    Further(Candidate),
    /// It is none of those.
    Done(Chosen),
}

impl Candidate {
    /// Looks at a new password in place of a credential's. `in_use`: what stored hashes cost.
    ///
    /// # Errors
    /// [`Unfit::Weak`].
    pub fn look(
        policy: &Policy,
        (credential, in_use): (&Credential, InUse),
        (password, context): (Password, &Context<'_>),
    ) -> Result<Self, Unfit> {
        check(policy, &password, context).map_err(Unfit::Weak)?;
        let factors = context.factors;
        let bare = Context {
            factors: Factors::Alone,
            ..*context
        };
        let alone = factors == Factors::Alone || check(policy, &password, &bare).is_ok();
        let mut history = credential.history(policy.reuse_prevention());
        history.reverse();
        Ok(Self {
            password,
            history,
            in_use,
            factors,
            alone,
        })
    }

    /// How many older passwords it is to be compared with, beside the present one.
    pub fn older(&self) -> usize {
        self.history.len().saturating_sub(1)
    }

    /// Memory that the next step takes, in KiB.
    pub fn memory_kib(&self, hasher: &Hasher) -> u32 {
        let cost = |hash: &PasswordHash| Cost::memory_kib(hash.cost());
        let next = self.history.last().map(cost);
        next.unwrap_or_else(|| hasher.memory_kib(&self.in_use))
    }

    /// Compares it with the next, or hashes it to be stored; slow.
    ///
    /// # Errors
    /// Why it will not do.
    pub fn step(mut self, hasher: &Hasher, entropy: &mut dyn Entropy) -> Result<Step, Unfit> {
        if let Some(hash) = self.history.pop() {
            if hash.opens(&self.password)?.into() {
                return Err(Unfit::Reused);
            }
            return Ok(Step::Further(self));
        }
        Ok(Step::Done(Chosen {
            hash: hasher.hash(&self.password, &self.in_use, entropy)?,
            factors: self.factors,
            alone: self.alone,
        }))
    }
}

impl Chosen {
    /// What is stored of it.
    pub fn hash(&self) -> &PasswordHash {
        &self.hash
    }

    /// How it came about.
    pub fn origin(&self) -> Origin {
        if self.alone {
            Origin::Owner
        } else {
            Origin::OwnerBeside
        }
    }

    /// Beside what it was found good enough.
    pub fn factors(&self) -> Factors {
        self.factors
    }
}
