//! From a token that was verified to a session of the service that it is bound to.

use std::sync::Arc;

use serde_json::Value;

use super::{Binding, Issuer, Wanted, last_id};
use crate::{
    access::{
        Entered, EntryRefusal, Keeping, Login, LoginRefusal, Origin, Sort,
        login::{Proof, enter_as},
        principal::named,
        session::credential,
    },
    name::ServiceName,
    record::{RecordError, Tx},
};

/// A token whose signature, issuer, audience and times were found good.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// By which issuers, and by which generation of their keys and rules.
    pub by: Vec<(u64, u64)>,
    /// What it says.
    pub claims: Arc<Value>,
    /// When it ends, in milliseconds since the epoch.
    pub until: u64,
}

impl Vouched {
    /// By whom, for the audit: numbers, never a name.
    pub fn trusted_as(&self) -> String {
        let ids = self.by.iter().map(|(id, _)| format!("issuer #{id}"));
        format!("token of {}", ids.collect::<Vec<_>>().join(", "))
    }

    /// Whom it is about, of its issuer. All without a subject are one.
    fn subject(&self) -> String {
        let subject = self.claims.get("sub").and_then(Value::as_str);
        let issuer = self.by.first().map_or(0, |(issuer, _)| *issuer);
        format!("issuer {issuer} {}", subject.unwrap_or_default())
    }
}

/// Why a token that was found good is nobody's. For the audit: outside it is one answer for all.
#[derive(Debug, thiserror::Error)]
pub enum TrustRefusal {
    /// The issuer's keys or rules are others than those that it was verified by.
    #[error("the issuer was changed meanwhile")]
    Overtaken,
    /// Nobody has the name that was given.
    #[error("there is no such service")]
    NoService,
    /// It is there, and says no to what the token claims.
    #[error("no binding of the service holds what the token claims")]
    Unbound,
    /// Gone, or disabled.
    #[error("the service is disabled")]
    Disabled,
    /// What the session shall be like.
    #[error(transparent)]
    Login(#[from] LoginRefusal),
    /// A policy keeps it from logging in.
    #[error("{0}")]
    Denied(Box<str>),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<EntryRefusal> for TrustRefusal {
    fn from(refusal: EntryRefusal) -> Self {
        match refusal {
            EntryRefusal::Nobody => Self::Disabled,
            EntryRefusal::Denied(denied) => Self::Denied(denied.why.to_string().into()),
            EntryRefusal::Login(LoginRefusal::Record(error)) => Self::Record(error),
            EntryRefusal::Login(refusal) => Self::Login(refusal),
        }
    }
}

/// Makes a session of the service that is named, if the token is bound to it. To others it may be bound, too: of those
/// nothing is asked, so nobody's login depends on what somebody else's service is bound to.
///
/// # Errors
/// When it is not bound to it, or the service may not log in.
pub fn arrive_by_token(
    tx: &mut Tx<'_>,
    vouched: &Vouched,
    service: &ServiceName,
    (keeping, origin): (&Keeping<'_>, &Arc<Origin>),
    login: &Login,
) -> Result<Entered, TrustRefusal> {
    let service = named(tx, Sort::Service, service.as_str())?.ok_or(TrustRefusal::NoService)?;
    let mut bound = false;
    for (id, generation) in &vouched.by {
        let issuer = tx.see::<Issuer>(&Issuer::key(*id))?;
        // INVARIANT: keys that were taken back verify nothing, however late the request is decided
        if issuer.is_none_or(|issuer| issuer.generation != *generation) {
            return Err(TrustRefusal::Overtaken);
        }
        let binding = tx.see::<Binding>(&Binding::key(*id, service))?;
        let holds = |one: &Wanted| one.hold(&vouched.claims);
        bound |= binding.is_some_and(|binding| binding.any_of.iter().any(holds));
    }
    if !bound {
        return Err(TrustRefusal::Unbound);
    }
    let proof = Proof {
        service,
        by: &vouched.trusted_as(),
        credential: credential(service, &vouched.subject()),
        until: Some(vouched.until),
        holder: None,
    };
    Ok(enter_as(tx, origin, keeping, &proof, login)?)
}

/// The bindings of an issuer, by service.
pub(crate) fn of_issuer(
    tx: &mut Tx<'_>,
    issuer: u64,
) -> Result<Vec<(u64, Arc<Binding>)>, RecordError> {
    let found = tx.see_all::<Binding>(&Binding::of(issuer))?;
    let found = found.into_iter();
    Ok(found
        .filter_map(|(key, binding)| Some((last_id(&key)?, binding)))
        .collect())
}
