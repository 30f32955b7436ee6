//! The helper's side against a real TLS server on loopback, over a real socket pair.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::link::{Outbound, State};
use super::message::{Failure, Setup};
use super::process::Recipe;
use super::serve::serve;
use super::{Network, Origin, Rules};

const TIME: Duration = Duration::from_secs(20);

/// An authority made for one test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn make() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn acceptor(
        &self,
        name: &str,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(leaf)], der)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A server that says the same to everybody, and then nothing more.
struct Server {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn saying(acceptor: TlsAcceptor, answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let (counted, answer) = (Arc::clone(&asked), answer.into());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut head = vec![0; 4096];
                    let read = stream.read(&mut head).await.unwrap();
                    let head = String::from_utf8(head[..read].to_vec()).unwrap();
                    assert!(head.starts_with("GET /keys HTTP/1.1\r\n"), "{head}");
                    drop(stream.write_all(&answer).await);
                    // It stays, until the other side goes.
                    drop(stream.read_to_end(&mut Vec::new()).await);
                });
            }
        });
        Self { port, asked }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/keys", self.port)
    }
}

fn page(head: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// A helper that may go to the server, believes the authority, and may use loopback.
fn helper(server: &Server, pem: &str, private: &[&str]) -> Outbound {
    let allow = format!("https://localhost:{}", server.port);
    let rules = Rules {
        allow: vec![Origin::parse(&allow).unwrap()],
        allow_private: private
            .iter()
            .map(|text| Network::parse(text).unwrap())
            .collect(),
        ..Rules::default()
    };
    let recipe = Recipe::of(Setup {
        allow: vec![allow],
        allow_private: private.iter().map(|text| (*text).to_owned()).collect(),
        authorities: Some(pem.to_owned()),
    });
    let (ours, theirs) = UnixStream::pair().unwrap();
    tokio::spawn(serve(theirs));
    Outbound::to(ours, rules, &recipe)
}

const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
const BOTH: [&rustls::SupportedProtocolVersion; 2] =
    [&rustls::version::TLS13, &rustls::version::TLS12];

async fn got(answer: impl Into<Vec<u8>>, most: usize) -> Result<Vec<u8>, Failure> {
    let authority = Authority::make();
    let server = Server::saying(authority.acceptor("localhost", &BOTH), answer).await;
    let outbound = helper(&server, &authority.pem, &LOOPBACK);
    let url = outbound.check(&server.url()).unwrap();
    let result = outbound.get(&url, most, TIME).await;
    assert_eq!(server.asked.load(Ordering::SeqCst), 1, "asked once");
    result
}

#[tokio::test]
async fn a_page_is_got_over_tls_of_either_version() {
    assert_eq!(got(page("200 OK", "{}"), 100).await, Ok(b"{}".to_vec()));
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
                   1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
    assert_eq!(got(chunked, 2).await, Ok(b"{}".to_vec()));
    for version in BOTH {
        let authority = Authority::make();
        let server = Server::saying(
            authority.acceptor("localhost", &[version]),
            page("200 OK", "{}"),
        )
        .await;
        let outbound = helper(&server, &authority.pem, &LOOPBACK);
        let url = outbound.check(&server.url()).unwrap();
        assert_eq!(outbound.get(&url, 100, TIME).await, Ok(b"{}".to_vec()));
        assert_eq!((outbound.state(), outbound.restarts()), (State::Up, 0));
    }
}

#[tokio::test]
async fn what_is_not_the_page_is_refused_by_its_class() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(got(moved, 100).await, Err(Failure::Redirect));
    assert_eq!(
        got(page("404 Not Found", "{}"), 100).await,
        Err(Failure::Status(404))
    );
    let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(got(html, 100).await, Err(Failure::NotJson));
    for nonsense in [
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ] {
        assert_eq!(got(nonsense, 100).await, Err(Failure::Http), "{nonsense}");
    }
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100 << 10));
    assert_eq!(got(head, 100).await, Err(Failure::Http));
    let lines = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1000));
    assert_eq!(got(lines, 100).await, Err(Failure::Http));
}

