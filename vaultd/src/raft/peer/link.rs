//! The client's side: openraft's network over pinned connections.
//!
//! Every method is written out, because openraft's defaults are sequential replication, a pre-vote that is always
//! granted, and a transfer that never arrives. Votes and heartbeats, entries, and snapshots have a connection each,
//! so that none waits behind another. The connections are driven by the peers' runtime, not by raft's.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use tokio::time::timeout;
use tonic::{Code, IntoRequest, IntoStreamingRequest as _, Request, Response, Status};

use super::channel::{Channels, Client};
use super::judge::{Disbelieved, Sent};
use super::wire;
use super::{channel, send};
use crate::raft::machine::{SnapshotData, SnapshotOf};
use crate::raft::member::Member;
use crate::raft::types::{Types, Vote};

/// How long a stream of entries may owe an answer.
const STALLED: Duration = Duration::from_secs(3);
/// How long to wait before trying again whom nobody reached.
const AGAIN: Duration = Duration::from_millis(100);

type Answered<T> = Result<T, RPCError<Types>>;
type Answers<'s> = BoxStream<'s, Answered<StreamAppendResult<Types>>>;

/// Makes connections to peers; each is made once and shared.
#[derive(Debug)]
pub(in crate::raft) struct Peers {
    dialler: Option<channel::Dialler>,
    links: BTreeMap<u64, (Member, Link)>,
}

/// The connections to one peer.
#[derive(Clone, Debug)]
pub(in crate::raft) struct Link {
    id: u64,
    channels: Option<Channels>,
}

impl Peers {
    /// With a dialler, or for a node that is alone: whoever is asked for is unreachable, in so many words.
    pub(in crate::raft) fn new(dialler: Option<channel::Dialler>) -> Self {
        Self {
            dialler,
            links: BTreeMap::new(),
        }
    }

    fn link(&mut self, id: u64, member: &Member) -> Link {
        if let Some((known, link)) = self.links.get(&id)
            && known == member
        {
            return link.clone();
        }
        let dialler = self.dialler.as_ref();
        let link = Link {
            id,
            channels: dialler.and_then(|dialler| dialler.channels(member)),
        };
        self.links.insert(id, (member.clone(), link.clone()));
        link
    }
}

impl RaftNetworkFactory<Types> for Peers {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &Member) -> Link {
        self.link(target, node)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &Member) -> Link {
        self.link(target, node)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &Member) -> Link {
        self.link(target, node)
    }
}

impl Link {
    fn channels(&self) -> Result<Channels, Unreachable<Types>> {
        let channels = self.channels.clone();
        channels.ok_or_else(|| {
            Unreachable::from_string(format!("this node has no way to reach node {}", self.id))
        })
    }

    /// Asks once, within what openraft grants.
    async fn ask<T, R, F>(
        &self,
        client: Client,
        option: &RPCOption,
        message: T,
        call: impl FnOnce(Client, Request<T>) -> F,
    ) -> Answered<R>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let request = self.channels()?.about(message.into_request());
        match timeout(option.soft_ttl(), call(client, request)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.failed(&status)),
            Err(_) => Err(late(self.id).into()),
        }
    }

    fn failed(&self, status: &Status) -> RPCError<Types> {
        let said = format!("node {}: {}: {}", self.id, status.code(), status.message());
        if matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) {
            NetworkError::from_string(said).into()
        } else {
            Unreachable::from_string(said).into()
        }
    }

    /// What is not believed is not told to raft: to it, nobody was there.
    fn disbelieved(&self, why: impl Into<Disbelieved>) -> Unreachable<Types> {
        let why = why.into();
        tracing::warn!(node = self.id, %why, "a peer's answer is not believed");
        Unreachable::from_string(format!("node {}: {why}", self.id))
    }

    fn judged<T>(&self, answer: Result<T, Disbelieved>) -> Answered<T> {
        answer.map_err(|why| self.disbelieved(why).into())
    }
}

fn late(id: u64) -> NetworkError<Types> {
    NetworkError::from_string(format!("node {id} did not answer in time"))
}

