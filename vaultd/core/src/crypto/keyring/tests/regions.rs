//! What another region's keyring holds, and above all what it lacks.

use super::super::super::envelope;
use super::super::super::secret::Dek;
use super::super::super::sign;
use super::super::super::wrap::{self, WrapError, WrapPlace};
use super::*;

const EU: u16 = 2;
const US: u16 = 3;
const WRAP: WrapPlace<'static> = WrapPlace {
    tenant: 0,
    scope: 0,
    key: b"wrap of a version",
};

fn root_of(region: u16) -> RootKey {
    RootKey::from_slice(&[u8::try_from(region).unwrap(); 32]).unwrap()
}

impl Keyring {
    /// A record that says whatever it is told to.
    fn forge_record(&self, keys: &Keys) -> Vec<u8> {
        self.seal_terms(keys.encode().expose(), &mut Seeded::new(9))
    }
}

/// Home's keyring with two regions, each of whose keys has two terms.
fn home() -> Keyring {
    let mut home = keyring();
    for region in [EU, US] {
        let root = root_of(region);
        let mut entropy = Seeded::new(u64::from(region));
        home = home.add_region(region, &root, &mut entropy, NOW).unwrap();
    }
    home.rotate(Rotate::All, &mut Seeded::new(20), NOW + 1)
        .unwrap()
}

/// A region's keyring as its node opens it.
fn opened(home: &Keyring, region: u16) -> Keyring {
    let record = home.of_region(region).unwrap();
    let record = record.to_record(&mut Seeded::new(9));
    Keyring::from_record(&root_of(region), &CLUSTER, region, &record).unwrap()
}

fn dek() -> Dek {
    Dek::from_slice(&[0xdd; 32]).unwrap()
}

#[test]
fn homes_record_reads_back_with_its_regions() {
    let home = home();
    let back = reopen(&home.to_record(&mut Seeded::new(2))).unwrap();
    assert_eq!(contents(&back), contents(&home));
    assert_eq!(back.regions().collect::<Vec<_>>(), [EU, US]);
    for region in [EU, US] {
        let (one, other) = (opened(&home, region), opened(&back, region));
        assert_eq!(contents(&one), contents(&other));
    }
}

#[test]
fn a_regions_record_is_golden() {
    use sha2::{Digest, Sha256};
    let record = home().of_region(EU).unwrap().to_record(&mut Seeded::new(9));
    assert_eq!(record.len(), 1 + 8 + 113 + 81 + 1 + 2 + 7 * 47);
    assert_eq!(
        hex::encode(Sha256::digest(&record)),
        "e3aaa1016dcf080ed5abd4ba36d3ddcfb14ad9fad43402b6b8a9192fcbbfa546"
    );
}

#[test]
fn a_regions_record_lacks_every_key_that_is_not_for_it() {
    let home = home();
    let all = contents(&home);
    for (region, other) in [(EU, US), (US, EU)] {
        let own = opened(&home, region);
        assert_eq!(
            (own.region(), own.generation()),
            (region, home.generation())
        );
        let roles: Vec<_> = all.iter().map(|known| known.0).collect();
        let held = [Role::Shared, Role::Index, Role::Kek(region), Role::Audit];
        let expected = all.iter().filter(|known| held.contains(&known.0));
        assert_eq!(contents(&own), expected.copied().collect::<Vec<_>>());
        assert!(!own.is_home() && own.voter().is_none() && own.log_signing().is_none());
        assert!(own.kek(other).is_none() && own.kek(HOME_REGION).is_none());
        assert!(own.regions().next().is_none() && own.of_region(region).is_none());
        // and none of the bytes of the others is in what its wrapping key opens
        let plain = own.keys.encode();
        let lacks = |key: &[u8; 32]| !plain.expose().windows(32).any(|bytes| bytes == key);
        let others = all.iter().filter(|known| !held.contains(&known.0));
        assert!(others.clone().count() >= 8, "{roles:?}");
        for (role, term, _, key) in others {
            assert!(lacks(key), "{role:?} {term}");
        }
        for kept in home.keys.home.as_ref().unwrap().regions.values() {
            assert!(lacks(kept.wrapping.expose()));
        }
    }
}

