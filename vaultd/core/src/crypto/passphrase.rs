//! The passphrase seal: Argon2id (RFC 9106) from what a human types to the key of a seal slot.
//!
//! ```text
//! seal key = Argon2id (passphrase in NFC, salt [16], memory, passes, lanes, version 0x13, 32 bytes)
//! ```
//! Memory, passes and lanes enter the derivation by Argon2's own first hash, and again by the slot's
//! associated data: lowered parameters give another key. They are bounded before anything is allocated.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::secret::{Passphrase, SealKey};
use super::slots::SealError;
use super::stretch::argon2id;
use super::text;

/// Fewest characters of a passphrase: nothing else protects a stolen disk.
pub const MIN_CHARACTERS: usize = 15;
/// Most bytes of a passphrase.
pub const MAX_BYTES: usize = 1024;
/// Bytes of a salt.
pub(super) const SALT_BYTES: usize = 16;

const GENERATED: usize = 20;
const GROUP: usize = 5;

/// What one guess costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Argon2 parameters out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argon2 needs 8 KiB per lane up to 1 GiB, 1 to 64 passes and 1 to 16 lanes")]
pub struct CostError;

impl Cost {
    /// 64 MiB, three passes, one lane.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 1,
    };

    /// Parameters within bounds; tests take cheap ones, a product [`Self::DEFAULT`] or dearer.
    ///
    /// # Errors
    /// When one is out of bounds.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        let cost = Self {
            memory_kib,
            passes,
            lanes,
        };
        let sane = (1..=16).contains(&lanes)
            && (8 * lanes..=1 << 20).contains(&memory_kib)
            && (1..=64).contains(&passes);
        if sane { Ok(cost) } else { Err(CostError) }
    }

    pub(super) fn parts(self) -> [u32; 3] {
        [self.memory_kib, self.passes, self.lanes]
    }
}

/// A passphrase of 100 random bits: four groups of five characters, in which none looks like another.
pub fn make_passphrase(entropy: &mut dyn Entropy) -> Passphrase {
    let mut random = Zeroizing::new([0; GENERATED]);
    entropy.fill(random.as_mut_slice());
    let mut text = String::with_capacity(GENERATED + GENERATED / GROUP - 1);
    for (at, byte) in random.iter().enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        text.push(text::symbol(*byte).to_ascii_lowercase());
    }
    Passphrase::from(text)
}

/// Refuses a passphrase that is too short to protect a disk, or absurdly long.
pub(super) fn check(passphrase: &Passphrase) -> Result<(), SealError> {
    let text = normal(passphrase);
    if text.len() <= MAX_BYTES && text.chars().count() >= MIN_CHARACTERS {
        Ok(())
    } else {
        Err(SealError::Weak)
    }
}

/// Derives the key of a slot; slow, and allocates the cost's memory.
pub(super) fn derive(
    passphrase: &Passphrase,
    salt: &[u8; SALT_BYTES],
    cost: Cost,
) -> Result<SealKey, SealError> {
    let text = normal(passphrase);
    if text.len() > MAX_BYTES {
        return Err(SealError::Wrong);
    }
    let stretched = argon2id(text.as_bytes(), salt, cost.parts()).map_err(|_| SealError::Memory)?;
    SealKey::from_slice(stretched.as_slice()).map_err(|_| SealError::Damaged)
}

