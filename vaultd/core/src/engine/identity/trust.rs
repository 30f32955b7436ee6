//! Issuers that are believed, and which services their tokens are bound to.
//!
//! A binding hands the service over to whoever gets such a token: everything that the service may do must lie within
//! the caller's rights. The keys and rules of an issuer hand over every service that is bound to it, now and later, by
//! whoever binds one to its name: so to give it some, at first, again or others, takes all rights.

use super::{
    Refusal,
    target::{self, Holder},
};
use crate::{
    access::{
        Action, Caller, Grant, Principal, Proofs,
        trust::{self, Binding, Issuer, IssuerKeys, Wanted, bindings_of},
    },
    record::Tx,
};

/// Most issuers, services of an issuer, and alternatives of a binding.
const MAX_ISSUERS: usize = 64;
const MAX_BINDINGS: usize = 1_000;
const MAX_ALTERNATIVES: usize = 16;

/// What is said of an issuer: checked by whoever can read keys.
#[derive(Clone, Debug, Default)]
pub struct NewIssuer {
    /// For people to read.
    pub description: String,
    /// `iss`
    pub issuer: String,
    /// `aud`
    pub audiences: Vec<String>,
    /// Empty: all that the keys are fit for.
    pub algorithms: Vec<String>,
    /// Milliseconds.
    pub max_age: u64,
    /// A JWK set; empty where there is an address.
    pub jwks: String,
    /// Where its keys are fetched.
    pub jwks_url: Option<String>,
}

/// An issuer, with what is bound to it.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// Its id.
    pub id: u64,
    /// Whom to believe.
    pub issuer: Issuer,
    /// Its keys.
    pub jwks: String,
    /// For which services.
    pub bound: Vec<BoundService>,
}

/// A service, and what a token must say to be it.
#[derive(Clone, Debug)]
pub struct BoundService {
    /// Its name.
    pub service: String,
    /// Any of these.
    pub any_of: Vec<Wanted>,
}

/// Believes an issuer. Nothing is bound to it yet.
///
/// # Errors
/// When the name is taken, there are too many, or the caller has not all rights.
pub fn create_trust(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (name, new): (&str, &NewIssuer),
) -> Result<(), Refusal> {
    grant.system(Action::TRUST_CREATE)?;
    let known = trust::issuers(tx)?;
    if known.iter().any(|(_, issuer)| issuer.name == name) {
        return Err(Refusal::TrustExists(name.to_owned()));
    }
    if known.len() >= MAX_ISSUERS {
        return Err(Refusal::TooMany("at most 64 issuers are trusted"));
    }
    proofs.everything(tx, caller)?;
    let id = tx.next_id()?;
    let issuer = Issuer {
        name: name.to_owned(),
        created_at: tx.now(),
        ..Issuer::default()
    };
    put(tx, (id, issuer), new)
}

/// Believes an issuer by other keys or rules; what is bound to it stays so.
///
/// # Errors
/// When there is none of that name, or the caller has not all rights.
pub fn update_trust(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (name, new): (&str, &NewIssuer),
) -> Result<(), Refusal> {
    grant.system(Action::TRUST_UPDATE)?;
    let (id, issuer) = called(tx, name)?;
    proofs.everything(tx, caller)?;
    put(tx, (id, issuer), new)
}

fn put(tx: &mut Tx<'_>, (id, old): (u64, Issuer), new: &NewIssuer) -> Result<(), Refusal> {
    let issuer = Issuer {
        description: new.description.clone(),
        issuer: new.issuer.clone(),
        audiences: new.audiences.clone(),
        algorithms: new.algorithms.clone(),
        max_age: new.max_age,
        generation: old.generation + 1,
        updated_at: tx.now(),
        jwks_url: new.jwks_url.clone(),
        ..old
    };
    tx.put(Issuer::key(id), &issuer)?;
    let key = IssuerKeys::key(id);
    if issuer.jwks_url.is_none() {
        let jwks = new.jwks.clone();
        tx.put(key, &IssuerKeys { jwks })?;
    } else if tx.see::<IssuerKeys>(&key)?.is_some() {
        tx.delete(key);
    }
    Ok(())
}

