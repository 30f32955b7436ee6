//! `vault.v1.Cluster`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::access::KeyHash;
use vault_core::crypto::join;
use vault_core::crypto::secret::SetupCode;
use vault_core::engine::cluster::{self as engine, Card};
use vault_proto::v1::cluster_server::Cluster;
use vault_proto::v1::{self as wire, Reason};

use super::Door;
use super::convert::{duration, milliseconds, timestamp};
use super::metadata::{call, refuse, respond, to_the_end};
use crate::app::{self, Error, Joined, ListedNodes, NodeState, Result, Voter};
use crate::raft::Seat;

type Reply<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl Cluster for Door {
    async fn describe_node(
        &self,
        request: Request<wire::DescribeNodeRequest>,
    ) -> Reply<wire::DescribeNodeResponse> {
        let call = call("/vault.v1.Cluster/DescribeNode", &request)?;
        let answer = self.app.describe_node(&call).await;
        respond(&call, answer, |(presence, id)| {
            let Some(presence) = presence else {
                return wire::DescribeNodeResponse {
                    id,
                    ..Default::default()
                };
            };
            wire::DescribeNodeResponse {
                key: presence.card.key().to_string(),
                address: presence.card.address().to_owned(),
                region: presence.card.region().to_owned(),
                name: presence.card.name().to_owned(),
                id,
                joining: presence.joined.is_some() && !self.app.initialised(),
            }
        })
    }

    async fn invite_node(
        &self,
        request: Request<wire::InviteNodeRequest>,
    ) -> Reply<wire::InviteNodeResponse> {
        let call = call("/vault.v1.Cluster/InviteNode", &request)?;
        let request = request.into_inner();
        let region = Some(request.region).filter(|region| !region.is_empty());
        let ttl = match milliseconds("ttl", request.ttl) {
            Ok(ttl) => ttl,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.invite_node(&call, region, ttl).await;
        respond(&call, answer, |invited| wire::InviteNodeResponse {
            // EXPOSE: shown once to whoever invites
            invitation: invited.text.expose().to_owned(),
            expires_at: Some(timestamp(invited.expires)),
            region: invited.region,
        })
    }

    async fn ask_to_join(
        &self,
        request: Request<wire::AskToJoinRequest>,
    ) -> Reply<wire::AskToJoinResponse> {
        let call = call("/vault.v1.Cluster/AskToJoin", &request)?;
        let request = request.into_inner();
        let parsed = join::parse(&request.invitation)
            .map_err(|error| Error::new(Reason::InvitationUnknown, error.to_string()));
        let card = card(&request);
        let (invitation, card) = match (parsed, card) {
            (Ok(invitation), Ok(card)) => (invitation, card),
            (Err(error), _) | (_, Err(error)) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.ask_to_join(&call, &invitation, card).await;
        respond(&call, answer, format_membership)
    }

    async fn join_cluster(
        &self,
        request: Request<wire::JoinClusterRequest>,
    ) -> Reply<wire::JoinClusterResponse> {
        let call = call("/vault.v1.Cluster/JoinCluster", &request)?;
        let wire::JoinClusterRequest {
            setup_code,
            cluster,
        } = request.into_inner();
        let code = SetupCode::from(setup_code);
        let joined = match joined(cluster.unwrap_or_default()) {
            Ok(joined) => joined,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.join_cluster(&call, &code, joined).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |()| wire::JoinClusterResponse {})
    }

    async fn list_nodes(
        &self,
        request: Request<wire::ListNodesRequest>,
    ) -> Reply<wire::ListNodesResponse> {
        let call = call("/vault.v1.Cluster/ListNodes", &request)?;
        respond(&call, self.app.list_nodes(&call).await, |listed| {
            format_list(&listed)
        })
    }

    async fn approve_node(&self, request: Request<wire::ApproveNodeRequest>) -> Reply<wire::Node> {
        let call = call("/vault.v1.Cluster/ApproveNode", &request)?;
        let key = match key(&request.get_ref().key) {
            Ok(key) => key,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.approve_node(&call, key).await;
        respond(&call, answer, |node| {
            format_node((&node, NodeState::Joining, None), None)
        })
    }

    async fn reject_node(
        &self,
        request: Request<wire::RejectNodeRequest>,
    ) -> Reply<wire::RejectNodeResponse> {
        let call = call("/vault.v1.Cluster/RejectNode", &request)?;
        let key = match key(&request.get_ref().key) {
            Ok(key) => key,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.reject_node(&call, key).await;
        respond(&call, answer, |()| wire::RejectNodeResponse {})
    }

    async fn promote_node(
        &self,
        request: Request<wire::PromoteNodeRequest>,
    ) -> Reply<wire::PromoteNodeResponse> {
        let call = call("/vault.v1.Cluster/PromoteNode", &request)?;
        let answer = self.app.set_node_votes(&call, request.get_ref().id, true);
        respond(&call, answer.await, |changed| wire::PromoteNodeResponse {
            changed,
        })
    }

    async fn demote_node(
        &self,
        request: Request<wire::DemoteNodeRequest>,
    ) -> Reply<wire::DemoteNodeResponse> {
        let call = call("/vault.v1.Cluster/DemoteNode", &request)?;
        let answer = self.app.set_node_votes(&call, request.get_ref().id, false);
        respond(&call, answer.await, |changed| wire::DemoteNodeResponse {
            changed,
        })
    }

    async fn remove_node(
        &self,
        request: Request<wire::RemoveNodeRequest>,
    ) -> Reply<wire::RemoveNodeResponse> {
        let call = call("/vault.v1.Cluster/RemoveNode", &request)?;
        let answer = self.app.remove_node(&call, request.get_ref().id).await;
        respond(&call, answer, |()| wire::RemoveNodeResponse {})
    }

    async fn move_node(
        &self,
        request: Request<wire::MoveNodeRequest>,
    ) -> Reply<wire::MoveNodeResponse> {
        let call = call("/vault.v1.Cluster/MoveNode", &request)?;
        let wire::MoveNodeRequest { id, address } = request.into_inner();
        let answer = self.app.move_node(&call, id, address).await;
        respond(&call, answer, |changed| wire::MoveNodeResponse { changed })
    }

    async fn transfer_leader(
        &self,
        request: Request<wire::TransferLeaderRequest>,
    ) -> Reply<wire::TransferLeaderResponse> {
        let call = call("/vault.v1.Cluster/TransferLeader", &request)?;
        let answer = self.app.transfer_leader(&call, request.get_ref().id).await;
        respond(&call, answer, |()| wire::TransferLeaderResponse {})
    }
}

fn key(text: &str) -> Result<KeyHash> {
    KeyHash::parse(text).ok_or_else(|| {
        Error::new(
            Reason::RequestInvalid,
            "a node's key is `sha256:` and 64 digits, as the node itself shows it: vaultctl cluster node",
        )
    })
}

fn card(request: &wire::AskToJoinRequest) -> Result<Card> {
    let (key, region) = (key(&request.key)?, &request.region);
    let card = Card::new(key, &request.address, region, &request.name);
    card.map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
}

fn joined(cluster: wire::AskToJoinResponse) -> Result<Joined> {
    let invalid = |why: &'static str| Error::new(Reason::RequestInvalid, why);
    let id = <[u8; 16]>::try_from(cluster.cluster_id.as_ref());
    let id = id.map_err(|_| invalid("a cluster's id has 16 bytes"))?;
    if cluster.id == 0 || cluster.voters.is_empty() {
        return Err(invalid(
            "a node that joins has an id, and voters to believe",
        ));
    }
    let voters = cluster.voters.into_iter().map(|voter| {
        let key = key(&voter.key)?;
        let whole = Card::new(key, &voter.address, "any", "any");
        whole.map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))?;
        Ok(Voter::new(voter.id, voter.address, key))
    });
    let voters = voters.collect::<Result<Vec<Voter>>>()?;
    Ok(Joined::new(id, cluster.id, voters))
}

fn format_membership(told: app::Membership) -> wire::AskToJoinResponse {
    let voters = told.voters.into_iter().filter_map(|voter| {
        Some(wire::Voter {
            key: voter.key()?.to_string(),
            id: voter.id,
            address: voter.address,
        })
    });
    wire::AskToJoinResponse {
        cluster_id: told.cluster.to_vec().into(),
        incarnation: told.incarnation,
        id: told.id,
        voters: voters.collect(),
    }
}

fn format_list(listed: &ListedNodes) -> wire::ListNodesResponse {
    let nodes = listed
        .nodes
        .iter()
        .map(|(node, state, seat)| format_node((node, *state, seat.as_ref()), listed.leader));
    let candidates = listed.candidates.iter().map(|candidate| wire::Candidate {
        id: candidate.id(),
        name: candidate.card().name().to_owned(),
        region: candidate.card().region().to_owned(),
        address: candidate.card().address().to_owned(),
        key: candidate.card().key().to_string(),
        since: Some(timestamp(candidate.since())),
    });
    let invitations = listed
        .invitations
        .iter()
        .map(|invitation| wire::Invitation {
            region: invitation.region().to_owned(),
            expires_at: Some(timestamp(invitation.expires())),
        });
    wire::ListNodesResponse {
        nodes: nodes.collect(),
        candidates: candidates.collect(),
        invitations: invitations.collect(),
        committed: listed.committed,
    }
}

fn format_node(
    (node, state, seat): (&engine::Node, NodeState, Option<&Seat>),
    leader: Option<u64>,
) -> wire::Node {
    let state = match state {
        NodeState::Joining => wire::NodeState::Joining,
        NodeState::Learner => wire::NodeState::Learner,
        NodeState::Voter => wire::NodeState::Voter,
        NodeState::CatchingUp => wire::NodeState::CatchingUp,
        NodeState::Leaving => wire::NodeState::Leaving,
    };
    wire::Node {
        id: node.id(),
        name: node.card().name().to_owned(),
        region: node.card().region().to_owned(),
        address: node.card().address().to_owned(),
        key: node.card().key().to_string(),
        votes: node.votes(),
        state: state.into(),
        leads: leader == Some(node.id()),
        matched: seat.and_then(|seat| seat.matched),
        heard: seat
            .and_then(|seat| seat.heard)
            .map(|heard| duration(u64::try_from(heard.as_millis()).unwrap_or(u64::MAX))),
        since: Some(timestamp(node.since())),
    }
}
