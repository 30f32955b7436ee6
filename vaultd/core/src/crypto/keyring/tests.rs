//! Terms, records, and what a damaged one says.

mod regions;

use super::super::entropy::Seeded;
use super::super::envelope::{Class, Place};
use super::*;

const CLUSTER: [u8; 16] = [0xc1; 16];
const NOW: u64 = 1_700_000_000_000;
const ROLES: [Role; 6] = [
    Role::Voter,
    Role::Shared,
    Role::Index,
    Role::Kek(HOME_REGION),
    Role::LogSigning,
    Role::Audit,
];

fn root() -> RootKey {
    RootKey::from_slice(&[0x21; 32]).unwrap()
}

fn keyring() -> Keyring {
    Keyring::make(&root(), CLUSTER, &mut Seeded::new(1), NOW)
}

fn record() -> Vec<u8> {
    keyring().to_record(&mut Seeded::new(2))
}

fn reopen(bytes: &[u8]) -> Result<Keyring, KeyringError> {
    Keyring::from_record(&root(), &CLUSTER, HOME_REGION, bytes)
}

/// Numbers and creation times of every term, and every key's bytes.
fn contents(keyring: &Keyring) -> Vec<(Role, u32, u64, [u8; 32])> {
    let mut all = Vec::new();
    let mut note = |role, number, created, key: &[u8; 32]| all.push((role, number, created, *key));
    for t in keyring.voter().into_iter().flat_map(Ring::iter) {
        note(Role::Voter, t.number(), t.created_at(), t.key().expose());
    }
    for t in keyring.shared().iter() {
        note(Role::Shared, t.number(), t.created_at(), t.key().expose());
    }
    for t in keyring.index().iter() {
        note(Role::Index, t.number(), t.created_at(), t.key().expose());
    }
    for (region, ring) in keyring.keks() {
        for t in ring.iter() {
            note(
                Role::Kek(region),
                t.number(),
                t.created_at(),
                t.key().expose(),
            );
        }
    }
    for t in keyring.log_signing().into_iter().flat_map(Ring::iter) {
        note(
            Role::LogSigning,
            t.number(),
            t.created_at(),
            t.key().expose(),
        );
    }
    for t in keyring.audit().iter() {
        note(Role::Audit, t.number(), t.created_at(), t.key().expose());
    }
    all
}

fn place() -> Place<'static> {
    Place {
        cluster: &CLUSTER,
        tenant: 0,
        class: Class::Shared,
        scope: 0,
        term: 0,
        key: b"a record",
    }
}

#[test]
fn a_fresh_keyring_has_one_term_of_each_key_and_no_two_keys_alike() {
    let keyring = keyring();
    assert_eq!(keyring.generation(), 1);
    let contents = contents(&keyring);
    assert_eq!(contents.iter().map(|c| c.0).collect::<Vec<_>>(), ROLES);
    assert!(contents.iter().all(|c| (c.1, c.2) == (1, NOW)));
    let mut keys: Vec<_> = contents.iter().map(|c| c.3).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), ROLES.len());
}

#[test]
fn a_record_reads_back() {
    let mut keyring = keyring();
    for (at, which) in [
        (1, Rotate::All),
        (2, Rotate::One(Role::Index)),
        (3, Rotate::All),
    ] {
        keyring = keyring
            .rotate(which, &mut Seeded::new(10 + at), NOW + at)
            .unwrap();
    }
    let bytes = keyring.to_record(&mut Seeded::new(2));
    let back = reopen(&bytes).unwrap();
    assert_eq!(contents(&back), contents(&keyring));
    assert_eq!(back.generation(), 4);
    assert_eq!((back.cluster(), back.region()), (&CLUSTER, HOME_REGION));
    assert_eq!(record_generation(&bytes), Ok(4));
    // and the reopened one writes records that reopen: the root key is not needed for that
    let again = back.to_record(&mut Seeded::new(3));
    assert_eq!(contents(&reopen(&again).unwrap()), contents(&keyring));
}

#[test]
fn the_record_is_golden() {
    use sha2::{Digest, Sha256};
    let record = record();
    assert_eq!(record.len(), 1 + 8 + 113 + 81 + 1 + 2 + 6 * 47);
    assert_eq!(hex::encode(&record[..9]), "010000000000000001");
    assert_eq!(
        hex::encode(Sha256::digest(&record)),
        "9aacb636d50a8489f40ce42e883a10d7967c9682ae5c84731717e6262532a3d9"
    );
}

