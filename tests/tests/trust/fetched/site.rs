//! A site on loopback with a certificate of an authority of its own, which says what it is told to.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// What it says to whoever asks. Then it waits until he goes.
#[derive(Clone, Debug)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn json(body: &Value) -> Self {
        Self::of("200 OK", "application/json", &body.to_string())
    }

    pub(super) fn of(status: &str, kind: &str, body: &str) -> Self {
        let length = body.len();
        Self(format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    pub(super) fn moved(to: &str) -> Self {
        Self(format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        ))
    }

    pub(super) fn raw(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn silent() -> Self {
        Self::raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{")
    }
}

/// Ends with the test's process.
#[derive(Debug)]
pub(super) struct Site {
    port: u16,
    /// PEM of whoever vouches for it.
    pub(super) authority: String,
    page: Arc<Mutex<Page>>,
    connected: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
}

impl Site {
    pub(super) fn start(page: Page) -> Self {
        let (config, authority) = certified();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let site = Self {
            port: listener.local_addr().expect("an address").port(),
            authority,
            page: Arc::new(Mutex::new(page)),
            connected: Arc::default(),
            asked: Arc::default(),
        };
        let page = Arc::clone(&site.page);
        let (connected, asked) = (Arc::clone(&site.connected), Arc::clone(&site.asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                connected.fetch_add(1, Ordering::SeqCst);
                let stream = stream.expect("a connection");
                let (config, page, asked) =
                    (Arc::clone(&config), Arc::clone(&page), Arc::clone(&asked));
                thread::spawn(move || serve(stream, config, &page, &asked));
            }
        });
        site
    }

    pub(super) fn say(&self, page: Page) {
        *self.page.lock().expect("the page") = page;
    }

    pub(super) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub(super) fn url(&self) -> String {
        format!("{}/keys", self.origin())
    }

    /// How often somebody connected, and asked for the page.
    pub(super) fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, page: &Mutex<Page>, asked: &AtomicUsize) {
    let connection = ServerConnection::new(config).expect("a connection");
    let mut stream = StreamOwned::new(connection, stream);
    let mut head = [0; 4096];
    // Who does not believe the certificate says nothing.
    let Ok(read) = stream.read(&mut head) else {
        return;
    };
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    if !head.starts_with("GET /keys HTTP/1.1\r\n") {
        return;
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let page = page.lock().expect("the page").clone();
    if stream.write_all(page.0.as_bytes()).is_ok() && stream.flush().is_ok() {
        let _gone = stream.read(&mut [0; 1]);
    }
}

fn certified() -> (Arc<ServerConfig>, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
    let authority = authority.expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let leaf = params.signed_by(&key, &authority).expect("a certificate");
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(leaf)], der)
        .expect("a certificate and its key");
    (Arc::new(config), authority.pem())
}
