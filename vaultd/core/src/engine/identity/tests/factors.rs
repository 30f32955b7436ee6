//! Second factors of users: by what right they are enrolled, shown, taken away.

mod taken;

use super::*;
use crate::{
    access::{
        factor::{self, Factor, Judged, NotOneself, Shown, Typed, TypedError},
        lockout::{self, Source},
        onetime::{self, IssueRefusal, Purpose},
        recovery::Fresh,
        totp::{self, EnrolRefusal, Enrolment, Listed, Method, NotAllowed, Parameters},
    },
    crypto::secret::Seed,
    name::AuthenticatorName,
    record::{Key, Kind, View as _},
};

const STEP: u64 = 30_000;

/// An authenticator in somebody's hand.
struct Phone {
    seed: Seed,
    parameters: Parameters,
}

impl Phone {
    fn shows(&self, world: &World) -> String {
        self.parameters.code(&self.seed, world.store.now / STEP)
    }

    fn typed(&self, world: &World) -> Typed {
        Typed::parse(&self.shows(world)).unwrap()
    }

    /// One that it shows at no time near.
    fn wrong(&self, world: &World) -> Typed {
        let far = self
            .parameters
            .code(&self.seed, world.store.now / STEP + 100);
        Typed::parse(&far).unwrap()
    }
}

fn here() -> Source {
    Source::of_uid(7)
}

type Done<R> = Result<Judged<R>, factor::Refusal>;

