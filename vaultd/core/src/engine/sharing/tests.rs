//! Wrapped values over the in-memory model.

use super::*;
use crate::{
    access::{self, Action, Resource, TokenHash, WrongGrant, model::World},
    crypto::{
        entropy::Seeded,
        envelope,
        keyring::Keyring,
        secret::{Plaintext, RootKey, TokenSecret, UnwrapCode},
    },
    record::{Kind, Tx},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const VALUE: &[u8] = b"the canary of the mine";

/// A store with two who may share.
struct Vault {
    world: World,
    alice: TokenHash,
    bob: TokenHash,
}

impl Vault {
    fn new() -> Self {
        let mut world = World::new();
        let mut token = |name: &str| {
            let hash = TokenHash::of(&TokenSecret::make(&mut world.entropy));
            world
                .write(|tx| access::create_administrator(tx, &hash, name))
                .unwrap();
            hash
        };
        let (alice, bob) = (token("alice"), token("bob"));
        Self { world, alice, bob }
    }

    /// Does something under a grant for the caller's own.
    fn may<R>(
        &mut self,
        who: TokenHash,
        action: Action,
        act: impl FnOnce(&mut Tx<'_>, &access::Caller, &access::Grant) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        self.world.write(|tx| {
            let caller = access::authenticate(tx, &who, &access::Origin::local()).unwrap();
            let grant = access::authorise(&caller, action, Resource::Own).unwrap();
            act(tx, &caller, &grant)
        })
    }

    fn try_share(&mut self, ttl: Option<u64>) -> Result<(UnwrapCode, Info), Refusal> {
        let code = UnwrapCode::make(&mut self.world.entropy);
        let mut entropy = Seeded::new(self.world.now);
        let info = self.may(self.alice, Action::SHARE, |tx, caller, grant| {
            let value = Plaintext::copy_of(VALUE);
            let wrapped = wrap(tx.keys(), &code, &value, &mut entropy);
            share(tx, caller, grant, wrapped, &Share { ttl })
        })?;
        Ok((code, info))
    }

    fn share(&mut self) -> (UnwrapCode, Info) {
        self.try_share(None).unwrap()
    }

    fn unwrap(&mut self, code: &UnwrapCode, claim: u8) -> Result<Unwrapped, Refusal> {
        self.world.write(|tx| unwrap(tx, code, &claims(claim)))
    }

    fn look_up(&mut self, who: TokenHash, accessor: &Accessor) -> Result<Info, Refusal> {
        self.may(who, Action::SHARE_LOOKUP, |tx, _, grant| {
            look_up(tx, grant, accessor)
        })
    }

    fn revoke(&mut self, who: TokenHash, accessor: &Accessor) -> Result<Info, Refusal> {
        self.may(who, Action::SHARE_REVOKE, |tx, _, grant| {
            revoke(tx, grant, accessor)
        })
    }

    /// Sweeps until nothing is due; says how many records of a kind there are then.
    fn swept(&mut self) -> (usize, usize, usize) {
        while self.world.write(|tx| sweep(tx, 2)).unwrap() {}
        let kind = |kind: Kind| {
            let records = self.world.state.records();
            records
                .filter(|(key, _)| key.kind_byte() == kind as u8)
                .count()
        };
        (kind(Kind::Wrapped), kind(Kind::Value), kind(Kind::Due))
    }
}

fn claims(byte: u8) -> Claim {
    Claim::of(&[byte; 16]).unwrap()
}

fn unknown<R>(result: &Result<R, Refusal>) -> bool {
    matches!(result, Err(Refusal::Unknown))
}

#[test]
fn a_value_is_handed_out_and_says_who_left_it() {
    let mut vault = Vault::new();
    let (code, left) = vault.share();
    assert_eq!(left.expires_at - left.created_at, HOUR);
    let got = vault.unwrap(&code, 1).unwrap();
    assert!(got.value.ct_eq(&Plaintext::copy_of(VALUE)));
    assert_eq!(got.info.created_by, "alice");
    assert_eq!(got.info.unwrapped_at, Some(vault.world.now));
    assert!(unknown(&vault.unwrap(&code, 2)));
}

#[test]
fn of_a_hundred_claims_at_once_one_gets_the_value() {
    let mut vault = Vault::new();
    let (code, _) = vault.share();
    let attempts: Vec<_> = (0..100)
        .map(|n| vault.world.evaluate(|tx| unwrap(tx, &code, &claims(n))))
        .collect();
    let mut handed = 0;
    for (got, transaction) in &attempts {
        assert!(got.is_ok(), "all saw it waiting");
        handed += usize::from(vault.world.apply(transaction));
    }
    assert_eq!(handed, 1);
}

