//! What is no signed session, and what none does.

use super::*;
use crate::crypto::{
    secret::LogSigningKey,
    sign,
    signed::{self, Signed},
};

#[test]
fn what_another_key_signed_is_nobodys() {
    let mut world = world();
    let text = log_in(&mut world);
    let own = sign::public(world.store.keys.log_signing().unwrap().active().key());
    let token = Signed::parse(&text).unwrap();
    let body = token.body(&own, world.store.keys.cluster()).unwrap();
    let mut signed_by = |key: &LogSigningKey, cluster: [u8; 16], term: (u16, u32)| {
        let text = signed::to_text(key, &cluster, term, body).unwrap();
        known(&mut world, text.expose())
    };
    let stranger = LogSigningKey::from_slice(&[7; 32]).unwrap();
    for term in [(1, 1), (1, 0), (1, 2), (2, 1), (0, 0), (u16::MAX, u32::MAX)] {
        assert!(!signed_by(&stranger, [5; 16], term), "{term:?}");
    }
    let world = World::new();
    let own = world.store.keys.log_signing().unwrap().active().key();
    assert!(signed_by(own, [5; 16], (1, 1)), "the models share a key");
    for (cluster, term) in [([6; 16], (1, 1)), ([5; 16], (1, 2)), ([5; 16], (2, 1))] {
        assert!(!signed_by(own, cluster, term), "{cluster:?} {term:?}");
    }
}

#[test]
fn what_a_key_of_the_vault_signed_is_still_held_to_a_quarter_of_an_hour_and_to_sense() {
    let mut world = world();
    let now = world.store.now;
    let claims = |begun: u64, end: u64| {
        let mut body = Vec::new();
        let mut e = minicbor::Encoder::new(&mut body);
        // What a signer with a mistake in it would write.
        e.array(7).unwrap();
        e.bytes(&[1; 10]).unwrap();
        e.u64(2).unwrap().u64(0).unwrap().u64(1).unwrap();
        e.u64(begun).unwrap().u64(end).unwrap();
        e.str("uid 1000").unwrap();
        body
    };
    let principal = |world: &mut World, body: &[u8]| {
        let keys = &world.store.keys;
        let key = keys.log_signing().unwrap().active().key();
        let text = signed::to_text(key, keys.cluster(), (1, 1), body).unwrap();
        caller_from(world, text.expose(), &Origin::local()).map(|caller| caller.principal_id())
    };
    assert_eq!(
        principal(&mut world, &claims(now, now + 15 * MINUTE)),
        Some(2)
    );
    for (begun, end) in [
        (now, now + 15 * MINUTE + 1),
        (now, u64::MAX),
        (0, u64::MAX),
        (now, now),
        (now, 0),
        (u64::MAX, u64::MAX),
    ] {
        let found = principal(&mut world, &claims(begun, end));
        assert_eq!(found, None, "{begun} {end}");
    }
    let whole = claims(now, now + MINUTE);
    for end in 0..whole.len() {
        assert_eq!(principal(&mut world, &whole[..end]), None, "{end}");
    }
}

#[test]
fn what_would_have_to_be_counted_is_refused_and_counts_nothing() {
    let mut world = world();
    for uses in [1, 2, 100] {
        let id = issue(&mut world, Some(uses), None);
        let by_id = |tx: &mut Tx<'_>| secret_id::prove(tx, &till(), &id, &Origin::local());
        let refused = refusal(proved_by(&mut world, by_id, &signed_login()));
        assert!(matches!(refused, LoginRefusal::SignedCounts));
    }
    for (idle, uses) in [(Some(MINUTE), None), (None, Some(1)), (None, Some(0))] {
        let mut login = signed_login();
        (login.limits.idle, login.limits.uses) = (idle, uses);
        let refused = refusal(log_in_as(&mut world, &login));
        assert!(matches!(refused, LoginRefusal::SignedLimits));
    }
}

