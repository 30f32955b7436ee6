//! The daemon's side: requests out, answers in, and a thread that keeps a helper running.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::message::{
    Answer, Failure, Job, MAX_FROM_HELPER, MAX_TO_HELPER, Outcome, Request, frame, read,
};
use super::process::{Recipe, Started};
use super::{NotAllowed, Rules, Url};

/// Requests under way; more are refused.
const AT_ONCE: usize = 16;
/// Beyond the time that a job may take, until its answer must be here.
const GRACE: Duration = Duration::from_secs(2);
/// Before a helper that ended is started again; twice as long each time that it did nothing useful.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The way out. Clones are one.
#[derive(Clone, Debug)]
pub struct Outbound(Arc<Shared>);

/// Whether the helper is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No destination is configured, so there is none.
    Off,
    /// It runs.
    Up,
    /// It ended, and is to be started again.
    Down,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    on: bool,
    link: Mutex<Option<Link>>,
    places: Semaphore,
    next: AtomicU64,
    starts: AtomicU64,
    /// The helper has answered something since it was started.
    useful: AtomicBool,
    /// Dropped with this: then the thread ends.
    _alive: Mutex<Option<Sender<()>>>,
}

/// One helper.
#[derive(Debug)]
struct Link {
    number: u64,
    requests: mpsc::Sender<Vec<u8>>,
    waiting: Waiting,
    /// The process itself, whatever becomes of its number.
    process: Option<OwnedFd>,
}

type Waiting = Arc<Mutex<BTreeMap<u64, oneshot::Sender<Outcome>>>>;

impl Outbound {
    /// No way out.
    pub fn none() -> Self {
        Self(Arc::new(Shared::new(Rules::default(), None)))
    }

    /// Speaks to a helper, and keeps one running. To be called in the runtime that serves requests.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn over(started: Option<Started>) -> std::io::Result<Self> {
        let Some(started) = started else {
            return Ok(Self::none());
        };
        let Started {
            rules,
            recipe,
            child,
            socket,
        } = started;
        let (alive, ended) = channel();
        let shared = Arc::new(Shared::new(rules, Some(alive)));
        shared.take_up(UnixStream::from_std(socket)?, Some(&child), &recipe)?;
        let keeper = Keeper {
            shared: Arc::downgrade(&shared),
            recipe,
            runtime: Handle::current(),
            ended,
        };
        let thread = std::thread::Builder::new().name("outbound".to_owned());
        drop(thread.spawn(move || keeper.keep(child))?);
        Ok(Self(shared))
    }

    /// Over a socket whose other end is served already.
    #[cfg(test)]
    pub(super) fn to(socket: UnixStream, rules: Rules, recipe: &Recipe) -> Self {
        let shared = Arc::new(Shared::new(rules, Some(channel().0)));
        shared.take_up(socket, None, recipe).unwrap();
        Self(shared)
    }

    /// Whether this node makes connections there.
    ///
    /// # Errors
    /// [`NotAllowed`], with what to write into the configuration.
    pub fn check(&self, url: &str) -> Result<Url, NotAllowed> {
        let url = Url::parse(url)?;
        if self.0.rules.allow.contains(url.origin()) {
            Ok(url)
        } else {
            Err(NotAllowed::Elsewhere(url.origin().clone()))
        }
    }

    /// Whether the helper is there.
    pub fn state(&self) -> State {
        match (self.0.on, self.0.link().is_some()) {
            (false, _) => State::Off,
            (true, true) => State::Up,
            (true, false) => State::Down,
        }
    }

    /// How often it had to be started again.
    pub fn restarts(&self) -> u64 {
        self.0.starts.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Gets a page of JSON of at most so many bytes, in at most that time and two seconds.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn get(&self, url: &Url, most: usize, time: Duration) -> Result<Vec<u8>, Failure> {
        let job = Job::Get {
            url: url.to_string(),
            most: u64::try_from(most).unwrap_or(u64::MAX),
        };
        match self.ask(job, time).await {
            // INVARIANT: the helper is believed no further than need be
            Ok(Outcome::Got(body)) if body.len() > most => Err(Failure::TooLarge),
            Ok(Outcome::Got(body)) => Ok(body),
            Ok(Outcome::Failed(failure)) | Err(failure) => Err(failure),
        }
    }

    async fn ask(&self, job: Job, time: Duration) -> Result<Outcome, Failure> {
        let _place = self.0.places.try_acquire().map_err(|_| Failure::Busy)?;
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let request = frame(&Request { id, millis, job }, MAX_TO_HELPER);
        let request = request.map_err(|_| Failure::Request)?;
        let (answer, answered) = oneshot::channel();
        let (waiting, number) = {
            let link = self.0.link();
            let link = link.as_ref().ok_or(Failure::NoHelper)?;
            lock(&link.waiting).insert(id, answer);
            if link.requests.try_send(request).is_err() {
                lock(&link.waiting).remove(&id);
                return Err(Failure::Busy);
            }
            (Arc::clone(&link.waiting), link.number)
        };
        match timeout(time + GRACE, answered).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(Failure::NoHelper),
            Err(_) => {
                lock(&waiting).remove(&id);
                self.0.end(number);
                Err(Failure::NoHelper)
            }
        }
    }
}

