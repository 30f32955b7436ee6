//! Ways to members beside what raft says to them: questions, and requests of clients that are passed on. Each sort has a
//! connection of its own, so that no client's request holds up a question, and neither what raft says.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use openraft::async_runtime::WatchReceiver;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use vault_proto::peer::v1 as pb;

use super::channel::{Client, Dialler, cluster};
use crate::raft::error::ReadError;
use crate::raft::member::Member;
use crate::raft::node::Core;
use crate::store::Store;

/// A client that takes nothing of its reply keeps no more than this from the others on the connection.
const WINDOW: u32 = 256 << 10;

/// How this node reaches members; each way is made once.
#[derive(Debug)]
pub(in crate::raft) struct Ways {
    dialler: Dialler,
    known: Mutex<BTreeMap<u64, (Member, Way)>>,
}

/// The way to one member.
#[derive(Clone, Debug)]
pub(in crate::raft) struct Way {
    questions: Client,
    /// For requests that are passed on.
    pub(in crate::raft) requests: Channel,
    store: Store,
}

impl Ways {
    pub(in crate::raft) fn new(dialler: Dialler) -> Self {
        Self {
            dialler,
            known: Mutex::default(),
        }
    }

    /// To a member that has a key.
    pub(in crate::raft) fn to(&self, id: u64, member: &Member) -> Option<Way> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((as_known, way)) = known.get(&id)
            && as_known == member
        {
            return Some(way.clone());
        }
        let [questions, requests] = self.dialler.connections(member, WINDOW)?;
        let way = Way {
            questions: Client::new(questions),
            requests,
            store: self.dialler.store().clone(),
        };
        known.insert(id, (member.clone(), way.clone()));
        Some(way)
    }

    /// To whoever leads, if that is another.
    pub(in crate::raft) fn to_leader(&self, raft: &Core) -> Option<Way> {
        let (leader, member) = {
            let metrics = raft.metrics();
            let now = metrics.borrow_watched();
            let leader = now.current_leader.filter(|leader| *leader != now.id)?;
            let member = now.membership_config.membership().get_node(&leader);
            (leader, member.cloned()?)
        };
        self.to(leader, &member)
    }
}

impl Way {
    /// As the cluster is called in headers, once there is one.
    pub(in crate::raft) fn cluster(&self) -> Option<String> {
        cluster(&self.store)
    }

    fn about<T>(&self, message: T) -> Request<T> {
        super::channel::about(&self.store, Request::new(message))
    }

    /// From whoever is there, if that one leads.
    pub(in crate::raft) async fn read_index(&self) -> Result<u64, ReadError> {
        let request = self.about(pb::ReadIndexRequest {});
        let answer = self.questions.clone().read_index(request).await;
        answer
            .map(|answer| answer.into_inner().index)
            .map_err(|status| {
                let refused = [Code::FailedPrecondition, Code::PermissionDenied];
                if refused.contains(&status.code()) {
                    ReadError::NotLeader { leader: None }
                } else {
                    ReadError::NoQuorum
                }
            })
    }

    /// Returns once the member has applied an index, or an error when it has not for some time.
    pub(in crate::raft) async fn wait_applied(&self, index: u64) -> Result<(), Status> {
        let request = self.about(pb::WaitAppliedRequest { index });
        self.questions.clone().wait_applied(request).await?;
        Ok(())
    }
}
