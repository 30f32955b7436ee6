//! The root identity behind the door: whether it can call, its end, and a one-time root by a quorum of shares.
//!
//! Shares are all that a one-time root takes, so that it can be had when nobody can log in: every step brings one,
//! and a stranger neither begins, nor learns of, nor ends anything. Where something else opens the vault they are its
//! recovery shares.

use std::sync::Arc;

use vault_core::access::{
    self, Action, Origin, Resource, RootRefusal, RootState, Successor, TokenHash,
};
use vault_core::crypto::secret::{Share, TokenSecret, TokenText};
use vault_core::crypto::token;
use vault_core::crypto::unseal::{Progress, Step, Unsealing};
use vault_core::record::{IdBlock, Tx};
use vault_proto::v1::Reason;

use super::call::{Answer, Call};
use super::ceremony::{CeremonyId, Held, stale};
use super::error::{Error, Result};
use super::notes::Notes;
use super::pipeline::Visit;
use super::policies::Stop;
use super::transact::{Terms, Verdict};
use super::{App, refusal};
use crate::clock::OsEntropy;

/// How far the making of a one-time root has come.
#[derive(Debug)]
pub struct RootGeneration {
    /// Names it in every later step.
    pub ceremony: CeremonyId,
    /// Shares that were accepted, and how many it takes.
    pub progress: Progress,
    /// Told once, to whoever enters the last share.
    pub made: Option<OneTimeRoot>,
}

/// A one-time root.
#[derive(Debug)]
pub struct OneTimeRoot {
    /// Its token.
    pub token: TokenText,
    /// Names its session.
    pub accessor: String,
    /// Milliseconds since the epoch.
    pub expires_at: Option<u64>,
}

