//! A new password is compared with those before it, one a step.

use super::super::*;
use crate::access::tests::World;
use crate::crypto::entropy::Seeded;

const USER: u64 = 7;

fn password(text: &str) -> Password {
    Password::try_from(text).unwrap()
}

fn text(at: usize) -> String {
    format!("vq7 lantern Ozark plinth {at:02}")
}

/// A user who has had so many passwords, and what his next one is looked at by.
fn had(passwords: usize) -> (Credential, Policy) {
    let mut world = World::new();
    let policy = Policy::from_json(r#"{"PasswordReusePrevention": 24}"#).unwrap();
    for at in 0..passwords {
        let mut entropy = Seeded::new(at as u64);
        let hash = PasswordHash::make(&password(&text(at)), Cost::CHEAP, &mut entropy).unwrap();
        let given = world
            .run(|tx| Credential::replace(tx, USER, &hash, Origin::Owner, None, &policy).unwrap());
        assert_eq!(given, Seen::Replaced);
    }
    let credential = world.run(|tx| Credential::load(tx, USER)).unwrap();
    (credential.unwrap(), policy)
}

fn look(had: &(Credential, Policy), new: &str) -> Result<Candidate, Unfit> {
    let (credential, policy) = had;
    let context = Context {
        factors: Factors::Alone,
        words: &["alice"],
        blocklist: &Blocklist::default(),
    };
    let in_use = InUse::of(&[Cost::CHEAP]);
    Candidate::look(policy, (credential, in_use), (password(new), &context))
}

/// Comparisons that it took, and whether it will do.
fn steps(mut candidate: Candidate) -> (usize, Result<Chosen, Unfit>) {
    let mut entropy = Seeded::new(99);
    let hasher = Hasher::make(Cost::CHEAP, &mut entropy);
    let mut compared = 0;
    loop {
        assert_eq!(candidate.memory_kib(&hasher), Cost::CHEAP.memory_kib());
        candidate = match candidate.step(&hasher, &mut entropy) {
            Ok(Step::Further(candidate)) => candidate,
            Ok(Step::Done(chosen)) => return (compared, Ok(chosen)),
            Err(unfit) => return (compared + 1, Err(unfit)),
        };
        compared += 1;
    }
}

#[test]
fn each_older_password_is_a_step_of_its_own_and_the_present_one_the_first() {
    for (passwords, older) in [(1, 0), (2, 1), (30, 24)] {
        let had = had(passwords);
        let candidate = look(&had, "quartz umbrella mutters").unwrap();
        assert_eq!(candidate.older(), older);
        let (compared, chosen) = steps(candidate);
        assert_eq!(compared, older + 1);
        let right = chosen
            .unwrap()
            .hash()
            .opens(&password("quartz umbrella mutters"));
        assert!(bool::from(right.unwrap()));
        for (again, at) in [(1, passwords - 1), (older + 1, passwords - 1 - older)] {
            let (compared, refused) = steps(look(&had, &text(at)).unwrap());
            assert!(matches!(refused, Err(Unfit::Reused)));
            assert_eq!(compared, again, "{at} of {passwords}");
        }
    }
    let forgotten = look(&had(30), &text(0)).unwrap();
    assert!(steps(forgotten).1.is_ok(), "25 others came since");
}

#[test]
fn nothing_is_compared_that_the_rules_refuse() {
    let refused = look(&had(2), "short").unwrap_err();
    assert!(matches!(refused, Unfit::Weak(_)));
}
