//! A new password that its owner chose: looked at, compared with those of before, hashed.

use super::{
    Context, Credential, Factors, Hasher, NoMemory, Origin, Password, PasswordHash, Policy,
    Weakness, check,
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
    /// Nothing is known of it.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
}

/// Looks at a new password in place of a credential's, and hashes it; slow.
///
/// # Errors
/// Why it will not do.
pub fn choose(
    hasher: &Hasher,
    policy: &Policy,
    credential: &Credential,
    (password, context): (&Password, &Context<'_>),
    entropy: &mut dyn Entropy,
) -> Result<Chosen, Unfit> {
    check(policy, password, context).map_err(Unfit::Weak)?;
    if credential.reuses(password, policy.reuse_prevention())? {
        return Err(Unfit::Reused);
    }
    let hash = hasher.hash(password, entropy)?;
    let factors = context.factors;
    let bare = Context {
        factors: Factors::Alone,
        ..*context
    };
    let alone = factors == Factors::Alone || check(policy, password, &bare).is_ok();
    Ok(Chosen {
        hash,
        factors,
        alone,
    })
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
