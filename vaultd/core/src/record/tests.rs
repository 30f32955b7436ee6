//! Transactions end to end over the in-memory model: evaluate, seal, apply, read.

use minicbor::{Decode, Encode};

use super::*;
use crate::crypto::entropy::Seeded;
use crate::crypto::envelope::Class;
use crate::crypto::keyring::{Keyring, Role, Rotate};
use crate::crypto::secret::{Plaintext, RootKey};

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Note {
    #[n(0)]
    text: String,
}

impl Document for Note {
    const CLASS: Class = Class::Shared;
}

struct World {
    state: Mem,
    keys: Keyring,
    entropy: Seeded,
    sequence: u64,
    ids: IdBlock,
}

impl World {
    fn new() -> Self {
        let mut entropy = Seeded::new(7);
        let root = RootKey::make(&mut entropy);
        let keys = Keyring::make(&root, [9; 16], &mut entropy, 1_000);
        Self {
            state: Mem::default(),
            keys,
            entropy,
            sequence: 0,
            ids: IdBlock::new(1, 100),
        }
    }

    fn read<R>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        f(&mut Tx::new(&self.state, &self.keys, 5_000, &mut self.ids))
    }

    fn evaluate(&mut self, f: impl FnOnce(&mut Tx<'_>)) -> Transaction {
        let mut tx = Tx::new(&self.state, &self.keys, 5_000, &mut self.ids);
        f(&mut tx);
        tx.into_changes()
            .seal(&self.keys, &mut self.entropy)
            .unwrap()
    }

    fn apply(&mut self, transaction: &Transaction) -> bool {
        self.sequence += 1;
        self.state.apply(
            Revision {
                term: 1,
                sequence: self.sequence,
            },
            transaction,
        )
    }

    fn write(&mut self, f: impl FnOnce(&mut Tx<'_>)) {
        let transaction = self.evaluate(f);
        assert!(self.apply(&transaction));
    }
}

fn key(n: u64) -> Key {
    Key::new(Kind::Secret, &[&n.to_be_bytes()])
}

fn note(text: &str) -> Note {
    Note {
        text: text.to_owned(),
    }
}

#[test]
fn what_was_written_reads_back_and_nothing_of_it_is_on_the_disk() {
    let mut world = World::new();
    world.write(|tx| {
        tx.put(key(1), &note("canary-document")).unwrap();
        tx.put_value(1, 1, Plaintext::copy_of(b"canary-value"));
    });
    let seen = world.read(|tx| {
        (
            tx.get::<Note>(&key(1)).unwrap(),
            tx.open_value(1, 1).unwrap().unwrap(),
        )
    });
    assert_eq!(seen.0, Some(note("canary-document")));
    assert_eq!(seen.1.expose(), b"canary-value");
    for (_, record) in world.state.records() {
        assert!(!record.sealed.windows(6).any(|window| window == b"canary"));
    }
}

#[test]
fn a_transaction_sees_its_own_writes() {
    let mut world = World::new();
    world.write(|tx| tx.put(key(1), &note("old")).unwrap());
    world.read(|tx| {
        tx.put(key(1), &note("new")).unwrap();
        assert_eq!(tx.get::<Note>(&key(1)).unwrap(), Some(note("new")));
        tx.delete(key(1));
        assert_eq!(tx.get::<Note>(&key(1)).unwrap(), None);
        tx.put_value(4, 2, Plaintext::copy_of(b"v"));
        assert_eq!(tx.open_value(4, 2).unwrap().unwrap().expose(), b"v");
        tx.delete_value(4, 2);
        assert!(tx.open_value(4, 2).unwrap().is_none());
    });
}

#[test]
fn what_changed_since_it_was_read_makes_the_write_fail() {
    let mut world = World::new();
    world.write(|tx| tx.put(key(1), &note("one")).unwrap());
    let late = world.evaluate(|tx| {
        tx.get::<Note>(&key(1)).unwrap();
        tx.get::<Note>(&key(2)).unwrap();
        tx.put(key(3), &note("late")).unwrap();
    });
    assert_eq!(late.checks.len(), 2);
    let mut other = world.state.clone();
    world.write(|tx| tx.put(key(1), &note("two")).unwrap());
    assert!(!world.apply(&late), "a read record was replaced");
    let created = world.evaluate(|tx| tx.put(key(2), &note("here now")).unwrap());
    assert!(other.apply(
        Revision {
            term: 1,
            sequence: 9
        },
        &created
    ));
    assert!(
        !other.apply(
            Revision {
                term: 1,
                sequence: 10
            },
            &late
        ),
        "an absent record was created"
    );
}

#[test]
fn a_guarded_collection_binds_a_write_to_all_of_it() {
    let mut world = World::new();
    let member = |n: u8| Key::new(Kind::Principal, &[&[n]]);
    let late = world.evaluate(|tx| {
        tx.guard(8).unwrap();
        tx.put(key(1), &note("decided under the old policies"))
            .unwrap();
    });
    world.write(|tx| tx.put(member(1), &note("a new one")).unwrap());
    assert!(!world.apply(&late));
}

#[test]
fn a_record_that_was_moved_or_changed_does_not_open() {
    let mut world = World::new();
    world.write(|tx| {
        tx.put(key(1), &note("one")).unwrap();
        tx.put_value(1, 1, Plaintext::copy_of(b"one"));
        tx.put_value(2, 1, Plaintext::copy_of(b"two"));
    });
    let stored = |world: &World, key: &Key| world.state.get(key).unwrap().unwrap().sealed;
    let moved = stored(&world, &key(1));
    world.write(|tx| tx.put_stored(key(2), moved));
    assert!(matches!(
        world.read(|tx| tx.get::<Note>(&key(2))),
        Err(RecordError::Open(_))
    ));
    let swapped = stored(&world, &tx::value_key(2, 1));
    world.write(|tx| tx.put_stored(tx::value_key(1, 1), swapped));
    assert!(matches!(
        world.read(|tx| tx.open_value(1, 1)),
        Err(RecordError::Open(_))
    ));
    let wrap = stored(&world, &tx::wrap_key(1, 1));
    world.write(|tx| tx.put_stored(tx::wrap_key(2, 1), wrap));
    assert!(matches!(
        world.read(|tx| tx.open_value(2, 1)),
        Err(RecordError::Open(_))
    ));
}

#[test]
fn after_a_rotation_old_records_open_and_can_be_moved_to_the_new_terms() {
    let mut world = World::new();
    world.write(|tx| {
        tx.put(key(1), &note("kept")).unwrap();
        tx.put_value(1, 1, Plaintext::copy_of(b"kept"));
    });
    world.keys = world
        .keys
        .rotate(Rotate::All, &mut world.entropy, 2_000)
        .unwrap();
    assert_eq!(
        world.read(|tx| tx.get::<Note>(&key(1))).unwrap(),
        Some(note("kept"))
    );
    for (key, record) in world.state.clone().records() {
        let moved = match key.sibling(Kind::Wrap) == *key {
            true => rewrap(&world.keys, key, record, &mut world.entropy).unwrap(),
            false if key.sibling(Kind::Value) == *key => continue,
            false => reseal(&world.keys, key, record, &mut world.entropy).unwrap(),
        };
        let moved = moved.expect("an old term was active no more");
        world.write(|tx| tx.put_stored(key.clone(), moved));
        let now = world.state.get(key).unwrap().unwrap();
        if key.sibling(Kind::Wrap) == *key {
            assert!(
                rewrap(&world.keys, key, &now, &mut world.entropy)
                    .unwrap()
                    .is_none()
            );
        }
    }
    assert_eq!(
        world
            .read(|tx| tx.open_value(1, 1))
            .unwrap()
            .unwrap()
            .expose(),
        b"kept"
    );
    assert_eq!(
        world.read(|tx| tx.get::<Note>(&key(1))).unwrap(),
        Some(note("kept"))
    );
}

#[test]
fn too_much_for_one_transaction_is_refused_and_ids_run_out_loudly() {
    let mut world = World::new();
    let mut tx = Tx::new(&world.state, &world.keys, 0, &mut world.ids);
    for n in 0..=512 {
        tx.delete(key(n));
    }
    let refused = tx.into_changes().seal(&world.keys, &mut world.entropy);
    assert!(matches!(refused, Err(RecordError::TooLarge)));
    let mut few = IdBlock::new(7, 9);
    let mut tx = Tx::new(&world.state, &world.keys, 0, &mut few);
    assert_eq!((tx.next_id().unwrap(), tx.next_id().unwrap()), (7, 8));
    assert!(matches!(tx.next_id(), Err(RecordError::OutOfIds)));
}

#[test]
fn a_record_says_in_clear_which_terms_it_needs() {
    let mut world = World::new();
    let old = world
        .keys
        .rotate(Rotate::All, &mut world.entropy, 1)
        .unwrap();
    let document = key(7);
    world.keys = old;
    world.write(|tx| {
        let note = Note {
            text: String::new(),
        };
        tx.put(document.clone(), &note).unwrap();
        tx.put_value(1, 1, Plaintext::copy_of(b"value"));
    });
    let of = |key: &Key| world.state.get(key).unwrap().unwrap().sealed;
    let terms = terms_of(&document, &of(&document)).unwrap();
    assert_eq!(terms, [(Role::Shared, 2)]);
    let page = world.state.scan(&[Kind::Wrap as u8], None, 9).unwrap();
    let (wrap, record) = page.first().unwrap();
    assert_eq!(terms_of(wrap, &record.sealed).unwrap(), [(Role::Kek(1), 2)]);
}

#[test]
fn what_does_not_say_its_terms_is_named_as_such() {
    let (document, wrap) = (key(7), Key::new(Kind::Wrap, &[&[0; 16]]));
    let mut of_value = vec![0; 200];
    of_value[..3].copy_from_slice(&[1, 1, Class::Value as u8]);
    let mut later_format = of_value.clone();
    later_format[0] = 2;
    for bytes in [&[][..], &[1; 8], &[0xff; 200], &of_value, &later_format] {
        for key in [&document, &wrap] {
            let error = terms_of(key, bytes).unwrap_err();
            assert!(matches!(error, RecordError::Open(_)), "{bytes:?}");
        }
    }
}

#[test]
fn no_document_grows_the_buffer_that_it_is_encoded_into() {
    for length in [0, 1, 255, 256, 257, 5_000, 1 << 20] {
        let note = Note {
            text: "x".repeat(length),
        };
        let plain = tx::encode(&note).unwrap();
        assert_eq!(plain.capacity(), plain.len());
        assert_eq!(minicbor::decode::<Note>(&plain).unwrap(), note);
    }
}

#[test]
fn a_value_opens_in_the_regions_that_it_was_put_for_and_in_those_that_it_is_wrapped_for_later() {
    let mut world = World::new();
    let root = RootKey::from_slice(&[0x55; 32]).unwrap();
    for region in [2, 3] {
        let added = world
            .keys
            .add_region(region, &root, &mut Seeded::new(u64::from(region)), 0);
        world.keys = added.unwrap();
    }
    world.write(|tx| tx.put_value_for(1, 1, Plaintext::copy_of(b"value"), &[2]));
    let opened_in = |world: &World| -> Vec<u16> {
        let opens = |region: &u16| {
            let keys = world.keys.of_region(*region).unwrap();
            let mut ids = IdBlock::default();
            let tx = Tx::new(&world.state, &keys, 0, &mut ids);
            match tx.open_value(1, 1) {
                Ok(value) => value.unwrap().expose() == b"value",
                Err(RecordError::NotKeptHere(_)) => false,
                Err(error) => panic!("{error}"),
            }
        };
        [2, 3].into_iter().filter(opens).collect()
    };
    assert_eq!(opened_in(&world), [2]);
    let key = Key::new(Kind::Wrap, &[&1_u64.to_be_bytes(), &1_u64.to_be_bytes()]);
    for (regions, expected) in [(&[2, 3][..], &[2, 3][..]), (&[3], &[3]), (&[], &[])] {
        world.write(|tx| {
            let stored = tx.get_stored(&key).unwrap().unwrap();
            let wrapped = wrap_for(tx.keys(), regions, &key, &stored, &mut Seeded::new(77));
            tx.put_stored(key.clone(), wrapped.unwrap().unwrap());
        });
        assert_eq!(opened_in(&world), expected);
        let value = world.read(|tx| tx.open_value(1, 1)).unwrap().unwrap();
        assert_eq!(value.expose(), b"value");
    }
}
