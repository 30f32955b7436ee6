//! The server's side: what a member asks is given to raft, or refused.
//!
//! Who asks is the key that the connection proved. Only one with a vote may ask for votes, lead or hand over, and only
//! in its own name: a learner's key, or a removed one, disturbs nothing.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt};
use openraft::async_runtime::WatchReceiver;
use openraft::raft::AppendEntriesRequest;
use openraft::storage::Snapshot;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};
use vault_core::access::KeyHash;
use vault_proto::peer::v1 as pb;
use vault_proto::peer::v1::peer_server::Peer;

use super::channel::{CLUSTER, cluster};
use super::judge::is_far;
use super::trust::{Known, Trust};
use super::{receive, wire};
use crate::raft::error::ReadError;
use crate::raft::machine::SnapshotData;
use crate::raft::node::Core;
use crate::raft::read;
use crate::raft::spread::Ledger;
use crate::raft::types::{Types, Vote};
use crate::store::Store;

type Outcome<T> = Result<Response<T>, Status>;

/// Raft, for members to call.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) raft: Core,
    pub(super) store: Store,
    pub(super) trust: Trust,
    /// Whether this node may be handed the lead: one that is sealed could not serve.
    pub(super) may_lead: watch::Receiver<bool>,
    /// Rounds of read indexes of this node's own.
    pub(super) reads: read::Waiters,
    pub(super) ledger: Arc<Ledger>,
}

/// Who is on a connection, for as long as it is a member.
#[derive(Clone, Debug)]
struct Asking {
    trust: Trust,
    key: KeyHash,
    raft: Core,
}

impl Asking {
    /// Lets through a member, with a vote or without.
    fn member(&self) -> Result<Known, Status> {
        let known = self.trust.whose(&self.key);
        known.ok_or_else(|| Status::permission_denied("not a member of the cluster"))
    }

    /// Lets through one with a vote.
    fn voter(&self) -> Result<(), Status> {
        match self.member()? {
            Known { votes: true, .. } => Ok(()),
            Known { .. } => Err(Status::permission_denied(
                "a node without a vote leads nothing",
            )),
        }
    }

    /// Lets through a voter in its own name.
    fn speaks_for(&self, vote: &Vote) -> Result<(), Status> {
        let named = vote.leader_id().voted_for;
        match self.trust.whose(&self.key) {
            Some(Known { id, votes: true }) if id == named => self.is_near(vote),
            Some(Known { votes: false, .. }) => Err(Status::permission_denied(
                "a node without a vote neither votes nor leads",
            )),
            Some(Known { .. }) => Err(Status::permission_denied("a node speaks for itself only")),
            None => Err(Status::permission_denied("not a member of the cluster")),
        }
    }
}

impl Asking {
    /// Lets through no term that nobody can have come to: a few such leaps, and none is left.
    fn is_near(&self, vote: &Vote) -> Result<(), Status> {
        let own = self.raft.metrics().borrow_watched().current_term;
        if is_far(vote.leader_id().term, own) {
            return Err(malformed(wire::Malformed));
        }
        Ok(())
    }
}

impl Service {
    /// Who asks, once it is known to be about the same cluster.
    fn asking<T>(&self, request: &Request<T>) -> Result<Asking, Status> {
        let key = request.extensions().get::<KeyHash>().copied();
        let key = key.ok_or_else(|| Status::internal("a connection without a key"))?;
        let theirs = request.metadata().get(CLUSTER);
        // Who leads a cluster knows it; who knows none yet, leads and asks nobody that does.
        if let Some(ours) = cluster(&self.store)
            && theirs.is_none_or(|theirs| theirs.as_bytes() != ours.as_bytes())
        {
            return Err(Status::failed_precondition(
                "this node belongs to another cluster, or to the same before or after a restore",
            ));
        }
        Ok(Asking {
            trust: self.trust.clone(),
            key,
            raft: self.raft.clone(),
        })
    }
}

fn malformed(error: wire::Malformed) -> Status {
    Status::invalid_argument(error.to_string())
}

fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(format!("raft has stopped: {error}"))
}

#[tonic::async_trait]
impl Peer for Service {
    async fn append(&self, request: Request<pb::AppendRequest>) -> Outcome<pb::AppendResponse> {
        let asking = self.asking(&request)?;
        let request = wire::parse_append(request.into_inner()).map_err(malformed)?;
        asking.speaks_for(&request.vote)?;
        let (before, last) = (request.prev_log_id, wire::last_of(&request));
        let response = self.raft.append_entries(request).await.map_err(stopped)?;
        let result = response.into_stream_result(before, last);
        Ok(Response::new(wire::appended(&result)))
    }

    type StreamAppendStream =
        Pin<Box<dyn Stream<Item = Result<pb::AppendResponse, Status>> + Send>>;

