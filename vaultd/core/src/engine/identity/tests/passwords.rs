//! Who sets password policies, and what a demand for second factors takes.

use super::*;
use crate::access::password::Policy;

const DAY: u64 = 24 * 60 * 60 * 1000;

fn demand(at: u64) -> Policy {
    let text = format!(r#"{{"MfaRequiredFrom": "{}"}}"#, at / 1000);
    Policy::from_json(&text).unwrap()
}

fn put(world: &mut World, by: &TokenHash, policy: Option<&Policy>) -> Result<(), Refusal> {
    let action = Action::PASSWORD_PUT_POLICY;
    world.act(by, action, &Resource::System, |tx, caller, grant, _| {
        put_password_policy(tx, caller, grant, policy)
    })
}

#[test]
fn a_demand_for_second_factors_gives_a_days_notice_and_is_put_off_at_will() {
    let mut world = World::new();
    let (root, now) = (world.root, world.store.now / 1000 * 1000);
    for early in [0, now - DAY, now, now + DAY - 1000] {
        let put = put(&mut world, &root, Some(&demand(early)));
        assert!(matches!(put, Err(Refusal::Invalid(_))), "{early}");
    }
    put(&mut world, &root, Some(&demand(now + 3 * DAY))).unwrap();
    put(&mut world, &root, Some(&demand(now + 2 * DAY))).unwrap();
    world.store.now += 5 * DAY;
    put(&mut world, &root, Some(&demand(now + 2 * DAY))).expect("it holds already");
    put(&mut world, &root, Some(&demand(now + 4 * DAY))).expect("later, though past");
    let earlier = put(&mut world, &root, Some(&demand(now + 3 * DAY)));
    assert!(matches!(earlier, Err(Refusal::Invalid(_))));
    put(&mut world, &root, None).unwrap();
    let again = put(&mut world, &root, Some(&demand(now + 2 * DAY)));
    assert!(matches!(again, Err(Refusal::Invalid(_))), "as if new");
}

#[test]
fn a_user_without_a_factor_demands_none_of_others() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("password:*", "*"));
    let from = demand(world.store.now + 9 * DAY);
    let refused = put(&mut world, &alice, Some(&from));
    assert!(matches!(refused, Err(Refusal::Invalid(_))));
    put(&mut world, &alice, Some(&Policy::default())).expect("anything else");
    let root = world.root;
    put(&mut world, &root, Some(&from)).unwrap();
    put(&mut world, &alice, Some(&from)).expect("what holds already");
}
