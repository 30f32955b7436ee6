//! Wraps for regions, rotation, and damage.

use super::super::entropy::Seeded;
use super::super::keyring::{HOME_REGION, Role, Rotate};
use super::super::secret::RootKey;
use super::*;

const PLACE: WrapPlace<'static> = WrapPlace {
    tenant: 0,
    scope: 0,
    key: b"wrap record",
};

fn keyring() -> Keyring {
    let root = RootKey::from_slice(&[0x21; 32]).unwrap();
    Keyring::make(&root, [0xc1; 16], &mut Seeded::new(1), 0)
}

fn dek() -> Dek {
    Dek::from_slice(&[0xdd; 32]).unwrap()
}

fn record(keyring: &Keyring) -> Vec<u8> {
    wrap(keyring, &[HOME_REGION], &PLACE, &dek(), &mut Seeded::new(2)).unwrap()
}

#[test]
fn a_data_key_is_unwrapped_where_it_was_wrapped() {
    let keyring = keyring();
    let record = record(&keyring);
    assert!(unwrap(&keyring, &PLACE, &record).unwrap().ct_eq(&dek()));
    assert_eq!(terms(&record), Ok(vec![(HOME_REGION, 1)]));
}

#[test]
fn the_record_is_golden() {
    let expected = [
        "82018183010158710101040000000000011309ac3f4e41512820fbf259ae492bb686480eb4a7f5fa",
        "4b4cd3aded8206bdc66234ae70da3c1d96ec9084ccd17bc76a0cd1e4300faa19679ff35199b3f1c9",
        "48e4ef955e29b41760adcfdd2c628758a031da80c08e1ddbd4169c787fc7866a4ec2e08357f36b98",
        "5a",
    ];
    assert_eq!(hex::encode(record(&keyring())), expected.concat());
}

#[test]
fn a_repeated_region_is_wrapped_once_and_none_is_refused() {
    let keyring = keyring();
    let regions = [HOME_REGION, HOME_REGION];
    let record = wrap(&keyring, &regions, &PLACE, &dek(), &mut Seeded::new(2)).unwrap();
    assert_eq!(terms(&record), Ok(vec![(HOME_REGION, 1)]));
    let none = wrap(&keyring, &[], &PLACE, &dek(), &mut Seeded::new(2));
    assert_eq!(none, Err(WrapError::NoRegion(0)));
    let foreign = wrap(
        &keyring,
        &[HOME_REGION, 9],
        &PLACE,
        &dek(),
        &mut Seeded::new(2),
    );
    assert_eq!(foreign, Err(WrapError::NoRegion(9)));
}

#[test]
fn another_place_is_refused_and_counted() {
    let keyring = keyring();
    let record = record(&keyring);
    let elsewhere = [
        WrapPlace { tenant: 1, ..PLACE },
        WrapPlace { scope: 1, ..PLACE },
        WrapPlace {
            key: b"wrap recorc",
            ..PLACE
        },
        WrapPlace {
            key: b"wrap record\0",
            ..PLACE
        },
    ];
    for place in &elsewhere {
        assert_eq!(
            unwrap(&keyring, place, &record).unwrap_err(),
            WrapError::Open
        );
    }
    assert_eq!(keyring.kek(HOME_REGION).unwrap().failed_opens(), 4);
}

#[test]
fn another_clusters_or_regions_keyring_does_not_unwrap() {
    let root = RootKey::from_slice(&[0x21; 32]).unwrap();
    let record = record(&keyring());
    let other = Keyring::make(&root, [0xc2; 16], &mut Seeded::new(1), 0);
    assert_eq!(
        unwrap(&other, &PLACE, &record).unwrap_err(),
        WrapError::Open
    );
    let more = keyring().add_region(2, &root, &mut Seeded::new(5), 0);
    let region = more.unwrap().of_region(2).unwrap();
    assert_eq!(
        unwrap(&region, &PLACE, &record).unwrap_err(),
        WrapError::NoRegion(2)
    );
}

#[test]
fn rewrap_moves_to_the_active_term_and_then_has_nothing_to_do() {
    let old = keyring();
    let record = record(&old);
    assert_eq!(rewrap(&old, &PLACE, &record, &mut Seeded::new(3)), Ok(None));
    let kek = Rotate::One(Role::Kek(HOME_REGION));
    let new = old.rotate(kek, &mut Seeded::new(4), 0).unwrap();
    assert!(unwrap(&new, &PLACE, &record).unwrap().ct_eq(&dek()));
    let moved = rewrap(&new, &PLACE, &record, &mut Seeded::new(5))
        .unwrap()
        .unwrap();
    assert_eq!(terms(&moved), Ok(vec![(HOME_REGION, 2)]));
    let alone = new.destroy_terms(&[(Role::Kek(HOME_REGION), 1)]).unwrap();
    assert!(unwrap(&alone, &PLACE, &moved).unwrap().ct_eq(&dek()));
    assert_eq!(
        unwrap(&alone, &PLACE, &record).unwrap_err(),
        WrapError::Open
    );
    assert_eq!(rewrap(&new, &PLACE, &moved, &mut Seeded::new(6)), Ok(None));
    let damaged = WrapPlace {
        key: b"elsewhere",
        ..PLACE
    };
    let refused = rewrap(&new, &damaged, &record, &mut Seeded::new(5));
    assert_eq!(refused, Err(WrapError::Open));
}

