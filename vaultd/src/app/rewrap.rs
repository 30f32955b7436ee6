//! The job behind a rotation: moves records to the active terms, proves that nothing is left under older ones, and
//! destroys those.
//!
//! It goes over the records twice, in small transactions with a cursor in the state, so that it resumes after a
//! crash or a restart. The first pass re-wraps data keys and re-seals documents; the second only reads which terms
//! records name. A term that is named, by a record that does not open, stays; one record that does not even say its
//! term keeps all of them. Both passes begin after the rotation was applied, and whatever is written from then on is
//! under the active terms, so what the second one does not find there is not there. It counts under one generation of
//! the keyring; when that changes before the terms are destroyed, as by a rekey, the job begins again.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use vault_core::crypto::envelope::Class;
use vault_core::crypto::keyring::{Keyring, Role};
use vault_core::record::{self, Document, Key, Kind, Page, RecordError, Tx, View};
use vault_proto::v1::Reason;

mod terms;

use self::terms::{Stand, names, older, stands};
use super::error::{Error, Result};
use super::keyring::Deed;
use super::transact::{Terms, Verdict};
use super::{App, refusal};
use crate::clock::OsEntropy;

/// Records in one transaction of the first pass.
const STEP: usize = 64;
/// Sealed bytes in one transaction of the first pass, beyond one record of any size: well below what a
/// transaction holds.
pub(super) const STEP_BYTES: usize = 512 << 10;
/// Records in one transaction of the second pass, which writes its cursor only.
const SCAN: usize = 512;
/// How long records that keep an older term are left alone before they are tried again.
const RETRY_MS: u64 = 24 * 3600 * 1000;

/// The job's place, kept in the state.
#[derive(Clone, Debug, Default, Encode, Decode)]
pub(super) struct Job {
    #[n(0)]
    pub(super) running: bool,
    /// Position in [`Kind::under_terms`].
    #[n(1)]
    kind: u32,
    /// The last key that was done; empty at the start of a kind.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    after: Vec<u8>,
    /// Records looked at, in both passes.
    #[n(3)]
    pub(super) done: u64,
    /// In the second pass.
    #[n(4)]
    pub(super) scanning: bool,
    /// What the second pass found under older terms.
    #[n(5)]
    held: Vec<Held>,
    /// Records that do not say which term they need.
    #[n(6)]
    pub(super) unreadable: u64,
    /// In milliseconds since the epoch.
    #[n(7)]
    ended_at: u64,
    /// Of the keyring under which the second pass counts: what it found says nothing of another one.
    #[n(8)]
    #[cbor(default)]
    generation: u64,
}

/// Records that are still under an older term.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Held {
    /// 1 voter, 2 shared, 4 kek: as in the keyring's record.
    #[n(0)]
    role: u8,
    #[n(1)]
    region: u16,
    #[n(2)]
    term: u32,
    #[n(3)]
    records: u64,
}

impl Document for Job {
    const CLASS: Class = Class::Shared;
}

/// What a step came to.
#[derive(Debug)]
pub(super) enum Next {
    /// There is more.
    Step,
    /// Both passes are done.
    Scanned(Job),
    /// There is nothing to do.
    Nothing,
}

impl Job {
    pub(super) fn begin() -> Self {
        Self {
            running: true,
            ..Self::default()
        }
    }

    /// The job as the state has it.
    pub(super) fn of(tx: &mut Tx<'_>) -> Result<Self> {
        let job = tx.get::<Self>(&job_key()).map_err(refusal::record)?;
        Ok(job.unwrap_or_default())
    }

    pub(super) fn put(&self, tx: &mut Tx<'_>) -> Result<()> {
        tx.put(job_key(), self).map_err(refusal::record)
    }

    /// How many records were found under an older term.
    pub(super) fn records(&self, role: Role, term: u32) -> u64 {
        let held = self.held.iter().find(|held| held.is(role, term));
        held.map_or(0, |held| held.records)
    }

