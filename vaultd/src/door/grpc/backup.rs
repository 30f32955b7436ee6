//! `vault.v1.Backup`: streams between the wire and blocking readers and writers.
//!
//! A stream may take as long as it is long; what ends it is silence ([`patience`]).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::io::AsyncReadExt as _;
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, Streaming};
use vault_core::crypto::secret::SetupCode;
use vault_proto::v1::backup_server::Backup;
use vault_proto::v1::{
    BackupChunk, BackupReport, BackupSeal, CreateBackupRequest, RestoreBackupRequest,
};

use super::Door;
use super::convert::timestamp;
use super::flow::{self, Outgoing, Sender, patience};
use super::metadata::{call, id_text, refuse, respond, to_the_end};
use super::status::status;
use super::system::format_slots;
use crate::app::{App, Error, Operation, Place, Restoring, Result, SealThen, Verified};
use crate::door::intake::Permit;
use crate::store::SNAPSHOT_CHUNK;

type Reply<T> = std::result::Result<Response<T>, Status>;
type Messages<T> = std::result::Result<T, Status>;

#[tonic::async_trait]
impl Backup for Door {
    type CreateBackupStream = Outgoing<BackupChunk>;

    async fn create_backup(
        &self,
        request: Request<CreateBackupRequest>,
    ) -> Reply<Outgoing<BackupChunk>> {
        let call = call("/vault.v1.Backup/CreateBackup", &request)?;
        let patience = patience(&request);
        let answer = self.app.may_create_backup(&call).await;
        respond(&call, answer, |allowed| {
            let (sender, outgoing) = flow::outgoing(patience);
            let (app, id) = (Arc::clone(&self.app), id_text(call.request_id));
            tokio::spawn(send(app, allowed, sender, id));
            outgoing
        })
    }

    async fn verify_backup(&self, request: Request<Streaming<BackupChunk>>) -> Reply<BackupReport> {
        let call = call("/vault.v1.Backup/VerifyBackup", &request)?;
        let patience = patience(&request);
        let answer = match self.app.may_verify_backup(&call).await {
            Err(error) => Err(error),
            Ok(allowed) => {
                let (operation, place) = allowed.reply;
                let stream = request.into_inner();
                let stream = stream.map(|chunk| chunk.map(|chunk| chunk.data));
                let app = Arc::clone(&self.app);
                let verified = flow::receive(stream, patience, move |pipe| {
                    // Taken until this thread has ended, whatever becomes of the client.
                    let _place = place;
                    app.verify_backup(pipe)
                });
                self.app.ended(operation, verified.await).await
            }
        };
        respond(&call, answer, |verified| report(&verified))
    }

    async fn restore_backup(
        &self,
        request: Request<Streaming<RestoreBackupRequest>>,
    ) -> Reply<BackupReport> {
        let call = call("/vault.v1.Backup/RestoreBackup", &request)?;
        let permit = request.extensions().get::<Permit>().cloned();
        let patience = patience(&request);
        let mut stream = request.into_inner();
        let first = match flow::next(&mut stream, patience).await.transpose() {
            Ok(first) => first.unwrap_or_default(),
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let (code, dry_run) = (SetupCode::from(first.setup_code), first.dry_run);
        let rest = stream.map(|chunk| chunk.map(|chunk| chunk.data));
        let stream = tokio_stream::once(Ok(first.data)).chain(rest);
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = match app.begin_restore(&call, &code).await {
                Ok(begun) => restore(&app, begun, dry_run, (stream, permit), patience).await,
                Err(error) => Err(error),
            };
            (call, answer)
        })
        .await?;
        respond(&call, answer, |verified| report(&verified))
    }
}

/// Makes a backup, records that, and sends it. Ends when the client goes away, or takes nothing for too long.
async fn send(app: Arc<App>, allowed: (Operation, Place), sender: Sender<BackupChunk>, id: String) {
    let (operation, place) = allowed;
    let (spooling, gone) = (Arc::clone(&app), sender.clone());
    let spooled = tokio::task::spawn_blocking(move || spooling.spool_backup(|| gone.is_closed()));
    let spooled = spooled.await.map_err(Error::internal).flatten();
    // ORDER: no byte of it leaves unrecorded.
    let file = match app.ended(operation, spooled).await {
        Ok(answer) => answer.reply,
        Err(error) => {
            sender.fail(status(&error, &id)).await;
            return;
        }
    };
    let mut file = tokio::fs::File::from_std(file);
    loop {
        let mut data = Vec::with_capacity(SNAPSHOT_CHUNK);
        let most = u64::try_from(SNAPSHOT_CHUNK).unwrap_or(u64::MAX);
        match (&mut file).take(most).read_to_end(&mut data).await {
            Ok(0) => break,
            Ok(_) => {
                if sender
                    .send(BackupChunk { data: data.into() })
                    .await
                    .is_err()
                {
                    break;
                }
            }
            Err(error) => {
                let error = Error::internal(error);
                break sender.fail(status(&error, &id)).await;
            }
        }
    }
    drop(place);
}

/// A restore from its permission to its record.
async fn restore(
    app: &Arc<App>,
    restoring: Restoring,
    dry_run: bool,
    (stream, permit): (impl Stream<Item = Messages<Bytes>> + Unpin, Option<Permit>),
    patience: Duration,
) -> Result<crate::app::Answer<Verified>> {
    // Until here the door takes in a small first message and no more.
    if let Some(permit) = permit {
        permit.give();
    }
    let taking = Arc::clone(app);
    let taken = flow::receive(stream, patience, move |pipe| {
        if dry_run {
            taking.rehearse_restore(pipe)
        } else {
            taking.take_in_backup(pipe)
        }
    });
    let taken = taken.await;
    app.end_restore(restoring, taken).await
}

fn report(verified: &Verified) -> BackupReport {
    let info = &verified.info;
    BackupReport {
        cluster_id: info.cluster.map(hex::encode).unwrap_or_default(),
        incarnation: info.incarnation,
        applied_index: info.index,
        records: info.rows,
        bytes: verified.bytes,
        state_hash: hex::encode(info.state_hash),
        secrets: verified.secrets,
        versions: verified.versions,
        opened: verified.opened,
        taken_at: Some(timestamp(info.leader_time)),
        principals: verified.principals,
        sessions: verified.sessions,
        seal: match verified.seal {
            SealThen::Unknown => BackupSeal::Unspecified,
            SealThen::Present => BackupSeal::Present,
            SealThen::Replaced => BackupSeal::Replaced,
        }
        .into(),
        slots: format_slots(&verified.header),
    }
}