#[test]
fn every_truncation_and_every_flipped_byte_is_refused() {
    let keyring = keyring();
    let record = record(&keyring);
    for at in 0..record.len() {
        let cut = unwrap(&keyring, &PLACE, &record[..at]).unwrap_err();
        assert_eq!(cut, WrapError::Damaged, "cut at {at}");
        let mut changed = record.clone();
        changed[at] ^= 0x01;
        assert!(unwrap(&keyring, &PLACE, &changed).is_err(), "byte {at}");
    }
    let longer = [record.as_slice(), &[0]].concat();
    assert_eq!(
        unwrap(&keyring, &PLACE, &longer).unwrap_err(),
        WrapError::Damaged
    );
}

#[test]
fn disorder_and_repetition_are_damage() {
    let wrap = |region| Wrap {
        region,
        term: 1,
        sealed: b"",
    };
    for regions in [vec![], vec![2, 1], vec![1, 1], vec![1, 2, 2]] {
        let record = encode(regions.iter().map(|region| wrap(*region))).unwrap();
        assert_eq!(terms(&record), Err(WrapError::Damaged), "{regions:?}");
    }
    assert_eq!(
        terms(&encode([1, 2, 7].map(wrap).into_iter()).unwrap()),
        Ok(vec![(1, 1), (2, 1), (7, 1)])
    );
    let later = minicbor::to_vec((2_u8, vec![wrap(1)])).unwrap();
    assert_eq!(terms(&later), Err(WrapError::Damaged));
}

/// A keyring of home, with keys of the regions 2 to 5.
fn with_regions() -> Keyring {
    let root = RootKey::from_slice(&[0x22; 32]).unwrap();
    (2..=5).fold(keyring(), |keys, region| {
        let seed = 30 + u64::from(region);
        keys.add_region(region, &root, &mut Seeded::new(seed), 0)
            .unwrap()
    })
}

fn regions_of(record: &[u8]) -> Vec<u16> {
    terms(record).unwrap().iter().map(|(of, _)| *of).collect()
}

proptest::proptest! {
    #[test]
    fn exactly_home_and_the_regions_asked_for_open_it(
        steps in proptest::collection::vec(
            (proptest::collection::vec(1_u16..=5, 0..8), proptest::option::of(1_u16..=5)), 1..6),
    ) {
        let mut keys = with_regions();
        let mut record = record(&keys);
        for (at, (asked, rotated)) in (40..).zip(steps) {
            if let Some(region) = rotated {
                let one = Rotate::One(Role::Kek(region));
                keys = keys.rotate(one, &mut Seeded::new(at), 0).unwrap();
            }
            if let Some(next) = wrap_for(&keys, &asked, &PLACE, &record, &mut Seeded::new(100 + at)).unwrap() {
                record = next;
            }
            let again = wrap_for(&keys, &asked, &PLACE, &record, &mut Seeded::new(200 + at));
            proptest::prop_assert_eq!(again, Ok(None));
            let wanted: BTreeSet<u16> = asked.into_iter().chain([HOME_REGION]).collect();
            proptest::prop_assert_eq!(regions_of(&record), wanted.iter().copied().collect::<Vec<_>>());
            proptest::prop_assert!(unwrap(&keys, &PLACE, &record).unwrap().ct_eq(&dek()));
            for region in 2..=5 {
                let opened = unwrap(&keys.of_region(region).unwrap(), &PLACE, &record);
                match opened {
                    Ok(opened) => proptest::prop_assert!(wanted.contains(&region) && opened.ct_eq(&dek())),
                    Err(error) => {
                        proptest::prop_assert_eq!(error, WrapError::NoRegion(region));
                        proptest::prop_assert!(!wanted.contains(&region));
                    }
                }
            }
        }
    }
}

#[test]
fn a_region_without_a_key_is_named_and_nothing_is_written() {
    let keys = with_regions();
    let record = record(&keys);
    for foreign in [0, 6, u16::MAX] {
        let wrapped = wrap_for(&keys, &[2, foreign], &PLACE, &record, &mut Seeded::new(9));
        assert_eq!(wrapped, Err(WrapError::NoRegion(foreign)));
    }
}

#[test]
fn a_region_is_taken_away_without_a_key_of_it_and_though_its_wrap_is_damaged() {
    let keys = with_regions();
    let both = wrap(
        &keys,
        &[HOME_REGION, 2],
        &PLACE,
        &dek(),
        &mut Seeded::new(2),
    )
    .unwrap();
    let mut damaged = both.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for (keys, record) in [(keyring(), both), (with_regions(), damaged)] {
        let home = wrap_for(&keys, &[], &PLACE, &record, &mut Seeded::new(3));
        let home = home.unwrap().unwrap();
        assert_eq!(regions_of(&home), [HOME_REGION]);
        assert!(unwrap(&keys, &PLACE, &home).unwrap().ct_eq(&dek()));
    }
}

#[test]
fn no_region_is_added_to_what_home_cannot_open() {
    let keys = with_regions();
    let without = wrap(&keys, &[2], &PLACE, &dek(), &mut Seeded::new(2)).unwrap();
    let wrapped = wrap_for(&keys, &[2, 3], &PLACE, &without, &mut Seeded::new(3));
    assert_eq!(wrapped, Err(WrapError::NoRegion(HOME_REGION)));
    let elsewhere = WrapPlace {
        key: b"another",
        ..PLACE
    };
    let record = record(&keys);
    let wrapped = wrap_for(&keys, &[3], &elsewhere, &record, &mut Seeded::new(3));
    assert_eq!(wrapped, Err(WrapError::Open));
    for cut in 0..record.len() {
        let wrapped = wrap_for(&keys, &[3], &PLACE, &record[..cut], &mut Seeded::new(3));
        assert_eq!(wrapped, Err(WrapError::Damaged), "cut at {cut}");
    }
}
