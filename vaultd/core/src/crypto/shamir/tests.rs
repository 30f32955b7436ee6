//! The field, the sharing, and what too few shares tell.

use super::super::entropy::Seeded;
use super::*;

fn secret() -> SealKey {
    let bytes: Vec<u8> = (0..32).map(|at| at * 7).collect();
    SealKey::from_slice(&bytes).unwrap()
}

fn points(threshold: u8, shares: u8, seed: u64) -> Vec<Point> {
    split(
        &secret(),
        Split::new(threshold, shares).unwrap(),
        &mut Seeded::new(seed),
    )
}

fn pick(points: &[Point], indices: &[usize]) -> Vec<Point> {
    let copy = |at: &usize| Point {
        x: points[*at].x,
        y: Box::new(Zeroizing::new(**points[*at].y)),
    };
    indices.iter().map(copy).collect()
}

/// Carry-less product and long division: the definition, slowly.
fn reference(a: u8, b: u8) -> u8 {
    let mut product = 0_u16;
    for bit in 0..8 {
        if b & (1 << bit) != 0 {
            product ^= u16::from(a) << bit;
        }
    }
    for bit in (8..16).rev() {
        if product & (1 << bit) != 0 {
            product ^= 0x11b << (bit - 8);
        }
    }
    u8::try_from(product).unwrap()
}

#[test]
fn products_are_those_of_fips_197() {
    assert_eq!(mul(0x57, 0x83), 0xc1);
    assert_eq!(mul(0x57, 0x13), 0xfe);
    for a in 0..=255 {
        for b in 0..=255 {
            assert_eq!(mul(a, b), reference(a, b));
        }
    }
}

#[test]
fn every_element_but_zero_has_its_inverse() {
    assert_eq!(invert(0), 0);
    assert_eq!(invert(0x53), 0xca);
    for a in 1..=255 {
        assert_eq!(mul(a, invert(a)), 1);
    }
}

/// Gives the coefficients that it holds.
struct Coefficients(Vec<u8>);

impl Entropy for Coefficients {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

/// Computed by a Python script of its own: the field by powers and logarithms of 3, each byte of a share as
/// s + c1·x + c2·x², with 0, 1, 2 … as c1 and 255, 252, 249 … as c2.
#[test]
fn shares_are_those_of_another_implementation() {
    let coefficients = (0..32).chain((0..32).map(|at| 255 - at * 3)).collect();
    let split_in = Split::new(3, 5).unwrap();
    let points = split(&secret(), split_in, &mut Coefficients(coefficients));
    let expected = [
        "fffaf5e0ebd6c1dcd7d2ad98838eb9b4afaaa5505b46310c07021d08737e6964",
        "d1d8c3e6f5c4bfba9990fb0e0d0c07124148539685947451727b700566674c59",
        "2e25381302315457767d10dbdad9dccf9e9588435241dffcddd6dbb0d1d2f7e4",
        "695a0fe0a5ae600fead9fc2e7b40a5da7447121d5873e7a84d7e3bdfead1146b",
        "96a7f415525b8be2053417fbac957e07ab9ac9c88fa64c05e2d3906a5d64afd6",
    ];
    for (point, expected) in points.iter().zip(expected) {
        assert_eq!(hex::encode(point.y.as_slice()), expected, "x = {}", point.x);
    }
    let back = combine(&pick(&points, &[4, 1, 2])).unwrap();
    assert_eq!(back.expose(), secret().expose());
}

#[test]
fn senseless_splits_are_refused() {
    for (threshold, shares) in [
        (0, 0),
        (0, 5),
        (1, 1),
        (1, 5),
        (2, 1),
        (6, 5),
        (2, 65),
        (255, 255),
    ] {
        assert_eq!(
            Split::new(threshold, shares),
            Err(SplitError),
            "{threshold} of {shares}"
        );
    }
    for (threshold, shares) in [(2, 2), (2, 64), (64, 64), (3, 5)] {
        assert!(Split::new(threshold, shares).is_ok());
    }
}

#[test]
fn any_threshold_of_shares_combine() {
    for (threshold, shares) in [(2, 2), (2, 5), (3, 5), (5, 5), (64, 64)] {
        let dealt = points(threshold, shares, 1);
        assert_eq!(dealt.len(), usize::from(shares));
        let count = usize::from(threshold);
        for start in 0..=dealt.len() - count {
            let indices: Vec<_> = (start..start + count).rev().collect();
            assert!(combine(&pick(&dealt, &indices)).unwrap().ct_eq(&secret()));
        }
    }
    let all = points(3, 5, 1);
    assert!(
        combine(&all).unwrap().ct_eq(&secret()),
        "more than enough do too"
    );
}

#[test]
fn too_few_shares_give_another_secret() {
    let dealt = points(3, 5, 1);
    assert!(!combine(&pick(&dealt, &[0, 1])).unwrap().ct_eq(&secret()));
    assert!(!combine(&pick(&dealt, &[4])).unwrap().ct_eq(&secret()));
}

#[test]
fn a_zero_or_repeated_index_is_refused() {
    let dealt = points(3, 5, 1);
    assert!(combine(&pick(&dealt, &[0, 1, 0])).is_none());
    let mut zero = pick(&dealt, &[0, 1, 2]);
    zero[1].x = 0;
    assert!(combine(&zero).is_none());
}

#[test]
fn the_dealing_is_golden() {
    let dealt = points(3, 5, 1);
    assert_eq!(
        dealt.iter().map(|point| point.x).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    // also computed by an implementation in another language
    let first = "2b12c128be3e28e7db8b7dffe06b30429e13206b6bef2f864f7c05019421018a";
    let last = "971477134ef865c1239c55a543394a2ebc102fff8a36b529215792dc8e025331";
    assert_eq!(hex::encode(dealt[0].y.as_slice()), first);
    assert_eq!(hex::encode(dealt[4].y.as_slice()), last);
}

#[test]
fn shares_take_every_value_equally_often() {
    // with a coefficient that is never zero, a share never equals the secret: 1 of 256 must
    let mut counts = [0_u32; 256];
    for seed in 0..800 {
        for point in points(2, 2, seed) {
            for (y, s) in point.y.iter().zip(secret().expose()) {
                counts[usize::from(y ^ s)] += 1;
            }
        }
    }
    let expected = 800.0 * 2.0 * 32.0 / 256.0;
    let squares: f64 = counts
        .iter()
        .map(|n| (f64::from(*n) - expected).powi(2) / expected)
        .sum();
    // chi-square of 255 degrees: beyond 380 once in ten million; the seeds are fixed
    assert!(squares < 380.0, "{squares}");
    assert!(counts[0] > 100, "zero came {} times", counts[0]);
}
