//! The one way through: authenticate, authorise, act, record; in that order, for every method.
//!
//! [`App::read`] and [`App::write`] are the only functions that hand an engine function a transaction
//! and a [`Visit`]; a `Visit` is the only source of grants. The audit entry is opened before anything is
//! looked at and finished when the outcome is known; the reply waits until the entry is with the kernel.

use std::sync::{Arc, Mutex, PoisonError};

use vault_core::access::policy::Tags;
use vault_core::access::{self, Action, Caller, Facts, Grant, Origin, Resource};
use vault_core::engine::{self, secrets::Refusal};
use vault_core::name::{FolderPath, SecretPath};
use vault_core::record::{IdBlock, Tx};
use vault_proto::v1::Reason;

use super::audit::{self, Actor, Decision, Entry, Event, Part};
use super::call::{Answer, Call};
use super::error::{Error, Kind, Result};
use super::transact::{Terms, Verdict};
use super::unsealed::Unsealed;
use super::{App, explain, refusal};

/// How often a read is run again because an apply came in between.
const RERUNS: usize = 16;

/// What will be said of a request in the audit log.
#[derive(Debug, Default)]
pub(super) struct Notes {
    actor: Option<(String, String)>,
    resources: Vec<String>,
    /// The action, where the method alone does not tell.
    action: Option<&'static str>,
    /// What denied something, and what allowed something.
    denied: Option<String>,
    granted: Option<String>,
    version: Option<u64>,
    parts: Vec<Part>,
}

impl Notes {
    /// Whether one of the parts is of a record that did not open.
    fn unopened(&self) -> bool {
        let damaged = Reason::RecordDamaged.as_str_name();
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Refused(reason) if *reason == damaged))
    }
}

/// An authenticated caller in one evaluation of one request.
pub(super) struct Visit<'a> {
    caller: Caller,
    notes: &'a mut Notes,
}

