//! What takes a grant like a read, and then does something else than read or write records: sealing,
//! rekeying, rotating, making a backup.
//!
//! One audit entry spans authentication, grant, act and outcome. [`App::operate`] is for an act that ends in
//! one call; one that ends later (a stream) keeps the [`Operation`] from [`App::granted`] and brings it to
//! [`App::ended`]. An operation that is dropped is recorded as aborted, with its caller.

use vault_core::access::{Action, Resource};

use super::audit::Entry;
use super::call::{Answer, Call};
use super::error::Result;
use super::notes::Notes;
use super::{App, refusal};

/// What becomes of an operation that cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unrecorded {
    /// It is refused before it begins.
    Refuse,
    /// It happens all the same: sealing is the emergency brake, and no full disk may hold it.
    GoOn,
}

/// Something that was granted and has not ended yet.
#[derive(Debug)]
#[must_use = "an operation ends with `App::ended`, or is recorded as aborted"]
pub struct Operation {
    entry: Entry,
    action: Action,
}

impl App {
    /// Authenticates, authorises, acts, and records how it ended. `act` does not begin before the grant.
    pub(super) async fn operate<R>(
        &self,
        call: &Call,
        action: Action,
        unrecorded: Unrecorded,
        act: impl Future<Output = Result<R>>,
    ) -> Result<Answer<R>> {
        self.operate_on(call, (action, None), unrecorded, act).await
    }

    /// The same on something that the audit names.
    pub(super) async fn operate_on<R>(
        &self,
        call: &Call,
        what: (Action, Option<String>),
        unrecorded: Unrecorded,
        act: impl Future<Output = Result<R>>,
    ) -> Result<Answer<R>> {
        let operation = self.granted_on(call, what, unrecorded).await?;
        let result = act.await;
        self.ended(operation, result).await
    }

    /// Authenticates, works something out that neither reads nor changes the vault, and records how it ended.
    /// Whoever has a session may ask for it: there is nothing to grant.
    pub(super) async fn for_oneself<R>(
        &self,
        call: &Call,
        work: impl Future<Output = Result<R>>,
    ) -> Result<Answer<R>> {
        let mut entry = self.begin(call);
        entry.withdrawable();
        let mut notes = Notes::default();
        // The keys are let go of before the work: sealing waits until nobody holds them.
        let known = match self.may_answer(call, &mut entry).await.map(drop) {
            Ok(()) => {
                self.read_counted(call, &mut notes, &mut |_, _| Ok(()))
                    .await
            }
            Err(error) => Err(error),
        };
        let result = match known {
            Ok(()) => work.await,
            Err(error) => Err(error),
        };
        let reply = self.record(call, entry, &notes, result).await?;
        Ok(self.answer(reply))
    }

    /// The grant for an operation. A refusal is recorded here.
    pub(super) async fn granted(
        &self,
        call: &Call,
        action: Action,
        unrecorded: Unrecorded,
    ) -> Result<Operation> {
        self.granted_on(call, (action, None), unrecorded).await
    }

    async fn granted_on(
        &self,
        call: &Call,
        (action, about): (Action, Option<String>),
        unrecorded: Unrecorded,
    ) -> Result<Operation> {
        let mut entry = self.begin(call);
        entry.withdrawable();
        let mut notes = Notes::default();
        let recordable = match unrecorded {
            Unrecorded::Refuse => self.audit_ready(),
            Unrecorded::GoOn => Ok(()),
        };
        let granted = match recordable {
            Ok(()) => self.may_answer(call, &mut entry).await,
            Err(error) => Err(error),
        };
        // The keys are let go of before the act: sealing waits until nobody holds them.
        let granted = match granted.map(drop) {
            Ok(()) => {
                self.read_counted(call, &mut notes, &mut |visit, tx| {
                    visit.grant(tx, action, Resource::System).map(drop)
                })
                .await
            }
            Err(error) => Err(error),
        };
        let granted = granted.and_then(|()| call.may_act());
        if let Some(about) = about {
            notes.about(about);
        }
        match granted {
            Ok(()) => {
                self.describe(&mut entry, &notes);
                entry.binding();
                Ok(Operation { entry, action })
            }
            Err(error) => self.record(call, entry, &notes, Err(error)).await,
        }
    }

    /// Records how an operation ended, and answers.
    ///
    /// # Errors
    /// What `result` holds; `OUTCOME_UNKNOWN` when it was done and could not be recorded.
    pub async fn ended<R>(&self, operation: Operation, result: Result<R>) -> Result<Answer<R>> {
        let Operation { entry, action } = operation;
        let done = format!("`{action}` was done");
        let finished = self.finish_act(entry, result, &done, "look before you repeat it");
        let reply = finished.await?;
        Ok(self.answer(reply))
    }

    /// Finishes the audit entry of an act that is no write. Where it happened and no line of it could be written,
    /// the error says what is `done` and what to do `next`: nobody is told that it was refused.
    pub(super) async fn finish_act<R>(
        &self,
        entry: Entry,
        result: Result<R>,
        done: &str,
        next: &str,
    ) -> Result<R> {
        let happened = result.is_ok();
        match self.finish(entry, result).await {
            Err(error) if happened => Err(refusal::unrecorded(error, done, next)),
            finished => finished,
        }
    }
}
