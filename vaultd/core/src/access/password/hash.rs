//! Password hashes: argon2id with the parameters beside each hash, so that they can rise.
//!
//! ```text
//! hash = Argon2id (OpaqueString of the password, salt [16], memory, passes, lanes, version 0x13, 32 bytes)
//! record = [1, memory in KiB, passes, lanes, salt, hash]                              RFC 9106
//! ```
//! A login of a name that nobody has, or that has no password, takes the same path as one of a name that has:
//! the same hashes of the same cost, against a record of random bytes. Where costs changed, a hash of each cost
//! in use ([`InUse`]) is computed for everybody, or the time would tell whose hash is old.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{Checked, Cost, InUse, Password, Uncompared};
use crate::access::lockout::Attempt;
use crate::crypto::{entropy::Entropy, stretch};

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Argon2id, version 0x13. Numbers are on disk: never reuse one.
const ALGORITHM: u8 = 1;
/// There is not enough memory for the hash; nothing is known of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is not enough memory to hash a password; try again")]
pub struct NoMemory;

/// A stored hash.
pub struct PasswordHash {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    hash: Zeroizing<[u8; HASH_BYTES]>,
}

impl PasswordHash {
    /// Hashes a password under a fresh salt; slow, and allocates the cost's memory.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn make(
        password: &Password,
        cost: Cost,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, NoMemory> {
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let hash = stretched(password, &salt, cost)?;
        Ok(Self { cost, salt, hash })
    }

    /// What it costs to compare with.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// A record like any other, which no password opens.
    fn dummy(cost: Cost, entropy: &mut dyn Entropy) -> Self {
        let (mut salt, mut hash) = ([0; SALT_BYTES], Zeroizing::new([0; HASH_BYTES]));
        entropy.fill(&mut salt);
        entropy.fill(hash.as_mut_slice());
        Self { cost, salt, hash }
    }

    /// Whether this is the password's hash; slow.
    pub(super) fn opens(&self, password: &Password) -> Result<Choice, NoMemory> {
        let hash = stretched(password, &self.salt, self.cost)?;
        Ok(hash.as_slice().ct_eq(self.hash.as_slice()))
    }

    /// A copy: transactions may be evaluated again.
    pub(super) fn copy(&self) -> Self {
        Self {
            cost: self.cost,
            salt: self.salt,
            hash: self.hash.clone(),
        }
    }

    /// Whether two are one record. Salts are random: no two records share one.
    pub fn is(&self, other: &Self) -> bool {
        let same = self.salt.ct_eq(&other.salt) & self.hash.as_slice().ct_eq(other.hash.as_slice());
        same.into()
    }
}

fn stretched(
    password: &Password,
    salt: &[u8],
    cost: Cost,
) -> Result<Zeroizing<[u8; HASH_BYTES]>, NoMemory> {
    // EXPOSE: into Argon2, whose memory is wiped
    let text = password.expose().as_bytes();
    stretch::argon2id(text, salt, cost.parts()).map_err(|_| NoMemory)
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl<C> Encode<C> for PasswordHash {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        let [memory, passes, lanes] = self.cost.parts();
        e.array(6)?.u8(ALGORITHM)?;
        e.u32(memory)?.u32(passes)?.u32(lanes)?;
        e.bytes(&self.salt)?.bytes(self.hash.as_slice())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for PasswordHash {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(6) || d.u8()? != ALGORITHM {
            return Err(decode::Error::message("a password hash of another form"));
        }
        let cost = Cost {
            memory_kib: d.u32()?,
            passes: d.u32()?,
            lanes: d.u32()?,
        };
        let salt = d.bytes()?.try_into().ok();
        let hash = d.bytes()?.try_into().ok();
        match (salt, hash) {
            // INVARIANT: bounded before anything is allocated for it
            (Some(salt), Some(hash)) if cost.is_bounded() => Ok(Self {
                cost,
                salt,
                hash: Zeroizing::new(hash),
            }),
            _ => Err(decode::Error::message("a password hash out of bounds")),
        }
    }
}

/// What came of comparing a password.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// It is the password, and its hash has the cost of new ones.
    Right(Checked),
    /// It is the password; its hash should be made again, at the cost of new ones.
    RightButOld(Checked),
    /// It is not, or there is none.
    Wrong,
}

/// Hashes passwords, and compares them in a time that does not tell who exists. Made once, at start.
pub struct Hasher {
    /// Compared with in place of what nobody has; its cost is that of new hashes.
    dummy: PasswordHash,
}

impl Hasher {
    /// A hasher for new hashes of `cost`.
    pub fn make(cost: Cost, entropy: &mut dyn Entropy) -> Self {
        Self {
            dummy: PasswordHash::dummy(cost, entropy),
        }
    }

    /// What new hashes cost, where those in use leave room for it ([`InUse::admit`]).
    pub fn cost(&self) -> Cost {
        self.dummy.cost
    }

    /// Memory that hashing and comparing take beside these, in KiB.
    pub fn memory_kib(&self, in_use: &InUse) -> u32 {
        let most = in_use.costs().map(Cost::memory_kib).max();
        most.unwrap_or_default().max(self.cost().memory_kib())
    }

    /// A hash to store; slow.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn hash(
        &self,
        password: &Password,
        in_use: &InUse,
        entropy: &mut dyn Entropy,
    ) -> Result<PasswordHash, NoMemory> {
        PasswordHash::make(password, in_use.admit(self.cost()), entropy)
    }

    /// Compares a password with what is stored, or with nothing in the same time; slow. The attempt is the
    /// proof that it was counted first, and is used up: each comparison takes one of its own.
    ///
    /// # Errors
    /// [`Uncompared`], with the attempt.
    pub fn verify(
        &self,
        attempt: Attempt,
        password: &Password,
        (stored, in_use): (Option<&PasswordHash>, &InUse),
    ) -> Result<Verdict, Uncompared> {
        let mut right = Choice::from(0);
        for (hash, real) in self.plan(stored, in_use) {
            match hash.opens(password) {
                Ok(opens) => right |= opens & real,
                Err(error) => return Err(Uncompared::new(attempt, error)),
            }
        }
        Ok(match (stored, attempt.user()) {
            (Some(stored), Some(user)) if bool::from(right) => {
                let checked = Checked::new(attempt, user, stored.copy());
                if stored.cost == in_use.admit(self.cost()) {
                    Verdict::Right(checked)
                } else {
                    Verdict::RightButOld(checked)
                }
            }
            _ => Verdict::Wrong,
        })
    }

    /// Which hashes are computed, and which of them counts: the same costs whatever is stored.
    fn plan(&self, stored: Option<&PasswordHash>, in_use: &InUse) -> Vec<(PasswordHash, Choice)> {
        let mut costs: Vec<Cost> = in_use.costs().collect();
        match stored {
            // a cost that nobody noted: slower, and still right
            Some(stored) if !costs.contains(&stored.cost) => costs.push(stored.cost),
            None if costs.is_empty() => costs.push(self.cost()),
            Some(_) | None => {}
        }
        let of = |cost| match stored {
            Some(stored) if stored.cost == cost => (stored.copy(), Choice::from(1)),
            Some(_) | None => {
                let dummy = PasswordHash {
                    cost,
                    ..self.dummy.copy()
                };
                (dummy, Choice::from(0))
            }
        };
        costs.into_iter().map(of).collect()
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher")
            .field("cost", &self.cost())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests/hash.rs"]
mod tests;
