//! Seals of every kind, and what a damaged or forged header says.

use super::super::entropy::Seeded;
use super::*;

const CLUSTER: [u8; 16] = [0xc1; 16];
const SPLIT: Split = Split::DEFAULT;

fn cheap() -> Cost {
    Cost::new(64, 1, 1).unwrap()
}

fn passphrase() -> Passphrase {
    Passphrase::copy_of("correct horse battery")
}

fn file() -> SealKey {
    SealKey::from_slice(&[0xf1; 32]).unwrap()
}

fn credential() -> SealKey {
    SealKey::from_slice(&[0xcd; 32]).unwrap()
}

/// One slot of every kind.
fn full() -> NewSeal {
    let (phrase, file, credential) = (passphrase(), file(), credential());
    let beside = [
        Seal::Passphrase(&phrase, cheap()),
        Seal::KeyFile(&file),
        Seal::Credential(&credential),
    ];
    make(CLUSTER, 1, SPLIT, &beside, &mut Seeded::new(1)).unwrap()
}

fn plain() -> NewSeal {
    make(CLUSTER, 1, SPLIT, &[], &mut Seeded::new(1)).unwrap()
}

/// Opens with the first `threshold` shares.
fn open_shares(header: &SealHeader, shares: &[Share]) -> Result<RootKey, ShareError> {
    let mut unsealing = Unsealing::new(header.clone());
    for share in shares {
        if let Step::Open(root) = unsealing.enter(share)? {
            return Ok(root);
        }
    }
    panic!("the shares did not suffice")
}

#[test]
fn every_slot_opens_to_the_same_root_key() {
    let seal = full();
    let header = SealHeader::from_record(&seal.header.to_record()).unwrap();
    let roots = [
        header.open_passphrase(&passphrase()).unwrap(),
        header.open_key(SealKind::KeyFile, &file()).unwrap(),
        header
            .open_key(SealKind::Credential, &credential())
            .unwrap(),
        open_shares(&header, &seal.shares).unwrap(),
    ];
    assert!(roots.iter().all(|root| root.ct_eq(&seal.root)));
}

#[test]
fn a_header_describes_itself() {
    let header = full().header;
    assert_eq!((header.cluster(), header.region()), (&CLUSTER, 1));
    assert_eq!((header.threshold(), header.shares()), (3, 5));
    assert_eq!(header.main_kind(), SealKind::Passphrase);
    let kinds: Vec<_> = header.kinds().collect();
    let all = [
        SealKind::Passphrase,
        SealKind::KeyFile,
        SealKind::Credential,
        SealKind::Shamir,
    ];
    assert_eq!(kinds, all);
    let plain = plain().header;
    assert_eq!(plain.main_kind(), SealKind::Shamir);
    assert_eq!(plain.kinds().collect::<Vec<_>>(), [SealKind::Shamir]);
}

#[test]
fn headers_read_back_and_are_golden() {
    let seal = full();
    let record = seal.header.to_record();
    assert_eq!(SealHeader::from_record(&record).as_ref(), Ok(&seal.header));
    assert_eq!(
        record.len(),
        19 + (2 + 171 + 113) + (2 + 29 + 113) + 2 * (2 + 1 + 113) + 64
    );
    assert_eq!(
        hex::encode(&record[..22]),
        "01c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1000100ab01"
    );
    let digest = "86ad650ce58b82ab0d6a6f09dfb45a113cd3414cbf5f892b8329d6af7eb5bdeb";
    assert_eq!(hex::encode(Sha256::digest(&record)), digest);
    // this one was also computed by an implementation in another language
    let digest = "326e1e7b9f19c89ccee023854b3e76caaa845d5c07e143af70a893f8662cfd52";
    assert_eq!(
        hex::encode(Sha256::digest(plain().header.to_record())),
        digest
    );
}

#[test]
fn a_wrong_passphrase_or_key_is_named() {
    let header = full().header;
    let typo = Passphrase::copy_of("correct horse batterz");
    assert_eq!(header.open_passphrase(&typo).unwrap_err(), SealError::Wrong);
    let empty = Passphrase::copy_of("");
    assert_eq!(
        header.open_passphrase(&empty).unwrap_err(),
        SealError::Wrong
    );
    let swapped = header.open_key(SealKind::KeyFile, &credential());
    assert_eq!(swapped.unwrap_err(), SealError::Wrong);
    let swapped = header.open_key(SealKind::Credential, &file());
    assert_eq!(swapped.unwrap_err(), SealError::Wrong);
}

#[test]
fn a_seal_that_is_not_there_is_named() {
    let header = plain().header;
    let phrase = header.open_passphrase(&passphrase());
    assert_eq!(phrase.unwrap_err(), SealError::NoSuchSeal);
    for kind in [SealKind::KeyFile, SealKind::Credential] {
        assert_eq!(
            header.open_key(kind, &file()).unwrap_err(),
            SealError::NoSuchSeal
        );
    }
    for kind in [SealKind::Passphrase, SealKind::Shamir] {
        let error = full().header.open_key(kind, &file()).unwrap_err();
        assert_eq!(error, SealError::NoSuchSeal);
    }
}

