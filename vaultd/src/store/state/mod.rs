//! The state: one SQLite database, one thread that writes it, readers that never wait for it.

mod applier;
mod apply;
mod checkpoint;
pub(crate) mod install;
mod lthash;
mod meta;
mod readers;
mod rows;
mod schema;
mod scrub;
pub(crate) mod stream;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64, fence};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};

use arc_swap::ArcSwap;
use bytes::Bytes;
use vault_core::record::{Key, Page, Record, Revision, View, ViewError};

use self::applier::{Applier, Job};
use self::meta::Meta;
use self::readers::Readers;
use self::stream::SnapshotStream;
use super::cache::Cache;
use super::log::Log;
use super::space::Space;
use super::{
    Applied, Entry, Fatal, MakeOrigin, Moment, OpenError, Options, Origin, Position, Response,
    RestoreError, SnapshotError, SnapshotInfo,
};

/// What readers see of the applied state without asking the database.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) applied: Option<Position>,
    pub(crate) installed: Option<Position>,
    pub(crate) membership: Bytes,
    pub(crate) stamp: super::Stamp,
    pub(crate) generations: meta::Generations,
    pub(crate) rows: u64,
}

impl From<&Meta> for Published {
    fn from(meta: &Meta) -> Self {
        Self {
            applied: meta.applied,
            installed: meta.installed,
            membership: meta.membership.clone(),
            stamp: meta.stamp,
            generations: meta.generations,
            rows: meta.rows,
        }
    }
}

impl Published {
    pub(crate) fn as_applied(&self) -> Applied {
        Applied {
            index: self.applied.map_or(0, |applied| applied.index),
            incarnation: self.stamp.incarnation,
        }
    }
}

/// Shared by the applier and the readers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cache: Cache,
    pub(crate) readers: Readers,
    published: ArcSwap<Published>,
    watch: tokio::sync::watch::Sender<Applied>,
    /// Odd while the applier changes what readers see.
    sequence: AtomicU64,
    durable: AtomicU64,
    checkpointer: Mutex<Option<Thread>>,
    stop: AtomicBool,
}

impl Shared {
    pub(crate) fn published(&self) -> arc_swap::Guard<Arc<Published>> {
        self.published.load()
    }

    pub(crate) fn watch(&self) -> tokio::sync::watch::Receiver<Applied> {
        self.watch.subscribe()
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment(self.sequence.load(Acquire))
    }

    pub(crate) fn unchanged_since(&self, moment: Moment) -> bool {
        // ORDER: the reads that the caller made come before the second look.
        fence(Acquire);
        moment.0.is_multiple_of(2) && self.sequence.load(Relaxed) == moment.0
    }

    /// Index of the last applied entry that survives a power cut.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Acquire)
    }

    fn begin(&self) {
        self.sequence.fetch_add(1, SeqCst);
    }

    fn publish(&self, meta: &Meta) {
        let published = Published::from(meta);
        let applied = published.as_applied();
        self.published.store(Arc::new(published));
        self.sequence.fetch_add(1, SeqCst);
        self.watch.send_replace(applied);
    }

    fn wake_checkpointer(&self) {
        let thread = self
            .checkpointer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.as_ref() {
            thread.unpark();
        }
    }

    /// Nothing was changed after all.
    fn abandon(&self) {
        self.sequence.fetch_add(1, SeqCst);
    }

    fn is_durable(&self, meta: &Meta) {
        let index = meta.applied.map_or(0, |applied| applied.index);
        self.durable.store(index, Release);
    }
}

impl View for Shared {
    fn get(&self, key: &Key) -> Result<Option<Record>, ViewError> {
        self.cache
            .get(key, || self.readers.with(|reader| rows::get(reader, key)))
    }

    fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Page, ViewError> {
        let mut page = Page::new();
        let mut each = |key, record, _: &[u8; 32]| page.push((key, record));
        self.readers
            .with(|reader| rows::scan(reader, prefix, after, limit, &mut each))?;
        Ok(page)
    }

    fn count(&self, prefix: &[u8], limit: usize) -> Result<usize, ViewError> {
        self.readers
            .with(|reader| rows::count(reader, prefix, limit))
    }

    fn generation(&self, collection: u8) -> Result<Revision, ViewError> {
        Ok(self.published.load().generations.get(collection))
    }

    fn incarnation(&self) -> u64 {
        self.published.load().stamp.incarnation
    }
}

/// A handle on the state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) shared: Arc<Shared>,
    path: PathBuf,
    jobs: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Name of the database in the store's directory.
pub(crate) const FILE: &str = "state.db";

/// Makes an empty database.
pub(crate) fn create(dir: &Path) -> Result<(), OpenError> {
    schema::create(&dir.join(FILE)).map(drop)
}

/// What a restored database holds, and what raft must remember.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) info: SnapshotInfo,
    pub(crate) at: Option<Position>,
    pub(crate) vote: Bytes,
}

/// Makes a database from a backup, under a new incarnation and a membership of its own.
pub(crate) fn restore(
    dir: &Path,
    incarnation: u64,
    source: &mut dyn std::io::Read,
    origin: &MakeOrigin<'_>,
) -> Result<Restored, RestoreError> {
    let path = dir.join(FILE);
    let connection = schema::create(&path)?;
    let failed = |error| RestoreError::Open(OpenError::database(&path, &error));
    connection
        .execute_batch("PRAGMA synchronous = FULL; BEGIN IMMEDIATE")
        .map_err(failed)?;
    let mut meta = install::load(&connection, source)?;
    if meta.stamp.incarnation >= incarnation {
        return Err(RestoreError::Incarnation(meta.stamp.incarnation));
    }
    meta.stamp.incarnation = incarnation;
    meta.installed = meta.applied;
    let info = SnapshotInfo::from(&meta);
    let Origin { membership, vote } = origin(&info).map_err(SnapshotError::from)?;
    meta.membership = membership;
    meta.save(&connection).map_err(failed)?;
    connection
        .execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(failed)?;
    Ok(Restored {
        info,
        at: meta.applied,
        vote,
    })
}