#[test]
fn a_lost_reply_is_given_again_to_the_same_claim_for_a_minute_and_to_no_other() {
    let mut vault = Vault::new();
    let (code, _) = vault.share();
    vault.unwrap(&code, 1).unwrap();
    vault.world.now += MINUTE - 1;
    assert!(unknown(&vault.unwrap(&code, 2)));
    let (again, transaction) = vault.world.evaluate(|tx| unwrap(tx, &code, &claims(1)));
    assert!(again.unwrap().value.ct_eq(&Plaintext::copy_of(VALUE)));
    assert!(
        transaction.writes.is_empty(),
        "the minute is not begun anew"
    );
    vault.world.now += 1;
    assert!(unknown(&vault.unwrap(&code, 1)));
}

#[test]
fn a_reply_that_was_lost_as_the_time_ran_out_is_given_again_all_the_same() {
    let mut vault = Vault::new();
    let (code, left) = vault.share();
    vault.world.now = left.expires_at - 1;
    vault.unwrap(&code, 1).unwrap();
    vault.world.now += MINUTE / 2;
    assert!(vault.unwrap(&code, 1).is_ok());
    vault.world.now += MINUTE / 2;
    assert!(unknown(&vault.unwrap(&code, 1)));
}

#[test]
fn expired_unknown_used_and_revoked_codes_are_one_answer() {
    let mut vault = Vault::new();
    let never = UnwrapCode::make(&mut vault.world.entropy);
    assert!(unknown(&vault.unwrap(&never, 1)));
    let (used, _) = vault.share();
    vault.unwrap(&used, 1).unwrap();
    assert!(unknown(&vault.unwrap(&used, 2)));
    let (revoked, left) = vault.share();
    vault.revoke(vault.alice, &left.accessor).unwrap();
    assert!(unknown(&vault.unwrap(&revoked, 1)));
    let (expired, left) = vault.share();
    vault.world.now = left.expires_at;
    assert!(unknown(&vault.unwrap(&expired, 1)));
}

#[test]
fn a_restore_ends_what_the_backup_holds_for_those_who_had_it_too() {
    let mut vault = Vault::new();
    let ((waiting, left), (taken, _)) = (vault.share(), vault.share());
    vault.unwrap(&taken, 1).unwrap();
    vault.world.state.restored();
    assert!(unknown(&vault.unwrap(&waiting, 1)));
    assert!(unknown(&vault.unwrap(&taken, 1)));
    assert!(unknown(&vault.look_up(vault.alice, &left.accessor)));
}

#[test]
fn only_its_creator_looks_after_a_value_and_sees_when_it_was_handed_out() {
    let mut vault = Vault::new();
    let (code, left) = vault.share();
    let (alice, bob) = (vault.alice, vault.bob);
    assert_eq!(vault.look_up(alice, &left.accessor).unwrap(), left);
    assert!(unknown(&vault.look_up(bob, &left.accessor)));
    assert!(unknown(&vault.revoke(bob, &left.accessor)));
    let at = vault.world.now + MINUTE;
    vault.world.now = at;
    vault.unwrap(&code, 1).unwrap();
    vault.world.now = left.expires_at - 1;
    vault.swept();
    let seen = vault.look_up(alice, &left.accessor).unwrap();
    assert_eq!(seen.unwrapped_at, Some(at));
    let told = vault.revoke(alice, &left.accessor).unwrap();
    assert_eq!(told.unwrapped_at, Some(at), "it was too late");
    assert!(unknown(&vault.revoke(alice, &left.accessor)));
    assert_eq!(vault.swept(), (0, 0, 0));
}

#[test]
fn a_value_that_was_handed_out_is_destroyed_before_its_time_and_all_of_it_after() {
    let mut vault = Vault::new();
    let (code, left) = vault.share();
    let (_, other) = vault.try_share(Some(7 * DAY)).unwrap();
    assert_eq!(vault.swept(), (2, 2, 2));
    vault.unwrap(&code, 1).unwrap();
    assert_eq!(vault.swept(), (2, 2, 2), "the reply may have been lost");
    vault.world.now += 20 * MINUTE;
    assert_eq!(vault.swept(), (2, 1, 2));
    assert!(unknown(&vault.unwrap(&code, 1)));
    vault.world.now = left.expires_at + 10 * MINUTE;
    assert_eq!(vault.swept(), (1, 1, 1));
    vault.world.now = other.expires_at + 10 * MINUTE;
    assert_eq!(vault.swept(), (0, 0, 0));
}

