//! Logging in over the in-memory model: what comes of a right password, and of everything else.

mod changing;
mod coming;
mod demanded;

use super::*;
use crate::{
    access::{
        ActionGlob, Limits, StoredPolicy,
        factor::Typed,
        model::World,
        password::{
            Blocklist, Candidate, Context, Cost, Hasher, Origin as Chooser, Password, Step, Unfit,
            Verdict,
        },
        policy::{Kind as PolicyKind, PrincipalKind},
        principal::{Named, NotGiven},
        totp::{Code, tests::enrolled},
    },
    crypto::{entropy::Seeded, secret::TokenSecret},
};

const ALICE: u64 = 7;
const FIRST: &str = "vermilion teapot gargles";
const SECOND: &str = "quartz umbrella mutters";
const MINUTE: u64 = 60_000;

struct Vault {
    world: World,
    hasher: Hasher,
}

/// What came of a login, in short.
#[derive(Debug, PartialEq)]
enum Came {
    In,
    Failed,
    Locked,
    Wants(Wants),
    Refused(&'static str),
}

fn name(text: &str) -> UserName {
    UserName::try_from(text).unwrap()
}

fn password(text: &str) -> Password {
    Password::try_from(text).unwrap()
}

fn typed(code: &Code) -> Factor {
    Typed::parse(code.expose_for_tests())
        .unwrap()
        .factor()
        .unwrap()
}

fn here() -> Source {
    Source::of_uid(1000)
}

impl Vault {
    /// With one user, whose password is his own.
    fn new() -> Self {
        let mut world = World::new();
        let hasher = Hasher::make(Cost::CHEAP, &mut world.entropy);
        let mut vault = Self { world, hasher };
        vault.change_user(|_| {});
        vault.give(FIRST, Chooser::Owner);
        vault
    }

    fn change_user(&mut self, change: impl FnOnce(&mut Principal)) {
        let changed = self.world.write(|tx| {
            let key = Principal::key(ALICE);
            let before = tx.see::<Principal>(&key)?;
            let mut alice = before.map_or_else(Principal::default, |alice| (*alice).clone());
            "alice".clone_into(&mut alice.name);
            alice.kind = PrincipalKind::User;
            change(&mut alice);
            tx.put(key, &alice)?;
            Named::take(tx, Sort::User, "alice")?;
            Named::give(tx, Sort::User, "alice", ALICE).map_err(|error| match error {
                NotGiven::Record(error) => error,
                other @ (NotGiven::Mixed(_) | NotGiven::Taken(_)) => panic!("{other}"),
            })
        });
        changed.unwrap();
    }

    fn give(&mut self, text: &str, origin: Chooser) {
        let mut entropy = Seeded::new(self.world.now + text.len() as u64);
        let hash = PasswordHash::make(&password(text), Cost::CHEAP, &mut entropy).unwrap();
        self.world.now += 1;
        let replaced = self
            .world
            .write(|tx| Credential::replace(tx, ALICE, &hash, origin, None, &Policy::default()));
        assert_eq!(replaced.unwrap(), Seen::Replaced);
    }

    fn token(&mut self) -> TokenHash {
        TokenHash::of(&TokenSecret::make(&mut self.world.entropy))
    }

    fn begin(&mut self, who: &str) -> Option<Begun> {
        let begun = self.world.write(|tx| begin_login(tx, &name(who), here()));
        match begun {
            Ok(begun) => Some(begun),
            Err(lockout::Refusal::Locked { .. }) => None,
            Err(lockout::Refusal::Record(error)) => panic!("{error}"),
        }
    }

    fn compare(&self, begun: Begun, text: &str) -> Option<(Checked, Credential)> {
        let stored = begun.credential.as_ref().map(Credential::hash);
        let verdict = self
            .hasher
            .verify(begun.attempt, &password(text), (stored, &begun.in_use))
            .unwrap();
        match verdict {
            Verdict::Right(checked) | Verdict::RightButOld(checked) => {
                Some((checked, begun.credential.unwrap()))
            }
            Verdict::Wrong => None,
        }
    }

    fn choose(&mut self, credential: &Credential, text: &str) -> Result<Chosen, Unfit> {
        let situation = self.world.evaluate(|tx| Situation::of(tx, ALICE)).0;
        let situation = situation.unwrap().unwrap();
        let context = Context {
            factors: situation.factors,
            words: &["alice"],
            blocklist: &Blocklist::default(),
        };
        let mut entropy = Seeded::new(self.world.now);
        let new = (password(text), &context);
        let instead = (credential, InUse::default());
        let mut candidate = Candidate::look(&situation.policy, instead, new)?;
        loop {
            candidate = match candidate.step(&self.hasher, &mut entropy)? {
                Step::Further(candidate) => candidate,
                Step::Done(chosen) => return Ok(chosen),
            };
        }
    }

    fn arrive(&mut self, checked: &Checked, brought: &Brought<'_>) -> Result<Outcome, Refusal> {
        self.world
            .write(|tx| arrive(tx, checked, &Origin::local(), brought))
    }

    /// A login from its beginning to its end, with what the user brings.
    fn log_in(
        &mut self,
        text: &str,
        (code, new): (Option<&Factor>, Option<&str>),
        token: &TokenHash,
    ) -> Came {
        let Some(begun) = self.begin("alice") else {
            return Came::Locked;
        };
        let Some((checked, credential)) = self.compare(begun, text) else {
            return Came::Failed;
        };
        let chosen = new.map(|new| self.choose(&credential, new).unwrap());
        let brought = Brought {
            login: &Login::default(),
            token,
            code,
            chosen: chosen.as_ref(),
            upgraded: None,
        };
        let came = self.arrive(&checked, &brought);
        if let Err(refusal) = &came
            && refusal.is_no_guess(code.is_some())
        {
            self.world.write(|tx| checked.excuse(tx)).unwrap();
        }
        match came {
            Ok(Outcome::In(_)) => Came::In,
            Ok(Outcome::Wants(wants)) => Came::Wants(wants),
            Err(Refusal::Nobody) => Came::Refused("nobody"),
            Err(Refusal::Ended) => Came::Refused("ended"),
            Err(Refusal::NotDue) => Came::Refused("not due"),
            Err(Refusal::Overtaken) => Came::Refused("overtaken"),
            Err(Refusal::Denied(_)) => Came::Refused("denied"),
            Err(other) => panic!("{other}"),
        }
    }

    fn tried(&mut self, text: &str) -> Came {
        let token = self.token();
        self.log_in(text, (None, None), &token)
    }

    fn opens(&mut self, token: &TokenHash) -> Option<Caller> {
        let known = self
            .world
            .evaluate(|tx| crate::access::authenticate(tx, token, &Origin::local()));
        known.0.ok()
    }
}
