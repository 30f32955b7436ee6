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
