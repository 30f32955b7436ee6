//! The one way through: authenticate, authorise, act, record; in that order, for every method.
//!
//! [`App::read`] and [`App::write`] are the only functions that hand an engine function a transaction
//! and a [`Visit`]; a `Visit` is the only source of grants. [`App::write_by_proof`] hands out no visit: what is
//! done there is allowed by what the request itself proves. A birth visits itself, as the root identity that it makes
//! ([`bootstrap`](super::bootstrap)). The audit entry is opened before anything is
//! looked at and finished when the outcome is known ([`notes`](super::notes)); the reply waits until the entry is
//! with the kernel.

mod grants;
mod writes;

use std::sync::Arc;

use vault_core::access::{self, Action, Caller, Exceeds, Facts, Resource};
use vault_core::engine::{self, secrets::Refusal};
use vault_core::name::{FolderPath, SecretPath};
use vault_core::record::{IdBlock, Tx};
use vault_proto::v1::Reason;

use super::audit::Part;
use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::notes::Notes;
use super::replies::Held;
use super::{App, CATCH_UP, explain, refusal};

/// How often a read is run again because an apply came in between.
const RERUNS: usize = 16;

/// An authenticated caller in one evaluation of one request.
pub(super) struct Visit<'a> {
    caller: Caller,
    notes: &'a mut Notes,
}

impl<'a> Visit<'a> {
    pub(super) fn new(caller: Caller, notes: &'a mut Notes) -> Self {
        Self { caller, notes }
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// From here on grants are asked for to see what comes: what the request takes, it asks for again.
    pub(super) fn only_looks(&mut self) {
        self.notes.asked = None;
    }

    /// Whether the caller may look into a folder.
    pub(super) fn may_list(&self, folder: &FolderPath) -> bool {
        self.caller.may_list(folder, &Facts::default())
    }

    /// Names something else that the request is about.
    pub(super) fn about(&mut self, resource: String) {
        self.notes.about(resource);
    }

    /// It was done before, and is answered as it was then, whatever is decided now.
    pub(super) fn repeats(&mut self) {
        self.notes.denied = None;
        self.notes.granted = Some("as the first time".to_owned());
    }

    /// What the caller showed of his own, of which no policy decides.
    pub(super) fn showed(&mut self, what: &'static str) {
        self.notes.granted = Some(format!("own, {what}"));
    }

    /// The version that was disclosed or made.
    pub(super) fn touched(&mut self, version: u64) {
        self.notes.version = Some(version);
    }

    /// The session that was made for a role.
    pub(super) fn made(&mut self, made: &super::auth::Oneself) {
        self.notes.about(made.principal.clone());
        self.notes.made = Some(made.session.accessor().to_owned());
    }

    /// What became of each of many resources, in the order in which grants were asked for.
    pub(super) fn fared(&mut self, parts: Vec<Part>) {
        self.notes.parts = parts;
    }

    /// The room that the reply takes until it was sent.
    pub(super) fn holds(&mut self, held: Option<Held>) {
        self.notes.held = held;
    }

    /// A refusal about a path: to one who may not list there, what does not exist looks as what is
    /// not allowed (R-AZ-6).
    pub(super) fn refuse(&mut self, refusal: Refusal, action: Action, path: &SecretPath) -> Error {
        let hidden = refusal.tells_absence() && !self.may_list(&path.parent());
        self.tell(refusal, hidden, action, || Resource::Secret(path.clone()))
    }

    /// The same about a folder.
    pub(super) fn refuse_folder(
        &mut self,
        refusal: Refusal,
        action: Action,
        folder: &FolderPath,
    ) -> Error {
        let hidden = refusal.tells_absence() && !self.may_list(folder);
        self.tell(refusal, hidden, action, || Resource::Folder(folder.clone()))
    }

    fn tell(
        &mut self,
        refusal: Refusal,
        hidden: bool,
        action: Action,
        resource: impl FnOnce() -> Resource,
    ) -> Error {
        if hidden {
            let denied = self.denied(&access::Denied {
                action,
                resource: resource(),
                why: access::Why::Hidden,
            });
            explain::hidden(denied)
        } else {
            refusal::secrets(refusal, &resource())
        }
    }

    /// A change of identities that does not happen. What it would have handed out is for the audit.
    pub(super) fn refuse_change(&mut self, refused: engine::identity::Refusal) -> Error {
        if let engine::identity::Refusal::Exceeds(Exceeds::Beyond(beyond)) = &refused {
            self.notes.beyond = beyond.example().cloned();
        }
        refusal::identity(refused)
    }

    fn denied(&mut self, denied: &access::Denied) -> Error {
        self.notes.denied = Some(denied.why.to_string());
        self.notes.action = Some(denied.action.name());
        Error::new(
            Reason::PolicyDenied,
            format!("`{}` may not do this: {denied}", self.caller.principal()),
        )
    }
}

impl App {
    /// Answers a read from one state of this node.
    pub(super) async fn read<R>(
        &self,
        call: &Call,
        mut act: impl FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<R>,
    ) -> Result<Answer<R>> {
        let mut entry = self.begin(call);
        entry.withdrawable();
        let mut notes = Notes::default();
        let result = match self.may_answer(call, &mut entry).await {
            Ok(_) => self.read_counted(call, &mut notes, &mut act).await,
            Err(error) => Err(error),
        };
        // Its use could not be counted here, so nothing was done.
        let result = result.map_err(|error| {
            if error.reason() == Reason::NoLeader {
                error.for_the_leader()
            } else {
                error
            }
        });
        let held = notes.held.take();
        let reply = self.record(call, entry, &notes, result).await?;
        Ok(Answer {
            held,
            ..self.answer(reply)
        })
    }