/// All issuers with their ids, in order of name.
///
/// # Errors
/// When the store fails.
pub fn list_trusts(tx: &mut Tx<'_>, grant: &Grant) -> Result<Vec<(u64, Issuer)>, Refusal> {
    grant.system(Action::TRUST_LIST)?;
    let mut known = trust::issuers(tx)?;
    known.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    Ok(known)
}

/// An issuer with what is bound to it.
///
/// # Errors
/// When there is none of that name.
pub fn describe_trust(tx: &mut Tx<'_>, grant: &Grant, name: &str) -> Result<Trusted, Refusal> {
    grant.system(Action::TRUST_DESCRIBE)?;
    let (id, issuer) = called(tx, name)?;
    let jwks = trust::issuer_keys(tx, id)?.unwrap_or_default();
    let mut bound = Vec::new();
    for (service, binding) in bindings_of(tx, id)? {
        if let Some(principal) = tx.see::<Principal>(&Principal::key(service))? {
            bound.push(BoundService {
                service: principal.name.clone(),
                any_of: binding.any_of.clone(),
            });
        }
    }
    bound.sort_by(|one, other| one.service.cmp(&other.service));
    Ok(Trusted {
        id,
        issuer,
        jwks,
        bound,
    })
}

/// Believes an issuer no more. Sessions that its tokens made go on until they end.
///
/// # Errors
/// When there is none of that name.
pub fn delete_trust(tx: &mut Tx<'_>, grant: &Grant, name: &str) -> Result<(), Refusal> {
    grant.system(Action::TRUST_DELETE)?;
    let (id, _) = called(tx, name)?;
    for (service, _) in bindings_of(tx, id)? {
        tx.delete(Binding::key(id, service));
    }
    tx.delete(Issuer::key(id));
    tx.delete(IssuerKeys::key(id));
    Ok(())
}

/// Lets whoever has a token of the issuer that says this be the service; `false` if it was so.
///
/// # Errors
/// When either does not exist, or the service may do what the caller may not.
pub fn bind_service(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (issuer, wanted): (&str, &Wanted),
) -> Result<bool, Refusal> {
    let (sort, name, target) = target::granted(tx, grant, Action::SERVICE_BIND)?;
    if !matches!(target.holder, Holder::Principal(_)) {
        return Err(Refusal::Invalid("only a service is bound"));
    }
    let (id, _) = called(tx, issuer)?;
    target::hand_over(tx, caller, proofs, (sort, &name))?;
    let key = Binding::key(id, target.id);
    let mut binding = match tx.see::<Binding>(&key)? {
        Some(binding) => (*binding).clone(),
        None if bindings_of(tx, id)?.len() >= MAX_BINDINGS => {
            return Err(Refusal::TooMany(
                "at most 1000 services are bound to an issuer",
            ));
        }
        None => Binding::default(),
    };
    if binding.any_of.contains(wanted) {
        return Ok(false);
    }
    if binding.any_of.len() >= MAX_ALTERNATIVES {
        return Err(Refusal::TooMany(
            "a service is bound to an issuer in 16 ways at most",
        ));
    }
    binding.any_of.push(wanted.clone());
    tx.put(key, &binding)?;
    Ok(true)
}

/// Ends what binds a service to an issuer, all of it; `false` if nothing did.
///
/// # Errors
/// When either does not exist.
pub fn unbind_service(tx: &mut Tx<'_>, grant: &Grant, issuer: &str) -> Result<bool, Refusal> {
    let (_, _, target) = target::granted(tx, grant, Action::SERVICE_UNBIND)?;
    let (id, _) = called(tx, issuer)?;
    let key = Binding::key(id, target.id);
    let was = tx.see::<Binding>(&key)?.is_some();
    if was {
        tx.delete(key);
    }
    Ok(was)
}

fn called(tx: &mut Tx<'_>, name: &str) -> Result<(u64, Issuer), Refusal> {
    let known = trust::issuers(tx)?;
    let mut known = known.into_iter();
    let missing = || Refusal::TrustNotFound(name.to_owned());
    known
        .find(|(_, issuer)| issuer.name == name)
        .ok_or_else(missing)
}
