//! What is said of a request in the audit log: noted while it is dealt with, written when it has ended.
//!
//! INVARIANT: whoever can be named is, however early the request ended: what a door takes in from the holder
//! of a token, and from nobody else, never goes by without his name.

use vault_core::access::Caller;
use vault_core::access::policy::Example;
use vault_core::crypto::mac::audit_mac;
use vault_proto::v1::Reason;

use super::asked::Asked;
use super::audit::{self, Actor, Decision, Entry, Event, Part};
use super::call::Call;
use super::error::{Error, Kind, Result};
use super::replies::Held;
use super::unsealed::Unsealed;
use super::{App, refusal};

/// Who is calling.
#[derive(Debug)]
pub(super) struct Found {
    accessor: String,
    principal: String,
    assumed_by: Option<String>,
}

impl Found {
    /// Somebody in no session of a role.
    pub(super) fn of_name(accessor: &str, principal: String) -> Self {
        Self {
            accessor: accessor.to_owned(),
            principal,
            assumed_by: None,
        }
    }
}

/// What will be said of a request in the audit log.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) actor: Option<Found>,
    /// The uses of the session are counted, and this one was not.
    pub(super) uncounted: bool,
    pub(super) resources: Vec<String>,
    /// The action, where the method alone does not tell.
    pub(super) action: Option<&'static str>,
    /// What denied something, and what allowed something.
    pub(super) denied: Option<String>,
    pub(super) granted: Option<String>,
    /// What it would have handed out that its caller has not.
    pub(super) beyond: Option<Example>,
    pub(super) version: Option<u64>,
    /// The accessor of the session that it made.
    pub(super) made: Option<String>,
    pub(super) parts: Vec<Part>,
    /// The request is only asked about.
    pub(super) asked: Option<Asked>,
    /// The room that the reply takes until it was sent.
    pub(super) held: Option<Held>,
}

impl Notes {
    /// Who it was found to be.
    pub(super) fn by(&mut self, caller: &Caller) {
        let accessor = caller.session().accessor();
        self.actor = Some(Found {
            assumed_by: caller.assumed_by().map(str::to_owned),
            ..Found::of_name(accessor, caller.principal().to_owned())
        });
    }

    /// Names something that the request is about.
    pub(super) fn about(&mut self, resource: String) {
        self.resources.push(resource);
    }

    /// Whether one of the parts is of a record that did not open.
    pub(super) fn unopened(&self) -> bool {
        let damaged = Reason::RecordDamaged.as_str_name();
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Refused(reason) if *reason == damaged))
    }
}

impl App {
    /// Refuses a request before it is looked at; it is recorded all the same.
    ///
    /// # Errors
    /// Always: `error`, or that it could not be recorded.
    pub async fn refused<R>(&self, call: &Call, error: Error) -> Result<R> {
        let entry = self.begin(call);
        self.record(call, entry, &Notes::default(), Err(error))
            .await
    }

    /// Records as aborted, with its caller, what broke off before it was a request, although a door had looked
    /// at its token and done as the answer was.
    pub fn broke_off(&self, call: &Call) {
        let mut entry = self.begin(call);
        entry.withdrawable();
        self.name_caller(&mut entry, call);
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

    /// Refuses at once while no audit line can be written.
    pub(super) fn audit_ready(&self) -> Result<()> {
        self.audit.ready().map_err(refusal::audit)
    }

    /// Finishes the audit entry, and answers only once it is with the kernel.
    pub(super) async fn record<R>(
        &self,
        call: &Call,
        mut entry: Entry,
        notes: &Notes,
        result: Result<R>,
    ) -> Result<R> {
        if result.is_err() && notes.actor.is_none() {
            // It ended before anybody asked who it was, so nothing was done for him.
            entry.withdrawable();
            self.name_caller(&mut entry, call);
        }
        self.describe(&mut entry, notes);
        self.finish(entry, result).await
    }

    /// Names in an audit entry whose token the call came with, if this node's state says.
    pub(super) fn name_caller(&self, entry: &mut Entry, call: &Call) -> bool {
        let caller = self.caller(call);
        let mut notes = Notes::default();
        if let Some(caller) = &caller {
            notes.by(caller);
        }
        self.describe(entry, &notes);
        caller.is_some()
    }

    /// Fills an audit entry in: who, about what, and what authorisation said.
    pub(super) fn describe(&self, entry: &mut Entry, notes: &Notes) {
        describe_under(self.keys.load().as_deref(), entry, notes);
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
            (Err(error), _) => Err(refusal::audit(error)),
            (Ok(()), result) => result,
        }
    }
}

/// The same, under these keys.
pub(super) fn describe_under(keys: Option<&Unsealed>, entry: &mut Entry, notes: &Notes) {
    let blind = |name: &[u8]| keys.map_or([0; 32], |keys| blind(keys, name));
    if let Some(actor) = &notes.actor {
        entry.actor(
            Actor {
                accessor: &actor.accessor,
                principal: &actor.principal,
                assumed_by: actor.assumed_by.as_deref(),
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
        // Of several grants for one act a single denial denies it; a batch goes on without what was denied.
        (Some(by), Some(_)) if !notes.parts.is_empty() => entry.decision(Decision::Allowed {
            by: format!("{by}, in part: some were denied").into(),
        }),
        (_, Some(by)) => entry.decision(Decision::Denied {
            by: by.clone().into(),
        }),
        (Some(by), None) if notes.asked.is_some() => entry.decision(Decision::Allowed {
            by: format!("{by}, only asked: nothing was done").into(),
        }),
        (Some(by), None) => entry.decision(Decision::Allowed {
            by: by.clone().into(),
        }),
        (None, None) => {}
    }
    if let Some(beyond) = notes.beyond.as_ref().filter(|_| keys.is_some()) {
        entry.beyond((beyond.action.name(), &beyond.resource), &blind);
    }
    if let Some(action) = notes.action {
        entry.action(action);
    }
    if let Some(accessor) = &notes.made {
        entry.made(accessor);
    }
    if let Some(version) = notes.version {
        entry.version(version);
    }
    entry.parts(notes.parts.clone());
}

fn blind(keys: &Unsealed, name: &[u8]) -> [u8; 32] {
    audit_mac(keys.keyring().audit().active().key(), BLINDED, name)
}

/// All that audit lines may hold instead of a name: one for each term of the audit key.
pub(super) fn blinds(keys: &Unsealed, name: &[u8]) -> impl Iterator<Item = String> {
    let terms = keys.keyring().audit().iter();
    terms.map(|term| audit::blinded(&audit_mac(term.key(), BLINDED, name)))
}

/// What the audit key is used for here: names of resources and of callers.
const BLINDED: &str = "resource";

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
