//! Reading the audit trail: tails, searches, checks.
//!
//! Each is granted and recorded before a file is opened, and goes on in short steps on blocking threads; before each
//! step it is asked whether its caller still may. So none outlives the session, the right or the keys that began it.
//! Names are blinded here, under every term of the audit key, and looked for as lines hold them; the keys are not
//! held while files are read.

mod words;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use vault_core::access::{Action, Resource};
use vault_proto::v1::Reason;

use super::App;
use super::audit::trail::{Check, Filter, LOOK_AGAIN, Search, Step, Tail, Trail, Work};
use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::notes::{Notes, blinds};
use super::operate::Unrecorded;
use words::{OWN, SYSTEM, action, caller, invalid, outcome, resource};

/// Which lines are asked for, in words.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Names or accessors.
    pub callers: Vec<String>,
    /// Actions, or beginnings and `*`.
    pub actions: Vec<String>,
    /// Paths and the words for other resources.
    pub resources: Vec<String>,
    /// Words of outcomes.
    pub outcomes: Vec<String>,
    /// Not before, in milliseconds since the epoch.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// How much of the end of the trail is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// Lines to begin with.
    pub last: u32,
    /// Nothing after them.
    pub once: bool,
}

/// Who reads at present.
#[derive(Debug)]
pub(super) struct Readers {
    /// Searches and checks: each keeps a thread and a disk busy.
    searches: Arc<Semaphore>,
    /// Tails, which mostly wait.
    tails: Arc<Semaphore>,
    /// No reading outlives this.
    over: watch::Sender<bool>,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            searches: Arc::new(Semaphore::new(SEARCHES)),
            tails: Arc::new(Semaphore::new(TAILS)),
            over: watch::Sender::new(false),
        }
    }
}

