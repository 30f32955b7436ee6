//! Read indexes: everyone who waits while a round is under way shares the next one.

use openraft::errors::{LinearizableReadError, RaftError};
use openraft::raft::ReadPolicy;
use tokio::sync::{mpsc, oneshot};

use super::error::ReadError;
use super::node::Core;
use super::types::Types;

/// Somebody who waits for a round that begins after they asked.
pub(super) type Waiter = oneshot::Sender<Result<u64, ReadError>>;

/// Asks, and waits.
pub(super) async fn ask(waiters: &mpsc::UnboundedSender<Waiter>) -> Result<u64, ReadError> {
    let (waiter, wait) = oneshot::channel();
    waiters.send(waiter).map_err(|_| ReadError::Stopped)?;
    wait.await.unwrap_or(Err(ReadError::Stopped))
}

/// Runs rounds until the node stops.
pub(super) async fn run(raft: Core, mut waiters: mpsc::UnboundedReceiver<Waiter>) {
    let mut round = Vec::new();
    while waiters.recv_many(&mut round, usize::MAX).await > 0 {
        let answer = match raft.get_read_log_id(ReadPolicy::ReadIndex).await {
            Ok((read, _applied)) => Ok(read.log_id().index),
            Err(error) => Err(reason(error)),
        };
        for waiter in round.drain(..) {
            // Whoever asked may have given up.
            waiter.send(answer).unwrap_or_default();
        }
    }
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