#[tokio::test]
async fn more_than_was_asked_for_is_refused_whether_or_not_it_is_announced() {
    assert_eq!(
        got(page("200 OK", "{   }"), 4).await,
        Err(Failure::TooLarge)
    );
    let announced =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{";
    assert_eq!(got(announced, 100).await, Err(Failure::TooLarge));
    let open = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "10\r\n{               \r\n".repeat(100)
    );
    assert_eq!(got(open, 100).await, Err(Failure::TooLarge));
}

#[tokio::test]
async fn a_server_that_says_too_little_is_given_up_in_time() {
    let authority = Authority::make();
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
    ] {
        let server = Server::saying(authority.acceptor("localhost", &BOTH), answer).await;
        let outbound = helper(&server, &authority.pem, &LOOPBACK);
        let url = outbound.check(&server.url()).unwrap();
        let short = Duration::from_millis(300);
        assert_eq!(
            outbound.get(&url, 100, short).await,
            Err(Failure::TimedOut),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn nobody_else_is_believed_to_be_the_host() {
    let (authority, other) = (Authority::make(), Authority::make());
    for (of, name, failure) in [
        (&other, "localhost", Failure::Authority),
        (&authority, "issuer.test", Failure::Name),
    ] {
        let server = Server::saying(of.acceptor(name, &BOTH), page("200 OK", "{}")).await;
        let outbound = helper(&server, &authority.pem, &LOOPBACK);
        let url = outbound.check(&server.url()).unwrap();
        assert_eq!(outbound.get(&url, 100, TIME).await, Err(failure));
    }
}

#[tokio::test]
async fn nothing_goes_where_it_is_not_allowed() {
    let authority = Authority::make();
    let server = Server::saying(authority.acceptor("localhost", &BOTH), page("200 OK", "{}")).await;
    let outbound = helper(&server, &authority.pem, &LOOPBACK);
    for url in [
        format!("https://127.0.0.1:{}/keys", server.port),
        "https://localhost/keys".to_owned(),
        format!("https://localhost.evil.test:{}/keys", server.port),
    ] {
        let refused = outbound.check(&url).unwrap_err().to_string();
        assert!(
            refused.contains("[outbound] allow = [\"https://"),
            "{refused}"
        );
        // The helper holds the list too: it asks nobody whom to believe.
        let url = super::Url::parse(&url).unwrap();
        assert_eq!(
            outbound.get(&url, 100, TIME).await,
            Err(Failure::NotAllowed)
        );
    }
    let closed = helper(&server, &authority.pem, &[]);
    let url = closed.check(&server.url()).unwrap();
    assert_eq!(
        closed.get(&url, 100, TIME).await,
        Err(Failure::PrivateAddress)
    );
    assert_eq!(server.asked.load(Ordering::SeqCst), 0, "nobody connected");
    let none = Outbound::none();
    assert_eq!(none.state(), State::Off);
    assert!(none.check(&server.url()).is_err());
    assert_eq!(none.get(&url, 100, TIME).await, Err(Failure::NoHelper));
}

#[tokio::test]
async fn a_helper_that_says_what_means_nothing_is_hung_up_on_and_whoever_waits_is_told() {
    let authority = Authority::make();
    let server = Server::saying(authority.acceptor("localhost", &BOTH), "").await;
    let allow = Origin::parse(&format!("https://localhost:{}", server.port)).unwrap();
    let rules = Rules {
        allow: vec![allow],
        ..Rules::default()
    };
    let recipe = Recipe::of(Setup {
        allow: Vec::new(),
        allow_private: Vec::new(),
        authorities: None,
    });
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let outbound = Outbound::to(ours, rules, &recipe);
    let url = outbound.check(&server.url()).unwrap();
    let asking = outbound.get(&url, 100, TIME);
    let answering = async {
        let mut heard = [0; 64];
        assert!(theirs.read(&mut heard).await.unwrap() > 0);
        theirs
            .write_all(b"\xff\xff\xff\xff and more")
            .await
            .unwrap();
        // It is hung up on.
        drop(theirs.read_to_end(&mut Vec::new()).await);
    };
    let (asked, ()) = tokio::join!(asking, answering);
    assert_eq!(asked, Err(Failure::NoHelper));
    assert_eq!(outbound.state(), State::Down);
}
