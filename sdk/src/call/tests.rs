//! Retries, failover and the session's memory, against scripted servers on real sockets.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use vault_proto::v1;
use vault_proto::v1::auth_server::{Auth, AuthServer};

use self::Answer::{Fail, Index, Silence};
use crate::{Endpoint, Error, Kind, SessionTerms, Token, Vault};

/// Answers from a script, then well; keeps the headers it was sent.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

enum Answer {
    Fail(Code, &'static str),
    Index(&'static str),
    Silence,
}

#[derive(Clone, Debug, PartialEq)]
struct Heard {
    request_id: String,
    index: Option<String>,
    authorization: Option<String>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Self::default();
        script.answers.lock().unwrap().extend(answers);
        script
    }

    async fn answer<Q, R>(&self, request: Request<Q>, reply: R) -> Result<Response<R>, Status> {
        let header = |name| {
            request
                .metadata()
                .get(name)
                .map(|v| v.to_str().unwrap().to_owned())
        };
        self.heard.lock().unwrap().push(Heard {
            request_id: header("vault-request-id").unwrap(),
            index: header("vault-index"),
            authorization: header("authorization"),
        });
        let next = self.answers.lock().unwrap().pop_front();
        match next {
            Some(Fail(code, reason)) => {
                let details = ErrorDetails::with_error_info(reason, "vault", []);
                Err(Status::with_error_details(code, "scripted", details))
            }
            Some(Silence) => std::future::pending().await,
            Some(Index(index)) => {
                let mut reply = Response::new(reply);
                reply
                    .metadata_mut()
                    .insert("vault-index", index.parse().unwrap());
                Ok(reply)
            }
            None => Ok(Response::new(reply)),
        }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    fn listen(&self, at: &Path) {
        let socket = UnixListenerStream::new(UnixListener::bind(at).unwrap());
        let service = AuthServer::new(self.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        drop(tokio::spawn(server.serve_with_incoming(socket)));
    }
}

#[tonic::async_trait]
impl Auth for Scripted {
    async fn login(
        &self,
        request: Request<v1::LoginRequest>,
    ) -> Result<Response<v1::LoginResponse>, Status> {
        let session = Some(v1::Session::default());
        self.answer(
            request,
            v1::LoginResponse {
                token: "vlt_x".into(),
                session,
            },
        )
        .await
    }

    async fn logout(
        &self,
        request: Request<v1::LogoutRequest>,
    ) -> Result<Response<v1::LogoutResponse>, Status> {
        self.answer(request, v1::LogoutResponse {}).await
    }

    async fn who_am_i(
        &self,
        request: Request<v1::WhoAmIRequest>,
    ) -> Result<Response<v1::WhoAmIResponse>, Status> {
        let session = Some(v1::Session::default());
        self.answer(request, v1::WhoAmIResponse { session }).await
    }

    async fn login_password(
        &self,
        request: Request<v1::LoginPasswordRequest>,
    ) -> Result<Response<v1::LoginPasswordResponse>, Status> {
        self.answer(request, v1::LoginPasswordResponse::default())
            .await
    }

    async fn change_password(
        &self,
        request: Request<v1::ChangePasswordRequest>,
    ) -> Result<Response<v1::ChangePasswordResponse>, Status> {
        self.answer(request, v1::ChangePasswordResponse::default())
            .await
    }

    async fn reset_password(
        &self,
        request: Request<v1::ResetPasswordRequest>,
    ) -> Result<Response<v1::ResetPasswordResponse>, Status> {
        self.answer(request, v1::ResetPasswordResponse::default())
            .await
    }

    async fn unlock_user(
        &self,
        request: Request<v1::UnlockUserRequest>,
    ) -> Result<Response<v1::UnlockUserResponse>, Status> {
        self.answer(request, v1::UnlockUserResponse::default())
            .await
    }

    async fn get_password_policy(
        &self,
        request: Request<v1::GetPasswordPolicyRequest>,
    ) -> Result<Response<v1::PasswordPolicy>, Status> {
        self.answer(request, v1::PasswordPolicy::default()).await
    }

    async fn put_password_policy(
        &self,
        request: Request<v1::PutPasswordPolicyRequest>,
    ) -> Result<Response<v1::PasswordPolicy>, Status> {
        self.answer(request, v1::PasswordPolicy::default()).await
    }
}

/// A handle on sockets `0`, `1`, … of a directory; those without a server stay closed.
struct Bench {
    dir: TempDir,
    servers: Vec<Scripted>,
}

impl Bench {
    fn new(servers: Vec<Scripted>) -> Self {
        let dir = TempDir::new().unwrap();
        for (number, server) in servers.iter().enumerate() {
            server.listen(&dir.path().join(number.to_string()));
        }
        Self { dir, servers }
    }

    fn vault(&self, order: &[usize]) -> Vault {
        let at = |number: &usize| Endpoint::Unix(self.dir.path().join(number.to_string()));
        Vault::builder()
            .endpoints(order.iter().map(at))
            .token(Token::new("vlt_t"))
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap()
    }

    fn heard(&self) -> Vec<Heard> {
        self.servers.iter().flat_map(Scripted::heard).collect()
    }
}

fn outcome<T: std::fmt::Debug>(result: Result<T, Error>) -> (Kind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.reason().to_owned())
}

#[tokio::test]
async fn a_write_is_repeated_under_the_same_request_id() {
    let bench = Bench::new(vec![Scripted::new([
        Fail(Code::Unavailable, "NO_LEADER"),
        Fail(Code::DeadlineExceeded, "OUTCOME_UNKNOWN"),
    ])]);
    bench.vault(&[0]).auth().logout().await.unwrap();
    let heard = bench.heard();
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|h| h.request_id == heard[0].request_id));
    assert_eq!(heard[0].authorization.as_deref(), Some("Bearer vlt_t"));
}

