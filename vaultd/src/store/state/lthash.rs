//! The state hash: an LtHash, which can be kept per write and cannot be steered to a wanted value.
//!
//! Every row's digest is expanded to 1024 sixteen-bit lanes; the state's lanes are their sums modulo
//! 2^16. Adding or removing a row is one addition or subtraction of lanes, in any order. (Plain XOR of
//! row hashes would be forgeable by linear algebra.) Construction: Bellare and Micciancio 1997, lanes
//! and width as in "Securing Update Propagation with Homomorphic Hashing" (2019), BLAKE3 as the
//! expander.

const LANES: usize = 1024;

/// Bytes of the lanes when stored.
pub(crate) const BYTES: usize = 2 * LANES;

const LABEL: &[u8] = b"vault state row v1";

/// Sum of the rows of a state.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LtHash(Box<[u16; LANES]>);

impl std::fmt::Debug for LtHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LtHash(..)")
    }
}

impl Default for LtHash {
    fn default() -> Self {
        Self(Box::new([0; LANES]))
    }
}

impl LtHash {
    /// Reads stored lanes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (pairs, rest) = bytes.as_chunks::<2>();
        if pairs.len() != LANES || !rest.is_empty() {
            return None;
        }
        let mut sum = Self::default();
        for (lane, pair) in sum.0.iter_mut().zip(pairs) {
            *lane = u16::from_le_bytes(*pair);
        }
        Some(sum)
    }

    /// The lanes, to be stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|lane| lane.to_le_bytes()).collect()
    }

    /// Adds a row by its digest.
    pub(crate) fn add(&mut self, digest: &[u8; 32]) {
        self.mix(digest, u16::wrapping_add);
    }

    /// Removes a row by its digest.
    pub(crate) fn remove(&mut self, digest: &[u8; 32]) {
        self.mix(digest, u16::wrapping_sub);
    }

    /// INVARIANT: generic, not over a function pointer: a call for each lane took a seventh of all applying.
    fn mix(&mut self, digest: &[u8; 32], combine: impl Fn(u16, u16) -> u16) {
        let mut expanded = [0; BYTES];
        let mut hasher = blake3::Hasher::new();
        hasher.update(LABEL);
        hasher.update(digest);
        hasher.finalize_xof().fill(&mut expanded);
        let (pairs, _) = expanded.as_chunks::<2>();
        for (lane, pair) in self.0.iter_mut().zip(pairs) {
            *lane = combine(*lane, u16::from_le_bytes(*pair));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_removal_undoes() {
        let (a, b, c) = ([1; 32], [2; 32], [3; 32]);
        let mut one = LtHash::default();
        for row in [a, b, c] {
            one.add(&row);
        }
        let mut other = LtHash::default();
        for row in [c, a, b] {
            other.add(&row);
        }
        assert_eq!(one, other);
        for row in [a, b, c] {
            other.remove(&row);
        }
        assert_eq!(other, LtHash::default());
    }

    #[test]
    fn a_row_counted_twice_is_not_a_row_counted_never() {
        let mut sum = LtHash::default();
        sum.add(&[1; 32]);
        sum.add(&[1; 32]);
        assert_ne!(sum, LtHash::default());
    }

    #[test]
    fn lanes_read_back_and_other_lengths_are_refused() {
        let mut sum = LtHash::default();
        sum.add(&[9; 32]);
        let bytes = sum.to_bytes();
        assert_eq!(LtHash::from_bytes(&bytes), Some(sum));
        assert_eq!(LtHash::from_bytes(&bytes[1..]), None);
        assert_eq!(LtHash::from_bytes(&[]), None);
    }
}
