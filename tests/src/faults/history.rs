//! What clients did, and what came of it: operations with a start and an end on one monotonic clock.

use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::json;

/// Something asked of one register. A register has a version, 0 before its first write, and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write a value, whatever is there. No two writes of a run have the same value.
    Put { value: u64 },
    /// Write it if this is the version that is there.
    Swap { expected: u64, value: u64 },
    /// Read. `strict` where no older state may be shown than that of the moment; else what the session has seen counts.
    Get { strict: bool },
}

impl Action {
    /// What it would write.
    pub fn writes(self) -> Option<u64> {
        match self {
            Self::Put { value } | Self::Swap { value, .. } => Some(value),
            Self::Get { .. } => None,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Written, as this version.
    Wrote(u64),
    /// Read. Version 0 says that nothing is there.
    Read { version: u64, value: u64 },
    /// Not written: the version that is there is another.
    Mismatch,
    /// Refused, and nothing was done.
    Failed,
    /// It may have been done, or may yet be. Timeouts are this.
    Unknown,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub client: usize,
    pub key: usize,
    pub action: Action,
    pub outcome: Outcome,
    /// Nanoseconds since the history began.
    pub start: u64,
    pub end: u64,
}

impl Event {
    /// A read that showed something, even if that nothing is there.
    pub fn read(&self) -> Option<(u64, u64)> {
        match self.outcome {
            Outcome::Read { version, value } => Some((version, value)),
            _ => None,
        }
    }

    /// A write that was acknowledged: its version and value.
    pub fn wrote(&self) -> Option<(u64, u64)> {
        match self.outcome {
            Outcome::Wrote(version) => Some((version, self.action.writes()?)),
            _ => None,
        }
    }

    /// As a line of a history's file.
    pub fn line(&self) -> String {
        let (what, expected) = match self.action {
            Action::Put { .. } => ("put", None),
            Action::Swap { expected, .. } => ("swap", Some(expected)),
            Action::Get { strict: true } => ("get", None),
            Action::Get { strict: false } => ("session get", None),
        };
        let outcome = match self.outcome {
            Outcome::Wrote(version) => json!({ "wrote": version }),
            Outcome::Read { version, value } => json!({ "version": version, "value": value }),
            Outcome::Mismatch => json!("mismatch"),
            Outcome::Failed => json!("failed"),
            Outcome::Unknown => json!("unknown"),
        };
        json!({
            "client": self.client, "key": self.key, "start": self.start, "end": self.end,
            "action": what, "expected": expected, "value": self.action.writes(), "outcome": outcome,
        })
        .to_string()
    }
}

/// Records what several clients do at the same time.
#[derive(Clone, Debug)]
pub struct Recorder {
    began: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            events: Arc::default(),
        }
    }
}

impl Recorder {
    /// An operation begins now. One that is dropped without an outcome is unknown.
    pub fn begin(&self, client: usize, key: usize, action: Action) -> Pending {
        let start = self.now();
        let event = Event {
            client,
            key,
            action,
            outcome: Outcome::Unknown,
            start,
            end: start,
        };
        Pending {
            recorder: self.clone(),
            event,
        }
    }

    /// All that ended so far, in the order of their ends.
    pub fn events(&self) -> Vec<Event> {
        self.held().clone()
    }

    /// How many ended, and how many writes were acknowledged.
    pub fn counts(&self) -> (usize, usize) {
        let events = self.held();
        let wrote = events.iter().filter(|event| event.wrote().is_some());
        (events.len(), wrote.count())
    }

    /// Writes the history into a file, a line each.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for event in self.events() {
            writeln!(file, "{}", event.line())?;
        }
        file.flush()
    }

    /// What ended at this time or later.
    pub fn since(&self, time: u64) -> Vec<Event> {
        let events = self.held();
        let late = events.iter().rev().take_while(|event| event.end >= time);
        late.copied().collect()
    }

    /// Nanoseconds since the history began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn held(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An operation under way.
#[derive(Debug)]
pub struct Pending {
    recorder: Recorder,
    event: Event,
}

impl Pending {
    /// It ends now, with this.
    pub fn end(mut self, outcome: Outcome) {
        self.event.outcome = outcome;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.event.end = self.recorder.now();
        self.recorder.held().push(self.event);
    }
}
