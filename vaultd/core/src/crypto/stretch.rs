//! Argon2id (RFC 9106) over memory that is wiped: its last blocks give the result away.
//!
//! The crate frees its blocks as they are. Parameters are the caller's to bound, before anything is allocated.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

/// There is not as much memory as the parameters ask for, or they are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is not enough memory for Argon2")]
pub(crate) struct OutOfMemory;

/// Stretches `secret` with `[memory in KiB, passes, lanes]`.
pub(crate) fn argon2id(
    secret: &[u8],
    salt: &[u8],
    [memory, passes, lanes]: [u32; 3],
) -> Result<Zeroizing<[u8; 32]>, OutOfMemory> {
    let params = Params::new(memory, passes, lanes, None).map_err(|_| OutOfMemory)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut memory = Memory::of(argon2.params().block_count()).ok_or(OutOfMemory)?;
    let mut out = Zeroizing::new([0; 32]);
    argon2
        .hash_password_into_with_memory(secret, salt, out.as_mut_slice(), memory.0.as_mut_slice())
        .map_err(|_| OutOfMemory)?;
    Ok(out)
}

/// Argon2's blocks, wiped when dropped.
struct Memory(Vec<Block>);

impl Memory {
    /// `None` when there is not that much.
    fn of(blocks: usize) -> Option<Self> {
        let mut memory = Vec::new();
        memory.try_reserve_exact(blocks).ok()?;
        memory.resize(blocks, Block::new());
        Some(Self(memory))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_reference_implementations_argon2id() {
        // test.c of the reference implementation, version 0x13
        for (cost, expected) in [
            (
                [256, 2, 1],
                "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
            ),
            (
                [256, 2, 2],
                "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037",
            ),
            (
                [65536, 2, 1],
                "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7",
            ),
        ] {
            let hash = argon2id(b"password", b"somesalt", cost).unwrap();
            assert_eq!(hex::encode(*hash), expected, "{cost:?}");
        }
    }

    #[test]
    fn parameters_that_are_none_are_refused() {
        for cost in [[0, 1, 1], [7, 1, 1], [8, 0, 1], [8, 1, 0], [15, 1, 2]] {
            assert_eq!(
                argon2id(b"password", b"somesalt", cost).unwrap_err(),
                OutOfMemory
            );
        }
        assert!(argon2id(b"password", b"short", [8, 1, 1]).is_err());
    }
}
