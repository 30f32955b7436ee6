//! A snapshot on its way in: the messages of a stream as the bytes that the store reads.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::{Status, Streaming};
use vault_proto::peer::v1::snapshot_chunk::Part;
use vault_proto::peer::v1::{SnapshotChunk, SnapshotHeader};

/// Messages that wait to be read.
const WAITING: usize = 8;
/// How long the other side may be silent.
const SILENT: Duration = Duration::from_secs(30);

/// The header that a stream begins with.
pub(super) async fn header(
    chunks: &mut Streaming<SnapshotChunk>,
) -> Result<SnapshotHeader, Status> {
    let first = timeout(SILENT, chunks.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no header in time"))??;
    match first.and_then(|chunk| chunk.part) {
        Some(Part::Header(header)) => Ok(header),
        Some(Part::Bytes(_)) | None => Err(Status::invalid_argument(
            "a snapshot begins with its header",
        )),
    }
}

/// The bytes behind it. Read them on a thread that may wait.
pub(super) fn bytes(chunks: Streaming<SnapshotChunk>) -> impl Read + Send {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(pass_on(chunks, sender));
    Incoming {
        receiver,
        rest: Bytes::new(),
    }
}

/// Ends without an error only where the stream did: what broke off is not a shorter snapshot.
async fn pass_on(
    mut chunks: Streaming<SnapshotChunk>,
    sender: mpsc::Sender<io::Result<Option<Bytes>>>,
) {
    loop {
        let next = match timeout(SILENT, chunks.message()).await {
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
            Ok(Err(status)) => Err(io::Error::other(status)),
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(SnapshotChunk {
                part: Some(Part::Bytes(bytes)),
            }))) => Ok(Some(bytes)),
            Ok(Ok(Some(_))) => Err(io::ErrorKind::InvalidData.into()),
        };
        let is_last = !matches!(next, Ok(Some(_)));
        if sender.send(next).await.is_err() || is_last {
            return;
        }
    }
}

struct Incoming {
    receiver: mpsc::Receiver<io::Result<Option<Bytes>>>,
    rest: Bytes,
}

impl Read for Incoming {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(next) => match next? {
                    Some(bytes) => self.rest = bytes,
                    None => return Ok(0),
                },
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let length = out.len().min(self.rest.len());
        let (into, _) = out.split_at_mut(length);
        self.rest.copy_to_slice(into);
        Ok(length)
    }
}
