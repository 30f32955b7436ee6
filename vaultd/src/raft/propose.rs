//! Proposing batches, in the order of the calls.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use openraft::errors::ClientWriteError;
use openraft::raft::ClientWriteResult;
use tokio::sync::{mpsc, oneshot};
use vault_core::record::Outcome;

use super::error::ProposeError;
use super::node::Core;
use super::types::{Data, Reply, Types};
use crate::store::Response;

/// A batch was applied: it can be read, and every transaction has its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The log entry that held it.
    pub index: u64,
    /// One for each transaction.
    pub outcomes: Vec<Outcome>,
}

type Answered = Result<Done, ProposeError>;

/// A batch on its way.
#[derive(Debug)]
pub struct Proposal(oneshot::Receiver<Answered>);

impl Proposal {
    /// Waits on a plain thread.
    ///
    /// # Errors
    /// When the batch has no outcomes.
    pub fn wait(self) -> Answered {
        self.0.blocking_recv().unwrap_or(Err(ProposeError::Unknown))
    }
}

impl Future for Proposal {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(ProposeError::Unknown)))
    }
}

/// A batch waiting for raft's thread.
#[derive(Debug)]
pub(super) struct Ask {
    batch: Bytes,
    term: u64,
    answer: oneshot::Sender<Answered>,
}

/// Queues a batch.
pub(super) fn propose(asks: &mpsc::UnboundedSender<Ask>, batch: Bytes, term: u64) -> Proposal {
    let (answer, wait) = oneshot::channel();
    let ask = Ask {
        batch,
        term,
        answer,
    };
    if let Err(mpsc::error::SendError(ask)) = asks.send(ask) {
        // It never reached raft. The receiver is in our hands.
        drop(
            ask.answer
                .send(Err(ProposeError::NotLeader { leader: None })),
        );
    }
    Proposal(wait)
}

/// Hands batches to raft until the node stops.
pub(super) async fn run(raft: Core, mut asks: mpsc::UnboundedReceiver<Ask>) {
    while let Some(Ask {
        batch,
        term,
        answer,
    }) = asks.recv().await
    {
        let reply = Reply(Box::new(move |result| {
            // Whoever asked may have given up.
            drop(answer.send(outcome(result)));
        }));
        let written = raft
            .write(Data(batch))
            .with_leader(term)
            .responder(reply)
            .await;
        if written.is_err() {
            // Raft has stopped; the dropped reply says that the outcome is unknown.
            return;
        }
    }
}

fn outcome(result: ClientWriteResult<Types>) -> Answered {
    let response = result.map_err(|error| match error {
        ClientWriteError::ForwardToLeader(forward) => ProposeError::NotLeader {
            leader: forward.leader_id,
        },
        ClientWriteError::LogEntryDiscarded(_)
        | ClientWriteError::ChangeMembershipError(_)
        | ClientWriteError::PreconditionFailed(_) => ProposeError::Unknown,
    })?;
    let index = response.log_id.index;
    match response.data.response {
        Response::Outcomes(outcomes) => Ok(Done { index, outcomes }),
        Response::Refused(refused) => Err(refused.into()),
        // Batches are answered with outcomes; anything else would be a fault of apply.
        Response::Nothing => Err(ProposeError::Unknown),
    }
}
