//! Sending a request of a client to the node that leads.

use std::error::Error;
use std::fmt;

use http::{HeaderName, HeaderValue, Request, Response};
use tonic::ConnectError;
use tonic::body::Body;
use tower::{Service as _, ServiceExt as _};

use super::arrive::NOT_TAKEN;
use super::channel::CLUSTER;
use super::ways::Way;

/// The way to the node that leads, as far as this one knows.
#[derive(Clone)]
pub struct Leader(pub(in crate::raft) Way);

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
