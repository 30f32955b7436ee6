//! New terms of the keys inside the keyring.
//!
//! A rotation is one transaction: the keyring's next generation, the log signer's public key, and the start of the
//! job that moves records to the new terms ([`super::rewrap`]). It is asked for, or due by the age of the keys.

use std::sync::Arc;

use bytes::Bytes;
use vault_core::access::signed::{Signing, publish_signers};
use vault_core::access::{Action, Resource};
use vault_core::crypto::entropy::Entropy as _;
use vault_core::crypto::keyring::{HOME_REGION, Keyring, Role, Rotate, record_generation};
use vault_core::crypto::ring::{Ring, Term};
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::audit::{Entry, Event, Source};
use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::operate::Unrecorded;
use super::rewrap::Job;
use super::seals::keyring_key;
use super::transact::{Terms, Verdict, public_half, signer_key};
use super::unsealed::Unsealed;
use super::{App, refusal};
use crate::clock::OsEntropy;

/// What the daemon does by itself, as audit lines name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    method: &'static str,
    action: &'static str,
}

impl Deed {
    /// It seals itself; recorded as any sealing.
    pub(super) const FALL: Self = Self {
        method: "/vault.v1.System/Seal",
        action: Action::SEAL.name(),
    };
    /// It rotates keys that are old; recorded as any rotation.
    const ROTATE: Self = Self {
        method: "/vault.v1.System/RotateKeyring",
        action: Action::KEYRING_ROTATE.name(),
    };
    /// It destroys terms. Nobody can ask for that: there is no such method, and no right to it.
    pub(super) const DESTROY_TERMS: Self = Self {
        method: "inside/DestroyTerms",
        action: "keyring:DestroyTerms",
    };
    /// It believes keys of an issuer that it fetched. Nobody can ask for that.
    pub(super) const TAKE_ISSUER_KEYS: Self = Self {
        method: "inside/TakeIssuerKeys",
        action: "trust:TakeKeys",
    };
    /// It leaves a backup, whose restore was recorded, for its next start. Recorded only where it could not.
    pub(super) const KEEP_BACKUP: Self = Self {
        method: "inside/KeepBackup",
        action: "",
    };

