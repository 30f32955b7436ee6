//! Sessions that ended by themselves, and numbers that run out.

use super::*;

#[test]
fn sessions_that_ended_are_swept_and_others_stay() {
    let mut world = World::new();
    let admin = world.administrator();
    let sessions: Vec<_> = (1..=5)
        .map(|hours| {
            world
                .login(
                    &admin,
                    &Login {
                        ttl: Some(hours * HOUR),
                        ..Login::default()
                    },
                )
                .unwrap()
        })
        .collect();
    let records = world.state.records().count();
    world.now += 3 * HOUR + HOUR;
    while world.run(|tx| sweep_sessions(tx, 2)).unwrap() {}
    assert!(world.state.records().count() <= records - 2 * 4);
    for (hours, session) in (1..).zip(&sessions) {
        assert_eq!(world.is_known(session), hours > 4);
    }
    world.now += 1000 * HOUR;
    while world.run(|tx| sweep_sessions(tx, 100)).unwrap() {}
    assert!(world.is_known(&admin));
    // Session, its two entries and principal of the administrator, and the sweeper's cursor.
    assert_eq!(world.state.records().count(), 5);
}

#[test]
fn running_out_of_ids_is_said_and_not_worked_around() {
    let mut world = World::new();
    world.ids = IdBlock::new(1, 1);
    let token = world.token();
    let refused = world.run(|tx| create_administrator(tx, &token, "admin"));
    assert!(matches!(refused, Err(RecordError::OutOfIds)));
}
