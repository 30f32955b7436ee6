//! Snapshots, as streams of chunks.
//!
//! No limit in time: a snapshot is as long as the state is large. A stream that has begun is not
//! repeated.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Streaming};
use uuid::Uuid;
use vault_proto::v1;
use vault_proto::v1::backup_client::BackupClient;

use crate::{Error, Kind, Text, Vault};

/// Calls that make and read snapshots.
#[derive(Clone, Copy, Debug)]
pub struct Backup<'a>(pub(crate) &'a Vault);

/// A snapshot on its way here.
#[derive(Debug)]
pub struct BackupStream(Streaming<v1::BackupChunk>);

/// How to restore.
#[derive(Debug, Default)]
pub struct RestoreOptions {
    /// Needed over TCP.
    pub setup_code: Option<Text>,
    /// Check everything, restore nothing.
    pub dry_run: bool,
}

impl BackupStream {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the stream breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self
            .0
            .message()
            .await
            .map_err(|status| Error::from_status(&status))?;
        Ok(chunk.map(|chunk| chunk.data))
    }
}

impl Backup<'_> {
    /// Starts a snapshot.
    ///
    /// # Errors
    /// When not granted.
    pub async fn create(self) -> Result<BackupStream, Error> {
        let message = v1::CreateBackupRequest {};
        let mut client = client(self.0.channel()?);
        let request = self.request(message)?;
        self.0
            .finish(client.create_backup(request).await)
            .map(BackupStream)
    }

    /// Has the server check a snapshot; changes nothing.
    ///
    /// # Errors
    /// When the snapshot is damaged, or cannot be read.
    pub async fn verify(self, snapshot: impl AsyncRead + Unpin) -> Result<v1::BackupReport, Error> {
        let (chunks, stream) = mpsc::channel(CHUNKS_AHEAD);
        let request = self.request(ReceiverStream::new(stream))?;
        let mut client = client(self.0.channel()?);
        let feeding = feed(snapshot, chunks, |data| v1::BackupChunk { data });
        let (read, reply) = tokio::join!(feeding, client.verify_backup(request));
        read.and_then(|()| self.0.finish(reply))
    }

    /// Restores a snapshot into a node that is not initialised. The node then starts again by itself, as the same
    /// cluster; every session that the snapshot holds has ended.
    ///
    /// # Errors
    /// When the node is in use, or the snapshot is damaged or cannot be read.
    pub async fn restore(
        self,
        snapshot: impl AsyncRead + Unpin,
        options: &RestoreOptions,
    ) -> Result<v1::BackupReport, Error> {
        let (chunks, stream) = mpsc::channel(CHUNKS_AHEAD);
        let request = self.request(ReceiverStream::new(stream))?;
        let mut client = client(self.0.channel()?);
        let code = options.setup_code.as_ref();
        // The first message proves the right to send the rest, and is small: no more is taken before.
        let first = v1::RestoreBackupRequest {
            setup_code: code
                .map(|code| code.expose().to_owned())
                .unwrap_or_default(),
            dry_run: options.dry_run,
            data: Bytes::new(),
        };
        let feeding = async {
            if chunks.send(first).await.is_err() {
                return Ok(());
            }
            feed(snapshot, chunks, |data| v1::RestoreBackupRequest {
                data,
                ..v1::RestoreBackupRequest::default()
            })
            .await
        };
        let (read, reply) = tokio::join!(feeding, client.restore_backup(request));
        read.and_then(|()| self.0.finish(reply))
    }

    fn request<Q>(self, message: Q) -> Result<Request<Q>, Error> {
        self.0.request(message, &Uuid::new_v4().to_string(), None)
    }
}

/// Reads to the end, chunk by chunk. A receiver that has gone has said why in its reply.
async fn feed<M>(
    mut from: impl AsyncRead + Unpin,
    to: mpsc::Sender<M>,
    message: impl Fn(Bytes) -> M,
) -> Result<(), Error> {
    loop {
        let mut buffer = Vec::new();
        let read = (&mut from).take(CHUNK).read_to_end(&mut buffer).await;
        let read = read.map_err(|error| {
            Error::local(
                Kind::Invalid,
                "SNAPSHOT_UNREADABLE",
                format!("reading the snapshot: {error}"),
            )
        })?;
        if read == 0 || to.send(message(buffer.into())).await.is_err() {
            return Ok(());
        }
    }
}

fn client(channel: Channel) -> BackupClient<Channel> {
    BackupClient::new(channel).max_decoding_message_size(LARGEST_CHUNK)
}

const CHUNK: u64 = 1024 * 1024;
const CHUNKS_AHEAD: usize = 2;
const LARGEST_CHUNK: usize = 4 * 1024 * 1024;
