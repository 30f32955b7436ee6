//! openraft's view of the state.

use std::io::{self, Read};

use futures::{FutureExt, Stream, StreamExt};
use openraft::OptionalSend;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine, Snapshot};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::member::Member;
use super::types::{
    Answer, Committed, LogId, SnapshotMeta, StoredMembership, Types, body, log_id, position,
    stored_membership,
};
use crate::store::{Entry, Store, StreamReader};

/// Most entries, and about the most bytes, in one commit.
const CHUNK_ENTRIES: usize = 1024;
const CHUNK_BYTES: usize = 4 << 20;

/// A snapshot on its way: the bytes of one state.
pub(super) struct SnapshotData(pub(super) Box<dyn Read + Send>);

impl std::fmt::Debug for SnapshotData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SnapshotData")
    }
}

/// What openraft hands around as a snapshot.
pub(super) type SnapshotOf = Snapshot<Committed, u64, Member, SnapshotData>;

type Responder = openraft::storage::ApplyResponder<Types>;

/// The state of this node.
#[derive(Clone, Debug)]
pub(super) struct Machine(Store);

impl Machine {
    /// A view of the store's state.
    pub(super) fn new(store: Store) -> Self {
        Self(store)
    }

    async fn commit(
        &self,
        entries: Vec<Entry>,
        responders: Vec<Option<Responder>>,
    ) -> io::Result<()> {
        let (done, wait) = oneshot::channel();
        self.0.state().apply(
            entries,
            Box::new(move |responses| {
                // The waiter goes away only with the node.
                drop(done.send(responses));
            }),
        );
        let responses = wait
            .await
            .map_err(|_| io::Error::other("the store has stopped applying"))?;
        for (responder, response) in responders.into_iter().zip(responses) {
            if let Some(responder) = responder {
                responder.send(Answer { response });
            }
        }
        Ok(())
    }

    fn read_snapshot(&self) -> io::Result<SnapshotOf> {
        let stream = self.0.snapshot().map_err(io::Error::other)?;
        let meta = SnapshotMeta {
            last_log_id: stream.position().map(log_id),
            last_membership: stored_membership(&stream.membership())?,
        };
        Ok(Snapshot {
            meta,
            snapshot: SnapshotData(Box::new(StreamReader::new(stream))),
        })
    }
}

/// Runs what waits for a disk beside raft's own thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

impl RaftSnapshotBuilder<Types> for Machine {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf> {
        let machine = self.clone();
        blocking(move || machine.read_snapshot()).await
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let published = self.0.published();
        let membership = stored_membership(&published.membership)?;
        Ok((published.applied.map(log_id), membership))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        let (mut chunk, mut responders, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = entries.next().await;
        while let Some(item) = next {
            let (entry, responder) = item?;
            let at = position(&entry.log_id);
            let entry = Entry {
                at,
                body: body(&entry.log_id, entry.payload)?,
            };
            bytes += entry.size();
            chunk.push(entry);
            responders.push(responder);
            // ORDER: what is ready joins the commit; nothing waits for what is not.
            let ready = entries.next().now_or_never();
            let is_full = chunk.len() >= CHUNK_ENTRIES || bytes >= CHUNK_BYTES;
            if is_full || ready.is_none() {
                self.commit(std::mem::take(&mut chunk), std::mem::take(&mut responders))
                    .await?;
                bytes = 0;
            }
            next = match ready {
                Some(item) => item,
                None => entries.next().await,
            };
        }
        if chunk.is_empty() {
            return Ok(());
        }
        self.commit(chunk, responders).await
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<Self> {
        Some(self.clone())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotData,
    ) -> io::Result<()> {
        let machine = self.clone();
        let expected = meta.last_log_id.as_ref().map(position);
        blocking(move || {
            let installed = machine
                .0
                .state()
                .install(snapshot.0)
                .map_err(io::Error::other)?;
            if installed == expected {
                Ok(())
            } else {
                Err(io::Error::other("the snapshot is not the one announced"))
            }
        })
        .await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf>> {
        if self.0.published().applied.is_none() {
            return Ok(None);
        }
        let machine = self.clone();
        blocking(move || machine.read_snapshot()).await.map(Some)
    }
}
