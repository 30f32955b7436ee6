//! The calls that requests are compared with: the same door, the same headers and bytes, nothing behind.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::http::{Request as HttpRequest, Response as HttpResponse};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;
use vault_proto::v1::{GetSecretRequest, GetSecretResponse};

/// Path of the echo.
pub(super) const ECHO: &str = "/bench.Echo/Echo";
/// Path of the empty call.
pub(super) const EMPTY: &str = "/bench.Echo/Empty";

/// The service; it answers every echo with the same reply.
#[derive(Clone, Debug)]
pub(super) struct Echo(pub(super) GetSecretResponse);

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl UnaryService<GetSecretRequest> for Echo {
    type Response = GetSecretResponse;
    type Future = Ready<Result<Response<GetSecretResponse>, Status>>;

    fn call(&mut self, request: Request<GetSecretRequest>) -> Self::Future {
        // The token is looked for, and no more: what it takes to judge it is the pipeline's.
        ready(match request.metadata().get("authorization") {
            Some(_) => Ok(Response::new(self.0.clone())),
            None => Err(Status::unauthenticated("no token")),
        })
    }
}

#[derive(Debug)]
struct Empty;

impl UnaryService<()> for Empty {
    type Response = ();
    type Future = Ready<Result<Response<()>, Status>>;

    fn call(&mut self, _request: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

impl Service<HttpRequest<Body>> for Echo {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            Ok(if request.uri().path() == EMPTY {
                Grpc::new(ProstCodec::default()).unary(Empty, request).await
            } else {
                Grpc::new(ProstCodec::default()).unary(echo, request).await
            })
        })
    }
}