/// A reading that was granted and recorded. Dropped, it ends.
#[derive(Debug)]
pub struct Reading<W> {
    /// Away while a thread works on it.
    work: Option<W>,
    call: Call,
    action: Action,
    written: watch::Receiver<u64>,
    over: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl App {
    /// Begins a tail.
    ///
    /// # Errors
    /// As of any read; `REQUEST_INVALID` for a word that means nothing; `OVERLOADED` while too many read.
    pub async fn tail_audit(
        &self,
        call: &Call,
        query: &AuditQuery,
        ending: Ending,
    ) -> Result<Answer<Reading<Tail>>> {
        let places = &self.readers.tails;
        self.reading(call, Action::AUDIT_READ, places, |trail| {
            let filter = self.filter(query)?;
            if ending.last > LAST_MAX {
                return Err(invalid(format!("at most {LAST_MAX} last lines are shown")));
            }
            let last = usize::try_from(ending.last).unwrap_or_default();
            Ok(move || Tail::new(&trail, filter, last, ending.once))
        })
        .await
    }

    /// Begins a search; `limit` 0 is none.
    ///
    /// # Errors
    /// As of a tail.
    pub async fn search_audit(
        &self,
        call: &Call,
        query: &AuditQuery,
        limit: u64,
    ) -> Result<Answer<Reading<Search>>> {
        let limit = if limit == 0 { u64::MAX } else { limit };
        let places = &self.readers.searches;
        self.reading(call, Action::AUDIT_READ, places, |trail| {
            let filter = self.filter(query)?;
            Ok(move || Search::new(&trail, filter, limit))
        })
        .await
    }

    /// Begins a check.
    ///
    /// # Errors
    /// As of any read; `OVERLOADED` while too many read.
    pub async fn verify_audit(&self, call: &Call) -> Result<Answer<Reading<Check>>> {
        let written = *self.audit.written().borrow();
        let places = &self.readers.searches;
        self.reading(call, Action::AUDIT_VERIFY, places, |trail| {
            Ok(move || Check::new(&trail, written))
        })
        .await
    }

    /// Ends all readings: the daemon stops, and they would go on for ever.
    pub fn end_readings(&self) {
        self.readers.over.send_replace(true);
    }

    async fn reading<W, F>(
        &self,
        call: &Call,
        action: Action,
        places: &Arc<Semaphore>,
        prepare: impl FnOnce(Arc<Trail>) -> Result<F>,
    ) -> Result<Answer<Reading<W>>>
    where
        W: Work,
        F: FnOnce() -> io::Result<W> + Send + 'static,
    {
        let operation = self.granted(call, action, Unrecorded::Refuse).await?;
        let prepared = self.audit.trail().ok_or_else(unreadable);
        let prepared = prepared.and_then(|trail| prepare(Arc::clone(trail)));
        let prepared = prepared.and_then(|open| {
            let permit = Arc::clone(places).try_acquire_owned();
            permit.map(|permit| (open, permit)).map_err(|_| crowded())
        });
        // ORDER: recorded before any line is read.
        let answer = self.ended(operation, prepared).await?;
        let (open, permit) = answer.reply;
        let work = tokio::task::spawn_blocking(open).await;
        let work = work.map_err(Error::internal)?.map_err(Error::internal)?;
        Ok(self.answer(Reading {
            work: Some(work),
            call: call.clone(),
            action,
            written: self.audit.written(),
            over: self.readers.over.subscribe(),
            _permit: permit,
        }))
    }

    /// Whether a caller still may.
    async fn still_may(&self, call: &Call, action: Action) -> Result<()> {
        self.prove_fresh().await?;
        self.read_counted(call, &mut Notes::default(), &mut |visit, tx| {
            visit.grant(tx, action, Resource::System).map(drop)
        })
        .await
    }

    /// The query as lines can be compared with it.
    fn filter(&self, query: &AuditQuery) -> Result<Filter> {
        let lists = [
            &query.callers,
            &query.actions,
            &query.resources,
            &query.outcomes,
        ];
        if lists.iter().any(|list| list.len() > WORDS) {
            return Err(invalid(format!(
                "at most {WORDS} words of a kind are looked for"
            )));
        }
        let mut outcomes = Vec::new();
        for word in &query.outcomes {
            outcomes.extend(outcome(word)?);
        }
        let mut callers = Vec::new();
        for name in &query.callers {
            callers.extend(caller(name)?);
        }
        let mut resources = Vec::new();
        for text in &query.resources {
            resources.push((resource(text)?.to_string(), text.clone()));
        }
        let known = [(Resource::System, SYSTEM), (Resource::Own, OWN)];
        let known = known.map(|(one, word)| (one.to_string(), word.to_owned()));
        Ok(Filter {
            callers: self.written_as(callers)?,
            resources: self.written_as(resources)?,
            actions: query
                .actions
                .iter()
                .map(|a| action(a))
                .collect::<Result<_>>()?,
            outcomes,
            since: query.since,
            until: query.until,
            known: self.written_as(known)?,
        })
    }

    /// All ways in which lines may hold these names, with what each is shown as.
    fn written_as(
        &self,
        names: impl IntoIterator<Item = (String, String)>,
    ) -> Result<BTreeMap<String, String>> {
        let keys = self.unsealed()?;
        let mut written = BTreeMap::new();
        for (name, shown) in names {
            for blinded in blinds(&keys, name.as_bytes()) {
                written.insert(blinded, shown.clone());
            }
            written.insert(name, shown);
        }
        Ok(written)
    }
}

impl<W: Work> Reading<W> {
    /// What comes next; `None` at the end. It may be long in coming.
    ///
    /// # Errors
    /// When the caller may no longer read, or a file cannot be read.
    pub async fn next(&mut self, app: &App) -> Result<Option<W::Piece>> {
        loop {
            app.still_may(&self.call, self.action).await?;
            let Some(mut work) = self.work.take() else {
                return Ok(None);
            };
            // ORDER: what is written from here on is told of, whether or not the step saw it.
            self.written.mark_unchanged();
            let stepped = tokio::task::spawn_blocking(move || {
                let step = work.step();
                (work, step)
            });
            let (work, step) = stepped.await.map_err(Error::internal)?;
            match step.map_err(Error::internal)? {
                Step::Piece(piece) => {
                    self.work = Some(work);
                    return Ok(Some(piece));
                }
                Step::Onward => {}
                Step::Wait => self.wait().await,
                Step::End => return Ok(None),
            }
            if *self.over.borrow() {
                return Ok(None);
            }
            self.work = Some(work);
        }
    }

    /// Until something was written, it is over, or it is time to look whether the caller still may.
    async fn wait(&mut self) {
        let (written, over) = (&mut self.written, &mut self.over);
        let waited = timeout(LOOK_AGAIN, async {
            tokio::select! {
                changed = written.changed() => drop(changed),
                ended = over.changed() => drop(ended),
            }
        });
        drop(waited.await);
    }
}

fn crowded() -> Error {
    let message = "as many as may read the audit do so already; try again when one of them is done";
    Error::new(Reason::Overloaded, message)
}

fn unreadable() -> Error {
    Error::internal("the audit goes where it cannot be read from")
}

/// Searches and checks at a time.
const SEARCHES: usize = 2;
/// Tails at a time.
const TAILS: usize = 16;
/// Words of one kind in a query.
const WORDS: usize = 16;
/// Last lines at most.
const LAST_MAX: u32 = 1000;
