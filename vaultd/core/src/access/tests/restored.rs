//! Sessions in a vault that was restored from a backup.

use super::*;

#[test]
fn a_restore_ends_every_session_of_the_backup_but_not_the_initial_token() {
    let mut world = World::new();
    let admin = world.administrator();
    let session = world.login(&admin, &Login::default()).unwrap();
    let child = world
        .login(&session, &narrowed(&["secret:Get*"], Some("a")))
        .unwrap();
    assert!(world.is_known(&session) && world.is_known(&child));
    world.state.restored();
    assert!(!world.is_known(&session) && !world.is_known(&child));
    let new = world.login(&admin, &Login::default()).unwrap();
    assert!(world.is_known(&new));
    world.state.restored();
    assert!(!world.is_known(&new), "and again at the next one");
}

#[test]
fn sessions_that_a_restore_ended_are_swept_like_any_other() {
    let mut world = World::new();
    let admin = world.administrator();
    world.login(&admin, &Login::default()).unwrap();
    let before = world.state.records().count();
    world.state.restored();
    world.now += 25 * HOUR;
    while world.run(|tx| sweep_sessions(tx, 64)).unwrap() {}
    assert_eq!(world.state.records().count(), before - 4);
}
