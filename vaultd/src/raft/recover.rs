//! One node goes on where the others are lost, by nobody's vote but its own.
//!
//! Its log is kept whole: what it holds and has not applied may have been acknowledged. The last entry of it becomes a
//! membership of this node alone, in a term above all that it has seen, as if it had been elected.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use openraft::EntryPayload;
use openraft::storage::{RaftLogReader as _, RaftLogStorage as _};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::config::NodeOptions;
use super::log::LogStore;
use super::node::Node;
use super::types::{LogEntry, Membership, Vote, alone, encode, log_id, position};
use crate::store::{Position, Store};

/// How long applying what is in the log may take.
const REPLAY: Duration = Duration::from_mins(10);

/// Makes the store that of one node, applies all of its log, and writes its state as a backup to `into`, durably. The store
/// is closed then.
///
/// # Errors
/// When the disk fails, or the log cannot be applied.
pub async fn recover(store: Store, options: NodeOptions, into: &Path) -> io::Result<()> {
    stand_alone(&store, &options).await?;
    let started = store.clone();
    let node = tokio::task::spawn_blocking(move || Node::start(started, options, None));
    let node = node.await?.map_err(io::Error::other)?;
    let led = timeout(REPLAY, node.wait_leader()).await;
    let applied = led.map_err(|_| io::Error::other("its log could not be applied"));
    applied?.map_err(io::Error::other)?;
    let snapshot = store.snapshot().map_err(io::Error::other)?;
    let path = into.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        let mut file = File::create_new(&path)?;
        for chunk in snapshot {
            file.write_all(&chunk.map_err(io::Error::other)?)?;
        }
        file.sync_all()
    });
    written.await??;
    node.shutdown().await;
    Ok(())
}

async fn stand_alone(store: &Store, options: &NodeOptions) -> io::Result<()> {
    let mut log = LogStore::new(Arc::clone(store.log()));
    let last = store.log().bounds().1.unwrap_or_default();
    let voted = log.read_vote().await?.map_or(0, |vote| vote.leader_id.term);
    let at = Position {
        term: last.term.max(voted) + 1,
        index: last.index + 1,
    };
    let members = alone(options.id, options.member());
    let voters = vec![members.keys().copied().collect()];
    let membership = Membership::new(voters, members).map_err(io::Error::other)?;
    let entry = LogEntry {
        log_id: log_id(at),
        payload: EntryPayload::Membership(membership),
    };
    // ORDER: the vote first: an entry of a term that was never voted for is in no log.
    log.save_vote(&Vote::new_committed(at.term, options.id))
        .await?;
    let (done, wait) = oneshot::channel();
    let bytes = encode(&entry.payload)?;
    let entries = vec![(position(&entry.log_id), bytes)];
    store.log().append(
        entries,
        Box::new(move |result| {
            // The waiter waits.
            drop(done.send(result));
        }),
    )?;
    wait.await.map_err(io::Error::other)?
}
