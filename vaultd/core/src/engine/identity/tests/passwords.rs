//! Who sets password policies, and what a demand for second factors takes.

use super::*;
use crate::access::password::Policy;

const DAY: u64 = 24 * 60 * 60 * 1000;

fn demand(at: u64) -> Policy {
    let text = format!(r#"{{"MfaRequiredFrom": "{}"}}"#, at / 1000);
    Policy::from_json(&text).unwrap()
}

fn put_of(
    world: &mut World,
    (by, of): (&TokenHash, &Resource),
    policy: Option<&Policy>,
) -> Result<(), Refusal> {
    world.act(
        by,
        Action::PASSWORD_PUT_POLICY,
        of,
        |tx, caller, grant, _| put_password_policy(tx, caller, grant, policy),
    )
}

fn put(world: &mut World, by: &TokenHash, policy: Option<&Policy>) -> Result<(), Refusal> {
    put_of(world, (by, &Resource::System), policy)
}

fn get_of(world: &mut World, of: &Resource) -> Result<PasswordPolicy, Refusal> {
    let root = world.root;
    let action = Action::PASSWORD_DESCRIBE_POLICY;
    world.act(&root, action, of, |tx, _, grant, _| {
        password_policy(tx, grant)
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

#[test]
fn a_groups_policy_is_its_own_and_goes_with_it() {
    let mut world = World::new();
    let root = world.root;
    let long = Policy::from_group_json(r#"{"MinimumPasswordLength": 20}"#).unwrap();
    for nobody in [group("ops"), user("alice"), folder("a"), secret("a/b")] {
        let refused = put_of(&mut world, (&root, &nobody), Some(&long));
        assert!(refused.is_err(), "{nobody}");
        assert!(get_of(&mut world, &nobody).is_err(), "{nobody}");
    }
    world.create(&user("alice"));
    assert!(put_of(&mut world, (&root, &user("alice")), Some(&long)).is_err());
    world.create(&group("ops"));
    let none = get_of(&mut world, &group("ops"));
    assert!(matches!(none, Ok(PasswordPolicy::Group(None))));
    put_of(&mut world, (&root, &group("ops")), Some(&long)).unwrap();
    let own = get_of(&mut world, &group("ops"));
    assert!(matches!(own, Ok(PasswordPolicy::Group(Some(own))) if own == long));
    let whole = get_of(&mut world, &Resource::System).unwrap();
    let PasswordPolicy::Vault(policy, groups) = whole else {
        panic!("{whole:?}")
    };
    assert_eq!(
        (policy, groups),
        (Policy::default(), vec!["ops".to_owned()])
    );
    put_of(&mut world, (&root, &group("ops")), None).unwrap();
    let none = get_of(&mut world, &group("ops"));
    assert!(matches!(none, Ok(PasswordPolicy::Group(None))));
    put_of(&mut world, (&root, &group("ops")), Some(&long)).unwrap();
    let deleted = world.act(&root, Action::GROUP_DELETE, &group("ops"), delete);
    deleted.unwrap();
    world.create(&group("ops"));
    let none = get_of(&mut world, &group("ops"));
    assert!(
        matches!(none, Ok(PasswordPolicy::Group(None))),
        "another group of that name"
    );
}

#[test]
fn a_right_over_one_groups_policy_is_none_over_anothers_or_the_vaults() {
    let mut world = World::new();
    world.create(&group("ops"));
    world.create(&group("dev"));
    let alice = world.user_with("alice", &allow("password:PutPolicy", "group:ops"));
    let put = Action::PASSWORD_PUT_POLICY;
    assert_eq!(world.may(&alice, put, &group("ops")), Some(true));
    assert_eq!(world.may(&alice, put, &group("dev")), Some(false));
    assert_eq!(world.may(&alice, put, &Resource::System), Some(false));
    let asked = demand(world.store.now + 30 * DAY);
    let refused = put_of(&mut world, (&alice, &group("ops")), Some(&asked));
    assert!(refused.is_err(), "she has shown no second factor herself");
}
