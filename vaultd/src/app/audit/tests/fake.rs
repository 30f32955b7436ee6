//! Clock and sink that a test moves and breaks.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::app::audit::AuditClock;
use crate::app::audit::sink::{Sink, Syncer};

/// Time that moves when a test says so.
#[derive(Default)]
pub(super) struct Hands(pub(super) AtomicU64);

impl AuditClock for Hands {
    fn utc(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// What the sink does with the next lines.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::app) enum Mood {
    Well,
    Full,
    Stalled,
    SyncFails,
    Panics,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) mood: Option<Mood>,
    pub(super) text: Vec<u8>,
    /// Appends that have begun.
    pub(super) begun: usize,
    pub(super) syncs: usize,
    pub(super) renewed: usize,
}

/// A sink that a test watches and breaks.
#[derive(Clone, Default)]
pub(in crate::app) struct Fake(pub(super) Arc<(Mutex<Seen>, Condvar)>);

impl Fake {
    pub(in crate::app) fn set(&self, mood: Mood) {
        self.0.0.lock().unwrap().mood = Some(mood);
        self.0.1.notify_all();
    }

    pub(in crate::app) fn lines(&self) -> Vec<Value> {
        let seen = self.0.0.lock().unwrap();
        let text = std::str::from_utf8(&seen.text).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(super) fn wait(&self, what: impl Fn(&Seen) -> bool) {
        let (lock, changed) = &*self.0;
        let limit = Duration::from_mins(1);
        let (_seen, waited) = changed
            .wait_timeout_while(lock.lock().unwrap(), limit, |seen| !what(seen))
            .unwrap();
        assert!(!waited.timed_out(), "the writer did not get there");
    }
}

impl Sink for Fake {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let (lock, changed) = &*self.0;
        let mut seen = lock.lock().unwrap();
        seen.begun += 1;
        changed.notify_all();
        let stalled = |seen: &mut Seen| seen.mood == Some(Mood::Stalled);
        seen = changed.wait_while(seen, stalled).unwrap();
        if seen.mood == Some(Mood::Panics) {
            drop(seen);
            panic!("a mistake in the sink");
        }
        if seen.mood == Some(Mood::Full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        seen.text.extend_from_slice(lines);
        changed.notify_all();
        Ok(())
    }

    fn syncer(&self) -> Syncer {
        let fake = self.clone();
        Arc::new(move || {
            let mut seen = fake.0.0.lock().unwrap();
            seen.syncs += 1;
            fake.0.1.notify_all();
            if seen.mood == Some(Mood::SyncFails) {
                return Err(io::Error::other("medium error"));
            }
            Ok(())
        })
    }

    fn renew(&mut self, _last: u64) -> io::Result<()> {
        let mut seen = self.0.0.lock().unwrap();
        seen.renewed += 1;
        seen.mood = None;
        Ok(())
    }

    fn tend(&mut self, _last: u64, _now: Duration) {}
}
