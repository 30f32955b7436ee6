//! Clients that write, compare and read registers through the SDK, while faults are caused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use vault_sdk::{Error, Kind, Reference, Value, Vault};

use super::history::{Action, Outcome, Recorder};
use super::nodes::Nodes;
use crate::dice::Dice;

/// Registers that are used at a time.
const KEYS: usize = 10;
/// Operations after which they are others, so that no history of one grows without end.
const MANY: usize = 4000;
/// Between two operations of a client.
const PACE: Duration = Duration::from_millis(2);
/// For one operation, with all its repetitions.
pub const LIMIT: Duration = Duration::from_secs(4);

/// The clients.
#[derive(Debug)]
pub struct Workload {
    pub recorder: Recorder,
    stop: Arc<AtomicBool>,
    era: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

/// How a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// It goes back with what its session has seen.
    #[default]
    Kept,
    /// A planted fault: it forgets, and takes whatever any node shows.
    None,
}

impl Workload {
    /// Starts so many.
    pub fn start(nodes: &Nodes, clients: usize, seed: u64, memory: Memory) -> Self {
        let mut this = Self {
            recorder: Recorder::default(),
            stop: Arc::default(),
            era: Arc::default(),
            clients: Vec::new(),
        };
        let values = Arc::new(AtomicUsize::new(1));
        for number in 0..clients {
            let vaults = match memory {
                Memory::Kept => vec![nodes.vault(number, LIMIT)],
                Memory::None => (0..64).map(|n| nodes.vault(number + n, LIMIT)).collect(),
            };
            let client = Client {
                number,
                vaults,
                recorder: this.recorder.clone(),
                values: Arc::clone(&values),
                dice: Dice::of(seed.wrapping_add(7 * number as u64 + 1)),
                known: HashMap::new(),
            };
            let (stop, era) = (Arc::clone(&this.stop), Arc::clone(&this.era));
            let running = nodes.runtime.spawn(client.run(stop, era));
            this.clients.push(running);
        }
        this
    }

    /// Goes on with fresh registers.
    pub fn next_era(&self) {
        self.era.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends it once every operation under way has ended.
    ///
    /// # Panics
    /// When a client has.
    pub fn end(&mut self, nodes: &Nodes) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            nodes.runtime.block_on(client).expect("a client");
        }
    }
}

/// Where a register lies.
pub fn path(key: usize) -> String {
    format!("registers/{key}")
}

struct Client {
    number: usize,
    vaults: Vec<Vault>,
    recorder: Recorder,
    values: Arc<AtomicUsize>,
    dice: Dice,
    /// The newest version that it knows of each register.
    known: HashMap<usize, u64>,
}

impl Client {
    async fn run(mut self, stop: Arc<AtomicBool>, era: Arc<AtomicUsize>) {
        let mut pace = tokio::time::interval(PACE);
        while !stop.load(Ordering::Relaxed) {
            // Each operation takes a number; after so many the registers are others.
            let many = self.values.load(Ordering::Relaxed) / MANY;
            let among = KEYS * (era.load(Ordering::Relaxed) + many);
            let key = among + usize::try_from(self.dice.below(KEYS as u64)).unwrap_or_default();
            self.step(key).await;
            pace.tick().await;
        }
    }

    async fn step(&mut self, key: usize) {
        let known = self.known.get(&key).copied().unwrap_or_default();
        let value = self.values.fetch_add(1, Ordering::Relaxed) as u64;
        let action = match self.dice.below(10) {
            0..5 => Action::Get { strict: false },
            5..8 => Action::Put { value },
            _ => Action::Swap {
                expected: known,
                value,
            },
        };
        let turn = self.dice.below(self.vaults.len() as u64);
        let Some(vault) = self.vaults.get(usize::try_from(turn).unwrap_or_default()) else {
            return;
        };
        let pending = self.recorder.begin(self.number, key, action);
        let outcome = perform(vault, &path(key), action).await;
        pending.end(outcome);
        match outcome {
            Outcome::Wrote(version) | Outcome::Read { version, .. } => {
                self.known.insert(key, version.max(known));
            }
            _ => {}
        }
    }
}

async fn perform(vault: &Vault, path: &str, action: Action) -> Outcome {
    let put = |value: u64| {
        let text = Value::new(value.to_string().into_bytes());
        vault.secrets().put(path).field(FIELD, &text)
    };
    let written = match action {
        Action::Get { .. } => {
            let reference = path.parse::<Reference>().expect("a path");
            let read = read(vault, &reference).await;
            return read.map_or(Outcome::Failed, |(version, value)| Outcome::Read {
                version,
                value,
            });
        }
        Action::Put { value } => put(value).send().await,
        Action::Swap { expected, value } => put(value).if_version(expected).send().await,
    };
    match written {
        Ok(reply) => Outcome::Wrote(reply.version),
        Err(error) => of_error(&error),
    }
}

/// What is certain of a write that failed. Where nothing is, it is unknown.
fn of_error(error: &Error) -> Outcome {
    match error.kind() {
        Kind::Conflict if error.reason() == "VERSION_MISMATCH" => Outcome::Mismatch,
        Kind::Invalid | Kind::Unauthenticated | Kind::Forbidden | Kind::Precondition => {
            Outcome::Failed
        }
        _ => Outcome::Unknown,
    }
}

/// Version and value, if there is an answer.
pub async fn read(vault: &Vault, reference: &Reference) -> Option<(u64, u64)> {
    match vault.secrets().get(reference).await {
        Ok(secret) => {
            let value = secret.field(FIELD).ok()?.expose_str().ok()?.parse().ok()?;
            Some((secret.version, value))
        }
        Err(error) => (error.reason() == "SECRET_NOT_FOUND").then_some((0, 0)),
    }
}

const FIELD: &str = "value";
