//! Writes: evaluated on the leader's proposer, recorded, answered.
//!
//! What was refused is discarded, but for what must be remembered of a refusal: that it was tried
//! ([`App::settle`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vault_core::record::Tx;
use vault_proto::Access;

use super::{App, Visit, no_leader};
use crate::app::STALENESS_BOUND;
use crate::app::call::{Answer, Call};
use crate::app::error::{Kind, Result};
use crate::app::notes::Notes;
use crate::app::transact::{Terms, Verdict};
use crate::app::{CATCH_UP, refusal};

/// Between when a node looks at how old its state is and when its answer has left, and for clocks that do not run alike.
const MARGIN: Duration = Duration::from_secs(1);

impl App {
    /// Makes a write through the leader's proposer. `act` may run more than once.
    pub(in crate::app) async fn write<R, F>(
        &self,
        call: &Call,
        terms: Terms,
        mut act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<(Verdict, R)> + Send + 'static,
    {
        self.settle(call, terms, move |visit, tx| {
            act(visit, tx).map(|(verdict, reply)| (verdict, Ok(reply)))
        })
        .await
    }

    /// The same for one who proves himself in the request: `act` looks at the proof, and no session is asked for.
    pub(in crate::app) async fn write_by_proof<R, F>(
        &self,
        call: &Call,
        terms: Terms,
        mut act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: FnMut(&mut Notes, &mut Tx<'_>) -> Result<(Verdict, R)> + Send + 'static,
    {
        self.settle_by_proof(call, terms, move |notes, tx| {
            act(notes, tx).map(|(verdict, reply)| (verdict, Ok(reply)))
        })
        .await
    }

    /// A write that may be refused and leave something behind: that it was tried.
    pub(in crate::app) async fn settle<R, F>(
        &self,
        call: &Call,
        terms: Terms,
        mut act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<(Verdict, Result<R>)> + Send + 'static,
    {
        let calling = self.calling(call);
        let calling = if terms.brake {
            calling.braking()
        } else {
            calling
        };
        self.settle_by_proof(call, terms, move |notes, tx| {
            calling.visit(tx, notes, &mut act)
        })
        .await
    }

    /// The same for one who proves himself in the request.
    pub(in crate::app) async fn settle_by_proof<R, F>(
        &self,
        call: &Call,
        terms: Terms,
        mut act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: FnMut(&mut Notes, &mut Tx<'_>) -> Result<(Verdict, Result<R>)> + Send + 'static,
    {
        let mut entry = self.begin(call);
        entry.withdrawable();
        let shared = Arc::new(Mutex::new(Notes::default()));
        let mut may = self.may_answer(call, &mut entry).await.map(drop);
        may = may.and_then(|()| self.audit_ready());
        // What no grant decides may be a guess, of a code or a password: one that is not written is not counted.
        if call.method.access != Access::Granted {
            may = may.and_then(|()| call.may_act());
        }
        if may.is_ok() && self.is_to_be_counted(call) {
            may = self.count(call).await;
        }
        let mut narrowed = None;
        let (result, verdict) = match may {
            Ok(()) => {
                entry.binding();
                self.take_the_lead().await;
                let notes = Arc::clone(&shared);
                let only_asked = call.asked.is_some();
                let ran = self.proposer.run(terms, move |tx| {
                    let mut fresh = Notes::default();
                    let acted = act(&mut fresh, tx);
                    *notes.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
                    match acted {
                        Ok((_, reply)) if only_asked => (Verdict::Discard, Ok(reply)),
                        Ok((verdict, reply)) => (verdict, Ok(reply)),
                        Err(error) => (Verdict::Discard, Ok(Err(error))),
                    }
                });
                match ran.await {
                    Ok((result, settled)) => {
                        narrowed = settled.narrowed;
                        (self.confirm(settled.verdict, result).await, settled.verdict)
                    }
                    Err(error) => (Err(error), Verdict::Discard),
                }
            }
            Err(error) => (Err(error), Verdict::Discard),
        };
        let notes = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
        let unknown = matches!(&result, Err(error) if error.kind() == Kind::Unknown);
        if verdict == Verdict::Discard && !unknown {
            entry.withdrawable();
        }
        let recorded = self.record(call, entry, &notes, result).await;
        let reply = match verdict {
            Verdict::Commit => recorded.map_err(|error| {
                refusal::unrecorded(
                    error,
                    "the write is in force",
                    "repeat it with the same request id",
                )
            }),
            Verdict::Discard => recorded,
        }?;
        // ORDER: on record first; then nobody is told before every node knows.
        self.everywhere(narrowed).await;
        Ok(self.answer(reply))
    }

    /// Returns once no node answers any more by a state without what took rights away or ended sessions.
    pub(in crate::app) async fn everywhere(&self, narrowed: Option<u64>) {
        if let Some(index) = narrowed {
            self.node.spread(index, STALENESS_BOUND + MARGIN).await;
        }
    }

    /// Raft knows a moment before this node does that it leads: what comes in between is not turned away.
    async fn take_the_lead(&self) {
        let elected = || self.node.metrics().leader == Some(self.settings.node_id);
        if self.node.leader_term().is_none() && elected() {
            // Where it does not, the write says so.
            drop(tokio::time::timeout(CATCH_UP, self.node.wait_leader()).await);
        }
    }

    /// A refusal counts only from a node that still leads (`store-and-raft` rule 6).
    pub(in crate::app) async fn confirm<R>(
        &self,
        verdict: Verdict,
        result: Result<R>,
    ) -> Result<R> {
        if verdict == Verdict::Discard {
            self.node.confirm_lead().await.map_err(|_| no_leader())?;
        }
        result
    }
}
