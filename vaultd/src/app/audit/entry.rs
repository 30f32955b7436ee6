//! The audit record of one request: opened before anything else is known of it, filled in as the
//! pipeline learns more, consumed by the outcome.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use vault_proto::v1::Reason;
use vault_proto::{Access, METHODS};

use super::budget::Payer;
use super::event::{Actor, Blind, Decision, Event, Outcome, Part, Status};
use super::flood::Kind;
use super::line::{self, MoreLine, RequestLine};
use super::pages::Pages;
use super::pen::Pen;
use super::queue::Queue;
use super::state::State;
use super::writer::Job;
use super::{AuditError, Paths};

/// What entries share.
pub(super) struct Desk {
    pub(super) state: Arc<State>,
    pub(super) queue: Arc<Queue<Job>>,
    pub(super) pen: Arc<Pen>,
    pub(super) paths: Paths,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A request that has not ended yet. Dropped unfinished, it is recorded as aborted.
#[must_use = "a request without its audit line must not be answered"]
pub struct Entry {
    draft: Option<Box<Draft>>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry(..)")
    }
}

struct Draft {
    desk: Arc<Desk>,
    event: Event,
    started: Duration,
    tenant: u32,
    actor: Option<Known>,
    /// Nothing was done or told yet: it may still be refused, and counted instead.
    withdrawable: bool,
    resources: Vec<String>,
    parts: Vec<Part>,
    version: Option<u64>,
    made: Option<String>,
    decision: Decision,
}

/// Bytes of a name that is no resource's.
const MOST_OF_A_NAME: usize = 512;

struct Known {
    accessor: String,
    /// As the line has it.
    written: String,
    /// Who assumed the role, as the line has it.
    assumed_by: Option<String>,
    /// Who pays for the line.
    payer: String,
}

impl Entry {
    pub(super) fn open(desk: Arc<Desk>, event: Event) -> Self {
        let started = desk.state.now();
        Self {
            draft: Some(Box::new(Draft {
                desk,
                event,
                started,
                tenant: 0,
                actor: None,
                withdrawable: false,
                resources: Vec::new(),
                parts: Vec::new(),
                version: None,
                made: None,
                decision: Decision::Undecided,
            })),
        }
    }

    /// Who it is, once authenticated.
    pub fn actor(&mut self, actor: Actor<'_>, blind: &dyn Blind) {
        self.fill(|draft| {
            draft.actor = Some(Known {
                accessor: actor.accessor.to_owned(),
                written: draft.name(actor.principal, blind),
                assumed_by: actor.assumed_by.map(|name| draft.name(name, blind)),
                payer: actor.payer().principal.to_owned(),
            });
        });
    }

    /// The action of a method that has one for each sort of thing that it is about. A method that needs several
    /// actions keeps the one that it declares.
    pub fn action(&mut self, action: &'static str) {
        self.fill(|draft| {
            if draft.event.action.starts_with('{') {
                draft.event.action = action;
            }
        });
    }

    /// The tenant, where it is not the first.
    pub fn tenant(&mut self, tenant: u32) {
        self.fill(|draft| draft.tenant = tenant);
    }

    /// What it is about: called for each resource, in the request's order.
    pub fn resource(&mut self, name: &str, blind: &dyn Blind) {
        self.fill(|draft| {
            let name = draft.name(name, blind);
            draft.resources.push(name);
        });
    }

    /// What became of each resource, in the same order, where they may fare differently.
    pub fn parts(&mut self, parts: Vec<Part>) {
        self.fill(|draft| draft.parts = parts);
    }

    /// What authorisation said.
    pub fn decision(&mut self, decision: Decision) {
        self.fill(|draft| draft.decision = decision);
    }

    /// That it would have handed out what its caller has not: this action on this resource, for one.
    pub fn beyond(&mut self, (action, resource): (&str, &str), blind: &dyn Blind) {
        self.fill(|draft| {
            // What a pattern means may be longer than any name.
            let end = resource.floor_char_boundary(MOST_OF_A_NAME);
            let resource = draft.name(resource.get(..end).unwrap_or_default(), blind);
            let by = format!("beyond own rights, as {action} on {resource}").into();
            draft.decision = Decision::Denied { by };
        });
    }

    /// The accessor of the session that it made.
    pub fn made(&mut self, accessor: &str) {
        self.fill(|draft| draft.made = Some(accessor.to_owned()));
    }

    /// The version that was read or made.
    pub fn version(&mut self, version: u64) {
        self.fill(|draft| draft.version = Some(version));
    }

    /// Says that nothing was done yet and nothing told, so that [`Entry::finish`] may refuse the request because
    /// its caller fills the audit too fast, and it is then counted instead of listed.
    pub fn withdrawable(&mut self) {
        self.fill(|draft| draft.withdrawable = true);
    }

    /// Says that from here on something may be done, which is recorded whatever it costs.
    pub fn binding(&mut self) {
        self.fill(|draft| draft.withdrawable = false);
    }

    /// Leaves the line to another entry of the same request, which begins next.
    pub fn superseded(mut self) {
        self.draft = None;
    }

