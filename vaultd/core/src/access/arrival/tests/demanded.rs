//! A second factor that a policy demands, and what becomes of who has none, or has one no more.

use super::*;
use crate::access::{
    Action, Facts, Resource, Sort, Why, factor, onetime,
    principal::Group,
    totp::{self, Parameters},
};

const DAY: u64 = 24 * 60 * MINUTE;
const SHORT: &str = "vJ8#qfR2xW";

impl Vault {
    /// A policy of the vault's (0) or of a group's.
    fn rule(&mut self, of: u64, text: &str) {
        let policy = Policy::from_json(text).unwrap();
        self.world.write(|tx| policy.store(tx, of)).unwrap();
    }

    fn demand_from(&mut self, of: u64, at: u64) {
        self.rule(of, &format!(r#"{{"MfaRequiredFrom": "{}"}}"#, at / 1000));
    }

    fn arrives(&mut self, code: Option<&Factor>) -> (TokenHash, Arrival) {
        let token = self.token();
        let begun = self.begin("alice").unwrap();
        let (checked, _) = self.compare(begun, FIRST).unwrap();
        let brought = Brought {
            login: &Login::default(),
            token: &token,
            code,
            chosen: None,
            upgraded: None,
        };
        match self.arrive(&checked, &brought).unwrap() {
            Outcome::In(arrival) => (token, *arrival),
            Outcome::Wants(wants) => panic!("{wants:?}"),
        }
    }

    fn decided(&mut self, token: &TokenHash, action: Action, on: &Resource) -> Result<Why, Why> {
        let caller = self.opens(token).unwrap();
        caller.decide(action, on, &Facts::default())
    }
}

#[test]
fn until_the_moment_a_login_without_a_factor_is_told_and_its_session_ends_then() {
    let mut vault = Vault::new();
    let at = vault.world.now / 1000 * 1000 + DAY;
    vault.demand_from(0, at);
    let (_, early) = vault.arrives(None);
    assert_eq!(early.demand, Demand::Notice { by: at });
    assert!(early.session.expires_at().unwrap() < at, "half a day");
    assert!(!early.session.only_enrols());
    vault.world.now = at - MINUTE;
    let (token, late) = vault.arrives(None);
    assert_eq!(late.session.expires_at(), Some(at));
    assert_eq!(late.session.ends_at(), Some(at));
    vault.world.now = at;
    assert!(vault.opens(&token).is_none());
}

#[test]
fn from_the_moment_on_a_session_without_a_factor_does_nothing_but_enrol_one() {
    let mut vault = Vault::new();
    let at = vault.world.now / 1000 * 1000;
    vault.demand_from(0, at);
    let (token, arrival) = vault.arrives(None);
    assert_eq!(arrival.demand, Demand::EnrolOnly);
    assert!(arrival.session.only_enrols());
    let all = Resource::Every(Sort::User);
    for (action, on) in [
        (Action::LOGIN, Resource::Own),
        (Action::SESSION_LIST, Resource::Own),
        (Action::USER_LIST, all),
        (Action::PASSWORD_PUT_POLICY, Resource::System),
    ] {
        assert_eq!(vault.decided(&token, action, &on), Err(Why::Enrolling));
    }
    let parameters = Parameters::default();
    let seed = parameters.make_seed(&mut vault.world.entropy);
    let name = crate::name::AuthenticatorName::try_from("phone").unwrap();
    let what = |user| totp::Enrolment {
        user,
        name: &name,
        parameters,
        seed: &seed,
    };
    let caller = vault.opens(&token).unwrap();
    let bare = vault
        .world
        .write(|tx| factor::start(tx, &caller, here(), None, what));
    assert!(bare.is_err(), "a password enrols nobody");
    let (text, hash) = onetime::make(onetime::Purpose::Enrol, &mut vault.world.entropy);
    let issued = vault
        .world
        .write(|tx| onetime::issue(tx, ALICE, &hash, 1, None));
    issued.unwrap();
    let code = Typed::parse(text.expose()).unwrap();
    let started = vault
        .world
        .write(|tx| factor::start(tx, &caller, here(), Some(&code), what));
    assert!(matches!(started, Ok(factor::Judged::Right(_))));
    let step = vault.world.now / 30_000;
    let wrong = Code::parse(&parameters.code(&seed, step + 100)).unwrap();
    let right = Code::parse(&parameters.code(&seed, step)).unwrap();
    for (code, decided) in [(wrong, Err(Why::Enrolling)), (right, Ok(Why::Own))] {
        let mut entropy = Seeded::new(3);
        let caller = vault.opens(&token).unwrap();
        let confirmed = vault
            .world
            .write(|tx| factor::confirm(tx, &caller, here(), &code, &mut entropy));
        assert!(confirmed.is_ok());
        let got = vault.decided(&token, Action::LOGIN, &Resource::Own);
        assert_eq!(got, decided);
    }
}

#[test]
fn a_session_that_only_enrols_changes_no_password() {
    let mut vault = Vault::new();
    let (early, _) = vault.arrives(None);
    let whole = vault.opens(&early).unwrap();
    let begun = vault
        .world
        .write(|tx| begin_change(tx, &whole, (here(), false)));
    let (checked, credential) = vault.compare(begun.unwrap(), FIRST).unwrap();
    let chosen = vault.choose(&credential, SECOND).unwrap();
    vault.world.write(|tx| checked.excuse(tx)).unwrap();
    vault.demand_from(0, 0);
    let (token, arrival) = vault.arrives(None);
    assert!(arrival.session.only_enrols());
    let caller = vault.opens(&token).unwrap();
    let begun = vault
        .world
        .write(|tx| begin_change(tx, &caller, (here(), false)));
    assert!(matches!(begun, Err(Refusal::Enrolling)), "{begun:?}");
    let changed = vault
        .world
        .write(|tx| change_password(tx, &caller, &checked, (&chosen, None)));
    assert!(matches!(changed, Err(Refusal::Enrolling)), "{changed:?}");
    // What a login demands is chosen at the login.
    let until = vault.world.now + 60 * MINUTE;
    vault.give("drawn by the vault", Chooser::OneTime(until));
    let token = vault.token();
    let login = vault.log_in("drawn by the vault", (None, Some(SECOND)), &token);
    assert_eq!(login, Came::In);
}

#[test]
fn who_has_a_factor_hears_nothing_of_the_demand() {
    let mut vault = Vault::new();
    let device = enrolled(&mut vault.world, ALICE, "phone");
    vault.demand_from(0, 0);
    let code = typed(&device.shows(&vault.world, 0));
    let (token, arrival) = vault.arrives(Some(&code));
    assert_eq!(arrival.demand, Demand::Met);
    let own = vault.decided(&token, Action::LOGIN, &Resource::Own);
    assert_eq!(own, Ok(Why::Own));
}

#[test]
fn the_earliest_demand_of_vault_and_groups_binds_and_others_do_not() {
    let mut vault = Vault::new();
    let now = vault.world.now / 1000 * 1000;
    vault.change_user(|alice| alice.groups = [31, 32].into());
    for id in [31, 32, 33] {
        let group = Group::default();
        vault
            .world
            .write(|tx| tx.put(Group::key(id), &group))
            .unwrap();
    }
    vault.demand_from(0, now + 9 * DAY);
    vault.demand_from(31, now + 8 * DAY);
    vault.rule(32, "{}");
    vault.demand_from(33, now);
    let (_, arrival) = vault.arrives(None);
    assert_eq!(arrival.demand, Demand::Notice { by: now + 8 * DAY });
}

#[test]
fn a_password_that_leaned_on_a_factor_is_changed_once_that_is_gone() {
    for (text, then) in [(SHORT, Came::Wants(Wants::NewPassword)), (SECOND, Came::In)] {
        let mut vault = Vault::new();
        let device = enrolled(&mut vault.world, ALICE, "phone");
        let begun = vault.begin("alice").unwrap();
        let (checked, credential) = vault.compare(begun, FIRST).unwrap();
        let chosen = vault.choose(&credential, text).unwrap();
        let (token, caller) = {
            vault.world.write(|tx| checked.excuse(tx)).unwrap();
            let code = typed(&device.shows(&vault.world, 0));
            let (token, _) = vault.arrives(Some(&code));
            let caller = vault.opens(&token).unwrap();
            (token, caller)
        };
        let begun = vault.begin("alice").unwrap();
        let (checked, _) = vault.compare(begun, FIRST).unwrap();
        vault
            .world
            .write(|tx| change_password(tx, &caller, &checked, (&chosen, None)))
            .unwrap()
            .unwrap();
        assert!(vault.opens(&token).is_some());
        assert_eq!(vault.tried(text), Came::Wants(Wants::Code));
        vault.world.write(|tx| totp::reset(tx, ALICE)).unwrap();
        assert_eq!(vault.tried(text), then, "{text}");
    }
}

#[test]
fn without_drift_the_code_of_the_step_before_is_wrong() {
    for (steps, came) in [
        (0, Came::Wants(Wants::RightCode { used: false })),
        (1, Came::In),
    ] {
        let mut vault = Vault::new();
        vault.rule(0, &format!(r#"{{"MfaDriftSteps": {steps}}}"#));
        let device = enrolled(&mut vault.world, ALICE, "phone");
        let before = typed(&device.shows(&vault.world, -1));
        let token = vault.token();
        assert_eq!(vault.log_in(FIRST, (Some(&before), None), &token), came);
        let now = typed(&device.shows(&vault.world, 0));
        let token = vault.token();
        assert_eq!(vault.log_in(FIRST, (Some(&now), None), &token), Came::In);
    }
}
