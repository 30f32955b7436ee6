//! What hashes cost: the parameters of Argon2id, and which of them the stored passwords have.
//!
//! A login computes one hash of each cost in use, whoever's name it is, so that its time does not tell whose hash is
//! old. Which those are stands in the replicated state, changed by the transactions that change hashes: a cost leaves
//! with the last hash that has it.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::crypto::envelope::Class;
use crate::record::{Document, Key, Kind, RecordError, Tx};

/// Most costs that hashes are made of at a time: each login computes all.
const MAX_COSTS: usize = 4;

/// What one guess costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

/// Parameters that no new hash is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("password hashing takes 19 MiB to 1 GiB of memory, 2 to 16 passes and 1 to 4 lanes")]
pub struct CostError;

impl Cost {
    /// 64 MiB, three passes, one lane.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 1,
    };

    /// For tests of what happens around the hash.
    #[cfg(test)]
    pub(crate) const CHEAP: Self = Self {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    /// Parameters for new hashes.
    ///
    /// # Errors
    /// When one is out of bounds.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        let cost = Self {
            memory_kib,
            passes,
            lanes,
        };
        if memory_kib >= 19 << 10 && passes >= 2 && cost.is_bounded() {
            Ok(cost)
        } else {
            Err(CostError)
        }
    }

    /// Memory that a hash takes while it is computed, in KiB.
    pub fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Whether it may be computed at all: a hash of before the floor rose may, an endless one may not.
    pub(super) fn is_bounded(self) -> bool {
        (1..=4).contains(&self.lanes)
            && (8 * self.lanes..=1 << 20).contains(&self.memory_kib)
            && (1..=16).contains(&self.passes)
    }

    pub(super) fn parts(self) -> [u32; 3] {
        [self.memory_kib, self.passes, self.lanes]
    }

    /// How long it takes, or about.
    fn work(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }
}

impl<C> Encode<C> for Cost {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        let [memory, passes, lanes] = self.parts();
        e.array(3)?.u32(memory)?.u32(passes)?.u32(lanes)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Cost {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(3) {
            return Err(decode::Error::message("a cost of another form"));
        }
        let cost = Self {
            memory_kib: d.u32()?,
            passes: d.u32()?,
            lanes: d.u32()?,
        };
        // INVARIANT: bounded before anything is allocated for it
        if cost.is_bounded() {
            Ok(cost)
        } else {
            Err(decode::Error::message("a cost out of bounds"))
        }
    }
}

/// Which costs the stored passwords' hashes have, oldest first, and how many have each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct InUse(Vec<Count>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Count {
    #[n(0)]
    cost: Cost,
    #[n(1)]
    hashes: u64,
}

impl Document for InUse {
    const CLASS: Class = Class::Voter;
}

impl InUse {
    /// Beside those of users, whose keys have ids.
    fn key() -> Key {
        Key::new(Kind::Password, &[])
    }

    /// Those of now.
    ///
    /// # Errors
    /// When the store fails.
    pub fn load(tx: &mut Tx<'_>) -> Result<Self, RecordError> {
        Ok(tx.get(&Self::key())?.unwrap_or_default())
    }

    /// Notes that a hash of one cost has gone, and one of another has come.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn moved(
        tx: &mut Tx<'_>,
        gone: Option<Cost>,
        come: Option<Cost>,
    ) -> Result<(), RecordError> {
        if gone == come {
            return Ok(());
        }
        let mut stored = Self::load(tx)?;
        for (cost, comes) in [(come, true), (gone, false)] {
            let Some(cost) = cost else { continue };
            match stored.0.iter_mut().find(|count| count.cost == cost) {
                Some(count) if comes => count.hashes = count.hashes.saturating_add(1),
                Some(count) => count.hashes = count.hashes.saturating_sub(1),
                None if comes => stored.0.push(Count { cost, hashes: 1 }),
                None => {}
            }
        }
        stored.0.retain(|count| count.hashes > 0);
        tx.put(Self::key(), &stored)
    }

    /// The costs, oldest first.
    pub(super) fn costs(&self) -> impl Iterator<Item = Cost> + '_ {
        self.0.iter().map(|count| count.cost)
    }

    /// What a new hash costs beside these where `wanted` was asked for: that, or, where hashes of as many costs are
    /// stored as each login shall compute, the most expensive of those.
    pub fn admit(&self, wanted: Cost) -> Cost {
        if self.0.len() < MAX_COSTS || self.costs().any(|cost| cost == wanted) {
            return wanted;
        }
        self.costs()
            .max_by_key(|cost| cost.work())
            .unwrap_or(wanted)
    }

    /// How many hashes have another cost than this.
    pub fn others(&self, than: Cost) -> u64 {
        let others = self.0.iter().filter(|count| count.cost != than);
        others.map(|count| count.hashes).sum()
    }

    /// Hashes of these costs, for tests.
    #[cfg(test)]
    pub(crate) fn of(costs: &[Cost]) -> Self {
        let counted = costs.iter().map(|cost| Count {
            cost: *cost,
            hashes: 1,
        });
        Self(counted.collect())
    }
}