fn unreadable(error: &io::Error) -> RPCError<Types> {
    NetworkError::new(error).into()
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Answered<AppendEntriesResponse<Types>> {
        let message = wire::append(&rpc).map_err(|error| unreadable(&error))?;
        let Channels {
            votes: client,
            judge,
            ..
        } = self.channels()?;
        let call = async |mut client: Client, request| client.append(request).await;
        let answer = self.ask(client, &option, message, call).await?;
        let result = wire::parse_appended(answer).map_err(Disbelieved::from);
        let result = result.and_then(|result| judge.appended(&Sent::of(&rpc), &result));
        Ok(self.judged(result)?.into())
    }

    fn stream_append<S>(
        &mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'_, Answered<Answers<'_>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        let link = self.clone();
        async move {
            let channels = link.channels()?;
            // ORDER: before anything is opened: openraft's pause after a failure lies in the first request.
            let mut input = input.peekable();
            if Pin::new(&mut input).peek().await.is_none() {
                return Ok(futures::stream::empty().boxed());
            }
            let owed = Owed::default();
            let noted = owed.clone();
            let messages = input.scan((), move |(), request| {
                // What cannot be said ends the stream; raft then reads the log again.
                noted.add(Sent::of(&request));
                std::future::ready(wire::append(&request).ok())
            });
            let request = channels.about(messages.into_streaming_request());
            let mut client = channels.log;
            let opening = timeout(
                option.hard_ttl().max(OPENING),
                client.stream_append(request),
            );
            let opened = opening.await.map_err(|_| late(link.id))?;
            let answers = opened.map_err(|status| link.failed(&status))?.into_inner();
            let state = Some((link, answers, owed));
            Ok(futures::stream::unfold(state, next_answer).boxed())
        }
        .boxed()
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Answered<VoteResponse<Types>> {
        let Channels { votes, judge, .. } = self.channels()?;
        let call = async |mut client: Client, request| client.vote(request).await;
        let answer = self.ask(votes, &option, wire::vote(&rpc), call).await?;
        let voted = wire::parse_voted(answer).map_err(Disbelieved::from);
        self.judged(voted.and_then(|voted| judge.voted(&rpc.vote, &voted)))
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Answered<VoteResponse<Types>> {
        let Channels { votes, judge, .. } = self.channels()?;
        let call = async |mut client: Client, request| client.pre_vote(request).await;
        let answer = self.ask(votes, &option, wire::vote(&rpc), call).await?;
        let voted = wire::parse_voted(answer).map_err(Disbelieved::from);
        self.judged(voted.and_then(|voted| judge.voted(&rpc.vote, &voted)))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let header = wire::header(&vote, &snapshot);
        let header = header.map_err(|error| StreamingError::from(NetworkError::new(&error)))?;
        let channels = self.channels()?;
        let (chunks, sending) = send::chunks(header, snapshot.snapshot.0);
        let request = channels.about(chunks.into_streaming_request());
        let mut client = channels.snapshots;
        let answer = tokio::select! {
            answer = client.install_snapshot(request) => answer,
            closed = cancel => return Err(closed.into()),
            () = sending.stalled() => {
                return Err(NetworkError::from_string(format!("node {} takes no more of the snapshot", self.id)).into());
            }
        };
        let answer = answer.map_err(|status| {
            let said = sending.failure().unwrap_or_else(|| status.to_string());
            StreamingError::from(Unreachable::from_string(format!(
                "node {}: {said}",
                self.id
            )))
        })?;
        let told = wire::parse_ballot(answer.into_inner().vote).map_err(Disbelieved::from);
        let told = told.and_then(|told| channels.judge.vote(&vote, told));
        let told = told.map_err(|why| self.disbelieved(why))?;
        Ok(SnapshotResponse::new(told))
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Answered<TransferLeaderResponse<Types>> {
        let Channels { votes, judge, .. } = self.channels()?;
        let call = async |mut client: Client, request| client.transfer_leader(request).await;
        let answer = self.ask(votes, &option, wire::transfer(&req), call).await?;
        let answer = wire::parse_transferred(&req, answer).map_err(Disbelieved::from);
        self.judged(answer.and_then(|answer| {
            if let Err(TransferLeaderError::VoteChanged { actual, .. }) = &answer {
                judge.vote(req.from_leader(), *actual)?;
            }
            Ok(answer)
        }))
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(AGAIN)))
    }
}

/// A first connection takes a handshake; heartbeats come far more often than that.
const OPENING: Duration = Duration::from_secs(2);

type Streaming = tonic::Streaming<vault_proto::peer::v1::AppendResponse>;

/// What a stream of entries has sent, and heard nothing of.
#[derive(Clone, Debug, Default)]
struct Owed(Arc<Mutex<VecDeque<Sent>>>);

impl Owed {
    fn held(&self) -> MutexGuard<'_, VecDeque<Sent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, sent: Sent) {
        self.held().push_back(sent);
    }

    fn next(&self) -> Option<Sent> {
        self.held().pop_front()
    }

    fn is_empty(&self) -> bool {
        self.held().is_empty()
    }
}

/// The next answer of a stream; an end when there is none, an error when one is owed for too long.
async fn next_answer(
    state: Option<(Link, Streaming, Owed)>,
) -> Option<(
    Answered<StreamAppendResult<Types>>,
    Option<(Link, Streaming, Owed)>,
)> {
    let (link, mut answers, owed) = state?;
    loop {
        let answer = match timeout(STALLED, answers.message()).await {
            Err(_) if owed.is_empty() => continue,
            Err(_) => return Some((Err(late(link.id).into()), None)),
            Ok(Err(status)) => return Some((Err(link.failed(&status)), None)),
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(answer))) => answer,
        };
        // Answers come in the order of what they answer.
        let result = wire::parse_appended(answer).map_err(Disbelieved::from);
        let result = result.and_then(|result| {
            let sent = owed.next().ok_or(Disbelieved::Malformed)?;
            let channels = link.channels.as_ref().ok_or(Disbelieved::Malformed)?;
            channels.judge.appended(&sent, &result)
        });
        return match link.judged(result) {
            Ok(result) => Some((Ok(result), Some((link, answers, owed)))),
            Err(error) => Some((Err(error), None)),
        };
    }
}