/// Something that a session does about its own factors.
fn own<R>(
    world: &mut World,
    token: &TokenHash,
    f: impl FnOnce(&mut Tx<'_>, &Caller) -> Done<R>,
) -> Done<R> {
    world.store.write(|tx| {
        let caller = access::authenticate(tx, token, &Origin::local()).unwrap();
        f(tx, &caller)
    })
}

fn elevate(world: &mut World, token: &TokenHash, typed: &Typed) -> Done<Shown> {
    own(world, token, |tx, caller| {
        factor::elevate(tx, caller, here(), typed)
    })
}

fn show(world: &mut World, token: &TokenHash, phone: &Phone) -> Done<Shown> {
    let typed = phone.typed(world);
    elevate(world, token, &typed)
}

fn start(
    world: &mut World,
    token: &TokenHash,
    name: &str,
    typed: Option<&Typed>,
) -> Result<Phone, factor::Refusal> {
    let parameters = Parameters::default();
    let seed = parameters.make_seed(&mut world.store.entropy);
    let name = AuthenticatorName::try_from(name).unwrap();
    let what = |user| Enrolment {
        user,
        name: &name,
        parameters,
        seed: &seed,
    };
    let started = own(world, token, |tx, caller| {
        factor::start(tx, caller, here(), typed, what)
    })?;
    let _listed: Listed = right(started);
    Ok(Phone { seed, parameters })
}

fn confirm(world: &mut World, token: &TokenHash, code: &str) -> Done<(Listed, Option<Fresh>)> {
    let code = totp::Code::parse(code).unwrap();
    let mut entropy = crate::crypto::entropy::Seeded::new(world.store.now);
    own(world, token, |tx, caller| {
        factor::confirm(tx, caller, here(), &code, &mut entropy)
    })
}

fn remove(world: &mut World, token: &TokenHash, typed: Option<&Typed>, id: u64) -> Done<usize> {
    own(world, token, |tx, caller| {
        factor::remove(tx, caller, here(), typed, id)
    })
}

fn renew(world: &mut World, token: &TokenHash, typed: Option<&Typed>) -> Done<Fresh> {
    let mut entropy = crate::crypto::entropy::Seeded::new(5);
    own(world, token, |tx, caller| {
        factor::renew(tx, caller, here(), typed, &mut entropy)
    })
}

fn listed(world: &mut World, token: &TokenHash) -> Vec<Listed> {
    let list = |tx: &mut Tx<'_>, caller: &Caller| factor::list(tx, caller).map(Judged::Right);
    right(own(world, token, list).unwrap()).0
}

#[track_caller]
fn right<R>(judged: Judged<R>) -> R {
    match judged {
        Judged::Right(reply) => reply,
        Judged::Used => panic!("used"),
        Judged::Wrong => panic!("wrong"),
    }
}

#[track_caller]
fn not_allowed<R: std::fmt::Debug>(done: Result<R, factor::Refusal>, why: NotAllowed) {
    let refusal = done.unwrap_err();
    assert_eq!(refusal.to_string(), why.to_string());
}

fn issue(world: &mut World, by: &TokenHash, name: &str) -> Result<Typed, Refusal> {
    let (text, hash) = onetime::make(Purpose::Enrol, &mut world.store.entropy);
    let action = Action::USER_ISSUE_ENROLMENT_CODE;
    world.act(by, action, &user(name), |tx, caller, grant, proofs| {
        issue_enrolment_code(tx, caller, grant, proofs, (&hash, None))
    })?;
    Ok(Typed::parse(text.expose()).unwrap())
}

fn reset(world: &mut World, by: &TokenHash, name: &str) -> Result<usize, Refusal> {
    world.act(by, Action::USER_RESET_MFA, &user(name), reset_factors)
}

/// A user with an authenticator, and recovery codes; half an hour ago.
fn enrolled(world: &mut World, name: &str) -> (TokenHash, Phone, Fresh) {
    let token = world.user_with(name, &allow("secret:GetValue", "secret:team/a"));
    let root = world.root;
    let code = issue(world, &root, name).unwrap();
    let phone = start(world, &token, "phone", Some(&code)).unwrap();
    let shown = phone.shows(world);
    let (_, fresh) = right(confirm(world, &token, &shown).unwrap());
    world.store.now += 60 * STEP;
    (token, phone, fresh.unwrap())
}

#[test]
fn a_first_authenticator_takes_an_administrators_code_and_its_own_first() {
    let mut world = World::new();
    let token = world.user_with("alice", &allow("secret:GetValue", "*"));
    not_allowed(
        start(&mut world, &token, "phone", None).map(drop),
        NotAllowed::NoFactor,
    );
    let root = world.root;
    let code = issue(&mut world, &root, "alice").unwrap();
    let phone = start(&mut world, &token, "phone", Some(&code)).unwrap();
    let again = start(&mut world, &token, "phone", Some(&code));
    assert!(again.is_err(), "the code is spent");
    let early = show(&mut world, &token, &phone);
    assert!(matches!(early, Err(factor::Refusal::NoFactor)));
    let shown = phone.shows(&world);
    let (listed, fresh) = right(confirm(&mut world, &token, &shown).unwrap());
    assert_eq!(listed.name, "phone");
    assert_eq!(fresh.unwrap().codes().len(), 10);
    let used = elevate(&mut world, &token, &Typed::parse(&shown).unwrap());
    assert!(matches!(used, Ok(Judged::Used)));
    // The session has shown a second factor by it, so it enrols the next one.
    let second = start(&mut world, &token, "key", None).unwrap();
    world.store.now += STEP;
    let shown = second.shows(&world);
    let (_, fresh) = right(confirm(&mut world, &token, &shown).unwrap());
    assert!(fresh.is_none(), "there are recovery codes already");
}

#[test]
fn a_stolen_password_changes_no_second_factor() {
    let mut world = World::new();
    let (_, phone, _) = enrolled(&mut world, "alice");
    let stolen = world.session(Sort::User, "alice");
    not_allowed(
        start(&mut world, &stolen, "mine", None).map(drop),
        NotAllowed::NoFactor,
    );
    let (_, hash) = onetime::make(Purpose::Enrol, &mut world.store.entropy);
    not_allowed(
        start(&mut world, &stolen, "mine", Some(&Typed::OneTime(hash))).map(drop),
        NotAllowed::HasFactor,
    );
    let id = listed(&mut world, &stolen)[0].id;
    not_allowed(
        remove(&mut world, &stolen, None, id).map(drop),
        NotAllowed::NoFactor,
    );
    not_allowed(
        renew(&mut world, &stolen, None).map(drop),
        NotAllowed::NoFactor,
    );
    let guessed = phone.wrong(&world);
    let guess = remove(&mut world, &stolen, Some(&guessed), id);
    assert!(matches!(guess, Ok(Judged::Wrong)));
    assert_eq!(listed(&mut world, &stolen).len(), 1);
}

#[test]
fn of_fifty_requests_with_one_code_at_once_one_is_elevated() {
    let mut world = World::new();
    let (token, phone, _) = enrolled(&mut world, "alice");
    let typed = phone.typed(&world);
    let attempts: Vec<_> = (0..50)
        .map(|_| {
            world.store.evaluate(|tx| {
                let caller = access::authenticate(tx, &token, &Origin::local()).unwrap();
                factor::elevate(tx, &caller, here(), &typed)
            })
        })
        .collect();
    let applied = attempts
        .iter()
        .filter(|(done, transaction)| {
            matches!(done, Ok(Judged::Right(_))) && world.store.apply(transaction)
        })
        .count();
    assert_eq!(applied, 1);
    for _ in 0..4 {
        let again = elevate(&mut world, &token, &typed);
        assert!(matches!(again, Ok(Judged::Used)), "{again:?}");
    }
}

#[test]
fn wrong_codes_count_against_the_account_over_all_its_sessions() {
    let mut world = World::new();
    let (token, phone, fresh) = enrolled(&mut world, "alice");
    let other = world.session(Sort::User, "alice");
    let wrong = phone.wrong(&world);
    let mut locked = false;
    for n in 0..12 {
        let session = if n % 2 == 0 { token } else { other };
        let done = elevate(&mut world, &session, &wrong);
        locked |= matches!(
            done,
            Err(factor::Refusal::Locked(lockout::Refusal::Locked { .. }))
        );
    }
    assert!(locked);
    for typed in [
        phone.typed(&world),
        Typed::parse(fresh.codes()[0].expose()).unwrap(),
    ] {
        for session in [token, other] {
            let done = elevate(&mut world, &session, &typed);
            assert!(matches!(done, Err(factor::Refusal::Locked(_))), "{done:?}");
        }
    }
    let id = listed(&mut world, &token)[0].id;
    let around = remove(&mut world, &token, Some(&wrong), id);
    assert!(matches!(around, Err(factor::Refusal::Locked(_))));
    world.store.now += 24 * 60 * 60 * 1000;
    let token = world.session(Sort::User, "alice");
    let typed = phone.typed(&world);
    right(elevate(&mut world, &token, &typed).unwrap());
}

#[test]
fn a_recovery_code_stands_in_once() {
    let mut world = World::new();
    let (bob, _, _) = enrolled(&mut world, "bob");
    let (token, _, fresh) = enrolled(&mut world, "alice");
    let typed = Typed::parse(fresh.codes()[0].expose()).unwrap();
    let shown = right(elevate(&mut world, &token, &typed).unwrap());
    assert_eq!(shown.elevation.method(), Some(Method::RecoveryCode));
    assert_eq!(shown.left.unwrap().codes, 9);
    let again = elevate(&mut world, &token, &typed);
    assert!(matches!(again, Ok(Judged::Wrong)));
    let alices = Typed::parse(fresh.codes()[1].expose()).unwrap();
    assert!(matches!(
        elevate(&mut world, &bob, &alices),
        Ok(Judged::Wrong)
    ));
    right(renew(&mut world, &token, None).unwrap());
    let old = elevate(&mut world, &token, &alices);
    assert!(matches!(old, Ok(Judged::Wrong)), "replaced");
}

#[test]
fn the_last_authenticator_stays() {
    let mut world = World::new();
    let (token, phone, _) = enrolled(&mut world, "alice");
    let first = listed(&mut world, &token)[0].id;
    let typed = phone.typed(&world);
    let last = remove(&mut world, &token, Some(&typed), first);
    assert!(matches!(last, Err(factor::Refusal::Last)), "{last:?}");
    // Nothing was done, so the code is good still.
    let second = start(&mut world, &token, "key", Some(&typed)).unwrap();
    let shown = second.shows(&world);
    right(confirm(&mut world, &token, &shown).unwrap());
    assert!(matches!(
        remove(&mut world, &token, None, 99),
        Err(factor::Refusal::Remove(totp::RemoveRefusal::Unknown))
    ));
    assert_eq!(right(remove(&mut world, &token, None, first).unwrap()), 1);
    let gone = show(&mut world, &token, &phone);
    assert!(matches!(gone, Ok(Judged::Wrong)));
}

#[test]
fn sessions_that_are_not_a_users_own_change_nothing() {
    let mut world = World::new();
    let (token, phone, _) = enrolled(&mut world, "alice");
    right(show(&mut world, &token, &phone).unwrap());
    let narrowed = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let terms = Login {
        actions: vec![
            "secret:GetValue".try_into().unwrap(),
            "auth:*".try_into().unwrap(),
        ],
        ..Login::default()
    };
    world
        .store
        .write(|tx| {
            let caller = access::authenticate(tx, &token, &Origin::local()).unwrap();
            let grant = access::authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
            access::login(tx, &caller, &grant, &narrowed, &terms)
        })
        .unwrap();
    let id = listed(&mut world, &narrowed)[0].id;
    world.create(&service("ci"));
    let program = world.session(Sort::Service, "ci");
    let root = world.root;
    for (session, why) in [
        (narrowed, NotOneself::Narrowed),
        (program, NotOneself::NotUser),
        (root, NotOneself::NotUser),
    ] {
        for refusal in [
            start(&mut world, &session, "x", None).map(drop),
            confirm(&mut world, &session, "123456").map(drop),
            remove(&mut world, &session, None, id).map(drop),
            renew(&mut world, &session, None).map(drop),
        ] {
            let refusal = refusal.unwrap_err();
            assert!(
                matches!(refusal, factor::Refusal::NotOneself(found) if found == why),
                "{refusal}"
            );
        }
    }
    // What is narrowed may still show a second factor: it gains nothing but that.
    world.store.now += STEP;
    right(show(&mut world, &narrowed, &phone).unwrap());
}
