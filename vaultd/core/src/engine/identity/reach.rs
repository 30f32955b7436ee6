//! What somebody may come to do: what he may do himself, and what every role may that may let him in, from role to role;
//! by policies of his own, and by those of secrets and folders.
//!
//! A role's trust policy decides alone who assumes it, so who has somebody's credentials has those roles too. What is
//! taken for possible errs on the side of more: conditions hold, nothing is denied, and no boundary limits a role.

use std::sync::Arc;

use super::{
    Refusal,
    target::{Holder, Target},
};
use crate::{
    access::{
        Caller, Principal, Proofs, Sort, Whose,
        policy::{Document, PrincipalKind, Whom},
        principal::{Named, documents_of},
    },
    record::{RecordError, Tx},
};

/// Most roles that are looked at, and most that somebody may come to: beyond, who may do everything decides.
const MAX_ROLES: usize = 1_000;
const MAX_REACHED: usize = 32;

/// Whether all that a target may come to do lies within the caller's rights.
///
/// # Errors
/// When it does not, or it must be proved first.
pub(super) fn within(
    tx: &mut Tx<'_>,
    caller: &Caller,
    proofs: &mut Proofs,
    target: &Target,
) -> Result<(), Refusal> {
    let own = target.documents(tx)?;
    let Holder::Principal(principal) = &target.holder else {
        return Ok(proofs.within(tx, caller, &own, &Whose::others())?);
    };
    prove(
        tx,
        caller,
        proofs,
        own,
        Whom::Known((principal.kind, target.id)),
    )
}

/// The same of somebody who is only being made: a role that trusts all but some does not know him. Whoever else is
/// trusted under conditions or not at all is looked at when his credentials are given to somebody. A role has none: its
/// own trust policy hands it over as it is made.
///
/// # Errors
/// When it does not, or it must be proved first.
pub(super) fn of_newcomer(
    tx: &mut Tx<'_>,
    caller: &Caller,
    proofs: &mut Proofs,
    (kind, id): (PrincipalKind, u64),
) -> Result<(), Refusal> {
    let from = match kind {
        PrincipalKind::Role => Whom::Known((kind, id)),
        PrincipalKind::User | PrincipalKind::Service | PrincipalKind::Root => Whom::New,
    };
    prove(tx, caller, proofs, Vec::new(), from)
}

fn prove(
    tx: &mut Tx<'_>,
    caller: &Caller,
    proofs: &mut Proofs,
    mut documents: Vec<Arc<Document>>,
    from: Whom,
) -> Result<(), Refusal> {
    let mut left = roles(tx)?;
    let mut reached = vec![from];
    let mut at = 0;
    while let Some(from) = reached.get(at).copied() {
        at += 1;
        let (open, shut): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|(_, role)| may_assume(from, role));
        left = shut;
        for (id, _) in open {
            documents.extend(documents_of(tx, id)?.0);
            reached.push(Whom::Known((PrincipalKind::Role, id)));
        }
    }
    if at + left.len() > MAX_ROLES || at > MAX_REACHED {
        return Ok(proofs.everything(tx, caller)?);
    }
    documents.extend(caller.allowed_by_resources(tx, &reached)?);
    Ok(proofs.within(tx, caller, &documents, &Whose::others())?)
}

fn may_assume(from: Whom, role: &Principal) -> bool {
    role.trust.as_ref().is_some_and(|trust| match from {
        Whom::Known(whom) => trust.document().may_trust(whom),
        Whom::New => trust.document().may_trust_strangers(),
    })
}

fn roles(tx: &mut Tx<'_>) -> Result<Vec<(u64, Arc<Principal>)>, RecordError> {
    let names = tx.see_all::<Named>(&Sort::Role.all())?;
    let mut roles = Vec::new();
    // One more than are looked at tells that there are too many.
    for (_, named) in names.iter().take(MAX_ROLES + 1) {
        let key = Principal::key(named.id);
        let role = tx.see::<Principal>(&key)?;
        roles.push((named.id, role.ok_or(RecordError::Damaged(key))?));
    }
    Ok(roles)
}
