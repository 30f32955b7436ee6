//! What programs prove themselves as services with: secret ids, uids and keys. Whoever gives one out could act as the service
//! himself, so all that the service may do must lie within his own rights.

use super::{
    Refusal,
    target::{self, Holder, hand_over},
};
use crate::{
    access::{
        Action, Caller, Grant, KeyHash, Proofs, Sort,
        program::{
            peer, pin,
            secret_id::{self, Accessor, Listed, SecretIdHash, Terms},
        },
    },
    record::Tx,
};

/// Stores a secret id of the service that the grant names.
///
/// # Errors
/// When there is no such service, it may do more than the caller or has too many, or the terms are out of bounds.
pub fn issue_secret_id(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (id, terms): (&SecretIdHash, &Terms),
) -> Result<Listed, Refusal> {
    let (_, name) = grant.named(Action::SERVICE_ISSUE_SECRET_ID)?;
    let service = target::find(tx, Sort::Service, name)?;
    hand_over(tx, caller, proofs, (Sort::Service, name))?;
    let issuer = caller.principal_id();
    let most = match &service.holder {
        Holder::Principal(principal) => principal.most_secret_ids,
        Holder::Group(_) => 0,
    };
    Ok(secret_id::issue(tx, (service.id, most), id, issuer, terms)?)
}

/// Secret ids of the service that the grant names: a page after one of them, and after which to go on.
///
/// # Errors
/// When there is no such service.
pub fn list_secret_ids(
    tx: &mut Tx<'_>,
    grant: &Grant,
    after: Option<Accessor>,
    limit: usize,
) -> Result<(Vec<Listed>, Option<Accessor>), Refusal> {
    let (_, name) = grant.named(Action::SERVICE_DESCRIBE)?;
    let service = target::find(tx, Sort::Service, name)?;
    Ok(secret_id::list(tx, service.id, after, limit)?)
}

/// Takes a secret id back from the service that the grant names. Sessions that were made with it go on.
///
/// # Errors
/// When there is no such service, or it has no such secret id.
pub fn revoke_secret_id(tx: &mut Tx<'_>, grant: &Grant, accessor: Accessor) -> Result<(), Refusal> {
    let (_, name) = grant.named(Action::SERVICE_REVOKE_SECRET_ID)?;
    let service = target::find(tx, Sort::Service, name)?;
    if secret_id::revoke(tx, service.id, accessor)? {
        Ok(())
    } else {
        Err(Refusal::NoSecretId)
    }
}

/// Lets processes of a uid be the service that the grant names, in a group or in any; `false` if it was so.
///
/// # Errors
/// When there is no such service, it may do more than the caller, or the uid cannot be bound.
pub fn allow_uid(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    member: (peer::Member, u32),
) -> Result<bool, Refusal> {
    let (_, name) = grant.named(Action::SERVICE_ALLOW_UID)?;
    let service = target::find(tx, Sort::Service, name)?;
    hand_over(tx, caller, proofs, (Sort::Service, name))?;
    Ok(peer::allow(tx, service.id, member)?)
}

/// Takes a uid from the service that the grant names; `false` if it had it not. Sessions that were made so go on.
///
/// # Errors
/// When there is no such service.
pub fn remove_uid(tx: &mut Tx<'_>, grant: &Grant, uid: u32) -> Result<bool, Refusal> {
    let (_, name) = grant.named(Action::SERVICE_REMOVE_UID)?;
    let service = target::find(tx, Sort::Service, name)?;
    Ok(peer::remove(tx, service.id, uid)?)
}

/// The uids of the service that the grant names.
///
/// # Errors
/// When there is no such service.
pub fn list_uids(tx: &mut Tx<'_>, grant: &Grant) -> Result<Vec<peer::Member>, Refusal> {
    let (_, name) = grant.named(Action::SERVICE_DESCRIBE)?;
    let service = target::find(tx, Sort::Service, name)?;
    Ok(peer::list(tx, service.id)?)
}

/// Lets whoever holds a key be the service that the grant names; whether anything changed by it.
///
/// # Errors
/// When there is no such service, it may do more than the caller, or the key cannot be its own.
pub fn add_pin(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (key, terms): (KeyHash, &pin::Terms),
) -> Result<bool, Refusal> {
    let (_, name) = grant.named(Action::SERVICE_BIND)?;
    let service = target::find(tx, Sort::Service, name)?;
    hand_over(tx, caller, proofs, (Sort::Service, name))?;
    Ok(pin::add(tx, service.id, key, terms)?)
}

/// Takes a key from the service that the grant names, and ends the sessions that were made with it; `false` if it had
/// it not.
///
/// # Errors
/// When there is no such service.
pub fn remove_pin(tx: &mut Tx<'_>, grant: &Grant, key: &KeyHash) -> Result<bool, Refusal> {
    let (_, name) = grant.named(Action::SERVICE_UNBIND)?;
    let service = target::find(tx, Sort::Service, name)?;
    Ok(pin::remove(tx, service.id, key)?)
}

/// The keys of the service that the grant names.
///
/// # Errors
/// When there is no such service.
pub fn list_pins(tx: &mut Tx<'_>, grant: &Grant) -> Result<Vec<pin::Listed>, Refusal> {
    let (_, name) = grant.named(Action::SERVICE_DESCRIBE)?;
    let service = target::find(tx, Sort::Service, name)?;
    Ok(pin::list(tx, service.id)?)
}