/// NFC (RFC 8265 §4.2.2), so that the same keys on another keyboard are the same passphrase.
fn normal(passphrase: &Passphrase) -> Zeroizing<String> {
    // EXPOSE: into a buffer that is wiped
    let typed = passphrase.expose();
    // UAX 15: NFC grows a UTF-8 text threefold at most; growth would leave copies behind
    let mut text = Zeroizing::new(String::with_capacity(typed.len().min(MAX_BYTES + 1) * 3));
    text.extend(typed.nfc().take(MAX_BYTES + 1));
    text
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Seeded;
    use super::*;

    fn derived(text: &str, salt: u8, cost: [u32; 3]) -> SealKey {
        let [memory, passes, lanes] = cost;
        let cost = Cost::new(memory, passes, lanes).unwrap();
        derive(&Passphrase::copy_of(text), &[salt; 16], cost).unwrap()
    }

    #[test]
    fn the_derivation_is_golden() {
        let key = derived("correct horse battery", 1, [64, 2, 1]);
        assert_eq!(
            hex::encode(key.expose()),
            "6ae9c7f7e3c43b144eb6e544ef2d380072b1c05285b12ac0ff27a3c33a54f6c9"
        );
    }

    #[test]
    fn passphrase_salt_and_every_parameter_count() {
        let base = derived("correct horse battery", 1, [64, 2, 1]);
        for other in [
            derived("correct horse batterz", 1, [64, 2, 1]),
            derived("Correct horse battery", 1, [64, 2, 1]),
            derived("correct horse battery ", 1, [64, 2, 1]),
            derived("correct horse battery", 2, [64, 2, 1]),
            derived("correct horse battery", 1, [65, 2, 1]),
            derived("correct horse battery", 1, [64, 3, 1]),
            derived("correct horse battery", 1, [64, 2, 2]),
        ] {
            assert!(!base.ct_eq(&other));
        }
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same_passphrase() {
        let composed = derived("caf\u{e9} au lait et th\u{e9}", 1, [64, 1, 1]);
        let decomposed = derived("cafe\u{301} au lait et the\u{301}", 1, [64, 1, 1]);
        assert!(composed.ct_eq(&decomposed));
    }

    #[test]
    fn parameters_out_of_bounds_are_refused_before_they_are_used() {
        let refused = [
            [0, 1, 1],
            [7, 1, 1],
            [15, 1, 2],
            [(1 << 20) + 1, 1, 1],
            [u32::MAX, 1, 1],
            [64, 0, 1],
            [64, 65, 1],
            [64, u32::MAX, 1],
            [64, 1, 0],
            [1 << 20, 1, 17],
            [64, 1, u32::MAX],
        ];
        for [memory, passes, lanes] in refused {
            assert_eq!(Cost::new(memory, passes, lanes), Err(CostError));
        }
        for [memory, passes, lanes] in [[8, 1, 1], [128, 1, 16], [1 << 20, 64, 16]] {
            assert!(Cost::new(memory, passes, lanes).is_ok());
        }
        assert!(Cost::new(65536, 3, 1) == Ok(Cost::DEFAULT));
    }

    #[test]
    fn short_and_endless_passphrases_are_refused() {
        let check = |text: &str| check(&Passphrase::copy_of(text));
        assert_eq!(check(""), Err(SealError::Weak));
        assert_eq!(check("fourteen chars"), Err(SealError::Weak));
        assert_eq!(check(&"e\u{301}".repeat(14)), Err(SealError::Weak));
        assert_eq!(check(&"\u{e9}".repeat(15)), Ok(()));
        assert_eq!(check("fifteen of them"), Ok(()));
        assert_eq!(check(&"n".repeat(1024)), Ok(()));
        assert_eq!(check(&"n".repeat(1025)), Err(SealError::Weak));
        let endless = Passphrase::from("n".repeat(1 << 20));
        let cost = Cost::new(8, 1, 1).unwrap();
        assert_eq!(
            derive(&endless, &[0; 16], cost).unwrap_err(),
            SealError::Wrong
        );
    }

    #[test]
    fn generated_passphrases_are_strong_readable_and_differ() {
        let (first, second) = (
            make_passphrase(&mut Seeded::new(1)),
            make_passphrase(&mut Seeded::new(2)),
        );
        assert_eq!(first.expose(), "rr52a-fy2t1-g8849-jqesq");
        assert_ne!(first.expose(), second.expose());
        assert_eq!(check(&first), Ok(()));
    }
}