#[test]
fn a_record_of_before_there_were_regions_still_opens() {
    use sha2::{Digest, Sha256};
    let terms = keyring().keys.encode();
    let old = [&[1], &terms.expose()[3..]].concat();
    let old = keyring().seal_terms(&old, &mut Seeded::new(2));
    assert_eq!(old.len(), 1 + 8 + 113 + 81 + 1 + 6 * 47);
    assert_eq!(
        hex::encode(Sha256::digest(&old)),
        "e53e47e3d383d51d050a187b2cd7b08d650b6a940703b3d32e6397410ee1fe1d"
    );
    let opened = reopen(&old).unwrap();
    assert_eq!(contents(&opened), contents(&keyring()));
    assert!(opened.is_home() && opened.regions().next().is_none());
}

#[test]
fn rotation_seals_under_the_new_term_and_opens_the_old_ones() {
    let old = keyring();
    let sealed = old.shared().seal(&place(), &mut Seeded::new(3), b"old");
    let new = old
        .rotate(Rotate::All, &mut Seeded::new(4), NOW + 1)
        .unwrap();
    assert_eq!(
        new.shared().open(&place(), &sealed).unwrap().expose(),
        b"old"
    );
    let resealed = new.shared().seal(&place(), &mut Seeded::new(5), b"new");
    assert_eq!(super::super::envelope::header(&resealed).unwrap().term, 2);
    assert_eq!(
        new.shared().open(&place(), &resealed).unwrap().expose(),
        b"new"
    );
    assert!(old.shared().open(&place(), &resealed).is_err());
    assert_eq!(
        new.index().active().number(),
        1,
        "the index key rotates only by name"
    );
    assert_eq!(new.shared().active().created_at(), NOW + 1);
}

#[test]
fn each_key_rotates_alone() {
    for role in ROLES {
        let new = keyring()
            .rotate(Rotate::One(role), &mut Seeded::new(4), NOW + 1)
            .unwrap();
        let doubled: Vec<_> = contents(&new)
            .iter()
            .filter(|c| c.1 == 2)
            .map(|c| c.0)
            .collect();
        assert_eq!(doubled, [role]);
        assert_eq!(new.generation(), 2);
    }
}

#[test]
fn old_terms_are_destroyed_and_active_ones_never() {
    for role in ROLES {
        let new = keyring()
            .rotate(Rotate::One(role), &mut Seeded::new(4), NOW)
            .unwrap();
        assert_eq!(
            new.destroy_terms(&[(role, 2)]).unwrap_err(),
            TermError::Active
        );
        assert_eq!(
            new.destroy_terms(&[(role, 3)]).unwrap_err(),
            TermError::Unknown
        );
        let without = new.destroy_terms(&[(role, 1)]).unwrap();
        assert_eq!(without.generation(), 3);
        assert!(!contents(&without).iter().any(|c| (c.0, c.1) == (role, 1)));
        assert_eq!(
            without.destroy_terms(&[(role, 1)]).unwrap_err(),
            TermError::Unknown
        );
        // its number is never given out again
        let next = without
            .rotate(Rotate::One(role), &mut Seeded::new(5), NOW)
            .unwrap();
        assert!(contents(&next).iter().any(|c| (c.0, c.1) == (role, 3)));
        assert!(reopen(&next.to_record(&mut Seeded::new(6))).is_ok());
    }
}

#[test]
fn several_terms_are_destroyed_together_or_none() {
    let new = keyring()
        .rotate(Rotate::All, &mut Seeded::new(4), NOW)
        .unwrap();
    let both = [(Role::Voter, 1), (Role::Shared, 1)];
    for bad in [(Role::Shared, 2), (Role::Shared, 9), (Role::Voter, 1)] {
        let three = [both[0], both[1], bad];
        assert!(new.destroy_terms(&three).is_err(), "{bad:?}");
    }
    let without = new.destroy_terms(&both).unwrap();
    assert_eq!(without.generation(), new.generation() + 1);
    assert!(without.voter().unwrap().get(1).is_none() && without.shared().get(1).is_none());
    assert!(without.kek(1).unwrap().get(1).is_some());
}

#[test]
fn a_region_without_a_kek_is_unknown() {
    let keyring = keyring();
    let rotated = keyring.rotate(Rotate::One(Role::Kek(9)), &mut Seeded::new(4), NOW);
    assert_eq!(rotated.unwrap_err(), TermError::Unknown);
    assert_eq!(
        keyring.destroy_terms(&[(Role::Kek(9), 1)]).unwrap_err(),
        TermError::Unknown
    );
}

