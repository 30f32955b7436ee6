//! The nodes of the cluster: who belongs, who is let in, who has a vote.

use std::time::Duration;

use prost_types::Timestamp;
use tonic::transport::Channel;
use vault_proto::v1;
use vault_proto::v1::cluster_client::ClusterClient;

use crate::call::Safety;
use crate::{Error, Text, Vault};

/// Calls about the nodes of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a>(pub(crate) &'a Vault);

/// An invitation of one node to ask to join.
#[derive(Debug)]
pub struct Invited {
    /// For the node; shown once.
    pub invitation: Text,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// For a node of this region.
    pub region: String,
}

impl Cluster<'_> {
    /// How the node that answers presents itself to peers. Needs no token.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn describe_node(self) -> Result<v1::DescribeNodeResponse, Error> {
        let send = |channel, request| async { client(channel).describe_node(request).await };
        let message = v1::DescribeNodeRequest {};
        self.0.call(Safety::Read, message, send).await
    }

    /// Invites one node of a region, for a minute to a day.
    ///
    /// # Errors
    /// `NO_PEERS` where nobody could reach the cluster, or not granted.
    pub async fn invite(self, region: &str, ttl: Option<Duration>) -> Result<Invited, Error> {
        let message = v1::InviteNodeRequest {
            region: region.to_owned(),
            ttl: ttl.map(crate::lifecycle::wire_duration).transpose()?,
        };
        let send = |channel, request| async { client(channel).invite_node(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(Invited {
            invitation: Text::new(reply.invitation),
            expires_at: reply.expires_at,
            region: reply.region,
        })
    }

    /// Asks the cluster to take a node in, as that describes itself. Needs no token.
    ///
    /// # Errors
    /// `INVITATION_UNKNOWN`, `CLUSTER_REFUSED`.
    pub async fn ask_to_join(
        self,
        invitation: &Text,
        node: v1::DescribeNodeResponse,
    ) -> Result<v1::AskToJoinResponse, Error> {
        let message = v1::AskToJoinRequest {
            // EXPOSE: into the request
            invitation: invitation.expose().to_owned(),
            key: node.key,
            address: node.address,
            region: node.region,
            name: node.name,
        };
        let send = |channel, request| async { client(channel).ask_to_join(request).await };
        // Asked again with the same key it is the same.
        self.0.call(Safety::Read, message, send).await
    }

    /// Tells an empty node which cluster it joins. `setup_code` where it is not reached over its Unix socket.
    ///
    /// # Errors
    /// When it is not empty, or waits to join already.
    pub async fn join(
        self,
        setup_code: Option<&Text>,
        cluster: v1::AskToJoinResponse,
    ) -> Result<(), Error> {
        let message = v1::JoinClusterRequest {
            // EXPOSE: into the request
            setup_code: setup_code
                .map(|code| code.expose().to_owned())
                .unwrap_or_default(),
            cluster: Some(cluster),
        };
        let send = |channel, request| async { client(channel).join_cluster(request).await };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }

    /// All nodes, who waits to be approved, and invitations.
    ///
    /// # Errors
    /// When not granted.
    pub async fn list(self) -> Result<v1::ListNodesResponse, Error> {
        let send = |channel, request| async { client(channel).list_nodes(request).await };
        let message = v1::ListNodesRequest {};
        self.0.call(Safety::Read, message, send).await
    }

    /// Takes the candidate in that has this key.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, or not granted.
    pub async fn approve(self, key: &str) -> Result<v1::Node, Error> {
        let send = |channel, request| async { client(channel).approve_node(request).await };
        let message = v1::ApproveNodeRequest { key: key.into() };
        self.0.call(Safety::Once, message, send).await
    }

    /// Sends the candidate away that has this key.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, or not granted.
    pub async fn reject(self, key: &str) -> Result<(), Error> {
        let send = |channel, request| async { client(channel).reject_node(request).await };
        let message = v1::RejectNodeRequest { key: key.into() };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }

    /// Gives a node a vote once it has caught up; `false` if it was given before.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, `CLUSTER_REFUSED`, or not granted.
    pub async fn promote(self, id: u64) -> Result<bool, Error> {
        let send = |channel, request| async { client(channel).promote_node(request).await };
        let message = v1::PromoteNodeRequest { id };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(reply.changed)
    }

    /// Takes a node's vote; `false` if it had none.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, `CLUSTER_REFUSED`, or not granted.
    pub async fn demote(self, id: u64) -> Result<bool, Error> {
        let send = |channel, request| async { client(channel).demote_node(request).await };
        let message = v1::DemoteNodeRequest { id };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(reply.changed)
    }

    /// Takes a node off: its key opens nothing from then on.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, `CLUSTER_REFUSED`, or not granted.
    pub async fn remove(self, id: u64) -> Result<(), Error> {
        let send = |channel, request| async { client(channel).remove_node(request).await };
        let message = v1::RemoveNodeRequest { id };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }

    /// Says where peers reach a node that has moved, as `host:port`; `false` if it was there.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, or not granted.
    pub async fn move_node(self, id: u64, address: &str) -> Result<bool, Error> {
        let send = |channel, request| async { client(channel).move_node(request).await };
        let message = v1::MoveNodeRequest {
            id,
            address: address.into(),
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(reply.changed)
    }

    /// Hands the lead to a node with a vote.
    ///
    /// # Errors
    /// `CLUSTER_REFUSED` where it lags behind, is sealed or has no vote; or not granted.
    pub async fn transfer_leader(self, id: u64) -> Result<(), Error> {
        let send = |channel, request| async { client(channel).transfer_leader(request).await };
        let message = v1::TransferLeaderRequest { id };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }
}

fn client(channel: Channel) -> ClusterClient<Channel> {
    ClusterClient::new(channel)
}
