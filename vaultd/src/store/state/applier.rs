//! The one thread that writes the database.
//!
//! ORDER, for each chunk of entries: the log is durable through the last of them, COMMIT, cache,
//! applied position, answers. A reader that sees the new position sees the new records; nobody hears
//! of a write before it can be read.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::super::log::Log;
use super::super::{Entry, Fatal, Position, Response, SnapshotError};
use super::apply::{Fault, Work, signer_key};
use super::install;
use super::meta::Meta;
use super::{Shared, checkpoint, rows};

/// After this many bytes of entries a commit is made durable, ticks apart.
const DURABLE_BYTES: usize = 16 << 20;

/// Between attempts while the disk is full.
const RETRY: Duration = Duration::from_millis(100);

/// What the thread is asked to do.
pub(super) enum Job {
    Apply(Vec<Entry>, Box<dyn FnOnce(Vec<Response>) + Send>),
    Install(
        Box<dyn Read + Send>,
        SyncSender<Result<Option<Position>, SnapshotError>>,
    ),
    Sync(SyncSender<()>),
    Tick,
    Backfill,
    /// Empties the write-ahead log; answers whether it is empty.
    Empty(tokio::sync::oneshot::Sender<bool>),
}

/// The thread's own state.
#[derive(Debug)]
pub(super) struct Applier {
    connection: Connection,
    meta: Meta,
    signer: Option<[u8; 32]>,
    shared: Arc<Shared>,
    log: Arc<Log>,
    fatal: Fatal,
    /// Bytes applied since the last durable commit.
    volatile: usize,
    /// What the connection's commits promise now.
    promise: Option<Promise>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// Survives this process.
    Process,
    /// Survives a power cut.
    Power,
}

impl Applier {
    /// Takes over the connection.
    pub(super) fn new(
        connection: Connection,
        meta: Meta,
        shared: Arc<Shared>,
        log: Arc<Log>,
        fatal: Fatal,
    ) -> Result<Self, vault_core::record::ViewError> {
        let mut applier = Self {
            connection,
            meta,
            signer: None,
            shared,
            log,
            fatal,
            volatile: 0,
            promise: None,
        };
        applier.signer = applier.read_signer()?;
        Ok(applier)
    }

    fn read_signer(&self) -> Result<Option<[u8; 32]>, vault_core::record::ViewError> {
        let record = rows::get(&self.connection, &signer_key())?;
        Ok(record.and_then(|record| record.sealed.as_ref().try_into().ok()))
    }