    pub(super) fn answer<R>(&self, reply: R) -> Answer<R> {
        Answer {
            reply,
            applied: self.store.applied(),
            staleness_ms: self.freshness.staleness_ms(),
            held: None,
        }
    }

    /// Answers from one state, once the use of a session whose uses are counted has been.
    pub(super) async fn read_counted<R>(
        &self,
        call: &Call,
        notes: &mut Notes,
        act: &mut impl FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut result = self.read_one_state(call, notes, act);
        if let Err(error) = &result
            && error.reason() == Reason::TokenInvalid
            && !notes.uncounted
            && self.node.leader_term().is_none()
        {
            // It may be of a session that is not here yet: only a state as new as the request may say otherwise.
            self.as_new_as_now().await?;
            result = self.read_one_state(call, notes, act);
        }
        if !notes.uncounted {
            return result;
        }
        drop(result);
        self.count(call).await?;
        self.read_one_state(call, notes, act)
    }

    /// Waits until this node has applied all that was acknowledged before.
    pub(super) async fn as_new_as_now(&self) -> Result<()> {
        let index = self.node.read_index().await.map_err(|_| no_leader())?;
        let caught_up = tokio::time::timeout(CATCH_UP, self.store.wait_applied(index));
        caught_up.await.map_err(|_| {
            Error::new(
                Reason::Stale,
                "this node has not yet applied what others have; try again, or try another node",
            )
        })?;
        Ok(())
    }

    fn read_one_state<R>(
        &self,
        call: &Call,
        notes: &mut Notes,
        act: &mut impl FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let calling = self.calling(call);
        self.decide_one_state(notes, &mut |notes, tx| calling.visit(tx, notes, act))
    }

    /// Runs `act` over one state of this node, and again where that changed meanwhile. Nothing is written.
    pub(super) fn decide_one_state<R>(
        &self,
        notes: &mut Notes,
        act: &mut impl FnMut(&mut Notes, &mut Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        for _ in 0..RERUNS {
            *notes = Notes::default();
            let keys = self.unsealed()?;
            let moment = self.store.moment();
            // Of a read nothing is stored: what would be numbered has numbers that nothing has.
            let mut ids = IdBlock::new(u64::MAX - 64, u64::MAX);
            let mut tx = Tx::new(&self.store, keys.keyring(), self.now(), &mut ids)
                .with_opened(keys.opened());
            let result = act(notes, &mut tx);
            // Keys that rotated since may be what it takes: look again with the present ones.
            let whole = matches!(&result, Err(error) if error.reason() == Reason::RecordDamaged);
            let unopened = whole || notes.unopened();
            if unopened {
                self.keys.follow(&self.store);
            }
            let rotated = self
                .keys
                .load()
                .is_some_and(|now| !Arc::ptr_eq(&now, &keys));
            if rotated && (unopened || result.is_err()) {
                continue;
            }
            if self.store.unchanged_since(moment) {
                return result;
            }
            let reads = tx.into_reads();
            if self.store.revalidate(&reads).map_err(Error::internal)? {
                return result;
            }
        }
        Err(Error::new(
            Reason::Contention,
            "the secret changed faster than it could be read; try again",
        ))
    }
}

/// No leader answered.
pub(super) fn no_leader() -> Error {
    Error::new(
        Reason::NoLeader,
        "no leader confirms this node's state; try again in a moment",
    )
}
