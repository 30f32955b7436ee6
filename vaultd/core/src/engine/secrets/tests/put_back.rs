//! Rows of before that somebody with the disk put back.

use super::*;
use crate::record::{Key, Kind, Record, RecordError, Write};

/// Every record of a kind, as it lies there now.
fn rows(world: &World, kind: Kind) -> Vec<(Key, Record)> {
    let rows = world.state.records();
    rows.filter(|(key, _)| key.kind_byte() == kind as u8)
        .map(|(key, record)| (key.clone(), record.clone()))
        .collect()
}

fn put_back(world: &mut World, rows: Vec<(Key, Record)>) {
    let writes = rows
        .into_iter()
        .map(|(key, record)| Write::Put(key, record.sealed));
    let transaction = Transaction {
        checks: Vec::new(),
        writes: writes.collect(),
    };
    world.sequence += 1;
    let revision = Revision {
        term: 1,
        sequence: world.sequence,
    };
    assert!(world.state.apply(revision, &transaction));
}

#[test]
fn a_name_of_before_a_move_leads_to_nothing() {
    let mut world = World::new();
    world.put("mine/x", "1");
    let before = rows(&world, Kind::Entry);
    world.move_secret("mine/x", "prod/x").unwrap();
    world.put("prod/x", "2");
    put_back(&mut world, before);
    let damaged = |refusal| matches!(refusal, Refusal::Record(RecordError::Damaged(_)));
    assert!(damaged(world.value("mine/x").unwrap_err()));
    assert!(damaged(
        world.put_with("mine/x", &Put::default()).unwrap_err()
    ));
}

#[test]
fn an_id_that_is_given_again_gives_nobody_a_second_name_of_a_secret() {
    let mut world = World::new();
    let reserved = world.ids;
    world.put("prod/db", "1");
    world.ids = reserved;
    let put = Put {
        fields: fields(&[("value", "2")]),
        ..Put::default()
    };
    let refused = world.put_with("mine", &put).unwrap_err();
    assert!(matches!(refused, Refusal::Record(RecordError::Damaged(_))));
    assert_eq!(world.value("prod/db").unwrap(), "1");
}