#[tokio::test]
async fn what_has_ended_after_an_attempt_that_may_have_ended_it_is_done() {
    let invalid = || Fail(Code::Unauthenticated, "TOKEN_INVALID");
    let doubt = Fail(Code::DeadlineExceeded, "OUTCOME_UNKNOWN");
    let bench = Bench::new(vec![Scripted::new([doubt, invalid()])]);
    bench.vault(&[0]).auth().logout().await.unwrap();
    let bench = Bench::new(vec![Scripted::new([invalid()])]);
    let refused = bench.vault(&[0]).auth().logout().await;
    assert_eq!(
        outcome(refused),
        (Kind::Unauthenticated, "TOKEN_INVALID".into())
    );
    let busy = Fail(Code::ResourceExhausted, "OVERLOADED");
    let bench = Bench::new(vec![Scripted::new([busy, invalid()])]);
    let refused = bench.vault(&[0]).auth().logout().await;
    assert_eq!(
        outcome(refused),
        (Kind::Unauthenticated, "TOKEN_INVALID".into())
    );
}

#[tokio::test]
async fn what_may_have_been_done_is_not_called_undone_by_a_node_that_cannot_say() {
    for (code, reason) in [
        (Code::Unavailable, "SEALED"),
        (Code::ResourceExhausted, "DISK_FULL"),
        (Code::Internal, "INTERNAL"),
    ] {
        let unknown = Fail(Code::DeadlineExceeded, "OUTCOME_UNKNOWN");
        let bench = Bench::new(vec![Scripted::new([unknown, Fail(code, reason)])]);
        let (kind, _) = outcome(bench.vault(&[0]).auth().logout().await);
        assert_eq!((kind, bench.heard().len()), (Kind::Unknown, 2), "{reason}");
    }
    let unknown = Fail(Code::DeadlineExceeded, "OUTCOME_UNKNOWN");
    let denied = Fail(Code::PermissionDenied, "POLICY_DENIED");
    let bench = Bench::new(vec![Scripted::new([unknown, denied])]);
    let (kind, _) = outcome(bench.vault(&[0]).auth().logout().await);
    assert_eq!(kind, Kind::Forbidden, "an answer is one");
}

#[tokio::test]
async fn what_cannot_be_recognised_is_sent_once() {
    let bench = Bench::new(vec![Scripted::new([Fail(Code::Unavailable, "NO_LEADER")])]);
    let refused = bench
        .vault(&[0])
        .auth()
        .login(SessionTerms::default())
        .await;
    assert_eq!(outcome(refused), (Kind::Unavailable, "NO_LEADER".into()));
    assert_eq!(bench.heard().len(), 1);
}

