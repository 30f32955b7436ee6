//! Wrapped values in the store: left there, looked at, taken back, swept.

use minicbor::{Decode, Encode};

use super::{Accessor, Refusal, Wrapped, taking::Handed};
use crate::{
    access::{Action, Caller, Grant},
    crypto::envelope::Class,
    record::{Calendar, Document, RecordError, Tx},
};

const MINUTE: u64 = 60_000;
const SHORTEST: u64 = MINUTE;
const DEFAULT: u64 = 60 * MINUTE;
const LONGEST: u64 = 7 * 24 * 60 * MINUTE;

/// The one version of a value's record.
pub(super) const VERSION: u64 = 1;

/// When they end, by ten minutes.
const ENDS: Calendar = Calendar::new(4, 10 * MINUTE);

/// What lies under an accessor.
#[derive(Encode, Decode)]
pub(super) struct Waiting {
    /// Of the value's record; `None` once that is gone.
    #[n(0)]
    pub(super) value: Option<u64>,
    #[n(1)]
    creator: u64,
    #[n(2)]
    created_by: String,
    #[n(3)]
    session: String,
    #[n(4)]
    created_at: u64,
    #[n(5)]
    expires_at: u64,
    /// In which life of the cluster it was left.
    #[n(6)]
    incarnation: u64,
    #[n(7)]
    pub(super) handed: Option<Handed>,
    // 8: a user whom it is for.
}

impl Document for Waiting {
    const CLASS: Class = Class::Voter;
}

/// What its creator may know of a wrapped value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its name.
    pub accessor: Accessor,
    /// Who left it.
    pub created_by: String,
    /// The accessor of the session that he left it with.
    pub session: String,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// Milliseconds since the epoch.
    pub expires_at: u64,
    /// When it was handed out, in milliseconds since the epoch.
    pub unwrapped_at: Option<u64>,
}

/// How a value is to be left.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// Milliseconds; a minute to seven days, by default an hour.
    pub ttl: Option<u64>,
}

impl Waiting {
    /// Whether it has ended: by its time, or because the cluster was restored from a backup since it was left.
    pub(super) fn has_ended(&self, tx: &Tx<'_>) -> bool {
        tx.now() >= self.expires_at || !self.is_of_this_life(tx)
    }

    pub(super) fn is_of_this_life(&self, tx: &Tx<'_>) -> bool {
        self.incarnation == tx.incarnation()
    }

    pub(super) fn info(self, accessor: Accessor) -> Info {
        Info {
            accessor,
            created_by: self.created_by,
            session: self.session,
            created_at: self.created_at,
            expires_at: self.expires_at,
            unwrapped_at: self.handed.map(|handed| handed.at),
        }
    }

    /// When the calendar looks at it next.
    fn due(&self) -> u64 {
        match (&self.handed, self.value) {
            (Some(handed), Some(_)) => handed.until(),
            _ => self.expires_at,
        }
    }

    /// Puts it, in the calendar too.
    pub(super) fn keep(&self, tx: &mut Tx<'_>, accessor: &Accessor) -> Result<(), RecordError> {
        tx.put(accessor.key(), self)?;
        ENDS.file(tx, self.due(), accessor.as_bytes())
    }

    /// Takes it out of the calendar, before it changes.
    pub(super) fn unfile(&self, tx: &mut Tx<'_>, accessor: &Accessor) {
        ENDS.unfile(tx, self.due(), accessor.as_bytes());
    }

    fn remove(&mut self, tx: &mut Tx<'_>, accessor: &Accessor) {
        self.remove_value(tx);
        tx.delete(accessor.key());
    }

    fn remove_value(&mut self, tx: &mut Tx<'_>) {
        if let Some(id) = self.value.take() {
            tx.delete_value(id, VERSION);
        }
    }
}

/// Leaves a value for whoever brings its code.
///
/// # Errors
/// When the time is out of bounds.
pub fn share(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    wrapped: Wrapped,
    request: &Share,
) -> Result<Info, Refusal> {
    grant.own(Action::SHARE)?;
    let ttl = request.ttl.unwrap_or(DEFAULT);
    if !(SHORTEST..=LONGEST).contains(&ttl) {
        return Err(Refusal::Ttl);
    }
    let id = tx.next_id()?;
    let Wrapped { accessor, envelope } = wrapped;
    let waiting = Waiting {
        value: Some(id),
        creator: grant.principal_id(),
        created_by: grant.principal().to_owned(),
        session: caller.session().accessor().to_owned(),
        created_at: tx.now(),
        expires_at: tx.now().saturating_add(ttl),
        incarnation: tx.incarnation(),
        handed: None,
    };
    tx.put_value(id, VERSION, envelope);
    waiting.keep(tx, &accessor)?;
    Ok(waiting.info(accessor))
}

/// What is known of a value that the caller left, until its time is over; the value itself stays closed.
///
/// # Errors
/// When he left none under that name, or it has ended.
pub fn look_up(tx: &mut Tx<'_>, grant: &Grant, accessor: &Accessor) -> Result<Info, Refusal> {
    grant.own(Action::SHARE_LOOKUP)?;
    Ok(callers(tx, grant, accessor)?.info(*accessor))
}

/// Takes back a value that the caller left. The reply says whether it had been handed out before.
///
/// # Errors
/// As [`look_up`].
pub fn revoke(tx: &mut Tx<'_>, grant: &Grant, accessor: &Accessor) -> Result<Info, Refusal> {
    grant.own(Action::SHARE_REVOKE)?;
    let mut waiting = callers(tx, grant, accessor)?;
    waiting.unfile(tx, accessor);
    waiting.remove(tx, accessor);
    Ok(waiting.info(*accessor))
}

/// Removes what up to `limit` values leave that were handed out or have ended; whether there may be more.
///
/// # Errors
/// When the store fails.
pub fn sweep(tx: &mut Tx<'_>, limit: usize) -> Result<bool, RecordError> {
    let due = ENDS.due(tx, limit)?;
    for item in due.items {
        // ORDER: this goes first, as the name may be filed anew below.
        tx.delete(item.key);
        let Some(accessor) = Accessor::from_bytes(&item.id) else {
            continue;
        };
        let Some(mut waiting) = tx.get::<Waiting>(&accessor.key())? else {
            continue;
        };
        if tx.now() < waiting.due() {
            continue;
        }
        if tx.now() >= waiting.expires_at {
            waiting.remove(tx, &accessor);
        } else {
            // Its creator sees that it was handed out for as long as it would have waited.
            waiting.remove_value(tx);
            waiting.keep(tx, &accessor)?;
        }
    }
    Ok(due.more)
}

fn callers(tx: &mut Tx<'_>, grant: &Grant, accessor: &Accessor) -> Result<Waiting, Refusal> {
    let waiting = tx.get::<Waiting>(&accessor.key())?;
    waiting
        .filter(|waiting| waiting.creator == grant.principal_id() && !waiting.has_ended(tx))
        .ok_or(Refusal::Unknown)
}
