//! New terms of the keys inside the keyring, and the background job that moves records to them.
//!
//! A rotation is one transaction: the keyring's next generation, the log signer's public key, and the job's
//! cursor. Old terms stay readable; the job re-wraps data keys and re-seals documents in small
//! transactions, keeps its cursor in the state, and so resumes after a crash or a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use minicbor::{Decode, Encode};
use vault_core::access::{Action, Resource};
use vault_core::crypto::envelope::Class;
use vault_core::crypto::keyring::{Keyring, Rotate, record_generation};
use vault_core::crypto::ring::{Ring, Term};
use vault_core::crypto::sign;
use vault_core::record::{self, Document, Key, Kind, RecordError, Tx, View};
use vault_proto::v1::Reason;

use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::operate::Unrecorded;
use super::seals::keyring_key;
use super::transact::{Terms, Verdict, signer_key};
use super::unsealed::Unsealed;
use super::{App, refusal};
use crate::clock::OsEntropy;

/// Records in one transaction of the job.
const STEP: usize = 64;

/// The job's place, kept in the state.
#[derive(Clone, Debug, Encode, Decode)]
struct Job {
    #[n(0)]
    running: bool,
    /// Position in [`Kind::UNDER_TERMS`].
    #[n(1)]
    kind: u32,
    /// The last key that was done; empty at the start of a kind.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    after: Vec<u8>,
    #[n(3)]
    done: u64,
}

impl Document for Job {
    const CLASS: Class = Class::Shared;
}

/// What the job has done, for status.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The job's task is there.
    busy: AtomicBool,
    /// The state says that there is work.
    running: AtomicBool,
    done: AtomicU64,
    remaining: AtomicU64,
}

/// The keyring as operators see it.
#[derive(Clone, Debug)]
pub struct KeyringState {
    /// Grows with every change.
    pub generation: u64,
    /// All terms of all keys.
    pub terms: Vec<TermState>,
    /// Whether records are being moved to the active terms.
    pub rewrapping: bool,
    /// Records looked at by the job.
    pub done: u64,
    /// An upper bound of those that are left.
    pub remaining: u64,
}

/// One term of one key.
#[derive(Clone, Debug)]
pub struct TermState {
    /// "kek", "shared", "voter", "index", "log-signing", "audit".
    pub key: &'static str,
    /// Of a kek.
    pub region: Option<u16>,
    /// Its number.
    pub term: u32,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// Seals what is written now.
    pub active: bool,
    /// Envelopes that did not open under it since the start.
    pub failed_opens: u64,
}

impl App {
    /// Starts new terms of all keys but the index key, and the job that moves records to them.
    ///
    /// # Errors
    /// `ROTATION_IN_PROGRESS`, or as of any write.
    pub async fn rotate_keyring(self: &Arc<Self>, call: &Call) -> Result<Answer<KeyringState>> {
        self.operate(
            call,
            Action::KEYRING_ROTATE,
            Unrecorded::Refuse,
            self.rotate_terms(),
        )
        .await
    }

    async fn rotate_terms(self: &Arc<Self>) -> Result<KeyringState> {
        let _ceremony = self.ceremony.lock().await;
        if self.rotation.running.load(Ordering::Acquire) {
            return Err(Error::new(
                Reason::RotationInProgress,
                "records are still being moved to the last rotation's terms",
            ));
        }
        let unsealed = self.unsealed()?;
        let next = unsealed
            .keyring()
            .rotate(Rotate::All, &mut OsEntropy, self.now())
            .map_err(Error::internal)?;
        let job = Job {
            running: true,
            kind: 0,
            after: Vec::new(),
            done: 0,
        };
        let begin = move |tx: &mut Tx<'_>| tx.put(job_key(), &job).map_err(refusal::record);
        self.put_keyring(&unsealed, next, begin).await?;
        self.rotation.advance(0, self.store.rows());
        self.resume_rewrap();
        self.keyring_state()
    }

    /// The keyring's terms and the job's progress.
    ///
    /// # Errors
    /// As of any read.
    pub async fn keyring_status(&self, call: &Call) -> Result<Answer<KeyringState>> {
        let granted = self
            .read(call, |visit, _| {
                visit
                    .grant(Action::KEYRING_DESCRIBE, Resource::System)
                    .map(drop)
            })
            .await?;
        let state = self.keyring_state()?;
        Ok(granted.map(|()| state))
    }

    fn keyring_state(&self) -> Result<KeyringState> {
        let unsealed = self.unsealed()?;
        Ok(KeyringState {
            generation: unsealed.keyring().generation(),
            terms: terms(unsealed.keyring()),
            rewrapping: self.rotation.running.load(Ordering::Acquire),
            done: self.rotation.done.load(Ordering::Relaxed),
            remaining: self.rotation.remaining.load(Ordering::Relaxed),
        })
    }

    /// Stores the next generation of the keyring, and what goes with it, in one transaction that runs alone.
    pub(super) async fn put_keyring(
        &self,
        from: &Arc<Unsealed>,
        next: Keyring,
        mut beside: impl FnMut(&mut Tx<'_>) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let sealed = Bytes::from(next.to_record(&mut OsEntropy));
        let signer = Bytes::copy_from_slice(&sign::public(next.log_signing().active().key()));
        let generation = from.keyring().generation();
        let (keys, from) = (self.keys.clone(), Arc::clone(from));
        let then = Box::new(move || keys.advance(&from, Unsealed::new(next, from.since())));
        let put = move |tx: &mut Tx<'_>| {
            let mut write = || {
                derived_from(tx, generation)?;
                tx.put_stored(keyring_key(), sealed.clone());
                tx.put_stored(signer_key(), signer.clone());
                beside(tx)
            };
            match write() {
                Ok(()) => (Verdict::Commit, Ok(())),
                Err(error) => (Verdict::Discard, Err(error)),
            }
        };
        let terms = Terms {
            then: Some(then),
            ..Terms::default()
        };
        self.proposer.run(terms, put).await.map(drop)
    }