    /// Runs until every sender is gone.
    pub(super) fn run(&mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let done = match job {
                Job::Apply(entries, done) => self.apply(&entries).map(done),
                Job::Sync(done) => self.make_durable().map(|()| {
                    // Nobody may be waiting any more.
                    done.send(()).unwrap_or_default();
                }),
                Job::Tick => self.make_durable(),
                Job::Backfill => {
                    if let Err(error) = checkpoint::backfill(&self.connection) {
                        // A full disk; the write-ahead log waits.
                        tracing::debug!(%error, "no checkpoint");
                    }
                    Ok(())
                }
                Job::Empty(done) => {
                    let emptied = checkpoint::empty(&self.connection).unwrap_or_else(|error| {
                        tracing::debug!(%error, "the write-ahead log was not emptied");
                        false
                    });
                    // Nobody may be waiting any more.
                    done.send(emptied).unwrap_or_default();
                    Ok(())
                }
                Job::Install(mut source, done) => self.install(source.as_mut()).map(|result| {
                    drop(done.send(result));
                }),
            };
            if let Err(fault) = done {
                if !self.shared.stop.load(Relaxed) {
                    self.fatal
                        .call(&format!("applying to `{}` failed: {fault}", super::FILE));
                }
                return;
            }
        }
        if let Err(fault) = self.make_durable() {
            tracing::warn!(%fault, "the state was not made durable at the end");
        }
    }

    fn apply(&mut self, entries: &[Entry]) -> Result<Vec<Response>, Fault> {
        self.volatile += entries.iter().map(Entry::size).sum::<usize>();
        let promise = if self.volatile >= DURABLE_BYTES {
            self.shared.wake_checkpointer();
            Promise::Power
        } else {
            Promise::Process
        };
        self.patiently(entries, promise)
    }

    /// One commit that survives a power cut, if anything needs it.
    pub(super) fn make_durable(&mut self) -> Result<(), Fault> {
        let applied = self.meta.applied.map_or(0, |applied| applied.index);
        if self.meta.applied.is_some() && self.shared.durable() < applied.max(1) {
            self.patiently(&[], Promise::Power)?;
        }
        Ok(())
    }

    /// Tries again while the disk is full.
    fn patiently(&mut self, entries: &[Entry], promise: Promise) -> Result<Vec<Response>, Fault> {
        loop {
            match self.attempt(entries, promise) {
                Err(Fault::Database(error)) if is_full(&error) => {
                    if !self.connection.is_autocommit() {
                        self.connection.execute_batch("ROLLBACK")?;
                    }
                    if self.shared.stop.load(Relaxed) {
                        return Err(error.into());
                    }
                    tracing::warn!("no room to apply; trying again");
                    std::thread::park_timeout(RETRY);
                }
                result => return result,
            }
        }
    }

    fn attempt(&mut self, entries: &[Entry], promise: Promise) -> Result<Vec<Response>, Fault> {
        self.set_promise(promise)?;
        run(&self.connection, "BEGIN IMMEDIATE")?;
        let cache = &self.shared.cache;
        let mut work = Work::new(&self.connection, cache, self.meta.clone(), self.signer);
        let responses = entries
            .iter()
            .map(|entry| work.entry(entry))
            .collect::<Result<Vec<_>, _>>()?;
        work.meta.save(&self.connection)?;
        if let Some(last) = entries.last() {
            // ORDER: never a state ahead of the log, which a new leader could contradict.
            self.log
                .wait_durable(last.at.index)
                .map_err(|error| Fault::Stop(error.to_string()))?;
        }
        self.shared.begin();
        if let Err(error) = run(&self.connection, "COMMIT") {
            self.shared.abandon();
            return Err(error.into());
        }
        for (key, record) in &work.pending {
            self.shared.cache.committed(key, record.as_ref());
        }
        let (meta, signer) = (work.meta.clone(), work.signer());
        self.shared.publish(&meta);
        self.committed(meta, signer, promise);
        Ok(responses)
    }

    fn committed(&mut self, meta: Meta, signer: Option<[u8; 32]>, promise: Promise) {
        (self.meta, self.signer) = (meta, signer);
        if promise == Promise::Power {
            self.volatile = 0;
            self.shared.is_durable(&self.meta);
        }
    }

    fn set_promise(&mut self, promise: Promise) -> rusqlite::Result<()> {
        if self.promise == Some(promise) {
            return Ok(());
        }
        let level = match promise {
            Promise::Process => "NORMAL",
            Promise::Power => "FULL",
        };
        // ORDER: should this fail halfway, nothing is taken for set.
        self.promise = None;
        self.connection.pragma_update(None, "synchronous", level)?;
        self.promise = Some(promise);
        Ok(())
    }

    /// Replaces the state. A bad snapshot is refused and changes nothing; the outer error is the
    /// database's.
    fn install(
        &mut self,
        source: &mut dyn Read,
    ) -> Result<Result<Option<Position>, SnapshotError>, Fault> {
        self.set_promise(Promise::Power)?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut meta = match install::load(&self.connection, source) {
            Ok(meta) => meta,
            Err(error) => {
                self.connection.execute_batch("ROLLBACK")?;
                return Ok(Err(error));
            }
        };
        meta.installed = meta.applied;
        meta.save(&self.connection)?;
        self.shared.begin();
        if let Err(error) = self.connection.execute_batch("COMMIT") {
            self.shared.abandon();
            return Err(error.into());
        }
        // ORDER: database, cache and position change as one step to whoever checks the moment.
        self.shared.cache.clear();
        self.shared.publish(&meta);
        let installed = meta.applied;
        self.committed(meta, None, Promise::Power);
        self.signer = self
            .read_signer()
            .map_err(|error| Fault::Stop(error.to_string()))?;
        Ok(Ok(installed))
    }
}

/// A statement without parameters or rows, parsed once.
fn run(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}
