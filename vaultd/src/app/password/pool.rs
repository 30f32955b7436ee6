//! Threads that hash passwords: few, of low priority, and with a short queue before them.
//!
//! A place is taken before anything is counted or read, so that a flood of logins is turned away at once and costs
//! nobody his attempts. Whoever has a place may hash as often as a login takes, each time behind those who wait.
//!
//! A job says what memory it takes, and begins once all that run take no more than they may together; one that takes
//! more than that runs alone. What stored hashes cost is not for this machine to say.

use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use vault_proto::v1::Reason;

use crate::app::error::{Error, Result};

/// Logins that may wait for each thread: a second's worth, or about.
const WAITING: usize = 6;
/// Beside what serves requests and what raft runs on.
const NICENESS: i32 = 10;

/// What is to be done, and the memory that it takes in KiB.
struct Job {
    memory: u32,
    work: Box<dyn FnOnce() + Send>,
}

/// What the threads share.
#[derive(Debug)]
struct Shared {
    queue: Mutex<mpsc::Receiver<Job>>,
    room: Room,
}

/// Memory that jobs take while they run, in KiB.
#[derive(Debug)]
struct Room {
    whole: u32,
    left: Mutex<u32>,
    given_back: Condvar,
}

/// Given back when dropped.
struct Taken<'a>(&'a Room, u32);

impl Room {
    fn of(whole: u32) -> Self {
        Self {
            whole,
            left: Mutex::new(whole),
            given_back: Condvar::new(),
        }
    }

    /// Waits until there is as much.
    fn take(&self, memory: u32) -> Taken<'_> {
        let memory = memory.min(self.whole);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.given_back.wait_while(left, |left| *left < memory);
        *waited.unwrap_or_else(PoisonError::into_inner) -= memory;
        Taken(self, memory)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Self(room, memory) = self;
        *room.left.lock().unwrap_or_else(PoisonError::into_inner) += *memory;
        room.given_back.notify_all();
    }
}

/// The threads. They end when the last handle is dropped.
#[derive(Debug)]
pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
    places: Arc<Semaphore>,
}

/// A place before, and then on, one of the threads.
#[derive(Debug)]
pub(super) struct Place {
    jobs: mpsc::Sender<Job>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// Half as many threads as processors, at least one, that take so many KiB together.
    pub(super) fn start(memory: u32) -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of(processors.div_ceil(2), memory)
    }

    fn of(threads: usize, memory: u32) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            room: Room::of(memory),
        });
        for _ in 0..threads {
            spawn(Arc::clone(&shared))?;
        }
        Ok(Self {
            jobs,
            places: Arc::new(Semaphore::new(threads * (1 + WAITING))),
        })
    }

    /// A place, if there is one.
    ///
    /// # Errors
    /// `OVERLOADED`, at once.
    pub(super) fn place(&self) -> Result<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned();
        let permit = permit.map_err(|_| overloaded())?;
        Ok(Place {
            jobs: self.jobs.clone(),
            _permit: permit,
        })
    }
}

impl Place {
    /// Runs something slow, that takes so many KiB, on one of the threads.
    ///
    /// # Errors
    /// When the threads have ended, or the work panicked.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        memory: u32,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R> {
        let (done, result) = oneshot::channel();
        let work = Box::new(move || {
            // Nobody waits any more: no hash for nobody.
            if !done.is_closed() {
                let _gone = done.send(work());
            }
        });
        self.jobs
            .send(Job { memory, work })
            .map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())
    }
}

/// Keeps the pool whole: where a job panics, its thread leaves another one in its place.
struct Successor<'a>(&'a Arc<Shared>);

impl Drop for Successor<'_> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Err(error) = spawn(Arc::clone(self.0))
        {
            tracing::error!(%error, "a thread that hashes passwords has ended and cannot be replaced");
        }
    }
}

fn spawn(shared: Arc<Shared>) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("passwords".into());
    thread.spawn(move || work(&shared)).map(drop)
}

fn work(shared: &Arc<Shared>) {
    let _successor = Successor(shared);
    // Of this thread only; where it is not to be had, hashing is as urgent as all else.
    let _refused = rustix::process::setpriority_process(None, NICENESS);
    loop {
        let queue = shared.queue.lock();
        let job = queue.unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(Job { memory, work }) => {
                let _taken = shared.room.take(memory);
                work();
            }
            Err(mpsc::RecvError) => return,
        }
    }
}