impl State {
    /// Opens the database, verifies it, makes what it holds durable, and starts its threads.
    pub(in crate::store) fn open(
        dir: &Path,
        options: &Options,
        log: Arc<Log>,
        space: Arc<Space>,
    ) -> Result<Self, OpenError> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(OpenError::Missing { file: path });
        }
        let connection = schema::open_writer(&path)?;
        let readers = Readers::new(&path);
        let later = scrub::at_open(&path, &connection, &readers)?;
        let meta = Meta::load(&connection)
            .map_err(|error| OpenError::database(&path, &error))?
            .ok_or_else(|| OpenError::damaged(&path, "its position does not match its digest"))?;
        let published = Published::from(&meta);
        let shared = Arc::new(Shared {
            cache: Cache::new(options.cache_bytes),
            readers,
            watch: tokio::sync::watch::channel(published.as_applied()).0,
            published: ArcSwap::from_pointee(published),
            sequence: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            checkpointer: Mutex::new(None),
            stop: AtomicBool::new(false),
        });
        let mut applier = Applier::new(
            connection,
            meta,
            Arc::clone(&shared),
            log,
            options.fatal.clone(),
        )
        .map_err(|error| OpenError::damaged(&path, &error.to_string()))?;
        applier
            .make_durable()
            .map_err(|error| OpenError::damaged(&path, &error.to_string()))?;
        let (jobs, queue) = channel();
        let state = Self {
            shared,
            path,
            jobs: Mutex::new(Some(jobs)),
            threads: Mutex::new(Vec::new()),
        };
        state
            .start(applier, queue, space, (options.fatal.clone(), later))
            .map_err(|error| OpenError::reading(&state.path, error))?;
        Ok(state)
    }

    fn start(
        &self,
        mut applier: Applier,
        queue: Receiver<Job>,
        space: Arc<Space>,
        (fatal, now): (Fatal, bool),
    ) -> std::io::Result<()> {
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.into()).spawn(body)
        };
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(spawn(
            "store-applier",
            Box::new(move || applier.run(&queue)),
        )?);
        let (shared, path) = (Arc::clone(&self.shared), self.path.clone());
        let jobs = self.sender().ok();
        let housekeeper = spawn(
            "store-checkpoint",
            Box::new(move || checkpoint::run(&path, &shared, &space, jobs)),
        )?;
        *self
            .shared
            .checkpointer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(housekeeper.thread().clone());
        threads.push(housekeeper);
        let (shared, path) = (Arc::clone(&self.shared), self.path.clone());
        threads.push(spawn(
            "store-scrub",
            Box::new(move || scrub::in_background(&path, &shared, &fatal, now)),
        )?);
        Ok(())
    }

    fn sender(&self) -> Result<Sender<Job>, SnapshotError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.clone().ok_or(SnapshotError::Closed)
    }

    /// Applies entries in order; `done` gets a response for each, after they are committed and
    /// published. It is dropped when the store stops before that.
    pub(crate) fn apply(&self, entries: Vec<Entry>, done: Box<dyn FnOnce(Vec<Response>) + Send>) {
        if let Ok(jobs) = self.sender() {
            // The applier is gone only when the store stops.
            drop(jobs.send(Job::Apply(entries, done)));
        }
    }

    /// Makes everything applied so far durable.
    pub(crate) fn sync(&self) -> Result<(), SnapshotError> {
        let (done, wait) = sync_channel(1);
        self.sender()?
            .send(Job::Sync(done))
            .map_err(|_| SnapshotError::Closed)?;
        wait.recv().map_err(|_| SnapshotError::Closed)
    }

    /// A stream of the applied state, which is durable when this returns.
    pub(crate) fn snapshot(&self) -> Result<SnapshotStream, SnapshotError> {
        let stream = SnapshotStream::new(self.shared.readers.open()?)?;
        self.sync()?;
        Ok(stream)
    }

    /// Replaces the state by a snapshot; durable when this returns.
    pub(crate) fn install(
        &self,
        source: Box<dyn std::io::Read + Send>,
    ) -> Result<Option<Position>, SnapshotError> {
        let (done, wait) = sync_channel(1);
        self.sender()?
            .send(Job::Install(source, done))
            .map_err(|_| SnapshotError::Closed)?;
        wait.recv().map_err(|_| SnapshotError::Closed)?
    }

    /// Position, and digest of what members compare.
    pub(crate) fn hash(&self) -> Result<(Option<Position>, [u8; 32]), ViewError> {
        let meta = self
            .shared
            .readers
            .with(|reader| Meta::load(reader).map_err(|error| ViewError::Io(error.to_string())))?;
        let meta = meta.ok_or_else(|| ViewError::Io("the state row is damaged".into()))?;
        Ok((meta.applied, meta.state_hash()))
    }

    /// Makes the state durable and ends the threads.
    pub(crate) fn close(&self) {
        self.shared.stop.store(true, Relaxed);
        // The applier ends when the last sender is gone; the checkpointer holds one until it stops.
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.iter() {
            thread.thread().unpark();
        }
        for thread in threads.drain(..) {
            // A panic in them has already been reported by its hook.
            drop(thread.join());
        }
        self.shared.readers.close();
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.close();
    }
}
