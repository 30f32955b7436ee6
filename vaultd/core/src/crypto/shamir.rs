//! Shamir's secret sharing over GF(2^8), byte by byte, in constant time.
//!
//! ```text
//! field   GF(2^8) modulo x^8 + x^4 + x^3 + x + 1                                     FIPS 197 §4.2
//! share x of a secret s = s + c1·x + c2·x² + … + c(t-1)·x^(t-1), x from 1 to n
//! s       = sum of y(i) · product over j ≠ i of x(j) / (x(j) - x(i))                    Shamir 1979
//! ```
//! Coefficients are uniform over the whole field, zero included: leaving it out would tell of a share
//! what the secret is not. No tables: their cache lines would tell.

use std::convert::Infallible;
use std::hint::black_box;

use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::secret::{KEY_BYTES, Plaintext, SealKey};

/// How many shares there are, and how many open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    threshold: u8,
    shares: u8,
}

/// A split that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a seal needs 2 to 64 shares and a threshold of 2 up to their number")]
pub struct SplitError;

impl Split {
    /// Three of five.
    pub const DEFAULT: Self = Self {
        threshold: 3,
        shares: 5,
    };
    /// Most shares of a seal.
    pub const MAX_SHARES: u8 = 64;

    /// `threshold` of `shares`.
    ///
    /// # Errors
    /// Unless 2 ≤ threshold ≤ shares ≤ [`Self::MAX_SHARES`].
    pub fn new(threshold: u8, shares: u8) -> Result<Self, SplitError> {
        if (2..=shares).contains(&threshold) && shares <= Self::MAX_SHARES {
            Ok(Self { threshold, shares })
        } else {
            Err(SplitError)
        }
    }

    /// How many shares open the seal.
    pub fn threshold(self) -> u8 {
        self.threshold
    }

    /// How many shares there are.
    pub fn shares(self) -> u8 {
        self.shares
    }
}

/// One point of the polynomials: `x` is public, `y` is the share's secret.
pub(super) struct Point {
    pub(super) x: u8,
    pub(super) y: Box<Zeroizing<[u8; KEY_BYTES]>>,
}

/// Deals the points of x = 1 to n.
pub(super) fn split(secret: &SealKey, split: Split, entropy: &mut dyn Entropy) -> Vec<Point> {
    let degree = usize::from(split.threshold) - 1;
    let Ok(coefficients) = Plaintext::fill_with(degree * KEY_BYTES, |out| {
        entropy.fill(out);
        Ok::<_, Infallible>(())
    });
    let deal = |x| {
        let mut y = Box::new(Zeroizing::new([0; KEY_BYTES]));
        // EXPOSE: both into the point, which is wiped on drop
        let highest_first = coefficients.expose().chunks_exact(KEY_BYTES).rev();
        for term in highest_first.chain([secret.expose().as_slice()]) {
            for (y, c) in y.iter_mut().zip(term) {
                *y = mul(*y, x) ^ c;
            }
        }
        Point { x, y }
    };
    (1..=split.shares).map(deal).collect()
}

/// The secret of exactly `threshold` points; `None` when an x is zero or repeated.
///
/// Wrong points give a wrong secret: the caller checks each share beforehand and the secret afterwards.
pub(super) fn combine(points: &[Point]) -> Option<SealKey> {
    let fresh = |(at, point): (usize, &Point)| {
        point.x != 0 && points.iter().take(at).all(|other| other.x != point.x)
    };
    if !points.iter().enumerate().all(fresh) {
        return None;
    }
    let Ok(secret) = SealKey::fill_with(|secret| {
        for point in points {
            let others = points.iter().map(|other| other.x).filter(|x| *x != point.x);
            let weight = others.fold(1, |weight, x| mul(weight, mul(x, invert(x ^ point.x))));
            for (out, y) in secret.iter_mut().zip(point.y.iter()) {
                *out ^= mul(*y, weight);
            }
        }
        Ok::<_, Infallible>(())
    });
    Some(secret)
}

/// Product in the field: eight masked steps whatever the operands.
fn mul(mut a: u8, b: u8) -> u8 {
    let mut product = 0;
    for bit in 0..8 {
        let chosen = black_box(0_u8.wrapping_sub((b >> bit) & 1));
        product ^= a & chosen;
        let carry = black_box(0_u8.wrapping_sub(a >> 7));
        a = (a << 1) ^ (0x1b & carry);
    }
    product
}

/// a^254, which is 1/a, and 0 for 0.
fn invert(a: u8) -> u8 {
    // 254 = 0b1111_1110: seven squarings, each but the last multiplied by a
    let power = (0..6).fold(a, |power, _| mul(mul(power, power), a));
    mul(power, power)
}

#[cfg(test)]
mod tests;
