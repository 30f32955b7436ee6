//! Requests of clients between nodes: where writes are made, sending a request there, and serving what others send.

use std::error::Error;
use std::fmt;

use http::{HeaderName, HeaderValue, Request, Response};
use openraft::async_runtime::WatchReceiver;
use tokio::runtime::Handle;
use tonic::ConnectError;
use tonic::body::Body;
use tower::{Service as _, ServiceExt as _};

use super::node::Node;
use super::peer::{CLUSTER, Forwarded, NOT_TAKEN, Way};

/// The way to the node that leads, as far as this one knows.
#[derive(Clone)]
pub struct Leader(Way);

impl fmt::Debug for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leader(..)")
    }
}

/// Why there is no reply to a request that was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unforwarded {
    /// It was not sent, or not taken: nothing was done of it.
    #[error("the leader did not take the request")]
    NotTaken,
    /// It may have been done.
    #[error("the leader was lost while it had the request")]
    Lost,
}

impl Node {
    /// Where a request goes that this node does not serve itself: another node leads, and this one has a vote.
    pub fn leader_elsewhere(&self) -> Option<Leader> {
        let ways = self.ways()?;
        if self.leader_term().is_some() {
            return None;
        }
        let (_, way) = ways.to_leader(self.core())?;
        let metrics = self.core().metrics();
        let now = metrics.borrow_watched();
        let mut voters = now.membership_config.membership().voter_ids();
        voters.any(|id| id == now.id).then_some(Leader(way))
    }

    /// Serves what voters pass on by this, on the present runtime. Nothing happens on a node without peers.
    pub fn open_to_forwarded(&self, service: Forwarded) {
        self.doorway().open(Handle::current(), service);
    }

    /// Takes nothing more of that sort.
    pub fn close_to_forwarded(&self) {
        self.doorway().close();
    }
}

impl Leader {
    /// Sends a request as it is; answers with the head of the reply. The caller bounds the time.
    ///
    /// # Errors
    /// [`Unforwarded`].
    pub async fn send(self, mut request: Request<Body>) -> Result<Response<Body>, Unforwarded> {
        let cluster = self.0.cluster().ok_or(Unforwarded::NotTaken)?;
        let cluster = HeaderValue::try_from(cluster).map_err(|_| Unforwarded::NotTaken)?;
        let headers = request.headers_mut();
        headers.insert(HeaderName::from_static(CLUSTER), cluster);
        let mut channel = self.0.requests;
        let ready = channel.ready().await.map_err(|_| Unforwarded::NotTaken)?;
        let answer = ready.call(request).await;
        let response = answer.map_err(|error| {
            if never_connected(&error) {
                Unforwarded::NotTaken
            } else {
                Unforwarded::Lost
            }
        })?;
        if response.headers().contains_key(NOT_TAKEN) {
            return Err(Unforwarded::NotTaken);
        }
        Ok(response)
    }
}

/// Whether nothing can have been sent.
fn never_connected(error: &tonic::transport::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
