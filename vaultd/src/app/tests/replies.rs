//! What waits in replies, all together.

use super::super::audit::tests::breakable;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn large_replies_share_a_bound_and_what_would_go_beyond_discloses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, fake) = breakable();
    let world = born_in(open_with(dir.path(), || audit).await).await;
    unseal(&world).await;
    let write = call("PutSecret", Some(&world.token));
    for (name, length) in [("a/large", 1_000_000), ("a/small", 1_000)] {
        let value = vec![7; length];
        world
            .app
            .put_secret(&write, put(name, &value))
            .await
            .unwrap();
    }
    // Twenty megabytes of the thirty-three that the tests have.
    let wanted: Vec<_> = (0..20).map(|_| (path("a/large"), get())).collect();
    let batch = call("BatchGetSecrets", Some(&world.token));
    let waiting = world.app.batch_get_secrets(&batch, &wanted).await.unwrap();
    let refused = world.app.batch_get_secrets(&batch, &wanted).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::Overloaded);
    let told = fake.lines().pop().unwrap();
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&"limited".into(), &"OVERLOADED".into())
    );
    assert!(told["results"].is_null(), "{told}");

    let one = world.app.batch_get_secrets(&batch, &wanted[..1]).await;
    assert!(one.unwrap().held.is_some());
    assert_eq!(value(&world, "a/small").await.unwrap().len(), 1_000);
    drop(waiting);
    assert!(world.app.batch_get_secrets(&batch, &wanted).await.is_ok());
    world.app.shut_down().await;
}
