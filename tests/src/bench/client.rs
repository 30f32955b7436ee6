//! A caller: one connection over TLS, an ordinary session, any method by its path.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use prost::Message;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpSocket;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;
use vault_proto::v1::{
    CreateIdentityRequest, CreateIdentityResponse, LoginPasswordRequest, LoginPasswordResponse,
    LoginRequest, LoginResponse, PutInlinePolicyRequest, PutInlinePolicyResponse, PutSecretRequest,
    PutSecretResponse, ResetPasswordRequest, ResetPasswordResponse,
};

use super::Failure;

/// One connection; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    channel: Channel,
    token: Option<MetadataValue<Ascii>>,
}

impl Caller {
    /// Connects to `address`, trusting the CA `pem` and no other. Without a token.
    pub(super) async fn connect(address: SocketAddr, pem: &str) -> Result<Self, Failure> {
        let any = IpAddr::from([0, 0, 0, 0]);
        Self::connect_from(any, address, pem).await
    }

    /// The same, from an address of this machine.
    pub(super) async fn connect_from(
        from: IpAddr,
        address: SocketAddr,
        pem: &str,
    ) -> Result<Self, Failure> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes())?)?;
        let provider = Arc::new(vaultd::tls::provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let (config, name) = (Arc::new(config), ServerName::try_from("localhost")?);
        let connector = service_fn(move |_| {
            let (config, name) = (Arc::clone(&config), name.clone());
            async move {
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::new(from, 0))?;
                let stream = socket.connect(address).await?;
                stream.set_nodelay(true)?;
                let connected = tokio_rustls::TlsConnector::from(config).connect(name, stream);
                connected.await.map(TokioIo::new)
            }
        });
        let channel = Endpoint::from_static("https://localhost")
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .connect_with_connector(connector)
            .await?;
        Ok(Self {
            channel,
            token: None,
        })
    }

    /// The same connection with this token.
    pub(super) fn with_token(&self, token: &str) -> Result<Self, Failure> {
        Ok(Self {
            channel: self.channel.clone(),
            token: Some(format!("Bearer {token}").parse()?),
        })
    }

    /// The same connection without one.
    pub(super) fn without_token(&self) -> Self {
        Self {
            channel: self.channel.clone(),
            token: None,
        }
    }

    /// The same connection with a session of its own.
    pub(super) async fn login(&self) -> Result<(Self, String), Failure> {
        let session: LoginResponse = self
            .call("/vault.v1.Auth/Login", LoginRequest::default())
            .await?;
        Ok((self.with_token(&session.token)?, session.token))
    }

    /// The same connection as a user with a password and one policy, who is made here by this caller.
    pub(super) async fn user(&self) -> Result<Self, Failure> {
        let (session, _) = self.person("bench", self).await?;
        self.with_token(&session)
    }

    /// Makes a user, who chooses his password over the connection `own`; a session of his, and the password.
    pub(super) async fn person(&self, name: &str, own: &Self) -> Result<(String, String), Failure> {
        self.principal(&format!("user:{name}"), "secret:*", "secret:*")
            .await?;
        let (user, password) = (name.to_owned(), request_id());
        let drawn = self.reset(&user).await?;
        let session: LoginPasswordResponse = own
            .call(
                "/vault.v1.Auth/LoginPassword",
                LoginPasswordRequest {
                    user,
                    password: drawn,
                    new_password: password.clone(),
                    ..LoginPasswordRequest::default()
                },
            )
            .await?;
        Ok((session.token, password))
    }

    /// Gives a user a one-time password.
    pub(super) async fn reset(&self, user: &str) -> Result<String, Status> {
        let request = ResetPasswordRequest {
            user: user.to_owned(),
            ..ResetPasswordRequest::default()
        };
        let made: ResetPasswordResponse =
            self.call("/vault.v1.Auth/ResetPassword", request).await?;
        Ok(made.one_time_password)
    }

    /// Makes a principal with one policy of his own.
    pub(super) async fn principal(
        &self,
        who: &str,
        action: &str,
        resource: &str,
    ) -> Result<(), Status> {
        let _made: CreateIdentityResponse = self
            .call(
                "/vault.v1.Identity/CreateIdentity",
                CreateIdentityRequest {
                    who: who.to_owned(),
                    ..CreateIdentityRequest::default()
                },
            )
            .await?;
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}]}}"#
        );
        let _put: PutInlinePolicyResponse = self
            .call(
                "/vault.v1.Identity/PutInlinePolicy",
                PutInlinePolicyRequest {
                    who: who.to_owned(),
                    name: "own".to_owned(),
                    document,
                },
            )
            .await?;
        Ok(())
    }

    /// One call.
    pub(super) async fn call<Q, P>(&self, path: &'static str, message: Q) -> Result<P, Status>
    where
        Q: Message + 'static,
        P: Message + Default + 'static,
    {
        self.send(path, Request::new(message)).await
    }

    /// Puts 1 KiB, as clients do: with a request id of its own, so that it could be repeated.
    pub(super) async fn put(&self, path: String, fill: u64) -> Result<(), Status> {
        let message = PutSecretRequest {
            path,
            fields: [("value".to_owned(), value(fill))].into(),
            ..PutSecretRequest::default()
        };
        let mut request = Request::new(message);
        if let Ok(id) = request_id().parse() {
            request.metadata_mut().insert("vault-request-id", id);
        }
        let _put: PutSecretResponse = self.send("/vault.v1.Secrets/PutSecret", request).await?;
        Ok(())
    }

    async fn send<Q, P>(&self, path: &'static str, mut request: Request<Q>) -> Result<P, Status>
    where
        Q: Message + 'static,
        P: Message + Default + 'static,
    {
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(path);
        let reply = grpc.unary(request, path, ProstCodec::default()).await?;
        Ok(reply.into_inner())
    }
}

/// 1 KiB that differs.
pub(super) fn value(fill: u64) -> bytes::Bytes {
    let mut value = vec![0x5a; 1024];
    value[..8].copy_from_slice(&fill.to_be_bytes());
    value.into()
}

fn request_id() -> String {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("entropy");
    let digits = hex::encode(id);
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}