impl Shared {
    fn new(rules: Rules, alive: Option<Sender<()>>) -> Self {
        Self {
            rules,
            on: alive.is_some(),
            link: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
            next: AtomicU64::new(0),
            starts: AtomicU64::new(0),
            useful: AtomicBool::new(false),
            _alive: Mutex::new(alive),
        }
    }

    fn link(&self) -> MutexGuard<'_, Option<Link>> {
        lock(&self.link)
    }

    /// Speaks to this helper from now on.
    fn take_up(
        self: &Arc<Self>,
        socket: UnixStream,
        child: Option<&Child>,
        recipe: &Recipe,
    ) -> std::io::Result<()> {
        let (from, to) = socket.into_split();
        let (requests, waits) = mpsc::channel(AT_ONCE + 1);
        let setup = frame(&recipe.setup, MAX_TO_HELPER)?;
        requests.try_send(setup).map_err(std::io::Error::other)?;
        let waiting = Waiting::default();
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        self.useful.store(false, Ordering::Relaxed);
        *self.link() = Some(Link {
            number,
            requests,
            waiting: Arc::clone(&waiting),
            process: child.and_then(|child| {
                let pid = Pid::from_child(child);
                // It was not waited for yet, so the number is still its own.
                pidfd_open(pid, PidfdFlags::empty()).ok()
            }),
        });
        let weak = Arc::downgrade(self);
        tokio::spawn(write(to, waits));
        tokio::spawn(async move {
            hear(from, &waiting, &weak).await;
            if let Some(shared) = weak.upgrade() {
                shared.hang_up(number);
            }
            // Whoever waits is told that nobody answers.
            lock(&waiting).clear();
        });
        Ok(())
    }

    /// Ends a helper that answers nothing: it has a time of its own for everything, so it hangs. (One that runs as
    /// somebody else cannot be ended from here.)
    fn end(&self, number: u64) {
        let link = self.link();
        let hangs = link.as_ref().filter(|link| link.number == number);
        if let Some(process) = hangs.and_then(|link| link.process.as_ref()) {
            tracing::error!("the process for outbound connections does not answer; it is ended");
            if let Err(error) = pidfd_send_signal(process, Signal::KILL) {
                tracing::error!(%error, "it cannot be ended");
            }
        }
    }

    fn hang_up(&self, number: u64) {
        let mut link = self.link();
        if link.as_ref().is_some_and(|link| link.number == number) {
            *link = None;
        }
    }
}

async fn write(mut to: OwnedWriteHalf, mut requests: mpsc::Receiver<Vec<u8>>) {
    while let Some(request) = requests.recv().await {
        if to.write_all(&request).await.is_err() {
            return;
        }
    }
}

/// Until the helper hangs up, or says what means nothing.
async fn hear(from: OwnedReadHalf, waiting: &Waiting, shared: &Weak<Shared>) {
    let mut from = BufReader::new(from);
    loop {
        match read::<Answer>(&mut from, MAX_FROM_HELPER).await {
            Ok(Some(answer)) => {
                if let Some(shared) = shared.upgrade() {
                    shared.useful.store(true, Ordering::Relaxed);
                }
                // One that came too late is nobody's.
                let asked = lock(waiting).remove(&answer.id);
                if let Some(asked) = asked {
                    drop(asked.send(answer.outcome));
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "the process for outbound connections is not understood");
                return;
            }
        }
    }
}

/// Keeps a helper running. A thread of its own: a helper ends with the thread that started it.
struct Keeper {
    shared: Weak<Shared>,
    recipe: Recipe,
    runtime: Handle,
    ended: Receiver<()>,
}

impl Keeper {
    fn keep(self, child: Child) {
        let mut running = Some(child);
        let mut pause = PAUSE;
        loop {
            if let Some(mut child) = running.take() {
                let status = child.wait();
                let Some(shared) = self.shared.upgrade() else {
                    return;
                };
                *shared.link() = None;
                if shared.useful.load(Ordering::Relaxed) {
                    pause = PAUSE;
                }
                let status = status.map_or_else(|error| error.to_string(), |s| s.to_string());
                tracing::warn!(
                    status,
                    "the process for outbound connections ended; it is started again"
                );
            }
            // Nothing is ever sent: it is closed when nobody needs a helper any more.
            if self.ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.start() {
                Ok(child) => running = Some(child),
                Err(error) => tracing::error!(
                    %error,
                    "the process for outbound connections cannot be started; if outbound.user is set, restart the \
                     daemon, which has given up the right to start it as somebody else"
                ),
            }
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let (child, socket) = self.recipe.spawn()?;
        let _runtime = self.runtime.enter();
        if let Some(shared) = self.shared.upgrade() {
            shared.take_up(UnixStream::from_std(socket)?, Some(&child), &self.recipe)?;
        }
        Ok(child)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
