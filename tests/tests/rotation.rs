//! `keyring rotate` under load: nobody who reads or writes meanwhile notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use vault_sdk::{Reference, Token, Value, Vault};
use vault_tests::Daemon;

use crate::BINARIES;

const SECRETS: usize = 48;
const ROTATIONS: u64 = 4;
const LIMIT: Duration = Duration::from_secs(60);

/// The load, and what it has seen.
struct Load {
    vault: Vault,
    /// Of each secret the highest number whose write was acknowledged.
    written: Vec<AtomicU64>,
    reads: AtomicU64,
    over: AtomicBool,
}

impl Load {
    fn path(at: usize) -> String {
        format!("load/group-{}/secret-{at}", at % 5)
    }

    /// Reads one after the other. Never fails, never sees a value that another has replaced before it asked.
    async fn read(self: Arc<Self>, mut at: usize) {
        while !self.over.load(Ordering::Relaxed) {
            at = (at + 7) % SECRETS;
            let least = self.written[at].load(Ordering::Acquire);
            let secret = self
                .vault
                .secrets()
                .get(&Reference::to_path(Self::path(at)))
                .await;
            let secret = secret.unwrap_or_else(|error| panic!("{}: {error}", Self::path(at)));
            let value = secret.field("value").expect("its field");
            let text = value.expose_str().expect("text");
            let (of, number) = text.split_once(' ').expect("two numbers");
            assert_eq!(of, at.to_string(), "the value of another secret");
            assert!(
                number.parse::<u64>().expect("a number") >= least,
                "{least} was written: {text}"
            );
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes its share of the secrets over and over.
    async fn write(self: Arc<Self>, first: usize, step: usize) {
        for number in 1.. {
            for at in (first..SECRETS).step_by(step) {
                if self.over.load(Ordering::Relaxed) {
                    return;
                }
                let value = Value::new(format!("{at} {number}").into_bytes());
                let put = self
                    .vault
                    .secrets()
                    .put(Self::path(at))
                    .field("value", &value);
                put.send()
                    .await
                    .unwrap_or_else(|error| panic!("{}: {error}", Self::path(at)));
                self.written[at].store(number, Ordering::Release);
            }
        }
    }

    /// Waits for the job that moves records to the new terms.
    async fn rewrapped(&self) {
        let begun = Instant::now();
        loop {
            let status = self
                .vault
                .system()
                .keyring_status()
                .await
                .expect("a status");
            let rewrap = status.rewrap.expect("the job");
            if !rewrap.running {
                assert_eq!(rewrap.remaining, 0, "it ended with work left");
                let failed: u64 = status.terms.iter().map(|term| term.failed_opens).sum();
                assert_eq!(failed, 0, "envelopes did not open");
                return;
            }
            assert!(
                begun.elapsed() < LIMIT,
                "re-wrapping does not end: {rewrap:?}"
            );
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyring_rotates_under_load_without_a_failed_read() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let (address, fingerprint) = daemon.https();
    let vault = Vault::builder()
        .endpoint(address.parse().expect("an address"))
        .ca_fingerprint(fingerprint.parse().expect("a fingerprint"))
        .token(Token::new(opened.token.as_str()))
        .timeout(Duration::from_secs(30))
        // A failure that a retry hides is one.
        .retries(0)
        .build()
        .expect("a client");
    for at in 0..SECRETS {
        let value = Value::new(format!("{at} 0").into_bytes());
        let put = vault.secrets().put(Load::path(at)).field("value", &value);
        put.send().await.expect("written");
    }
    let load = Arc::new(Load {
        vault: vault.clone(),
        written: (0..SECRETS).map(|_| AtomicU64::new(0)).collect(),
        reads: AtomicU64::new(0),
        over: AtomicBool::new(false),
    });
    let before = vault.system().keyring_status().await.expect("a status");
    let mut flying = JoinSet::new();
    for reader in 0..6 {
        flying.spawn(Arc::clone(&load).read(reader));
    }
    for writer in 0..3 {
        flying.spawn(Arc::clone(&load).write(writer, 3));
    }
    for _ in 0..ROTATIONS {
        let reads = load.reads.load(Ordering::Relaxed);
        vault.system().rotate_keyring().await.expect("rotated");
        load.rewrapped().await;
        // The readers went on through it.
        assert!(
            load.reads.load(Ordering::Relaxed) > reads,
            "nobody read meanwhile"
        );
    }
    load.over.store(true, Ordering::Relaxed);
    while let Some(ended) = flying.join_next().await {
        ended.expect("no reader and no writer failed");
    }
    let after = vault.system().keyring_status().await.expect("a status");
    assert!(after.generation >= before.generation + ROTATIONS);
    println!(
        "{} reads through {ROTATIONS} rotations",
        load.reads.load(Ordering::Relaxed)
    );

    // What was written under every term opens with the keyring that is on the disk.
    daemon.ctl(&["seal"]).ok();
    daemon.unseal(&opened);
    for at in 0..SECRETS {
        let reference = Reference::to_path(Load::path(at));
        let secret = vault.secrets().get(&reference).await.expect("a secret");
        let last = load.written[at].load(Ordering::Relaxed);
        let value = secret.field("value").expect("its field");
        let text = value.expose_str().expect("text");
        let number = text.strip_prefix(&format!("{at} ")).expect("its own value");
        assert!(number.parse::<u64>().expect("a number") >= last, "{text}");
    }
}
