//! What would be decided of somebody who is not calling.

use std::sync::Arc;

use super::{
    Action, Assume, Caller, Facts, Origin, Principal, Resource, Rights, Session, Sort, TokenHash,
    Why, principal::named, totp::Elevation,
};
use crate::record::{RecordError, Tx};

/// A principal as it would be in a session that has just begun and is not narrowed. It is no
/// [`Caller`]: nothing is granted to it.
#[derive(Debug)]
pub struct Absent {
    caller: Caller,
    disabled: bool,
}

impl Absent {
    /// The user, service or role of a name, without a second factor. `None` if there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(
        tx: &mut Tx<'_>,
        (sort, name): (Sort, &str),
        origin: &Arc<Origin>,
    ) -> Result<Option<Self>, RecordError> {
        if !matches!(sort, Sort::User | Sort::Service | Sort::Role) {
            return Ok(None);
        }
        match named(tx, sort, name)? {
            Some(id) => Self::elevated(tx, id, origin, Elevation::NONE),
            None => Ok(None),
        }
    }

    /// A principal by its id, in a session that has just shown a second factor.
    pub(super) fn elevated(
        tx: &mut Tx<'_>,
        id: u64,
        origin: &Arc<Origin>,
        elevation: Elevation,
    ) -> Result<Option<Self>, RecordError> {
        let key = Principal::key(id);
        let principal = tx
            .see::<Principal>(&key)?
            .ok_or(RecordError::Damaged(key))?;
        let rights = Rights::of(tx, id)?;
        // no session is under it: it is a hash of nothing
        let (Some(rights), Some(token)) = (rights, TokenHash::from_bytes(&[0; 32])) else {
            return Ok(None);
        };
        let session = Session {
            principal: id,
            accessor: String::new(),
            created_at: tx.now(),
            expires_at: None,
            actions: None,
            under: None,
            incarnation: tx.incarnation(),
            epoch: principal.epoch,
            parent: None,
            elevation,
            role: None,
            policies: None,
            renewal: None,
            uses: None,
            places: None,
            enrols: false,
            holder: None,
            credential: None,
        };
        Ok(Some(Self {
            caller: Caller {
                token,
                session: Arc::new(session),
                rights,
                origin: Arc::clone(origin),
                now: tx.now(),
                tags: None,
                assumed_by: None,
                shown: principal.shown().into(),
            },
            disabled: principal.disabled,
        }))
    }

    /// What would be decided of his request, by what decides requests.
    ///
    /// # Errors
    /// Why it would be denied.
    pub fn decide(
        &self,
        action: Action,
        resource: &Resource,
        facts: &Facts<'_>,
    ) -> Result<Why, Why> {
        if self.disabled {
            return Err(Why::Disabled);
        }
        self.caller.decide(action, resource, facts)
    }

    /// What a session of a role would be called that he assumed.
    pub fn session_name(&self) -> String {
        Assume::default().session_name(&self.caller)
    }

    /// Whether his rights depend on the tags of what he asks for.
    pub fn asks_resource_tags(&self) -> bool {
        self.caller.asks_resource_tags()
    }
}