impl App {
    /// Whether the root identity can call.
    ///
    /// # Errors
    /// As of any read.
    pub async fn root_status(&self, call: &Call) -> Result<Answer<RootState>> {
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::ROOT_DESCRIBE, Resource::System)?;
            access::root_state(tx, &grant).map_err(refused)
        })
        .await
    }

    /// Ends the root identity that `init` made; `false` if it had been.
    ///
    /// # Errors
    /// `ROOT_IS_LAST` where nobody else could go on, unless `by_force`; as of any write.
    pub async fn disable_root(&self, call: &Call, by_force: bool) -> Result<Answer<bool>> {
        let origin = self.origin((call.source, call.certificate), None);
        let found = if by_force {
            Ok(None)
        } else {
            self.successor(call, Arc::clone(&origin)).await
        };
        let left_to = match found {
            Ok(found) => found,
            Err(error) => return self.refused(call, error).await,
        };
        self.write(call, Terms::default(), move |visit, tx| {
            let grant = visit.grant(tx, Action::ROOT_DISABLE, Resource::System)?;
            let left_to = (left_to, by_force);
            let ended = access::disable_root(tx, &grant, left_to, &origin).map_err(refused)?;
            Ok((Verdict::Commit, ended))
        })
        .await
    }

    /// Somebody who could go on without the root identity, if whoever asks may end that. It may take a look at everybody,
    /// so it has the thread of those that prove what changes hand out.
    async fn successor(&self, call: &Call, origin: Arc<Origin>) -> Result<Option<Successor>> {
        let mut may = |visit: &mut Visit<'_>, tx: &mut Tx<'_>| {
            let grant = visit.grant(tx, Action::ROOT_DISABLE, Resource::System);
            grant.map(drop)
        };
        let mut notes = Notes::default();
        let tried = self.read_counted(call, &mut notes, &mut may).await;
        if tried.is_err() {
            // The write says so, and is recorded.
            return Ok(None);
        }
        let (store, keys, now) = (self.store.clone(), self.unsealed()?, self.now());
        let look = move |stop: &Stop| {
            let mut after = None;
            while !stop.is_set() {
                let mut ids = IdBlock::default();
                let mut tx =
                    Tx::new(&store, keys.keyring(), now, &mut ids).with_opened(keys.opened());
                let found = access::find_successor(&mut tx, after.as_ref(), &origin);
                match found.map_err(refusal::record)? {
                    (None, Some(last)) => after = Some(last),
                    (found, _) => return Ok(found),
                }
            }
            Err(Error::new(
                Reason::LimitReached,
                "it takes too long to find somebody who could go on without root; try again, or disable it by force",
            ))
        };
        self.proving.run(look).await
    }

    /// Enters a share towards a one-time root; without a ceremony's id it is the first of a new one.
    ///
    /// # Errors
    /// Each wrong share is named, and changes nothing. `ROOT_GENERATION_IN_PROGRESS` to the holder of a good share,
    /// `CEREMONY_STALE`. `OUTCOME_UNKNOWN` when it is taken and unrecorded.
    pub async fn generate_root(
        &self,
        call: &Call,
        ceremony: &str,
        share: Share,
    ) -> Result<Answer<RootGeneration>> {
        self.by_share(call, self.step_generation(ceremony, &share))
            .await
    }

    /// Gives the making of a one-time root up; takes any share of the seal.
    ///
    /// # Errors
    /// As of entering one.
    pub async fn cancel_root_generation(
        &self,
        call: &Call,
        ceremony: &str,
        share: Share,
    ) -> Result<Answer<RootGeneration>> {
        let cancel = async {
            let mut all = self.ceremony.lock().await;
            let header = self.seal_header()?;
            let knows = Unsealing::new(header.clone()).recognise(&share);
            knows.map_err(|error| self.wrong_share(error))?;
            let held = all.generation.as_ref().ok_or_else(stale)?;
            held.check(ceremony)?;
            let id = held.id;
            all.generation = None;
            Ok(RootGeneration {
                ceremony: id,
                progress: Unsealing::new(header).progress(),
                made: None,
            })
        };
        self.by_share(call, cancel).await
    }

    /// What a share allows by itself: recorded, with what came of it, before it is answered.
    async fn by_share(
        &self,
        call: &Call,
        step: impl Future<Output = Result<RootGeneration>>,
    ) -> Result<Answer<RootGeneration>> {
        let mut entry = self.begin(call);
        let result = match self.audit_ready() {
            Ok(()) => step.await,
            Err(error) => Err(error),
        };
        let mut notes = Notes::default();
        if let Ok(made) = &result {
            notes.granted = Some("a share".to_owned());
            if let Some(made) = &made.made {
                notes.granted = Some("a quorum of shares: one-time root".to_owned());
                notes.about(format!("session:{}", made.accessor));
            }
        }
        self.describe(&mut entry, &notes);
        let done = "what was entered is taken";
        let next = "begin again: vaultctl root generate";
        let state = self.finish_act(entry, result, done, next).await?;
        Ok(self.answer(state))
    }

    async fn step_generation(&self, ceremony: &str, share: &Share) -> Result<RootGeneration> {
        let mut all = self.ceremony.lock().await;
        self.unsealed()?;
        self.at_home()?;
        let header = self.seal_header()?;
        // Before anything is told of what is under way.
        let knows = Unsealing::new(header.clone()).recognise(share);
        knows.map_err(|error| self.wrong_share(error))?;
        // Shares of before a rekey make nothing after it.
        all.generation.take_if(|held| *held.work.header() != header);
        let now = self.clock.boottime();
        let (held, is_new) = match (&mut all.generation, ceremony) {
            (Some(held), "") => return Err(in_progress(held.id)),
            (Some(held), named) => {
                held.check(named)?;
                (held, false)
            }
            (slot @ None, "") => (slot.insert(Held::begin(Unsealing::new(header), now)), true),
            (None, _) => return Err(stale()),
        };
        let entered = held.work.progress();
        let id = held.id;
        match held.enter(share, now) {
            Ok(Step::More(progress)) => Ok(RootGeneration {
                ceremony: id,
                progress,
                made: None,
            }),
            Ok(Step::Open(_)) => {
                // Whatever comes of it, the next one takes a quorum of its own.
                all.generation = None;
                Ok(RootGeneration {
                    ceremony: id,
                    progress: Progress {
                        entered: Vec::new(),
                        ..entered
                    },
                    made: Some(self.make_root().await?),
                })
            }
            Err(error) => {
                if is_new {
                    all.generation = None;
                }
                Err(self.wrong_share(error))
            }
        }
    }

    async fn make_root(&self) -> Result<OneTimeRoot> {
        let secret = TokenSecret::make(&mut OsEntropy);
        let hash = TokenHash::of(&secret);
        let make = move |tx: &mut Tx<'_>| match access::generate_root(tx, &hash) {
            Ok(session) => (Verdict::Commit, Ok(session)),
            Err(error) => (Verdict::Discard, Err(refusal::record(error))),
        };
        let (session, settled) = self.proposer.run(Terms::default(), make).await?;
        self.everywhere(settled.narrowed).await;
        tracing::warn!("a quorum of shares made a one-time root");
        Ok(OneTimeRoot {
            token: token::to_text(&secret),
            accessor: session.accessor().to_owned(),
            expires_at: session.expires_at(),
        })
    }
}

fn in_progress(id: CeremonyId) -> Error {
    Error::new(
        Reason::RootGenerationInProgress,
        format!("a one-time root is being made, with the id {id}; enter the share there, or cancel it first"),
    )
    .fact("ceremony", id)
}

fn refused(refused: RootRefusal) -> Error {
    match refused {
        RootRefusal::Last => Error::new(Reason::RootIsLast, refused.to_string()),
        RootRefusal::Grant(error) => Error::internal(error),
        RootRefusal::Record(error) => refusal::record(error),
    }
}