#[test]
fn a_regions_keyring_opens_no_voter_record_and_no_other_regions_value() {
    let home = home();
    let eu = opened(&home, EU);
    let voter = Place {
        class: Class::Voter,
        ..place()
    };
    let sealed = home.voter().unwrap();
    let sealed = sealed.seal(&voter, &mut Seeded::new(3), b"a password's hash");
    // all the keys that it has, tried in every term
    for term in eu.shared().iter().map(Term::key) {
        for number in 1..=2 {
            let place = Place {
                term: number,
                ..voter
            };
            assert!(envelope::open(term, &place, &sealed).is_err());
        }
    }
    let for_us = wrap::wrap(
        &home,
        &[HOME_REGION, US],
        &WRAP,
        &dek(),
        &mut Seeded::new(4),
    )
    .unwrap();
    let refused = wrap::unwrap(&eu, &WRAP, &for_us).unwrap_err();
    assert_eq!(refused, WrapError::NoRegion(EU));
    let for_both = wrap::wrap(
        &home,
        &[HOME_REGION, EU],
        &WRAP,
        &dek(),
        &mut Seeded::new(5),
    )
    .unwrap();
    assert!(wrap::unwrap(&eu, &WRAP, &for_both).unwrap().ct_eq(&dek()));
    assert!(wrap::unwrap(&home, &WRAP, &for_both).unwrap().ct_eq(&dek()));
    assert!(wrap::unwrap(&opened(&home, US), &WRAP, &for_both).is_err());
    // a wrap that is passed off as one for the region does not open either
    let number = |region| u8::try_from(region).unwrap();
    for at in (0..for_us.len()).filter(|at| for_us[*at] == number(US)) {
        let mut passed_off = for_us.clone();
        passed_off[at] = number(EU);
        assert!(wrap::unwrap(&eu, &WRAP, &passed_off).is_err(), "byte {at}");
    }
}

#[test]
fn a_regions_keyring_signs_nothing_and_is_changed_by_nobody() {
    let eu = opened(&home(), EU);
    assert!(eu.log_signing().is_none());
    let all = [
        Rotate::All,
        Rotate::One(Role::Shared),
        Rotate::One(Role::LogSigning),
    ];
    for which in all {
        let rotated = eu.rotate(which, &mut Seeded::new(1), NOW);
        assert_eq!(rotated.unwrap_err(), TermError::NotHome);
    }
    let destroyed = eu.destroy_terms(&[(Role::Shared, 1)]);
    assert_eq!(destroyed.unwrap_err(), TermError::NotHome);
    let rekeyed = eu.rekey(&root(), &mut Seeded::new(1));
    assert_eq!(rekeyed.unwrap_err(), TermError::NotHome);
    let added = eu.add_region(9, &root(), &mut Seeded::new(1), NOW);
    assert_eq!(added.unwrap_err(), TermError::NotHome);
    assert_eq!(eu.forget_region(EU).unwrap_err(), TermError::NotHome);
}

#[test]
fn a_record_that_holds_more_or_less_than_its_region_may_is_damaged() {
    let home = home();
    let eu = home.of_region(EU).unwrap();
    let open = |keys: &Keys| {
        let record = eu.forge_record(keys);
        Keyring::from_record(&root_of(EU), &CLUSTER, EU, &record).map(drop)
    };
    assert_eq!(open(&eu.keys), Ok(()));
    let forged = |change: &dyn Fn(&mut Keys)| {
        let mut keys = eu.keys.share();
        change(&mut keys);
        open(&keys)
    };
    let kek = |region| home.keys.keks.get(&region).unwrap().share();
    let damaged = Err(KeyringError::Damaged);
    assert_eq!(forged(&|keys| drop(keys.keks.insert(US, kek(US)))), damaged);
    assert_eq!(forged(&|keys| drop(keys.keks.insert(1, kek(1)))), damaged);
    assert_eq!(forged(&|keys| keys.keks.clear()), damaged);
    let whole = |keys: &mut Keys| keys.home = home.keys.home.as_ref().map(Home::share);
    assert_eq!(forged(&whole), damaged);
    // nor is home's record one without what home must have
    let mut keys = home.keys.share();
    keys.home = None;
    let record = home.forge_record(&keys);
    assert_eq!(reopen(&record).unwrap_err(), KeyringError::Damaged);
}

