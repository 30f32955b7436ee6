//! Read indexes: everyone who waits while a round is under way shares the next one.
//!
//! A leader has a quorum confirm that it still leads; whoever does not lead asks the leader. What peers ask is answered by
//! rounds of the first sort only, so that nothing is passed on twice.

use std::time::Duration;

use openraft::errors::{LinearizableReadError, RaftError};
use openraft::raft::ReadPolicy;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::error::ReadError;
use super::node::Core;
use super::peer::Ways;
use super::types::Types;

/// How long a quorum may take.
const CONFIRM: Duration = Duration::from_secs(2);
/// How long a leader may take to answer, which may have a round under way.
const ASK: Duration = Duration::from_secs(4);

pub(super) type Answer = Result<u64, ReadError>;

/// Somebody who waits for a round that begins after they asked.
pub(super) type Waiter = oneshot::Sender<Answer>;

/// Where they wait.
pub(super) type Waiters = mpsc::UnboundedSender<Waiter>;

/// Asks, and waits.
pub(super) async fn ask(waiters: &Waiters) -> Answer {
    let (waiter, wait) = oneshot::channel();
    waiters.send(waiter).map_err(|_| ReadError::Stopped)?;
    wait.await.unwrap_or(Err(ReadError::Stopped))
}

/// Runs rounds until the node stops.
pub(super) async fn rounds(
    mut waiters: mpsc::UnboundedReceiver<Waiter>,
    round: impl AsyncFn() -> Answer,
) {
    let mut waiting = Vec::new();
    while waiters.recv_many(&mut waiting, usize::MAX).await > 0 {
        let answer = round().await;
        for waiter in waiting.drain(..) {
            // Whoever asked may have given up.
            waiter.send(answer).unwrap_or_default();
        }
    }
}

/// As the leader.
pub(super) async fn here(raft: &Core) -> Answer {
    match timeout(CONFIRM, raft.get_read_log_id(ReadPolicy::ReadIndex)).await {
        Ok(Ok((read, _applied))) => Ok(read.log_id().index),
        Ok(Err(error)) => Err(reason(error)),
        Err(_) => Err(ReadError::NoQuorum),
    }
}

/// From the leader.
pub(super) async fn elsewhere(raft: &Core, ways: &Ways) -> Answer {
    let Some(way) = ways.to_leader(raft) else {
        return Err(ReadError::NotLeader { leader: None });
    };
    let answer = timeout(ASK, way.read_index()).await;
    answer.unwrap_or(Err(ReadError::NoQuorum))
}

fn reason(error: RaftError<Types, LinearizableReadError<Types>>) -> ReadError {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => {
            ReadError::NotLeader {
                leader: forward.leader_id,
            }
        }
        RaftError::APIError(_) => ReadError::NoQuorum,
        RaftError::Fatal(_) => ReadError::Stopped,
    }
}
