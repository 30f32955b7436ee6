//! `vault.v1.Backup`: streams between the wire and blocking readers and writers.

use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use vault_proto::v1::backup_server::Backup;
use vault_proto::v1::{BackupChunk, BackupReport, CreateBackupRequest, RestoreBackupRequest};

use super::Door;
use super::metadata::{call, respond};
use crate::app::{App, Error, RestoreOptions, Result, Verified};
use crate::door::intake::Permit;

/// Chunks between the two sides of a stream.
const PIPE: usize = 4;

type Reply<T> = std::result::Result<Response<T>, Status>;
type Chunks = Pin<Box<dyn Stream<Item = std::result::Result<BackupChunk, Status>> + Send>>;

#[tonic::async_trait]
impl Backup for Door {
    type CreateBackupStream = Chunks;

    async fn create_backup(&self, request: Request<CreateBackupRequest>) -> Reply<Chunks> {
        let call = call("/vault.v1.Backup/CreateBackup", &request)?;
        let answer = self.app.create_backup(&call).await;
        respond(&call, answer, |snapshot| {
            let (chunks, stream) = mpsc::channel(PIPE);
            tokio::task::spawn_blocking(move || {
                for chunk in snapshot {
                    let chunk = chunk.map(|data| BackupChunk { data }).map_err(|_| {
                        Status::internal("the snapshot broke off; nothing of it can be used")
                    });
                    if chunks.blocking_send(chunk).is_err() {
                        break;
                    }
                }
            });
            Box::pin(ReceiverStream::new(stream)) as Chunks
        })
    }

    async fn verify_backup(&self, request: Request<Streaming<BackupChunk>>) -> Reply<BackupReport> {
        let call = call("/vault.v1.Backup/VerifyBackup", &request)?;
        let allowed = self.app.may_verify_backup(&call).await;
        let answer = match allowed {
            Err(error) => Err(error),
            Ok(allowed) => {
                let stream = request
                    .into_inner()
                    .map(|chunk| chunk.map(|chunk| chunk.data));
                verified(&self.app, stream, None)
                    .await
                    .map(|info| allowed.map(|()| info))
            }
        };
        respond(&call, answer, |info| report(&info))
    }

    async fn restore_backup(
        &self,
        request: Request<Streaming<RestoreBackupRequest>>,
    ) -> Reply<BackupReport> {
        let call = call("/vault.v1.Backup/RestoreBackup", &request)?;
        let permit = request.extensions().get::<Permit>().cloned();
        let mut stream = request.into_inner();
        let first = stream.next().await.transpose()?.unwrap_or_default();
        let options = RestoreOptions {
            setup_code: first.setup_code,
            dry_run: first.dry_run,
        };
        let allowed = self.app.may_restore(&call, &options).await;
        // Until here the door takes in a small first message and no more.
        if let (Ok(_), Some(permit)) = (&allowed, permit) {
            permit.give();
        }
        let answer = match allowed {
            Err(error) => Err(error),
            Ok(allowed) => {
                let rest = stream.map(|chunk| chunk.map(|chunk| chunk.data));
                let stream = tokio_stream::once(Ok(first.data)).chain(rest);
                let keep = (!options.dry_run).then(|| self.app.pending_restore());
                verified(&self.app, stream, keep.as_deref())
                    .await
                    .map(|info| {
                        if keep.is_some() {
                            self.app.restart_wanted().notify_one();
                        }
                        allowed.map(|()| info)
                    })
            }
        };
        respond(&call, answer, |info| report(&info))
    }
}

/// Pipes a stream through the verifier, and into a file that is kept only if it verifies.
async fn verified(
    app: &Arc<App>,
    mut stream: impl Stream<Item = std::result::Result<Bytes, Status>> + Unpin,
    keep: Option<&Path>,
) -> Result<Verified> {
    let (chunks, pipe) = mpsc::channel(PIPE);
    let (app, keep) = (Arc::clone(app), keep.map(Path::to_path_buf));
    let verifier = tokio::task::spawn_blocking(move || {
        let mut reader = Pipe {
            chunks: pipe,
            rest: Bytes::new(),
            broken: false,
            copy: None,
        };
        let Some(path) = keep else {
            return app.verify_backup(&mut reader);
        };
        let part = path.with_extension("part");
        let copied = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part);
        reader.copy = Some(copied.map_err(Error::internal)?);
        let info = app.verify_backup(&mut reader)?;
        let file = reader
            .copy
            .take()
            .ok_or_else(|| Error::internal("the copy is gone"))?;
        file.sync_all()
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(Error::internal)?;
        Ok(info)
    });
    while let Some(chunk) = stream.next().await {
        // A verifier that has stopped says why below.
        let broken = chunk.is_err();
        if chunks.send(chunk.ok()).await.is_err() || broken {
            break;
        }
    }
    drop(chunks);
    verifier.await.map_err(Error::internal)?
}

/// A stream as a reader; `None` says that it broke off.
struct Pipe {
    chunks: mpsc::Receiver<Option<Bytes>>,
    rest: Bytes,
    broken: bool,
    copy: Option<std::fs::File>,
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() && !self.broken {
            match self.chunks.blocking_recv() {
                Some(Some(chunk)) => self.rest = chunk,
                Some(None) => self.broken = true,
                None => return Ok(0),
            }
        }
        if self.broken {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        let length = out.len().min(self.rest.len());
        let taken = self.rest.split_to(length);
        if let Some(out) = out.get_mut(..length) {
            out.copy_from_slice(&taken);
        }
        if let Some(copy) = &mut self.copy {
            copy.write_all(&taken)?;
        }
        Ok(length)
    }
}

fn report(verified: &Verified) -> BackupReport {
    let info = verified.info.as_ref();
    BackupReport {
        cluster_id: info
            .and_then(|info| info.cluster)
            .map(hex::encode)
            .unwrap_or_default(),
        incarnation: info.map_or(0, |info| info.incarnation),
        applied_index: info.map_or(0, |info| info.index),
        records: info.map_or(0, |info| info.rows),
        bytes: verified.bytes,
        state_hash: info
            .map(|info| hex::encode(info.state_hash))
            .unwrap_or_default(),
        secrets: verified.secrets,
        versions: verified.versions,
        opened: verified.opened,
    }
}