#[test]
fn failed_opens_are_counted_per_term_and_survive_a_rotation() {
    let keyring = keyring();
    let mut sealed = keyring
        .shared()
        .seal(&place(), &mut Seeded::new(3), b"plain");
    *sealed.last_mut().unwrap() ^= 1;
    for _ in 0..3 {
        assert!(keyring.shared().open(&place(), &sealed).is_err());
    }
    let rotated = keyring
        .rotate(Rotate::All, &mut Seeded::new(4), NOW)
        .unwrap();
    assert!(rotated.shared().open(&place(), &sealed).is_err());
    assert_eq!(rotated.shared().get(1).unwrap().failed_opens(), 4);
    assert_eq!(rotated.shared().active().failed_opens(), 0);
    assert_eq!(keyring.shared().failed_opens(), 4);
    assert_eq!(keyring.voter().unwrap().failed_opens(), 0);
}

#[test]
fn rekey_changes_root_and_wrapping_key_and_no_other() {
    let new_root = RootKey::from_slice(&[0x22; 32]).unwrap();
    let old = keyring();
    let new = old.rekey(&new_root, &mut Seeded::new(7)).unwrap();
    let bytes = new.to_record(&mut Seeded::new(8));
    assert_eq!(reopen(&bytes).unwrap_err(), KeyringError::WrongRoot);
    let opened = Keyring::from_record(&new_root, &CLUSTER, HOME_REGION, &bytes).unwrap();
    assert_eq!(contents(&opened), contents(&old));
    assert_eq!(opened.generation(), 2);
    assert_eq!(old.reload(&bytes).unwrap_err(), KeyringError::Rekeyed);
    // the old wrapping key must not open the new record either
    let grafted = [&bytes[..9], &record()[9..122], &bytes[122..]].concat();
    assert_eq!(reopen(&grafted).unwrap_err(), KeyringError::Damaged);
}

#[test]
fn an_unsealed_node_reloads_without_the_root_key() {
    let leader = keyring();
    let follower = reopen(&leader.to_record(&mut Seeded::new(2))).unwrap();
    let leader = leader
        .rotate(Rotate::All, &mut Seeded::new(3), NOW)
        .unwrap();
    let reloaded = follower
        .reload(&leader.to_record(&mut Seeded::new(4)))
        .unwrap();
    assert_eq!(contents(&reloaded), contents(&leader));
    let mut damaged = leader.to_record(&mut Seeded::new(4));
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(
        follower.reload(&damaged).unwrap_err(),
        KeyringError::Damaged
    );
}

#[test]
fn a_record_opens_only_for_its_root_cluster_and_region() {
    let bytes = record();
    let other = RootKey::from_slice(&[0x22; 32]).unwrap();
    let error = |root: &RootKey, cluster: &[u8; 16], region| {
        Keyring::from_record(root, cluster, region, &bytes).unwrap_err()
    };
    assert_eq!(error(&other, &CLUSTER, 1), KeyringError::WrongRoot);
    assert_eq!(error(&root(), &[0; 16], 1), KeyringError::WrongRoot);
    assert_eq!(error(&root(), &CLUSTER, 2), KeyringError::WrongRoot);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = record();
    for end in 0..bytes.len() {
        let error = reopen(&bytes[..end]).unwrap_err();
        let expected = if end < 1 + 8 + 113 + 81 {
            KeyringError::Truncated
        } else {
            KeyringError::Damaged
        };
        assert_eq!(error, expected, "cut at {end}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(reopen(&longer).unwrap_err(), KeyringError::Damaged);
}

#[test]
fn every_flipped_byte_is_refused_with_the_error_of_its_part() {
    let bytes = record();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        let expected = match at {
            0 => KeyringError::Format(0x11),
            9..122 => KeyringError::WrongRoot,
            _ => KeyringError::Damaged,
        };
        assert_eq!(reopen(&changed).unwrap_err(), expected, "byte {at}");
    }
}

#[test]
fn an_older_sealed_part_does_not_pass_for_a_newer_generation() {
    let old = record();
    let new = keyring()
        .rotate(Rotate::All, &mut Seeded::new(3), NOW)
        .unwrap();
    let new = new.to_record(&mut Seeded::new(4));
    let mixed = [&new[..122], &old[122..]].concat();
    assert_eq!(reopen(&mixed).unwrap_err(), KeyringError::Damaged);
}

#[test]
fn debug_shows_no_key() {
    let keyring = keyring();
    let shown = format!("{keyring:?}");
    assert!(shown.contains("RecordKey(..)"));
    let first = keyring.voter().unwrap().active().key().expose();
    let bytes: Vec<_> = first.iter().map(u8::to_string).collect();
    assert!(!shown.contains(&bytes[..8].join(", ")));
}
