//! A snapshot on its way out: read on a thread that may wait for a disk, sent as fast as the other side takes it.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use vault_proto::peer::v1::snapshot_chunk::Part;
use vault_proto::peer::v1::{SnapshotChunk, SnapshotHeader};

/// Bytes in one message.
const CHUNK: usize = 128 << 10;
/// Messages that wait to be sent.
const WAITING: usize = 8;
/// How long the other side may take nothing, installing included.
const STALLED: Duration = Duration::from_mins(1);

/// What is known of a snapshot that is being sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Sending {
    sent: Arc<AtomicU64>,
    failed: Arc<Mutex<Option<String>>>,
}

impl Sending {
    /// Returns when nothing was taken for too long.
    pub(super) async fn stalled(&self) {
        let mut before = u64::MAX;
        loop {
            let now = self.sent.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
            tokio::time::sleep(STALLED).await;
        }
    }

    /// Why this side could not go on, if it could not.
    pub(super) fn failure(&self) -> Option<String> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.clone()
    }
}

/// The messages of a snapshot. A state that cannot be read ends them early, which the other side refuses.
pub(super) fn chunks(
    header: SnapshotHeader,
    mut state: Box<dyn Read + Send>,
) -> (ReceiverStream<SnapshotChunk>, Sending) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let sending = Sending::default();
    let told = sending.clone();
    spawn_blocking(move || {
        let mut part = Part::Header(header);
        loop {
            let chunk = SnapshotChunk { part: Some(part) };
            if sender.blocking_send(chunk).is_err() {
                return;
            }
            told.sent.fetch_add(1, Ordering::Relaxed);
            let mut bytes = vec![0; CHUNK];
            match fill(&mut *state, &mut bytes) {
                Ok(0) => return,
                Ok(length) => {
                    bytes.truncate(length);
                    part = Part::Bytes(Bytes::from(bytes));
                }
                Err(error) => {
                    tracing::error!(%error, "a snapshot for a peer cannot be read");
                    let mut failed = told.failed.lock().unwrap_or_else(PoisonError::into_inner);
                    *failed = Some(error.to_string());
                    return;
                }
            }
        }
    });
    (ReceiverStream::new(receiver), sending)
}

/// Reads until it is full or there is no more.
fn fill(state: &mut dyn Read, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match state.read(rest) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
