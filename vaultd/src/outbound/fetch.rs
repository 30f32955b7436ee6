//! One page over HTTPS, for the helper: looked up, judged, connected to, and read within its bounds.
//!
//! No redirection is followed, no proxy asked, no cookie kept, no encoding undone, no connection used twice.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error as TlsError};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{Network, Verdict, judge};
use super::destination::{Host, Origin, Url};
use super::message::Failure;

/// Addresses of a host that are tried, and how long each.
const ADDRESSES: usize = 4;
const CONNECT: Duration = Duration::from_secs(3);
/// All header lines of an answer together; hyper's least is 8 KiB.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;

/// What is allowed, and whose certificates are believed.
pub(super) struct Rules {
    pub(super) allow: Vec<Origin>,
    pub(super) allow_private: Vec<Network>,
    pub(super) tls: Arc<ClientConfig>,
}

/// The body of a page, JSON of at most so many bytes.
pub(super) async fn get(rules: &Rules, url: &str, most: usize) -> Result<Vec<u8>, Failure> {
    let url = Url::parse(url).map_err(|_| Failure::Request)?;
    if !rules.allow.contains(url.origin()) {
        return Err(Failure::NotAllowed);
    }
    let stream = connect(rules, url.origin()).await?;
    let mut sending = http1::Builder::new();
    sending.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let io = TokioIo::new(stream);
    let (mut sender, connection) = sending.handshake(io).await.map_err(|_| Failure::Http)?;
    let request = Request::get(url.path())
        .header(HOST, url.origin().authority())
        .header(ACCEPT, "application/jwk-set+json, application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, "vaultd")
        .body(Empty::<Bytes>::new())
        .map_err(|_| Failure::Request)?;
    let exchange = async move {
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|_| Failure::Http)?;
        admit(answer.status(), answer.headers())?;
        whole(answer.into_body(), most).await
    };
    // The connection is driven here and nowhere else: with the exchange it ends.
    tokio::select! {
        biased;
        body = exchange => body,
        _ended = async { drop(connection.await); std::future::pending::<()>().await } => Err(Failure::Http),
    }
}

/// Whether the answer is one whose body is wanted.
fn admit(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    if status.is_redirection() {
        return Err(Failure::Redirect);
    }
    if status != StatusCode::OK {
        return Err(Failure::Status(status.as_u16()));
    }
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let encoded = text(CONTENT_ENCODING).is_some_and(|how| !how.eq_ignore_ascii_case("identity"));
    let kind = text(CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let json = ["application/json", "application/jwk-set+json"];
    if encoded || !json.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(Failure::NotJson);
    }
    Ok(())
}

async fn whole(mut body: Incoming, most: usize) -> Result<Vec<u8>, Failure> {
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |length| length > most) {
        return Err(Failure::TooLarge);
    }
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Http)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read.len() + data.len() > most {
            return Err(Failure::TooLarge);
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

/// A connection to one of the addresses that a host has now and that were found good.
async fn connect(rules: &Rules, origin: &Origin) -> Result<TlsStream<TcpStream>, Failure> {
    let name = match origin.host() {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Failure::Request)?,
        Host::Ip(address) => ServerName::IpAddress((*address).into()),
    };
    let good = addresses(rules, origin).await?;
    let mut made = None;
    for address in good.into_iter().take(ADDRESSES) {
        if let Ok(Ok(stream)) = timeout(CONNECT, TcpStream::connect(address)).await {
            made = Some(stream);
            break;
        }
    }
    let stream = made.ok_or(Failure::Connect)?;
    let connector = TlsConnector::from(Arc::clone(&rules.tls));
    connector
        .connect(name, stream)
        .await
        .map_err(|error| tls(&error))
}

/// INVARIANT: what is returned was judged, and is connected to as it is: the name is not asked for again.
async fn addresses(rules: &Rules, origin: &Origin) -> Result<Vec<SocketAddr>, Failure> {
    let found: Vec<IpAddr> = match origin.host() {
        Host::Ip(address) => vec![*address],
        Host::Name(name) => {
            let found = lookup_host((name.as_str(), origin.port())).await;
            let found = found.map_err(|_| Failure::NoSuchHost)?;
            found.map(|address| address.ip()).collect()
        }
    };
    choose(&found, &rules.allow_private).map(|good| {
        let socket = |address| SocketAddr::new(address, origin.port());
        good.into_iter().map(socket).collect()
    })
}

/// Those of the addresses that may be connected to.
fn choose(found: &[IpAddr], allowed: &[Network]) -> Result<Vec<IpAddr>, Failure> {
    let mut why = Failure::NoSuchHost;
    let mut good = Vec::new();
    for address in found {
        match judge(*address, allowed) {
            Verdict::Public | Verdict::Allowed => good.push(*address),
            Verdict::Private => why = Failure::PrivateAddress,
            Verdict::Never if why == Failure::NoSuchHost => why = Failure::ForbiddenAddress,
            Verdict::Never => {}
        }
    }
    if good.is_empty() { Err(why) } else { Ok(good) }
}

/// What to tell of a failed handshake: rustls' own words may quote the certificate.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the library comes to know is TLS that failed"
)]
fn tls(error: &std::io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(TlsError::InvalidCertificate(why)) = inner else {
        return Failure::Tls;
    };
    match why {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Failure::Name
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Failure::Validity,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Failure::Authority,
        _ => Failure::Tls,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_json_of_status_200_as_it_is_is_taken() {
        let headers = |kind: &'static str| {
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))])
        };
        for kind in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JWK-Set+JSON",
        ] {
            assert_eq!(admit(StatusCode::OK, &headers(kind)), Ok(()), "{kind}");
        }
        for kind in ["", "text/html", "text/json", "application/jsonp", "json"] {
            let taken = admit(StatusCode::OK, &headers(kind));
            assert_eq!(taken, Err(Failure::NotJson), "{kind}");
        }
        assert_eq!(
            admit(StatusCode::OK, &HeaderMap::new()),
            Err(Failure::NotJson)
        );
        let mut packed = headers("application/json");
        packed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(admit(StatusCode::OK, &packed), Err(Failure::NotJson));
        for status in [301, 302, 303, 304, 307, 308] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                admit(status, &headers("application/json")),
                Err(Failure::Redirect)
            );
        }
        for status in [201, 204, 206, 400, 401, 404, 500, 503] {
            let code = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                admit(code, &headers("application/json")),
                Err(Failure::Status(status))
            );
        }
    }

    #[test]
    fn of_the_addresses_of_a_name_only_the_good_ones_are_tried() {
        let all = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let allowed = [Network::parse("10.1.0.0/16").unwrap()];
        let chosen = |texts: &[&str]| choose(&all(texts), &allowed);
        let mixed = ["127.0.0.1", "8.8.8.8", "169.254.169.254", "10.1.0.7", "::1"];
        assert_eq!(chosen(&mixed), Ok(all(&["8.8.8.8", "10.1.0.7"])));
        assert_eq!(chosen(&[]), Err(Failure::NoSuchHost));
        assert_eq!(
            chosen(&["127.0.0.1", "fe80::1"]),
            Err(Failure::PrivateAddress)
        );
        assert_eq!(
            chosen(&["fe80::1", "10.2.0.1"]),
            Err(Failure::PrivateAddress)
        );
        assert_eq!(
            chosen(&["169.254.169.254", "::"]),
            Err(Failure::ForbiddenAddress)
        );
    }
}