#[test]
fn a_weak_passphrase_makes_no_seal() {
    let weak = Passphrase::copy_of("hunter2");
    let beside = [Seal::Passphrase(&weak, cheap())];
    let seal = make(CLUSTER, 1, SPLIT, &beside, &mut Seeded::new(1));
    assert_eq!(seal.unwrap_err(), SealError::Weak);
}

#[test]
fn two_seals_share_nothing() {
    let first = plain();
    let second = make(CLUSTER, 1, SPLIT, &[], &mut Seeded::new(2)).unwrap();
    assert!(!first.root.ct_eq(&second.root));
    assert_ne!(first.header.set(), second.header.set());
    let foreign = open_shares(&second.header, &first.shares);
    assert_eq!(foreign.unwrap_err(), ShareError::Foreign);
}

#[test]
fn every_truncation_is_refused() {
    let record = full().header.to_record();
    for end in 0..record.len() {
        let error = SealHeader::from_record(&record[..end]).unwrap_err();
        let expected = if end < 64 {
            HeaderError::Truncated
        } else {
            HeaderError::Damaged
        };
        assert_eq!(error, expected, "cut at {end}");
    }
    let longer = [record.as_slice(), &[0]].concat();
    assert_eq!(SealHeader::from_record(&longer), Err(HeaderError::Damaged));
}

#[test]
fn every_flipped_byte_is_refused() {
    let record = full().header.to_record();
    for at in 0..record.len() {
        let mut changed = record.clone();
        changed[at] ^= 0x04;
        let expected = match at {
            0 => HeaderError::Format(5),
            _ => HeaderError::Damaged,
        };
        assert_eq!(
            SealHeader::from_record(&changed),
            Err(expected),
            "byte {at}"
        );
    }
}

#[test]
fn a_forged_header_with_a_good_checksum_opens_nothing() {
    let seal = full();
    let record = seal.header.to_record();
    for at in 1..record.len() - 32 {
        let mut forged = record.clone();
        forged[at] ^= 0x01;
        record::resum(&mut forged);
        let Ok(header) = SealHeader::from_record(&forged) else {
            continue;
        };
        assert!(header.open_passphrase(&passphrase()).is_err(), "byte {at}");
        assert!(
            header.open_key(SealKind::KeyFile, &file()).is_err(),
            "byte {at}"
        );
        assert!(
            open_shares(&header, &seal.shares[..3]).is_err(),
            "byte {at}"
        );
    }
}

#[test]
fn slots_of_another_header_do_not_fit() {
    let (one, two) = (full(), {
        let file = file();
        make(
            CLUSTER,
            1,
            SPLIT,
            &[Seal::KeyFile(&file)],
            &mut Seeded::new(9),
        )
        .unwrap()
    });
    let mut grafted = one.header.clone();
    grafted.beside.clone_from(&two.header.beside);
    // the slot opens, to another root key: the root check refuses it
    let error = grafted.open_key(SealKind::KeyFile, &file()).unwrap_err();
    assert_eq!(error, SealError::Damaged);
    let mut stripped = one.header.clone();
    stripped.beside.pop();
    let error = stripped.open_passphrase(&passphrase()).unwrap_err();
    assert_eq!(error, SealError::Damaged);
    let error = open_shares(&stripped, &one.shares).unwrap_err();
    assert_eq!(error, ShareError::Damaged);
    let mut moved = one.header;
    moved.region = 2;
    assert_eq!(
        moved.open_key(SealKind::KeyFile, &file()).unwrap_err(),
        SealError::Wrong
    );
}

#[test]
fn cheaper_parameters_do_not_open_a_slot() {
    let mut header = full().header;
    if let Kind::Passphrase(_, cost) = &mut header.beside[0].kind {
        *cost = Cost::new(8, 1, 1).unwrap();
    }
    assert_eq!(
        header.open_passphrase(&passphrase()).unwrap_err(),
        SealError::Wrong
    );
}

#[test]
fn parameters_out_of_bounds_are_damage_before_anything_is_allocated() {
    let record = full().header.to_record();
    let memory = 19 + (2 + 171 + 113) + 2 + 1 + 16;
    for (at, value) in [
        (memory, 0xff),
        (memory + 4, 0xff),
        (memory + 8, 0xff),
        (memory + 11, 0),
    ] {
        let mut forged = record.clone();
        forged[at] = value;
        record::resum(&mut forged);
        assert_eq!(
            SealHeader::from_record(&forged),
            Err(HeaderError::Damaged),
            "byte {at}"
        );
    }
}

#[test]
fn senseless_splits_are_damage() {
    let record = plain().header.to_record();
    let threshold = 19 + 2 + 1 + 8;
    for (at, value) in [
        (threshold, 0),
        (threshold, 1),
        (threshold, 6),
        (threshold + 1, 4),
    ] {
        let mut forged = record.clone();
        forged[at] = value;
        record::resum(&mut forged);
        assert_eq!(SealHeader::from_record(&forged), Err(HeaderError::Damaged));
    }
}

#[test]
fn the_default_cost_opens_too() {
    let phrase = passphrase();
    let beside = [Seal::Passphrase(&phrase, Cost::DEFAULT)];
    let seal = make(CLUSTER, 1, SPLIT, &beside, &mut Seeded::new(1)).unwrap();
    assert!(
        seal.header
            .open_passphrase(&phrase)
            .unwrap()
            .ct_eq(&seal.root)
    );
}
