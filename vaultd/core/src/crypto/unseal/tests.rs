//! Shares in every order, and the wrong ones in between.

use super::super::entropy::Seeded;
use super::super::shamir::Split;
use super::super::slots::{NewSeal, make};
use super::*;

const CLUSTER: [u8; 16] = [0xc1; 16];

fn seal(seed: u64) -> NewSeal {
    make(CLUSTER, 1, Split::DEFAULT, &[], &mut Seeded::new(seed)).unwrap()
}

fn refused(unsealing: &mut Unsealing, share: &Share) -> ShareError {
    unsealing.enter(share).unwrap_err()
}

/// The share with one character changed, its checksum mended if `mend`.
fn retyped(share: &Share, at: usize, typed: char) -> Share {
    let mut chars: Vec<char> = share.expose().chars().collect();
    chars[at] = if chars[at] == typed { '7' } else { typed };
    Share::from(chars.into_iter().collect::<String>())
}

#[test]
fn any_three_of_five_in_any_order_open() {
    let seal = seal(1);
    for a in 0..5 {
        for b in (0..5).filter(|b| *b != a) {
            for c in (0..5).filter(|c| *c != a && *c != b) {
                let mut unsealing = Unsealing::new(seal.header.clone());
                for (at, share) in [a, b, c].into_iter().enumerate() {
                    match unsealing.enter(&seal.shares[share]).unwrap() {
                        Step::More(progress) => assert_eq!(progress.entered.len(), at + 1),
                        Step::Open(root) => {
                            assert_eq!(at, 2);
                            assert!(root.ct_eq(&seal.root));
                            assert!(unsealing.progress().entered.is_empty());
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn progress_names_the_shares_that_were_entered() {
    let seal = seal(1);
    let mut unsealing = Unsealing::new(seal.header.clone());
    unsealing.enter(&seal.shares[4]).unwrap();
    unsealing.enter(&seal.shares[1]).unwrap();
    let progress = unsealing.progress();
    assert_eq!(
        (progress.entered.as_slice(), progress.threshold),
        ([5, 2].as_slice(), 3)
    );
    assert!(!progress.complete());
}

#[test]
fn bad_shares_are_named_and_change_nothing() {
    let (ours, theirs) = (seal(1), seal(2));
    let elsewhere = make([9; 16], 1, Split::DEFAULT, &[], &mut Seeded::new(1)).unwrap();
    let region = make(CLUSTER, 2, Split::DEFAULT, &[], &mut Seeded::new(1)).unwrap();
    let mut unsealing = Unsealing::new(ours.header.clone());
    unsealing.enter(&ours.shares[0]).unwrap();
    unsealing.enter(&ours.shares[1]).unwrap();
    let cases = [
        (Share::copy_of(""), ShareError::Malformed),
        (Share::copy_of("hunter2"), ShareError::Malformed),
        (Share::from("0".repeat(1 << 20)), ShareError::Malformed),
        (retyped(&ours.shares[2], 100, 'A'), ShareError::Malformed),
        (
            Share::copy_of(theirs.shares[2].expose()),
            ShareError::Foreign,
        ),
        (
            Share::copy_of(elsewhere.shares[2].expose()),
            ShareError::Foreign,
        ),
        (
            Share::copy_of(region.shares[2].expose()),
            ShareError::OtherRegion(2),
        ),
        (
            Share::copy_of(ours.shares[0].expose()),
            ShareError::Duplicate,
        ),
    ];
    for (share, expected) in &cases {
        assert_eq!(refused(&mut unsealing, share), *expected);
        assert_eq!(unsealing.progress().entered, [1, 2]);
    }
    assert!(matches!(
        unsealing.enter(&ours.shares[2]),
        Ok(Step::Open(_))
    ));
}

#[test]
fn a_forged_share_of_the_right_set_is_wrong() {
    let ours = seal(1);
    for index in [0, 1, 5, 6, 64, 255] {
        for threshold in [2, 3] {
            let forged = super::super::share::tests::forge(&ours.shares[2], index, threshold);
            let mut unsealing = Unsealing::new(ours.header.clone());
            assert_eq!(refused(&mut unsealing, &forged), ShareError::Wrong);
        }
    }
    let whole = super::super::share::tests::forge(&ours.shares[2], 3, 3);
    assert!(Unsealing::new(ours.header).enter(&whole).is_ok());
}

#[test]
fn only_a_share_of_this_seal_cancels() {
    let (ours, theirs) = (seal(1), seal(2));
    let mut unsealing = Unsealing::new(ours.header.clone());
    unsealing.enter(&ours.shares[0]).unwrap();
    assert_eq!(
        unsealing.cancel(&theirs.shares[0]),
        Err(ShareError::Foreign)
    );
    assert_eq!(
        unsealing.cancel(&Share::copy_of("junk")),
        Err(ShareError::Malformed)
    );
    assert_eq!(unsealing.progress().entered, [1]);
    unsealing.cancel(&ours.shares[0]).unwrap();
    assert!(unsealing.progress().entered.is_empty());
    unsealing.enter(&ours.shares[0]).unwrap();
    unsealing.cancel(&ours.shares[4]).unwrap();
    assert!(unsealing.progress().entered.is_empty());
}

#[test]
fn a_timeout_forgets_and_the_same_shares_may_be_entered_again() {
    let ours = seal(1);
    let mut unsealing = Unsealing::new(ours.header.clone());
    unsealing.enter(&ours.shares[0]).unwrap();
    unsealing.forget();
    for share in &ours.shares[..2] {
        assert!(matches!(unsealing.enter(share), Ok(Step::More(_))));
    }
    assert!(matches!(
        unsealing.enter(&ours.shares[2]),
        Ok(Step::Open(_))
    ));
}

#[test]
fn confirming_takes_the_new_shares_only() {
    let (old, new) = (seal(1), seal(2));
    let mut confirming = Confirming::new(new.header.clone());
    assert_eq!(confirming.enter(&old.shares[0]), Err(ShareError::Foreign));
    assert!(!confirming.enter(&new.shares[0]).unwrap().complete());
    assert_eq!(confirming.enter(&new.shares[0]), Err(ShareError::Duplicate));
    assert_eq!(
        confirming.enter(&Share::copy_of("x")),
        Err(ShareError::Malformed)
    );
    assert!(!confirming.enter(&new.shares[3]).unwrap().complete());
    assert_eq!(confirming.progress().entered, [1, 4]);
    assert!(confirming.enter(&new.shares[4]).unwrap().complete());
    assert_eq!(confirming.header(), &new.header);
}

#[test]
fn debug_shows_progress_and_no_share() {
    let ours = seal(1);
    let mut unsealing = Unsealing::new(ours.header.clone());
    unsealing.enter(&ours.shares[0]).unwrap();
    let shown = format!("{unsealing:?}");
    assert_eq!(
        shown,
        "Unsealing { progress: Progress { entered: [1], threshold: 3 }, .. }"
    );
    assert!(!format!("{ours:?}").contains("vault-share"));
}
