//! The Secrets service behind the door: each method names its action, its resource and its engine function.

mod change;
mod list;
mod policy;
mod removal;

use vault_core::access::{Action, Grant, Resource};
use vault_core::crypto::mac;
use vault_core::crypto::secret::Plaintext;
use vault_core::engine::random;
use vault_core::engine::secrets::{self as engine, Once, Refusal};
use vault_core::name::SecretPath;
use vault_core::record::{Key, Kind, RecordError, Tx};
use vault_proto::v1::Reason;

use crate::app::App;
use crate::app::audit::Part;
use crate::app::call::{Answer, Call};
use crate::app::error::{Error, Result};
use crate::app::pipeline::Visit;
use crate::app::transact::{Terms, Verdict};

pub use change::PutRequest;
pub use list::Paged;
pub use removal::{Destruction, Target};

use crate::clock::OsEntropy;

/// Plain bytes that one batch discloses at most.
const MAX_BATCH_BYTES: usize = 32 << 20;

/// Which write this is, so that a repeat of it is recognised: the request's id and a digest of its body.
#[derive(Clone, Copy, Debug)]
pub(in crate::app) struct Repeat {
    request_id: [u8; 16],
    digest: [u8; 32],
}

impl Repeat {
    /// `None` when the client chose no id: then nothing can be a repeat.
    pub(in crate::app) fn of(call: &Call, digest: [u8; 32]) -> Option<Self> {
        call.repeatable.then_some(Self {
            request_id: call.request_id,
            digest,
        })
    }

    /// Keyed by what voters alone hold, because the digest covers values and lies in a record that replicas open.
    ///
    /// # Errors
    /// On a node that has none of that, and makes no writes.
    pub(in crate::app) fn once(self, tx: &Tx<'_>) -> std::result::Result<Once, RecordError> {
        let outcomes = || RecordError::AtHomeOnly(Key::new(Kind::Outcome, &[]));
        let voter = tx.keys().voter().ok_or_else(outcomes)?;
        let active = voter.active();
        let earlier = voter.iter().filter(|term| term.number() != active.number());
        Ok(Once {
            request_id: self.request_id,
            digest: mac::body_mac(active.key(), &self.digest),
            earlier: earlier
                .map(|term| mac::body_mac(term.key(), &self.digest))
                .collect(),
        })
    }
}

impl App {
    /// One version's fields.
    ///
    /// # Errors
    /// As the engine refuses, or as of any read.
    pub async fn get_secret(
        &self,
        call: &Call,
        path: &SecretPath,
        get: &engine::Get,
    ) -> Result<Answer<engine::Value>> {
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::GET_VALUE, Resource::Secret(path.clone()))?;
            let value = engine::get(tx, &grant, get)
                .map_err(|r| visit.refuse(r, Action::GET_VALUE, path))?;
            visit.holds(self.replies.hold(value.fields.size())?);
            visit.touched(value.version);
            Ok(value)
        })
        .await
    }

    /// Many secrets of one state; each may fail on its own.
    ///
    /// # Errors
    /// As of any read.
    pub async fn batch_get_secrets(
        &self,
        call: &Call,
        wanted: &[(SecretPath, engine::Get)],
    ) -> Result<Answer<Vec<Result<engine::Value>>>> {
        self.read(call, |visit, tx| {
            let mut room = MAX_BATCH_BYTES;
            let mut one = |path: &SecretPath, get: &engine::Get| {
                let grant = visit.grant(tx, Action::GET_VALUE, Resource::Secret(path.clone()))?;
                let value = engine::get(tx, &grant, get)
                    .map_err(|refusal| visit.refuse(refusal, Action::GET_VALUE, path))?;
                room = room.checked_sub(value.fields.size()).ok_or_else(|| {
                    Error::new(
                        Reason::ValueTooLarge,
                        "the batch is over 32 MiB; ask for this one in another call",
                    )
                })?;
                Ok(value)
            };
            let results: Vec<_> = wanted.iter().map(|(path, get)| one(path, get)).collect();
            visit.holds(self.replies.hold(MAX_BATCH_BYTES - room)?);
            visit.fared(results.iter().map(part).collect());
            Ok(results)
        })
        .await
    }

    /// A secret's metadata.
    ///
    /// # Errors
    /// As the engine refuses, or as of any read.
    pub async fn describe_secret(
        &self,
        call: &Call,
        path: &SecretPath,
    ) -> Result<Answer<engine::Meta>> {
        self.read_secret(call, Action::DESCRIBE, path, |tx, grant| {
            engine::describe(tx, grant)
        })
        .await
    }

    /// A random value; stores nothing.
    ///
    /// # Errors
    /// `POLICY_UNSATISFIABLE`, or as of any read.
    pub async fn generate_random(
        &self,
        call: &Call,
        policy: &random::Policy,
    ) -> Result<Answer<Plaintext>> {
        self.read(call, |visit, tx| {
            visit.grant(tx, Action::RANDOM, Resource::Own)?;
            generate(policy)
        })
        .await
    }

    async fn read_secret<R>(
        &self,
        call: &Call,
        action: Action,
        path: &SecretPath,
        act: impl Fn(&mut Tx<'_>, &Grant) -> std::result::Result<R, Refusal>,
    ) -> Result<Answer<R>> {
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, action, Resource::Secret(path.clone()))?;
            act(tx, &grant).map_err(|refusal| visit.refuse(refusal, action, path))
        })
        .await
    }

    /// A write about one secret under one action. `grows` says whether it takes disk space.
    pub(in crate::app) async fn write_secret<R, F>(
        &self,
        call: &Call,
        terms: Terms,
        action: Action,
        path: SecretPath,
        mut act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: FnMut(&mut Visit<'_>, &mut Tx<'_>, &Grant) -> std::result::Result<(Verdict, R), Refusal>
            + Send
            + 'static,
    {
        self.write(call, terms, move |visit, tx| {
            let grant = visit.grant(tx, action, Resource::Secret(path.clone()))?;
            act(visit, tx, &grant).map_err(|refusal| visit.refuse(refusal, action, &path))
        })
        .await
    }

    /// Refuses growth while the disk is short of space; deletion, revocation and sealing go on.
    pub(in crate::app) fn may_grow(&self) -> Result<()> {
        if self.store.can_grow() {
            return Ok(());
        }
        Err(Error::new(
            Reason::DiskFull,
            "the node's disk is nearly full: writes that take space are refused, reads and deletion go on",
        ))
    }
}

/// What the audit says of one secret of a batch.
fn part(result: &Result<engine::Value>) -> Part {
    match result {
        Ok(value) => Part::Disclosed(value.version),
        Err(error) => Part::Refused(error.reason().as_str_name()),
    }
}

/// Draws a random value.
pub(in crate::app) fn generate(policy: &random::Policy) -> Result<Plaintext> {
    random::generate(policy, &mut OsEntropy)
        .map_err(|error| Error::new(Reason::PolicyUnsatisfiable, error.to_string()))
}