    /// Writes or queues the line at once; the future resolves when it is with the kernel, or on disk where the
    /// configuration says `always`. The reply must wait for it.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`], within the bound, or [`AuditError::OverBudget`]: the request must be refused.
    pub fn finish(
        mut self,
        outcome: Outcome,
    ) -> impl Future<Output = Result<(), AuditError>> + Send + use<> {
        let sent = match self.draft.take() {
            Some(draft) => (draft.desk.state.bound, draft.send(outcome)),
            None => (Duration::ZERO, Err(AuditError::Unavailable)),
        };
        async move {
            let (bound, sent) = sent;
            let Some(written) = sent? else {
                return Ok(());
            };
            match tokio::time::timeout(bound, written).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Err(AuditError::Unavailable),
            }
        }
    }

    fn fill(&mut self, f: impl FnOnce(&mut Draft)) {
        if let Some(draft) = &mut self.draft {
            f(draft);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(draft) = self.draft.take() {
            draft.abort();
        }
    }
}

type Waiting = Result<Option<oneshot::Receiver<Result<(), AuditError>>>, AuditError>;

impl Draft {
    fn name(&self, name: &str, blind: &dyn Blind) -> String {
        match self.desk.paths {
            Paths::Plain => name.to_owned(),
            Paths::Hmac => line::blinded(&blind.blind(name.as_bytes())),
        }
    }

    /// `None` where there is nothing to wait for: the line is with the kernel, or the request was counted.
    fn send(self: Box<Self>, outcome: Outcome) -> Waiting {
        let state = &self.desk.state;
        if let Err(error) = state.ready() {
            state.lost.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        if !self.admitted(outcome) {
            return Ok(None);
        }
        let body = self.encode(outcome);
        if !self.paid(&body) {
            return Err(AuditError::OverBudget);
        }
        if let Some(written) = self.desk.pen.at_once(&body) {
            return written.map(|()| None);
        }
        let (done, written) = oneshot::channel();
        let bytes = body.len();
        self.queue(Job::Line(body, Some(done)), bytes)?;
        Ok(Some(written))
    }

    fn abort(self: Box<Self>) {
        let outcome = Outcome::failed(Status::Aborted, "");
        if self.admitted(outcome) {
            let body = self.encode(outcome);
            if self.paid(&body) {
                // Nobody waits; what does not fit is counted as lost.
                let bytes = body.len();
                let _counted = self.queue(Job::Line(body, None), bytes);
            }
        }
    }

    /// What nobody has shown a right to has a budget: failures, and what a public method answers to anyone.
    fn admitted(&self, outcome: Outcome) -> bool {
        let method = self.event.method;
        let proven = outcome.status == Status::Ok && !is_public(method);
        if self.actor.is_some() || proven {
            return true;
        }
        self.desk.state.with_flood(|flood, now| {
            flood.admit(now, || Kind {
                method,
                reason: outcome.reason,
                origin: self.event.source.origin(),
            })
        })
    }

    /// Whether whoever is behind it has paid for its lines, or it must be recorded; if not, it was counted.
    fn paid(&self, body: &[u8]) -> bool {
        let Some(actor) = &self.actor else {
            return true;
        };
        let payer = Payer {
            accessor: &actor.accessor,
            principal: &actor.payer,
        };
        let state = &self.desk.state;
        let paid = state.pay(payer, body.len(), !self.withdrawable);
        if !paid {
            let kind = Kind {
                method: self.event.method,
                reason: Reason::Overloaded.as_str_name(),
                origin: format!("session:{}", actor.accessor),
            };
            state.with_flood(|flood, now| flood.count(now, kind));
        }
        paid
    }

    fn queue(&self, job: Job, bytes: usize) -> Result<(), AuditError> {
        if self.desk.queue.push(job, bytes) {
            return Ok(());
        }
        self.desk.state.lost.fetch_add(1, Ordering::Relaxed);
        Err(AuditError::Unavailable)
    }

    fn assumed_by(&self) -> Option<&str> {
        self.actor.as_ref()?.assumed_by.as_deref()
    }

    /// The request's line, and the lines that go on with its resources where one has no room for them.
    fn encode(&self, outcome: Outcome) -> Vec<u8> {
        let state = &self.desk.state;
        let (decision, by) = line::decision(&self.decision);
        let latency = state.now().saturating_sub(self.started);
        let (time, id) = (
            line::time(state.clock.utc()),
            line::uuid(&self.event.request),
        );
        let mut pages = Pages::of(&self.resources, &self.parts);
        let (_, resources, parts) = pages.next().unwrap_or_default();
        let mut lines = line::encode(&RequestLine {
            time: &time,
            kind: "request",
            node: state.node,
            tenant: self.tenant,
            id: &id,
            source: self.event.source.to_string(),
            method: self.event.method,
            action: self.event.action,
            accessor: self.actor.as_ref().map(|actor| actor.accessor.as_str()),
            principal: self.actor.as_ref().map(|actor| actor.written.as_str()),
            assumed_by: self.assumed_by(),
            made: self.made.as_deref(),
            resources,
            parts,
            of: pages.more().then_some(self.resources.len()),
            version: self.version,
            decision,
            by,
            status: outcome.status,
            reason: outcome.reason,
            latency_us: u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
        });
        for (from, resources, parts) in pages {
            lines.push(b'\n');
            lines.extend(line::encode(&MoreLine {
                time: &time,
                kind: "more",
                node: state.node,
                id: &id,
                action: self.event.action,
                accessor: self.actor.as_ref().map(|actor| actor.accessor.as_str()),
                principal: self.actor.as_ref().map(|actor| actor.written.as_str()),
                assumed_by: self.assumed_by(),
                status: outcome.status,
                from,
                resources,
                parts,
            }));
        }
        lines
    }
}

/// Whether whoever can connect may call it, without a session and without a key.
fn is_public(method: &str) -> bool {
    let mut methods = METHODS.iter();
    methods.any(|known| known.path == method && known.access == Access::Public)
}
