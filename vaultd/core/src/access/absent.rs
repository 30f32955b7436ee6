//! What would be decided of somebody who is not calling.

use std::sync::Arc;

use super::{
    Action, Assume, Caller, Facts, Origin, Principal, Resource, Rights, Session, Sort, TokenHash,
    Why,
    policy::{PrincipalKind, Tags},
    principal::named,
    totp::Elevation,
};
use crate::record::{RecordError, Tx};

/// No principal has this id: they are given from one on.
const NOBODY: u64 = u64::MAX;

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

    /// What a user, service or role would be that nobody gave anything: to be told of where it is not for the caller to
    /// know whether there is one. `None` where names of the sort cannot call.
    pub fn nobody(tx: &Tx<'_>, (sort, name): (Sort, &str), origin: &Arc<Origin>) -> Option<Self> {
        let kind = match sort {
            Sort::User => PrincipalKind::User,
            Sort::Service => PrincipalKind::Service,
            Sort::Role => PrincipalKind::Role,
            Sort::Group | Sort::Policy => return None,
        };
        let principal = Principal {
            name: name.to_owned(),
            kind,
            ..Principal::default()
        };
        let rights = Rights {
            kind,
            id: NOBODY,
            name: name.into(),
            tags: Tags::new(),
            identity: Vec::new(),
            boundary: None,
            resources: Arc::default(),
            asks_resource_tags: false,
        };
        Self::with(
            tx,
            (NOBODY, &principal),
            Arc::new(rights),
            (origin, Elevation::NONE),
        )
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
        Ok(rights.and_then(|rights| Self::with(tx, (id, &principal), rights, (origin, elevation))))
    }

    fn with(
        tx: &Tx<'_>,
        (id, principal): (u64, &Principal),
        rights: Arc<Rights>,
        (origin, elevation): (&Arc<Origin>, Elevation),
    ) -> Option<Self> {
        // no session is under it: it is a hash of nothing
        let token = TokenHash::from_bytes(&[0; 32])?;
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
            signed: false,
        };
        Some(Self {
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
        })
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