impl Visit<'_> {
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Asks for a grant. The audit entry names the resource, whatever the answer.
    pub(super) fn grant(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        resource: Resource,
    ) -> Result<Grant> {
        self.grant_tagged(tx, action, resource, &Tags::new())
    }

    /// The same, of a request that brings tags.
    pub(super) fn grant_tagged(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        resource: Resource,
        request_tags: &Tags,
    ) -> Result<Grant> {
        self.notes.resources.push(resource.to_string());
        let mut resource_tags = Tags::new();
        if let Resource::Secret(path) = &resource
            && self.caller.asks_resource_tags()
        {
            resource_tags = engine::secrets::tags_of(tx, path).map_err(refusal::record)?;
        }
        let facts = Facts {
            resource_tags: &resource_tags,
            request_tags,
            ..Facts::default()
        };
        match access::authorise_about(&self.caller, action, resource, &facts) {
            Ok(grant) => {
                self.notes.granted = Some(grant.by().to_owned());
                self.notes.action = Some(action.name());
                Ok(grant)
            }
            Err(denied) => {
                let error = self.denied(&denied);
                Err(explain::denial(tx, &self.caller, &denied, error))
            }
        }
    }

    /// Whether the caller may look into a folder.
    pub(super) fn may_list(&self, folder: &FolderPath) -> bool {
        self.caller.may_list(folder, &Facts::default())
    }

    /// The version that was disclosed or made.
    pub(super) fn touched(&mut self, version: u64) {
        self.notes.version = Some(version);
    }

    /// What became of each of many resources, in the order in which grants were asked for.
    pub(super) fn fared(&mut self, parts: Vec<Part>) {
        self.notes.parts = parts;
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
        let entry = self.begin(call);
        let mut notes = Notes::default();
        let result = match self.may_answer(call).await {
            Ok(_) => self.read_one_state(call, &mut notes, &mut act),
            Err(error) => Err(error),
        };
        let reply = self.record(entry, notes, result).await?;
        Ok(self.answer(reply))
    }

    /// Makes a write through the leader's proposer. `act` may run more than once.
    pub(super) async fn write<R, F>(
        &self,
        call: &Call,
        terms: Terms,
        mut act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<(Verdict, R)> + Send + 'static,
    {
        let entry = self.begin(call);
        let shared = Arc::new(Mutex::new(Notes::default()));
        let (result, verdict) = match self.may_answer(call).await.and_then(|_| self.audit_ready()) {
            Ok(()) => {
                let (token, notes) = (call.token, Arc::clone(&shared));
                let origin = self.origin(call);
                let ran = self.proposer.run(terms, move |tx| {
                    let mut fresh = Notes::default();
                    let acted = visit(token.as_ref(), &origin, tx, &mut fresh, &mut act);
                    *notes.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
                    match acted {
                        Ok((verdict, reply)) => (verdict, Ok(Ok(reply))),
                        Err(error) => (Verdict::Discard, Ok(Err(error))),
                    }
                });
                match ran.await {
                    Ok((result, settled)) => {
                        (self.confirm(settled.verdict, result).await, settled.verdict)
                    }
                    Err(error) => (Err(error), Verdict::Discard),
                }
            }
            Err(error) => (Err(error), Verdict::Discard),
        };
        let notes = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
        let recorded = self.record(entry, notes, result).await;
        let reply = match verdict {
            Verdict::Commit => recorded.map_err(|error| {
                refusal::unrecorded(
                    error,
                    "the write is in force",
                    "repeat it with the same request id",
                )
            }),
            Verdict::Discard => recorded,
        }?;
        Ok(self.answer(reply))
    }

    /// A refusal counts only from a node that still leads (`store-and-raft` rule 6).
    async fn confirm<R>(&self, verdict: Verdict, result: Result<R>) -> Result<R> {
        if verdict == Verdict::Discard {
            self.node.read_index().await.map_err(|_| no_leader())?;
        }
        result
    }

    /// Refuses a request before it is looked at; it is recorded all the same.
    ///
    /// # Errors
    /// Always: `error`, or that it could not be recorded.
    pub async fn refused<R>(&self, call: &Call, error: Error) -> Result<R> {
        let entry = self.begin(call);
        self.finish(entry, Err(error)).await
    }

    /// Opens the audit entry: the first thing that happens to any request.
    pub(super) fn begin(&self, call: &Call) -> Entry {
        self.audit.begin(Event {
            request: call.request_id,
            method: call.method.path,
            action: call.method.action,
            source: call.source,
        })
    }

    /// Where a request comes from, as policies may ask.
    fn origin(&self, call: &Call) -> Arc<Origin> {
        Arc::new(Origin {
            source: match call.source {
                audit::Source::Tcp(address) => Some(address.ip().to_canonical()),
                audit::Source::Unix { .. } | audit::Source::Inside => None,
            },
            secure: true,
            user_agent: call.user_agent.clone(),
            region: Arc::clone(&self.settings.region),
        })
    }

    /// Of what is not a request.
    pub(super) fn nowhere(&self) -> Arc<Origin> {
        Arc::new(Origin {
            source: None,
            secure: true,
            user_agent: None,
            region: Arc::clone(&self.settings.region),
        })
    }

    /// Refuses at once while no audit line can be written.
    pub(super) fn audit_ready(&self) -> Result<()> {
        self.audit.ready().map_err(audit_unavailable)
    }

    /// Finishes the audit entry, and answers only once it is with the kernel.
    async fn record<R>(&self, mut entry: Entry, notes: Notes, result: Result<R>) -> Result<R> {
        self.describe(&mut entry, &notes);
        self.finish(entry, result).await
    }

    /// Fills an audit entry in: who, about what, and what authorisation said.
    pub(super) fn describe(&self, entry: &mut Entry, notes: &Notes) {
        let keys = self.keys.load();
        let blind = |name: &[u8]| keys.as_deref().map_or([0; 32], |keys| blind(keys, name));
        if let Some((accessor, principal)) = &notes.actor {
            entry.actor(
                Actor {
                    accessor,
                    principal,
                },
                &blind,
            );
        }
        if keys.is_some() {
            notes
                .resources
                .iter()
                .for_each(|resource| entry.resource(resource, &blind));
        }
        match (&notes.granted, &notes.denied) {
            (Some(by), Some(_)) => entry.decision(Decision::Allowed {
                by: format!("{by}, in part: some were denied").into(),
            }),
            (None, Some(by)) => entry.decision(Decision::Denied {
                by: by.clone().into(),
            }),
            (Some(by), None) => entry.decision(Decision::Allowed {
                by: by.clone().into(),
            }),
            (None, None) => {}
        }
        if let Some(action) = notes.action {
            entry.action(action);
        }
        if let Some(version) = notes.version {
            entry.version(version);
        }
        entry.parts(notes.parts.clone());
    }

    /// Finishes an audit entry with a result. Of what may have happened it is never said that it was refused.
    pub(super) async fn finish<R>(&self, entry: Entry, result: Result<R>) -> Result<R> {
        if let Err(error) = &result
            && error.kind() == Kind::Internal
        {
            super::log_once(error);
        }
        match (entry.finish(outcome(&result)).await, result) {
            (Err(_), Err(unknown)) if unknown.kind() == Kind::Unknown => Err(unknown),
            (Err(error), _) => Err(audit_unavailable(error)),
            (Ok(()), result) => result,
        }
    }

    pub(super) fn answer<R>(&self, reply: R) -> Answer<R> {
        Answer {
            reply,
            applied: self.store.applied(),
            staleness_ms: self.freshness.staleness_ms(),
        }
    }

    pub(super) fn read_one_state<R>(
        &self,
        call: &Call,
        notes: &mut Notes,
        act: &mut impl FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let origin = self.origin(call);
        for _ in 0..RERUNS {
            *notes = Notes::default();
            let keys = self.unsealed()?;
            let moment = self.store.moment();
            // Of a read nothing is stored: what would be numbered has numbers that nothing has.
            let mut ids = IdBlock::new(u64::MAX - 64, u64::MAX);
            let mut tx = Tx::new(&self.store, keys.keyring(), self.now(), &mut ids)
                .with_opened(keys.opened());
            let result = visit(call.token.as_ref(), &origin, &mut tx, notes, act);
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

/// Authenticates, then acts.
fn visit<R>(
    token: Option<&access::TokenHash>,
    origin: &Arc<Origin>,
    tx: &mut Tx<'_>,
    notes: &mut Notes,
    act: &mut impl FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<R>,
) -> Result<R> {
    let token = token.ok_or_else(refusal::token)?;
    let caller = access::authenticate(tx, token, origin).map_err(refusal::unauthenticated)?;
    notes.actor = Some((
        caller.session().accessor().to_owned(),
        caller.principal().to_owned(),
    ));
    act(&mut Visit { caller, notes }, tx)
}

fn blind(keys: &Unsealed, name: &[u8]) -> [u8; 32] {
    vault_core::crypto::mac::audit_mac(keys.keyring().audit().active().key(), "resource", name)
}

fn outcome<R>(result: &Result<R>) -> audit::Outcome {
    let Err(error) = result else {
        return audit::Outcome::ok();
    };
    let status = match error.kind() {
        Kind::Invalid => audit::Status::Invalid,
        Kind::Unauthenticated => audit::Status::Unauthenticated,
        Kind::Forbidden => audit::Status::Denied,
        Kind::NotFound => audit::Status::NotFound,
        Kind::Conflict => audit::Status::Conflict,
        Kind::Exists => audit::Status::Exists,
        Kind::Precondition => audit::Status::Precondition,
        Kind::Limited => audit::Status::Limited,
        Kind::Unavailable => audit::Status::Unavailable,
        Kind::Unknown => audit::Status::Unknown,
        Kind::Internal => audit::Status::Internal,
    };
    audit::Outcome::failed(status, error.reason().as_str_name())
}

fn audit_unavailable(error: audit::AuditError) -> Error {
    Error::new(
        Reason::AuditUnavailable,
        "the audit log cannot take a record, so the request is refused",
    )
    .caused_by(error)
}

/// No leader answered.
pub(super) fn no_leader() -> Error {
    Error::new(
        Reason::NoLeader,
        "no leader confirms this node's state; try again in a moment",
    )
}