    async fn stream_append(
        &self,
        request: Request<Streaming<pb::AppendRequest>>,
    ) -> Outcome<Self::StreamAppendStream> {
        let asking = self.asking(&request)?;
        let fault = Fault::default();
        let requests = checked(request.into_inner(), asking, fault.clone());
        let answers = self.raft.stream_append(requests).map(|answer| {
            let result = answer.map_err(stopped)?;
            Ok(wire::appended(&result))
        });
        // What ended the requests is told after the answers to those before it.
        let last = futures::stream::once(async move { fault.take() });
        let answers = answers.chain(last.filter_map(async |fault| fault.map(Err)));
        Ok(Response::new(answers.boxed()))
    }

    async fn vote(&self, request: Request<pb::VoteRequest>) -> Outcome<pb::VoteResponse> {
        let asking = self.asking(&request)?;
        let request = wire::parse_vote(request.into_inner()).map_err(malformed)?;
        asking.speaks_for(&request.vote)?;
        let response = self.raft.vote(request).await.map_err(stopped)?;
        Ok(Response::new(wire::voted(&response)))
    }

    async fn pre_vote(&self, request: Request<pb::VoteRequest>) -> Outcome<pb::VoteResponse> {
        let asking = self.asking(&request)?;
        let request = wire::parse_vote(request.into_inner()).map_err(malformed)?;
        asking.speaks_for(&request.vote)?;
        let response = self.raft.pre_vote(request).await.map_err(stopped)?;
        Ok(Response::new(wire::voted(&response)))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<pb::SnapshotChunk>>,
    ) -> Outcome<pb::SnapshotResponse> {
        let asking = self.asking(&request)?;
        let mut chunks = request.into_inner();
        let header = receive::header(&mut chunks).await?;
        let (vote, meta) = wire::parse_header(&header).map_err(malformed)?;
        asking.speaks_for(&vote)?;
        let snapshot = Snapshot {
            meta,
            snapshot: SnapshotData(Box::new(receive::bytes(chunks))),
        };
        let installed = self.raft.install_full_snapshot(vote, snapshot).await;
        let response = installed.map_err(stopped)?;
        Ok(Response::new(pb::SnapshotResponse {
            vote: Some(wire::ballot(&response.vote)),
        }))
    }

    async fn transfer_leader(
        &self,
        request: Request<pb::TransferRequest>,
    ) -> Outcome<pb::TransferResponse> {
        let asking = self.asking(&request)?;
        let request = wire::parse_transfer(request.into_inner()).map_err(malformed)?;
        asking.speaks_for(request.from_leader())?;
        // ORDER: before raft sees it, which would not ask.
        if request.to_node_id() == self.raft.node_id() && !*self.may_lead.borrow() {
            return Err(Status::failed_precondition(
                "this node is sealed and does not take the lead",
            ));
        }
        let handled = self.raft.handle_transfer_leader(request).await;
        let response = handled.map_err(stopped)?;
        Ok(Response::new(wire::transferred(&response)))
    }

    async fn read_index(
        &self,
        request: Request<pb::ReadIndexRequest>,
    ) -> Outcome<pb::ReadIndexResponse> {
        let asking = self.asking(&request)?;
        // ORDER: noted before it is answered.
        self.ledger.asked(asking.member()?.id);
        let index = read::ask(&self.reads).await.map_err(unread)?;
        // It may have been removed while a quorum was asked.
        asking.member()?;
        Ok(Response::new(pb::ReadIndexResponse { index }))
    }

    async fn wait_applied(
        &self,
        request: Request<pb::WaitAppliedRequest>,
    ) -> Outcome<pb::WaitAppliedResponse> {
        self.asking(&request)?.voter()?;
        let applied = self.store.wait_applied(request.into_inner().index);
        let applied = timeout(APPLIES, applied).await;
        applied.map_err(|_| Status::unavailable("this node has not applied it yet"))?;
        Ok(Response::new(pb::WaitAppliedResponse {}))
    }
}

fn unread(error: ReadError) -> Status {
    match error {
        ReadError::NotLeader { .. } => Status::failed_precondition(error.to_string()),
        ReadError::NoQuorum | ReadError::Stopped => Status::unavailable(error.to_string()),
    }
}

/// How long a question whether something is applied waits.
const APPLIES: Duration = Duration::from_secs(2);

/// Why a stream of requests ended before its time.
#[derive(Clone, Debug, Default)]
struct Fault(Arc<Mutex<Option<Status>>>);

impl Fault {
    fn set(&self, status: Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    fn take(&self) -> Option<Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The requests of a stream, up to the first that its sender may not make.
fn checked(
    requests: Streaming<pb::AppendRequest>,
    asking: Asking,
    fault: Fault,
) -> impl Stream<Item = AppendEntriesRequest<Types>> + Send + 'static {
    requests
        .map(move |request| {
            let request = wire::parse_append(request?).map_err(malformed)?;
            asking.speaks_for(&request.vote)?;
            Ok::<_, Status>(request)
        })
        .scan((), move |(), request| {
            let request = request.map_err(|status| fault.set(status)).ok();
            std::future::ready(request)
        })
}
