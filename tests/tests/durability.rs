//! No acknowledged write is lost: to kill -9 at any moment, nor to a power cut that loses what was not
//! synced and tears the last write. `VAULT_TESTS_KILLS` and `VAULT_TESTS_CUTS` ask for more rounds.

mod cut;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use self::cut::PowerCut;

/// Longest wait for a line.
const LIMIT: Duration = Duration::from_secs(60);

/// Numbers that look random and can be had again from the seed.
pub(crate) struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = env_number("VAULT_TESTS_SEED").unwrap_or_else(|| {
            let mut seed = [0; 8];
            getrandom::fill(&mut seed).expect("the system has randomness");
            u64::from_le_bytes(seed)
        });
        println!("VAULT_TESTS_SEED={seed}");
        Self(seed | 1)
    }

    /// Below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn env_number(name: &str) -> Option<u64> {
    std::env::var_os(name)?.to_str()?.parse().ok()
}

/// A running load.
struct Load {
    child: Child,
    lines: Receiver<String>,
}

enum Line {
    Recovered(u64),
    Acked(u64),
}

impl Load {
    fn start(dir: &Path, shim: Option<&PowerCut>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_store-load"));
        command.arg(dir).stdout(Stdio::piped());
        if let Some(shim) = shim {
            shim.preload(&mut command, dir);
        }
        let mut child = command.spawn().expect("the load starts");
        let out = child.stdout.take().expect("its output is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // A line cut by the kill is not an acknowledgement: it has no end.
            let mut out = BufReader::new(out);
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|_| line.ends_with('\n')) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line; `None` when the process has ended.
    fn line(&self, wait: Duration) -> Result<Option<Line>, RecvTimeoutError> {
        match self.lines.recv_timeout(wait) {
            Ok(line) => Ok(Some(parse(&line))),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(RecvTimeoutError::Timeout),
        }
    }

    fn recovered(&self) -> Option<u64> {
        match self.line(LIMIT).expect("the load answers in time")? {
            Line::Recovered(n) => Some(n),
            Line::Acked(_) => panic!("an acknowledgement before the recovery"),
        }
    }

    /// Kills it, and reads what it had still said.
    fn kill(mut self, acked: &mut Option<u64>) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
        while let Some(line) = self.line(LIMIT).expect("the pipe closes") {
            note(&line, acked);
        }
    }
}

fn parse(line: &str) -> Line {
    let (what, n) = line.trim().split_once(' ').expect("two words");
    let n = n.parse().expect("a number");
    match what {
        "recovered" => Line::Recovered(n),
        "acked" => Line::Acked(n),
        other => panic!("unknown line `{other}`"),
    }
}

fn note(line: &Line, acked: &mut Option<u64>) {
    if let Line::Acked(n) = line {
        assert!(acked.is_none_or(|acked| *n > acked), "acknowledged twice");
        *acked = Some(*n);
    }
}

/// Runs the load for a random while and kills it. `Err` when acknowledged writes are gone, or the
/// node refuses to start.
fn round(
    dir: &Path,
    shim: Option<&PowerCut>,
    dice: &mut Dice,
    acked: &mut Option<u64>,
) -> Result<(), String> {
    let load = Load::start(dir, shim);
    // Some are killed while they start.
    if dice.below(6) == 0 {
        let wait = Duration::from_millis(dice.below(120));
        while let Ok(Some(line)) = load.line(wait) {
            note(&line, acked);
            if dice.below(4) == 0 {
                break;
            }
        }
    } else {
        let recovered = load
            .recovered()
            .ok_or("the node did not start after a kill")?;
        let needed = acked.map_or(0, |acked| acked + 1);
        if recovered < needed {
            return Err(format!("{needed} were acknowledged, {recovered} are there"));
        }
        for _ in 0..dice.below(300) {
            let line = load.line(LIMIT).expect("the load goes on");
            note(&line.ok_or("the load ended by itself")?, acked);
        }
    }
    load.kill(acked);
    if let Some(shim) = shim {
        shim.cut(dir, dice);
    }
    Ok(())
}

/// A last look, without a kill before it is had.
fn settle(dir: &Path, acked: Option<u64>) {
    let load = Load::start(dir, None);
    let recovered = load.recovered().expect("the node starts");
    let mut after = acked;
    load.kill(&mut after);
    assert!(
        recovered >= acked.map_or(0, |acked| acked + 1),
        "{acked:?} was acknowledged, {recovered} are there"
    );
    println!("{recovered} records, last acknowledged {acked:?}");
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::TempDir::new().expect("a directory");
    let dir = place.path().canonicalize().expect("it exists").join("node");
    (place, dir)
}

#[test]
fn no_acknowledged_write_is_lost_to_kill_9() {
    let rounds = env_number("VAULT_TESTS_KILLS").unwrap_or(60);
    let (_place, dir) = place();
    let (mut dice, mut acked) = (Dice::new(), None);
    for n in 0..rounds {
        round(&dir, None, &mut dice, &mut acked).unwrap_or_else(|lost| panic!("kill {n}: {lost}"));
    }
    assert!(acked.is_some_and(|acked| acked > rounds), "hardly any load");
    settle(&dir, acked);
}

#[test]
fn no_acknowledged_write_is_lost_to_a_power_cut() {
    let rounds = env_number("VAULT_TESTS_CUTS").unwrap_or(40);
    let (place, dir) = place();
    let shim = PowerCut::build(place.path(), false);
    let (mut dice, mut acked) = (Dice::new(), None);
    for n in 0..rounds {
        let done = round(&dir, Some(&shim), &mut dice, &mut acked);
        done.unwrap_or_else(|lost| panic!("power cut {n}: {lost}"));
    }
    assert!(acked.is_some_and(|acked| acked > rounds), "hardly any load");
    assert!(shim.undone() > 0, "no power cut took anything back");
    settle(&dir, acked);
}

/// The proof that the test above can fail.
#[test]
fn a_disk_that_lies_about_its_syncs_loses_acknowledged_writes() {
    let mut dice = Dice::new();
    for _ in 0..10 {
        let (place, dir) = place();
        let shim = PowerCut::build(place.path(), true);
        let mut acked = None;
        // The node is made on an honest disk: what is lost later is what was acknowledged later.
        round(&dir, None, &mut dice, &mut acked).expect("a kill loses nothing");
        for _ in 0..4 {
            if round(&dir, Some(&shim), &mut dice, &mut acked).is_err() {
                return;
            }
        }
    }
    panic!("without a single sync nothing was lost: the power cut cuts nothing");
}