#[test]
fn a_region_follows_home_without_its_root_key_and_a_rekey_of_home_changes_nothing_there() {
    let before = home();
    let eu = opened(&before, EU);
    let after = before
        .rotate(Rotate::All, &mut Seeded::new(30), NOW + 2)
        .unwrap()
        .destroy_terms(&[(Role::Shared, 1), (Role::Kek(EU), 1)])
        .unwrap()
        .rekey(&root_of(9), &mut Seeded::new(31))
        .unwrap();
    let record = after.of_region(EU).unwrap().to_record(&mut Seeded::new(32));
    let followed = eu.reload(&record).unwrap();
    assert_eq!(followed.generation(), after.generation());
    assert_eq!(contents(&followed), contents(&opened(&after, EU)));
    assert_eq!(followed.shared().active().number(), 3);
    assert!(followed.shared().get(1).is_none() && followed.kek(EU).unwrap().get(1).is_none());
}

#[test]
fn a_regions_record_opens_with_its_own_root_and_as_that_region_only() {
    let home = home();
    let record = home.of_region(EU).unwrap().to_record(&mut Seeded::new(9));
    let open = |root: &RootKey, cluster: &[u8; 16], region| {
        Keyring::from_record(root, cluster, region, &record).unwrap_err()
    };
    assert_eq!(open(&root(), &CLUSTER, EU), KeyringError::WrongRoot);
    assert_eq!(open(&root_of(US), &CLUSTER, EU), KeyringError::WrongRoot);
    assert_eq!(open(&root_of(EU), &CLUSTER, US), KeyringError::WrongRoot);
    assert_eq!(
        open(&root_of(EU), &CLUSTER, HOME_REGION),
        KeyringError::WrongRoot
    );
    assert_eq!(open(&root_of(EU), &[0; 16], EU), KeyringError::WrongRoot);
    let us = home.of_region(US).unwrap().to_record(&mut Seeded::new(9));
    let grafted = [&record[..122], &us[122..]].concat();
    let grafted = Keyring::from_record(&root_of(EU), &CLUSTER, EU, &grafted);
    assert_eq!(grafted.unwrap_err(), KeyringError::Damaged);
}

#[test]
fn a_number_is_given_to_one_region_only_and_a_forgotten_one_is_written_no_more() {
    let home = home();
    for taken in [0, HOME_REGION, EU] {
        let added = home.add_region(taken, &root(), &mut Seeded::new(1), NOW);
        assert_eq!(added.unwrap_err(), TermError::Taken, "{taken}");
    }
    let without = home.forget_region(EU).unwrap();
    assert!(without.of_region(EU).is_none() && without.kek(EU).is_some());
    assert_eq!(without.regions().collect::<Vec<_>>(), [US]);
    assert_eq!(without.forget_region(EU).unwrap_err(), TermError::Unknown);
    let again = without.add_region(EU, &root(), &mut Seeded::new(1), NOW);
    assert_eq!(again.unwrap_err(), TermError::Taken);
    let back = reopen(&without.to_record(&mut Seeded::new(2))).unwrap();
    assert_eq!(contents(&back), contents(&without));
}

#[test]
fn every_truncation_and_flipped_byte_of_homes_record_with_regions_is_refused() {
    let record = home().to_record(&mut Seeded::new(2));
    for end in 0..record.len() {
        assert!(reopen(&record[..end]).is_err(), "cut at {end}");
    }
    for at in 0..record.len() {
        let mut changed = record.clone();
        changed[at] ^= 0x10;
        assert!(reopen(&changed).is_err(), "byte {at}");
    }
}

/// The public half that verifies what home signs is no use for signing: a region has no private one to try.
#[test]
fn what_home_signs_no_key_of_a_region_signs() {
    let home = home();
    let eu = opened(&home, EU);
    let public = sign::public(home.log_signing().unwrap().active().key());
    let digest = [7; 32];
    let good = sign::sign(home.log_signing().unwrap().active().key(), &digest);
    assert!(sign::verify(&public, &digest, &good));
    for (role, _, _, key) in contents(&eu) {
        let forged = LogSigningKey::from_slice(&key).unwrap();
        let forged = sign::sign(&forged, &digest);
        assert!(!sign::verify(&public, &digest, &forged), "{role:?}");
    }
}