#[tokio::test]
async fn what_was_never_sent_moves_to_the_next_endpoint() {
    let bench = Bench::new(vec![Scripted::default()]);
    bench
        .vault(&[7, 0])
        .auth()
        .login(SessionTerms::default())
        .await
        .unwrap();
    assert_eq!(bench.heard().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    for (code, reason) in [
        (Code::PermissionDenied, "POLICY_DENIED"),
        (Code::Aborted, "VERSION_MISMATCH"),
        (Code::Internal, "INTERNAL"),
        (Code::InvalidArgument, "REQUEST_INVALID"),
    ] {
        let bench = Bench::new(vec![
            Scripted::new([Fail(code, reason)]),
            Scripted::default(),
        ]);
        assert!(bench.vault(&[0, 1]).auth().who_am_i().await.is_err());
        assert_eq!(bench.heard().len(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_sealed_node_is_passed_over_for_an_open_one() {
    let sealed = Scripted::new([Fail(Code::Unavailable, "SEALED")]);
    let bench = Bench::new(vec![sealed, Scripted::default()]);
    let vault = bench.vault(&[0, 1]);
    vault.auth().who_am_i().await.unwrap();
    vault.auth().who_am_i().await.unwrap();
    let counts: Vec<_> = bench.servers.iter().map(|s| s.heard().len()).collect();
    assert_eq!(
        counts,
        [1, 2],
        "the one that answered is asked first afterwards"
    );
}

#[tokio::test]
async fn what_a_server_said_outweighs_that_another_is_down() {
    let bench = Bench::new(vec![Scripted::new([Fail(Code::Unavailable, "SEALED")])]);
    let refused = bench.vault(&[0, 7]).auth().who_am_i().await;
    assert_eq!(outcome(refused), (Kind::Unavailable, "SEALED".into()));
}

#[tokio::test]
async fn a_dead_vault_is_unreachable_for_reads_and_writes() {
    let bench = Bench::new(Vec::new());
    let vault = bench.vault(&[7, 8]);
    assert_eq!(outcome(vault.auth().who_am_i().await).1, "UNREACHABLE");
    assert_eq!(outcome(vault.auth().logout().await).1, "UNREACHABLE");
}

#[tokio::test]
async fn a_silent_node_leaves_time_for_the_next() {
    let bench = Bench::new(vec![Scripted::new([Silence]), Scripted::default()]);
    let vault = bench
        .vault(&[0, 1])
        .with_timeout(Duration::from_millis(600));
    vault.auth().who_am_i().await.unwrap();
}

#[tokio::test]
async fn a_write_without_an_answer_is_of_unknown_outcome() {
    let bench = Bench::new(vec![Scripted::new([Silence])]);
    let vault = bench.vault(&[0]).with_timeout(Duration::from_millis(200));
    let lost = vault.auth().logout().await;
    assert_eq!(outcome(lost), (Kind::Unknown, "OUTCOME_UNKNOWN".into()));
}

#[tokio::test]
async fn the_highest_index_is_sent_back() {
    let script = Scripted::new([Index("1.7"), Index("1.5"), Index("2.1")]);
    let bench = Bench::new(vec![script]);
    let vault = bench.vault(&[0]);
    for _ in 0..4 {
        vault.clone().auth().who_am_i().await.unwrap();
    }
    let sent: Vec<_> = bench.heard().into_iter().map(|heard| heard.index).collect();
    assert_eq!(
        sent,
        [
            None,
            Some("1.7".into()),
            Some("1.7".into()),
            Some("2.1".into())
        ]
    );
}

#[tokio::test]
async fn an_error_carries_the_request_id_that_was_sent() {
    let bench = Bench::new(vec![Scripted::new([Fail(
        Code::NotFound,
        "SECRET_NOT_FOUND",
    )])]);
    let error = bench.vault(&[0]).auth().who_am_i().await.unwrap_err();
    assert_eq!(
        error.request_id(),
        Some(bench.heard()[0].request_id.as_str())
    );
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_refused_here() {
    let bench = Bench::new(Vec::new());
    let refused = bench.vault(&[0]).with_token(&Token::new("vlt_\n"));
    assert_eq!(outcome(refused), (Kind::Invalid, "CONFIG_INVALID".into()));
}

#[tokio::test]
async fn every_call_can_run_on_a_task_of_its_own() {
    fn movable(_: impl Future + Send) {}
    let vault = Bench::new(Vec::new()).vault(&[0]);
    let reference = crate::Reference::to_path("a/b");
    movable(vault.secrets().get(&reference));
    movable(vault.secrets().get_many([]));
    movable(vault.secrets().put("a/b").send());
    movable(vault.secrets().list(v1::ListSecretsRequest::default()));
    movable(vault.lifecycle().delete(v1::DeleteSecretRequest::default()));
    movable(vault.auth().login(SessionTerms::default()));
    movable(vault.system().status());
    movable(vault.backup().create());
}