#[test]
fn a_revoked_value_leaves_nothing() {
    let mut vault = Vault::new();
    let (code, left) = vault.share();
    vault.unwrap(&code, 1).unwrap();
    vault.revoke(vault.alice, &left.accessor).unwrap();
    assert_eq!(vault.swept(), (0, 0, 0));
    assert!(unknown(&vault.unwrap(&code, 1)), "not even for its claim");
}

#[test]
fn the_open_vault_without_the_code_does_not_open_the_value() {
    let mut vault = Vault::new();
    let (code, left) = vault.share();
    let other = UnwrapCode::make(&mut vault.world.entropy);
    let (opened, _) = vault.world.evaluate(|tx| {
        let values = tx.keys();
        let sealed = (0..10).find_map(|id| tx.open_value(id, 1).unwrap());
        let sealed = sealed.expect("the vault's own keys open its envelope");
        let inside = sealed.expose();
        assert!(!inside.windows(VALUE.len()).any(|bytes| bytes == VALUE));
        assert_eq!(inside.len(), VALUE.len() + envelope::OVERHEAD);
        assert!(unknown(&sealed::open(values, &other, &sealed)));
        sealed::open(values, &code, &sealed).unwrap()
    });
    assert!(opened.ct_eq(&Plaintext::copy_of(VALUE)));
    assert_eq!(Accessor::of(&code), left.accessor);
}

#[test]
fn a_wrapped_value_opens_in_its_own_cluster_only() {
    let mut entropy = Seeded::new(3);
    let mut keyring = |cluster: u8| {
        let root = RootKey::make(&mut entropy);
        Keyring::make(&root, [cluster; 16], &mut entropy, 1_000)
    };
    let (here, elsewhere) = (keyring(1), keyring(2));
    let code = UnwrapCode::make(&mut entropy);
    let wrapped = wrap(&here, &code, &Plaintext::copy_of(VALUE), &mut entropy);
    assert!(sealed::open(&here, &code, &wrapped.envelope).is_ok());
    assert!(unknown(&sealed::open(&elsewhere, &code, &wrapped.envelope)));
}

#[test]
fn times_out_of_bounds_and_grants_for_something_else_leave_nothing() {
    let mut vault = Vault::new();
    for ttl in [0, 1, MINUTE - 1, 7 * DAY + 1, u64::MAX] {
        let refused = vault.try_share(Some(ttl));
        assert!(matches!(refused, Err(Refusal::Ttl)), "{ttl}");
    }
    for ttl in [MINUTE, 7 * DAY] {
        let (_, left) = vault.try_share(Some(ttl)).unwrap();
        assert_eq!(left.expires_at, vault.world.now + ttl);
    }
    let (_, left) = vault.share();
    let alice = vault.alice;
    let wrong =
        |result: Result<Info, Refusal>| matches!(result, Err(Refusal::Grant(WrongGrant { .. })));
    for action in [Action::LOGIN, Action::SHARE] {
        let refused = vault.may(alice, action, |tx, _, grant| {
            revoke(tx, grant, &left.accessor)
        });
        assert!(wrong(refused));
        let refused = vault.may(alice, action, |tx, _, grant| {
            look_up(tx, grant, &left.accessor)
        });
        assert!(wrong(refused));
    }
}

#[test]
fn claims_and_accessors_of_another_shape_are_refused() {
    for length in [0, 1, 15, 65, 1024] {
        assert_eq!(
            Claim::of(&vec![7; length]).unwrap_err(),
            ClaimError,
            "{length}"
        );
    }
    for text in [
        "",
        "00",
        "000102030405060708090a0b0c0d0e0",
        "000102030405060708090a0b0c0d0e0f0",
        "000102030405060708090A0B0C0D0E0F",
        "000102030405060708090a0b0c0d0e0g",
        "vls_eDglgipvnmLaIZDoKOTJ0lduWXfjoLNiCwkt-56Zlvq1VAVd",
    ] {
        assert_eq!(Accessor::try_from(text), Err(AccessorError), "{text}");
    }
    let text = "000102030405060708090a0b0c0d0e0f";
    assert_eq!(Accessor::try_from(text).unwrap().to_string(), text);
}
