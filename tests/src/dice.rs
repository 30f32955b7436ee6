//! Chance that can be repeated: printed once, and set by `VAULT_TESTS_SEED`.

/// A generator of numbers.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn of(seed: u64) -> Self {
        let mut dice = Self(seed | 1);
        // The first few of a small seed are small.
        for _ in 0..16 {
            dice.below(2);
        }
        dice
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n.max(1)
    }
}

/// The seed that is asked for, or one of the system's.
///
/// # Panics
/// When the system has no randomness.
pub fn seed() -> u64 {
    env_number("VAULT_TESTS_SEED").unwrap_or_else(|| {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("the system has randomness");
        u64::from_le_bytes(seed)
    })
}

/// A number from the environment.
pub fn env_number(name: &str) -> Option<u64> {
    std::env::var_os(name)?.to_str()?.parse().ok()
}