    /// Whether it ended without being able to destroy all older terms, long enough ago to try again.
    fn due_again(&self, keyring: &Keyring, now: u64) -> bool {
        !self.running
            && older(keyring).next().is_some()
            && now.saturating_sub(self.ended_at) >= RETRY_MS
    }

    fn count(&mut self, keys: &Keyring, page: &Page) {
        for (key, record) in page {
            let named = record::terms_of(key, &record.sealed);
            let known = |(role, term): &(Role, u32)| stands(keys, *role, *term).is_some();
            let Some(named) = named.ok().filter(|named| named.iter().all(known)) else {
                self.unreadable += 1;
                continue;
            };
            for (role, term) in named {
                if stands(keys, role, term) == Some(Stand::Older) {
                    self.hold(role, term);
                }
            }
        }
    }

    fn hold(&mut self, role: Role, term: u32) {
        if let Some(held) = self.held.iter_mut().find(|held| held.is(role, term)) {
            held.records += 1;
            return;
        }
        let (number, region) = match role {
            Role::Voter => (1, 0),
            Role::Shared => (2, 0),
            Role::Kek(region) => (4, region),
            Role::Index | Role::LogSigning | Role::Audit => return,
        };
        self.held.push(Held {
            role: number,
            region,
            term,
            records: 1,
        });
    }

    /// The older terms that nothing needs any more.
    ///
    /// Of log-signing keys no older private half is needed once the state names the active one; batches that they
    /// signed are verified by the public half that the state had. Audit keys stay: names in old lines are found by them.
    fn unneeded(&self, keyring: &Keyring) -> Vec<(Role, u32)> {
        let signing = keyring.log_signing().into_iter();
        let signing = signing.flat_map(|ring| names(Role::LogSigning, ring));
        let free =
            |(role, term): &(Role, u32)| self.unreadable == 0 && self.records(*role, *term) == 0;
        older(keyring).filter(free).chain(signing).collect()
    }
}

impl Held {
    fn is(&self, role: Role, term: u32) -> bool {
        let own = match self.role {
            1 => Some(Role::Voter),
            2 => Some(Role::Shared),
            4 => Some(Role::Kek(self.region)),
            _ => None,
        };
        own == Some(role) && self.term == term
    }
}

impl App {
    /// Goes on with a job that the state says is unfinished, or is due again. Returns at once.
    pub(super) fn resume_rewrap(self: &Arc<Self>) {
        // Held by the task and given back however it ends: a job that panics keeps no later one away.
        let Ok(only) = Arc::clone(&self.rewrapping).try_acquire_owned() else {
            return;
        };
        let app = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = app.rewrap().await {
                let reason = error.reason().as_str_name();
                tracing::warn!(
                    reason,
                    "moving records to the active terms stopped; it goes on later"
                );
            }
            drop(only);
        });
    }

    async fn rewrap(&self) -> Result<()> {
        loop {
            match self.rewrap_step().await? {
                Next::Step => {}
                Next::Scanned(job) => self.destroy_unneeded(job).await?,
                Next::Nothing => return Ok(()),
            }
        }
    }

    /// One transaction of the job.
    pub(super) async fn rewrap_step(&self) -> Result<Next> {
        let store = self.store.clone();
        let step = move |tx: &mut Tx<'_>| match step(tx, &store) {
            Ok(Next::Step) => (Verdict::Commit, Ok(Next::Step)),
            Ok(next) => (Verdict::Discard, Ok(next)),
            Err(error) => (Verdict::Discard, Err(error)),
        };
        Ok(self.proposer.run(Terms::default(), step).await?.0)
    }

    /// The end of the job: what no record names is destroyed, and what is left is remembered.
    pub(super) async fn destroy_unneeded(&self, scanned: Job) -> Result<()> {
        let _ceremony = self.ceremony.lock().await;
        self.keys.follow(&self.store);
        let from = self.unsealed()?;
        // INVARIANT: what is destroyed is of the keyring that was counted under. The next step begins anew.
        if scanned.generation != from.keyring().generation() {
            return Err(overtaken());
        }
        let unneeded = scanned.unneeded(from.keyring());
        let end = move |tx: &mut Tx<'_>| {
            let now = Job::of(tx)?;
            let same = now.generation == scanned.generation;
            if !(now.running && now.scanning && same && now.current().is_none()) {
                return Err(overtaken());
            }
            let ended = Job {
                running: false,
                ended_at: tx.now(),
                ..now
            };
            ended.put(tx)
        };
        if unneeded.is_empty() {
            let end = move |tx: &mut Tx<'_>| match end(tx) {
                Ok(()) => (Verdict::Commit, Ok(())),
                Err(error) => (Verdict::Discard, Err(error)),
            };
            return self.proposer.run(Terms::default(), end).await.map(drop);
        }
        self.audit_ready()?;
        let entry = self.begin_inside(Deed::DESTROY_TERMS);
        let next = from.keyring().destroy_terms(&unneeded);
        let result = match next.map_err(Error::internal) {
            Ok(next) => self.put_keyring(&from, next, end).await,
            Err(error) => Err(error),
        };
        // ORDER: it has happened, whether or not a line of it can be written now.
        if result.is_ok() {
            for (role, term) in unneeded {
                tracing::info!(key = %role, term, "an older term was destroyed");
            }
        }
        self.finish_act(
            entry,
            result,
            "older terms were destroyed",
            "nothing is left to do",
        )
        .await
    }
}