    /// What was done, as the vocabulary of rights would say it.
    pub(super) const fn action(self) -> &'static str {
        self.action
    }
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
    /// Records that do not say which term they need; while there are any, no term is destroyed.
    pub unreadable: u64,
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
    /// Records that were found under it after it was replaced, and keep it: they do not open.
    pub records: u64,
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
        self.at_home()?;
        let _ceremony = self.ceremony.lock().await;
        self.keys.follow(&self.store);
        let unsealed = self.unsealed()?;
        let next = unsealed
            .keyring()
            .rotate(Rotate::All, &mut OsEntropy, self.now())
            .map_err(Error::internal)?;
        let begin = move |tx: &mut Tx<'_>| {
            if Job::of(tx)?.running {
                return Err(Error::new(
                    Reason::RotationInProgress,
                    "records are still being moved to the last rotation's terms",
                ));
            }
            Job::begin().put(tx)
        };
        self.put_keyring(&unsealed, next, begin).await?;
        self.resume_rewrap();
        self.keyring_state(&Job::begin())
    }

    /// Rotates where the keys are old enough; records it as any rotation.
    pub(super) async fn rotate_by_age(self: &Arc<Self>) -> Result<()> {
        let Some(limit) = self.settings.rotate_after else {
            return Ok(());
        };
        let unsealed = self.unsealed()?;
        let age = unsealed.keyring().kek(HOME_REGION).map_or(0, |ring| {
            self.now().saturating_sub(ring.active().created_at())
        });
        drop(unsealed);
        if u128::from(age) < limit.as_millis() {
            return Ok(());
        }
        self.audit_ready()?;
        let entry = self.begin_inside(Deed::ROTATE);
        let rotated = self.rotate_terms().await.map(drop);
        if rotated.is_ok() {
            tracing::info!("the keys were old enough for new terms");
        }
        self.finish(entry, rotated).await
    }

    /// Opens the audit entry of what the daemon does by itself.
    pub(super) fn begin_inside(&self, deed: Deed) -> Entry {
        let mut request = [0; 16];
        OsEntropy.fill(&mut request);
        self.audit.begin(Event {
            request,
            method: deed.method,
            action: deed.action,
            source: Source::Inside,
        })
    }

    /// The keyring's terms and the job's progress.
    ///
    /// # Errors
    /// As of any read.
    pub async fn keyring_status(&self, call: &Call) -> Result<Answer<KeyringState>> {
        self.read(call, |visit, tx| {
            visit.grant(tx, Action::KEYRING_DESCRIBE, Resource::System)?;
            let job = Job::of(tx)?;
            // A job that has just ended took terms away: the keys are not shown older than the job.
            self.keys.follow(&self.store);
            self.keyring_state(&job)
        })
        .await
    }

    fn keyring_state(&self, job: &Job) -> Result<KeyringState> {
        let unsealed = self.unsealed()?;
        // Two passes over all records.
        let all = 2 * self.store.rows();
        Ok(KeyringState {
            generation: unsealed.keyring().generation(),
            terms: terms(unsealed.keyring(), job),
            rewrapping: job.running,
            done: job.done,
            remaining: if job.running {
                all.saturating_sub(job.done)
            } else {
                0
            },
            unreadable: job.unreadable,
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
        let signer = public_half(&next)?;
        let regions = regions_records(&next);
        let signing = Signing::of(&next);
        let generation = from.keyring().generation();
        self.keys.offer(sealed.clone(), next);
        let (keys, stored) = (self.keys.clone(), sealed.clone());
        let then = Box::new(move || keys.follow_record(&stored));
        let put = move |tx: &mut Tx<'_>| {
            let mut write = || {
                derived_from(tx, generation)?;
                tx.put_stored(keyring_key(HOME_REGION), sealed.clone());
                for (region, sealed) in &regions {
                    tx.put_stored(keyring_key(*region), sealed.clone());
                }
                tx.put_stored(signer_key(), signer.clone());
                publish_signers(tx, &signing).map_err(refusal::record)?;
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
        let ran = self.proposer.run(terms, put).await.map(drop);
        // Where the outcome is not known, whoever finds the record stored takes up what was offered.
        if matches!(&ran, Err(error) if error.reason() != Reason::OutcomeUnknown) {
            self.keys.withdraw();
        }
        ran
    }
}

/// The keyrings of the other regions, of the same generation as home's: none is ever behind it.
fn regions_records(home: &Keyring) -> Vec<(u16, Bytes)> {
    let keyring = |region| Some((region, home.of_region(region)?));
    let keyrings = home.regions().filter_map(keyring);
    keyrings
        .map(|(region, keyring)| (region, Bytes::from(keyring.to_record(&mut OsEntropy))))
        .collect()
}

fn terms(keyring: &Keyring, job: &Job) -> Vec<TermState> {
    fn of<K>(job: &Job, role: Role, ring: &Ring<K>) -> Vec<TermState> {
        let active = ring.active().number();
        let (key, region) = match role {
            Role::Voter => ("voter", None),
            Role::Shared => ("shared", None),
            Role::Index => ("index", None),
            Role::Kek(region) => ("kek", Some(region)),
            Role::LogSigning => ("log-signing", None),
            Role::Audit => ("audit", None),
        };
        let state = |term: &Term<K>| TermState {
            key,
            region,
            term: term.number(),
            created_at: term.created_at(),
            active: term.number() == active,
            failed_opens: term.failed_opens(),
            records: job.records(role, term.number()),
        };
        ring.iter().map(state).collect()
    }
    let mut terms = Vec::new();
    terms.extend(
        keyring
            .voter()
            .map_or(Vec::new(), |ring| of(job, Role::Voter, ring)),
    );
    terms.extend(of(job, Role::Shared, keyring.shared()));
    terms.extend(of(job, Role::Index, keyring.index()));
    let keks = keyring.keks();
    terms.extend(keks.flat_map(|(region, ring)| of(job, Role::Kek(region), ring)));
    let signing = keyring.log_signing();
    terms.extend(signing.map_or(Vec::new(), |ring| of(job, Role::LogSigning, ring)));
    terms.extend(of(job, Role::Audit, keyring.audit()));
    terms
}

/// Binds a new keyring to the one it was made from: what was overtaken is refused, and never overwrites keys.
fn derived_from(tx: &mut Tx<'_>, generation: u64) -> Result<()> {
    let stored = tx
        .get_stored(&keyring_key(HOME_REGION))
        .map_err(refusal::record)?;
    let found = stored.and_then(|record| record_generation(&record.sealed).ok());
    if found == Some(generation) {
        return Ok(());
    }
    Err(Error::new(
        Reason::Contention,
        "the keyring was changed meanwhile; nothing was written, try again",
    ))
}