pub(super) fn overloaded() -> Error {
    Error::new(
        Reason::Overloaded,
        "too many passwords wait to be checked on this node; try again in a moment",
    )
}

fn stopped() -> Error {
    Error::internal("the threads that hash passwords have ended")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// In KiB.
    const ROOM: u32 = 100;

    #[tokio::test]
    async fn beyond_its_queue_everybody_is_turned_away_at_once_and_let_in_when_one_is_done() {
        let pool = Pool::of(1, ROOM).unwrap();
        let mut places: Vec<Place> = (0..=WAITING).map(|_| pool.place().unwrap()).collect();
        let (go, gate) = mpsc::channel::<()>();
        let first = places.pop().unwrap();
        let held = tokio::spawn(async move { first.run(1, move || gate.recv().is_ok()).await });
        for _ in 0..100 {
            let refused = pool.place().unwrap_err();
            assert_eq!(refused.reason(), Reason::Overloaded);
        }
        go.send(()).unwrap();
        assert!(held.await.unwrap().unwrap());
        let place = pool.place().unwrap();
        assert_eq!(place.run(1, || 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_job_that_panics_leaves_the_pool_whole() {
        let pool = Pool::of(1, ROOM).unwrap();
        for _ in 0..3 {
            let place = pool.place().unwrap();
            let failed = place.run(1, || panic!("a test's")).await;
            let failed: Error = failed.map(|(): ()| ()).unwrap_err();
            assert_eq!(failed.reason(), Reason::Internal);
        }
        let place = pool.place().unwrap();
        assert_eq!(place.run(1, || 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_runs_at_once_takes_no_more_memory_than_there_is() {
        let pool = Pool::of(4, ROOM).unwrap();
        let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let jobs = [40, 40, 40, 70, 0, 1, 100, 400, 40, 60].map(|memory| {
            let (place, now, most) = (pool.place().unwrap(), Arc::clone(&now), Arc::clone(&most));
            tokio::spawn(async move {
                let job = move || {
                    let memory = memory.min(ROOM);
                    let taken = now.fetch_add(memory, Ordering::SeqCst) + memory;
                    most.fetch_max(taken, Ordering::SeqCst);
                    for _ in 0..1000 {
                        std::thread::yield_now();
                    }
                    now.fetch_sub(memory, Ordering::SeqCst);
                };
                place.run(memory, job).await
            })
        });
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= ROOM);
        let place = pool.place().unwrap();
        drop(
            place
                .run(ROOM, || panic!("a test's"))
                .await
                .map(|(): ()| ()),
        );
        assert_eq!(place.run(ROOM, || 7).await.unwrap(), 7, "it was given back");
    }

    #[tokio::test]
    async fn nothing_is_hashed_for_who_has_gone_away() {
        let pool = Pool::of(1, ROOM).unwrap();
        let (go, gate) = mpsc::channel::<()>();
        let (held, gone, after) = (
            pool.place().unwrap(),
            pool.place().unwrap(),
            pool.place().unwrap(),
        );
        let held = tokio::spawn(async move { held.run(1, move || gate.recv().is_ok()).await });
        let (ran, saw) = mpsc::channel::<()>();
        {
            let mut waiting = std::pin::pin!(gone.run(1, move || ran.send(())));
            let polled = futures_poll(waiting.as_mut());
            assert!(polled, "it waits");
        }
        go.send(()).unwrap();
        held.await.unwrap().unwrap();
        after.run(1, || ()).await.unwrap();
        assert!(saw.try_recv().is_err(), "it was hashed for nobody");
    }

    /// Whether a future waits after it was asked once.
    fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        future.poll(&mut context).is_pending()
    }

    #[test]
    fn the_threads_are_half_the_processors_and_their_end_is_an_error() {
        let pool = Pool::start(ROOM).unwrap();
        let processors = std::thread::available_parallelism().unwrap().get();
        let threads = processors.div_ceil(2);
        assert_eq!(pool.places.available_permits(), threads * (1 + WAITING));
    }
}