#[test]
fn what_does_not_fit_a_token_is_refused() {
    let mut world = world();
    let mut login = signed_login();
    let globs = |n| vec![ActionGlob::try_from("secret:GetValue").unwrap(); n];
    login.actions = globs(50);
    let text = log_in_as(&mut world, &login).unwrap();
    assert!(known(&mut world, &text));
    login.actions = globs(64);
    let refused = refusal(log_in_as(&mut world, &login));
    assert!(matches!(refused, LoginRefusal::SignedSize));
}

#[test]
fn nothing_is_made_from_it_and_it_is_neither_renewed_nor_ended_by_itself() {
    let mut world = world();
    world.role_with("deploy", &assuming::trust("service:till", "role:Assume"), 0);
    let text = log_in(&mut world);
    let caller = caller_from(&mut world, &text, &Origin::local()).unwrap();
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let (made, _) = world.store.evaluate(|tx| {
        let grant = access::authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
        access::login(tx, &caller, &grant, &token, &Login::default())
    });
    assert!(matches!(made, Err(LoginRefusal::FromSigned)));
    let (assumed, _) = world.store.evaluate(|tx| {
        let wanted = RoleName::try_from("deploy").unwrap();
        let trust = access::Trust::of(tx, &wanted).unwrap();
        let facts = trust.facts("till");
        let grant =
            access::authorise_about(&caller, Action::ROLE_ASSUME, role("deploy"), &facts).unwrap();
        let terms = access::Assume::default();
        access::assume(tx, &caller, (&grant, None), &token, &terms)
    });
    let refused = access::AssumeRefusal::Session(LoginRefusal::FromSigned);
    assert_eq!(assumed.unwrap_err().to_string(), refused.to_string());
    let (ended, _) = world.store.evaluate(|tx| access::logout(tx, &caller));
    assert!(matches!(ended, Err(SessionRefusal::Signed)));
    let (renewed, _) = world.store.evaluate(|tx| access::renew(tx, &caller));
    assert!(matches!(renewed, Err(SessionRefusal::NotRenewed)));
    let accessor = caller.session().accessor();
    let (found, _) = world
        .store
        .evaluate(|tx| access::find_session(tx, accessor).map(drop));
    assert!(matches!(found, Err(SessionRefusal::Signed)));
    for other in [
        "signed-",
        "signed-00",
        &format!("{accessor}0"),
        "0123456789abcdef0123",
    ] {
        let (found, _) = world.store.evaluate(|tx| access::find_session(tx, other));
        assert!(found.unwrap().is_none(), "{other}");
    }
}

#[test]
fn only_a_program_that_proves_itself_gets_one() {
    let mut world = world();
    assert!(matches!(
        signed_login().check(),
        Err(LoginRefusal::NotSigned)
    ));
    let root = world.root;
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let (made, _) = world.store.evaluate(|tx| {
        let caller = access::authenticate(tx, &root, &Origin::local()).unwrap();
        let grant = access::authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
        access::login(tx, &caller, &grant, &token, &signed_login())
    });
    assert!(matches!(made, Err(LoginRefusal::NotSigned)));
    let (stored, _) = world.store.evaluate(|tx| {
        let proven = peer::prove(tx, &till(), of(UID)).unwrap();
        let keeping = Keeping::Stored(&token);
        program::enter(tx, &proven, &Origin::local(), &keeping, &signed_login())
    });
    assert!(matches!(stored, Err(NotIn::Login(LoginRefusal::NotSigned))));
}

#[test]
fn a_key_that_was_replaced_signs_nothing_that_is_believed_later() {
    let (mut vault, mut thief) = (world(), world());
    rotate(&mut vault, true);
    // The models share their first key: the thief has it, and signs on.
    let early = log_in(&mut thief);
    assert!(known(&mut vault, &early));
    for world in [&mut vault, &mut thief] {
        world.store.now += 15 * MINUTE;
    }
    let late = log_in(&mut thief);
    assert!(known(&mut thief, &late) && !known(&mut vault, &late));
}

#[test]
fn a_node_that_has_not_seen_the_new_key_believes_nobody_by_it() {
    let mut world = world();
    let signing = Signing::of(&world.store.keys);
    world
        .store
        .write(|tx| publish_signers(tx, &signing))
        .unwrap();
    rotate(&mut world, false);
    let text = log_in(&mut world);
    assert!(!known(&mut world, &text));
}
