//! A signed session of a program that showed a key is good with that key, and while it is pinned.

use super::*;
use crate::access::{Certificate, KeyHash, program::pin};

const DAY: u64 = 24 * 60 * MINUTE;

fn shown(world: &World, key: &str) -> Certificate {
    Certificate {
        key: KeyHash::of(key.as_bytes()),
        from: world.store.now - DAY,
        until: world.store.now + DAY,
        for_clients: true,
    }
}

fn over(certificate: Certificate) -> Arc<Origin> {
    Arc::new(Origin {
        certificate: Some(certificate),
        ..(*Origin::local()).clone()
    })
}

/// Pins a key to the service, or takes it away.
fn pinned(world: &mut World, key: &str, on: bool) {
    let (root, till) = (world.root, service("till"));
    let key = KeyHash::of(key.as_bytes());
    if on {
        let terms = pin::Terms {
            label: "till".into(),
            ttl: None,
        };
        let add = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            add_pin(tx, caller, grant, proofs, (key, &terms))
        };
        world.act(&root, Action::SERVICE_BIND, &till, add).unwrap();
    } else {
        let remove = |tx: &mut Tx<'_>, _: &Caller, grant: &Grant, _: &mut Proofs| {
            remove_pin(tx, grant, &key)
        };
        world
            .act(&root, Action::SERVICE_UNBIND, &till, remove)
            .unwrap();
    }
}

fn log_in_over(world: &mut World, certificate: Certificate) -> String {
    let id = SignedId::make(&mut world.store.entropy);
    let origin = over(certificate);
    let (came, _) = world.store.evaluate(|tx| {
        let proven = pin::prove(tx, None, Some(&certificate))?;
        program::enter(tx, &proven, &origin, &Keeping::Signed(&id), &signed_login())
    });
    came.unwrap().token.unwrap().expose().to_owned()
}

#[test]
fn a_signed_session_of_a_key_is_good_with_that_key_and_while_it_is_pinned() {
    let mut world = world();
    for key in ["a", "b"] {
        pinned(&mut world, key, true);
    }
    let (own, other) = (shown(&world, "a"), shown(&world, "b"));
    let text = log_in_over(&mut world, own);
    assert!(caller_from(&mut world, &text, &over(own)).is_some());
    assert!(!known(&mut world, &text), "without a key");
    assert!(caller_from(&mut world, &text, &over(other)).is_none());
    pinned(&mut world, "b", false);
    assert!(caller_from(&mut world, &text, &over(own)).is_some());
    pinned(&mut world, "a", false);
    assert!(caller_from(&mut world, &text, &over(own)).is_none());
    // Another pin of the key is another one.
    pinned(&mut world, "a", true);
    assert!(caller_from(&mut world, &text, &over(own)).is_none());
    let anew = log_in_over(&mut world, own);
    assert!(caller_from(&mut world, &anew, &over(own)).is_some());
}
