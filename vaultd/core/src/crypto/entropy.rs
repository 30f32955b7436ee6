//! Randomness as a parameter: core draws none of its own.

/// A source of uniformly random bytes. The daemon's is the operating system's.
pub trait Entropy {
    /// Overwrites all of `out`. A source that cannot must not return.
    fn fill(&mut self, out: &mut [u8]);
}

/// Reproducible bytes for tests: SHA-256 of seed and counter.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Seeded {
    seed: u64,
    counter: u64,
}

#[cfg(test)]
impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }
}

#[cfg(test)]
impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        use sha2::{Digest, Sha256};
        for chunk in out.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update(self.counter.to_be_bytes())
                .finalize();
            self.counter += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}
