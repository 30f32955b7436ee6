//! What the policies of secrets and folders give somebody, and what a caller may give by them.

use std::sync::Arc;

use super::{Holder, MAX_ALL_BYTES, MAX_POLICIES, ResourcePolicies, ResourcePolicy};
use crate::{
    access::{
        Action, Caller, Facts, Resource,
        policy::{Document, PrincipalKind, Whom, resource_name},
        principal::documents_of,
    },
    record::{RecordError, Tx},
};

/// Why a policy is not attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotSet {
    /// A policy above or below denies the caller what this may allow.
    DeniedHimself,
    /// The caller could not take it back.
    LocksOut,
    /// There are too many, or they are too long together.
    TooMany,
}

impl Caller {
    /// The policies of all secrets and folders, in the state that he was found in.
    pub fn resource_policies(&self) -> &ResourcePolicies {
        &self.rights.resources
    }

    /// Whether he may attach a policy to a resource, as far as the policies there tell.
    pub(crate) fn may_set(
        &self,
        (resource, facts): (&Resource, &Facts<'_>),
        (holder, policy): (Holder, &ResourcePolicy),
    ) -> Result<(), NotSet> {
        let known = self.resource_policies();
        let (count, bytes) = known.size();
        let before = known.at(&policy.place);
        let kept = before.map_or(0, |before| before.policy.text().len());
        let full = before.is_none() && count >= MAX_POLICIES;
        if full || bytes - kept + policy.policy.text().len() > MAX_ALL_BYTES {
            return Err(NotSet::TooMany);
        }
        if self.is_denied_part_of(policy.policy.document(), &resource_name(resource)) {
            return Err(NotSet::DeniedHimself);
        }
        let then = known.with(holder.key(), policy.clone());
        // What he may not do now is not taken from him.
        let keeps = |action| {
            self.decide(action, resource, facts).is_err()
                || self.decide_among(&then, action, resource, facts).is_ok()
        };
        if keeps(Action::PUT_RESOURCE_POLICY) && keeps(Action::DELETE_RESOURCE_POLICY) {
            Ok(())
        } else {
            Err(NotSet::LocksOut)
        }
    }

    /// Whether a policy above or below a place may deny him what a document may allow there.
    pub(crate) fn is_denied_part_of(&self, document: &Document, place: &str) -> bool {
        let rights = &self.rights;
        let Some(allowed) = document.handed_out(place) else {
            return false;
        };
        let whom = (rights.kind, rights.id);
        let denies = |policy: &ResourcePolicy| policy.policy.document().may_deny(whom, &allowed);
        rights.kind != PrincipalKind::Root
            && (self.resource_policies().above(place).any(denies)
                || self
                    .resource_policies()
                    .below(place)
                    .any(|(_, policy)| denies(policy)))
    }

    /// What policies of secrets and folders may deny him and do not deny everybody alike, as documents of his own:
    /// whoever he gives it to would not be denied it. Those of deleted secrets too, which may come back.
    pub(crate) fn denied_by_resources(&self) -> impl Iterator<Item = Arc<Document>> {
        let whom = (self.rights.kind, self.rights.id);
        let all = self.resource_policies().all();
        all.filter_map(move |policy| policy.policy.document().denied_to(whom, &policy.place))
    }

    /// Whether anything may keep him from what policies of secrets and folders allow everybody alike.
    fn is_held_in(&self, tx: &mut Tx<'_>) -> Result<bool, RecordError> {
        let rights = &self.rights;
        if rights.boundary.is_some() || self.session.is_narrowed() {
            return Ok(true);
        }
        if rights.kind == PrincipalKind::Root {
            return Ok(false);
        }
        let whom = (rights.kind, rights.id);
        let mut all = self.resource_policies().all();
        Ok(all.any(|policy| policy.policy.document().singles_out(whom))
            || documents_of(tx, rights.id)?
                .0
                .iter()
                .any(|document| document.denies()))
    }

    /// What the policies of secrets and folders may allow somebody that they do not allow this caller as they do
    /// everybody: what is handed out with his credentials.
    pub(crate) fn allowed_by_resources(
        &self,
        tx: &mut Tx<'_>,
        whom: &[Whom],
    ) -> Result<Vec<Arc<Document>>, RecordError> {
        if self.resource_policies().size().0 == 0 {
            return Ok(Vec::new());
        }
        let anyone = self.is_held_in(tx)?;
        let mut found = Vec::new();
        for policy in self.resource_policies().all() {
            let document = policy.policy.document();
            let handed = whom
                .iter()
                .filter_map(|whom| document.handed_to(&policy.place, *whom, anyone));
            found.extend(handed);
        }
        Ok(found)
    }
}