impl Job {
    fn current(&self) -> Option<Kind> {
        let at = usize::try_from(self.kind).ok()?;
        Kind::under_terms().nth(at)
    }
}

/// Looks at the next page of records.
fn step(tx: &mut Tx<'_>, store: &dyn View) -> Result<Next> {
    let mut job = Job::of(tx)?;
    let generation = tx.keys().generation();
    let miscounted = job.scanning && job.generation != generation;
    if job.due_again(tx.keys(), tx.now()) || (job.running && miscounted) {
        job = Job::begin();
    }
    if !job.running {
        return Ok(Next::Nothing);
    }
    let Some(kind) = job.current() else {
        if job.scanning {
            return Ok(Next::Scanned(job));
        }
        let second = Job {
            running: true,
            scanning: true,
            done: job.done,
            generation,
            ..Job::default()
        };
        second.put(tx)?;
        return Ok(Next::Step);
    };
    let after = Key::from_bytes(job.after.clone().into()).ok();
    let limit = if job.scanning { SCAN } else { STEP };
    let mut page = store
        .scan(&[kind as u8], after.as_ref(), limit)
        .map_err(|error| refusal::record(error.into()))?;
    let full = page.len() == limit;
    let cut = !job.scanning && cut_to(&mut page, STEP_BYTES);
    match page.last() {
        Some((key, _)) if full || cut => job.after = key.as_bytes().to_vec(),
        _ => {
            job.kind += 1;
            job.after.clear();
        }
    }
    if job.scanning {
        job.count(tx.keys(), &page);
    } else {
        move_to_active(tx, kind, &page).map_err(refusal::record)?;
    }
    job.done += u64::try_from(page.len()).unwrap_or_default();
    job.put(tx)?;
    Ok(Next::Step)
}

/// Leaves as many records as have no more bytes, and one at least; whether any went.
fn cut_to(page: &mut Page, bytes: usize) -> bool {
    let mut sum = 0_usize;
    let fits = page.iter().take_while(|(_, record)| {
        sum = sum.saturating_add(record.sealed.len());
        sum <= bytes
    });
    let keep = fits.count().max(1);
    let cut = keep < page.len();
    page.truncate(keep);
    cut
}

fn move_to_active(
    tx: &mut Tx<'_>,
    kind: Kind,
    page: &Page,
) -> std::result::Result<(), RecordError> {
    for (key, _) in page {
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
    Ok(())
}

fn overtaken() -> Error {
    Error::new(
        Reason::Contention,
        "the keys were changed meanwhile; nothing was destroyed",
    )
}

fn job_key() -> Key {
    Key::new(Kind::Job, &[b"rewrap"])
}