    /// Goes on with a re-wrap that the state says is unfinished. Returns at once.
    pub(super) fn resume_rewrap(self: &Arc<Self>) {
        if self.rotation.busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let app = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                match app.rewrap_step().await {
                    Ok(Some(done)) => app.rotation.advance(done, app.store.rows()),
                    Ok(None) => break app.rotation.ended(),
                    Err(error) => {
                        let reason = error.reason().as_str_name();
                        tracing::warn!(
                            reason,
                            "moving records to the active terms stopped; it goes on later"
                        );
                        break;
                    }
                }
            }
            app.rotation.busy.store(false, Ordering::Release);
        });
    }

    /// One transaction of the job: `None` when there is nothing left to do.
    async fn rewrap_step(&self) -> Result<Option<u64>> {
        let store = self.store.clone();
        let step = move |tx: &mut Tx<'_>| match step(tx, &store) {
            Ok(Some(done)) => (Verdict::Commit, Ok(Some(done))),
            Ok(None) => (Verdict::Discard, Ok(None)),
            Err(error) => (Verdict::Discard, Err(refusal::record(error))),
        };
        Ok(self.proposer.run(Terms::default(), step).await?.0)
    }
}

impl Progress {
    fn advance(&self, done: u64, rows: u64) {
        self.running.store(true, Ordering::Release);
        self.done.store(done, Ordering::Relaxed);
        self.remaining
            .store(rows.saturating_sub(done), Ordering::Relaxed);
    }

    fn ended(&self) {
        self.remaining.store(0, Ordering::Relaxed);
        self.running.store(false, Ordering::Release);
    }
}

/// Looks at the next page of records and moves those that are under older terms.
fn step(tx: &mut Tx<'_>, store: &dyn View) -> std::result::Result<Option<u64>, RecordError> {
    let Some(mut job) = tx.get::<Job>(&job_key())?.filter(|job| job.running) else {
        return Ok(None);
    };
    let kind = usize::try_from(job.kind)
        .ok()
        .and_then(|at| Kind::UNDER_TERMS.get(at))
        .copied();
    let Some(kind) = kind else {
        job.running = false;
        tx.put(job_key(), &job)?;
        return Ok(Some(job.done));
    };
    let after = Key::from_bytes(Bytes::from(job.after.clone())).ok();
    let page = store.scan(&[kind as u8], after.as_ref(), STEP)?;
    match page.last() {
        Some((key, _)) if page.len() == STEP => job.after = key.as_bytes().to_vec(),
        _ => {
            job.kind += 1;
            job.after.clear();
        }
    }
    for (key, _) in &page {
        // Read again through the transaction: a write in flight may have moved it.
        let Some(now) = tx.get_stored(key)?.filter(|_| *key != job_key()) else {
            continue;
        };
        let keys = tx.keys();
        let moved = if kind == Kind::Wrap {
            record::rewrap(keys, key, &now, &mut OsEntropy)
        } else {
            record::reseal(keys, key, &now, &mut OsEntropy)
        };
        // One that does not open is quarantined by whoever reads it; it does not hold up the others.
        if let Err(error) = &moved {
            tracing::warn!(%error, "a record stays under an older term");
        }
        if let Ok(Some(bytes)) = moved {
            tx.put_stored(key.clone(), bytes);
        }
    }
    job.done += u64::try_from(page.len()).unwrap_or_default();
    tx.put(job_key(), &job)?;
    Ok(Some(job.done))
}

fn terms(keyring: &Keyring) -> Vec<TermState> {
    fn of<K>(key: &'static str, region: Option<u16>, ring: &Ring<K>) -> Vec<TermState> {
        let active = ring.active().number();
        let state = |term: &Term<K>| TermState {
            key,
            region,
            term: term.number(),
            created_at: term.created_at(),
            active: term.number() == active,
            failed_opens: term.failed_opens(),
        };
        ring.iter().map(state).collect()
    }
    let mut terms = of("voter", None, keyring.voter());
    terms.extend(of("shared", None, keyring.shared()));
    terms.extend(of("index", None, keyring.index()));
    terms.extend(
        keyring
            .keks()
            .flat_map(|(region, ring)| of("kek", Some(region), ring)),
    );
    terms.extend(of("log-signing", None, keyring.log_signing()));
    terms.extend(of("audit", None, keyring.audit()));
    terms
}

/// Binds a new keyring to the one it was made from: what was overtaken is refused, and never overwrites keys.
fn derived_from(tx: &mut Tx<'_>, generation: u64) -> Result<()> {
    let stored = tx.get_stored(&keyring_key()).map_err(refusal::record)?;
    let found = stored.and_then(|record| record_generation(&record.sealed).ok());
    if found == Some(generation) {
        return Ok(());
    }
    Err(Error::new(
        Reason::Contention,
        "the keyring was changed meanwhile; nothing was written, try again",
    ))
}

fn job_key() -> Key {
    Key::new(Kind::Job, &[b"rewrap"])
}
