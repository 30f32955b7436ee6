//! The helper's side: it hears requests on its one socket, goes out, and answers.
//!
//! It holds no key and no secret. What it needs to know comes in the first message; it ends when the socket does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, version};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::address::Network;
use super::destination::Origin;
use super::fetch::{self, Rules};
use super::message::{
    Answer, Failure, Job, MAX_BODY, MAX_FROM_HELPER, MAX_TO_HELPER, Outcome, Request, Setup, frame,
    read,
};

/// Connections at once; further requests wait.
const AT_ONCE: usize = 16;
/// Longest that any job may take.
const LONGEST: Duration = Duration::from_mins(1);

/// Serves until the other side hangs up.
///
/// # Errors
/// When it says what means nothing, or the socket fails.
pub(super) async fn serve(socket: UnixStream) -> io::Result<()> {
    let (reading, mut writing) = socket.into_split();
    let mut reading = BufReader::new(reading);
    let Some(setup) = read::<Setup>(&mut reading, MAX_TO_HELPER).await? else {
        return Ok(());
    };
    let rules = Arc::new(rules(&setup)?);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let (answers, mut answered) = mpsc::channel::<Answer>(AT_ONCE);
    let hearing = async move {
        while let Some(request) = read::<Request>(&mut reading, MAX_TO_HELPER).await? {
            let place = Arc::clone(&places).acquire_owned().await;
            let place = place.map_err(io::Error::other)?;
            let (rules, answers) = (Arc::clone(&rules), answers.clone());
            tokio::spawn(async move {
                let id = request.id;
                let outcome = act((*rules).as_ref(), request).await;
                drop(answers.send(Answer { id, outcome }).await);
                drop(place);
            });
        }
        Ok(())
    };
    let telling = async move {
        while let Some(answer) = answered.recv().await {
            let bytes = frame(&answer, MAX_FROM_HELPER)?;
            writing.write_all(&bytes).await?;
        }
        Ok(())
    };
    // Whoever hung up wants no more answers.
    tokio::select! {
        ended = hearing => ended,
        ended = telling => ended,
    }
}

async fn act(rules: Result<&Rules, &Failure>, request: Request) -> Outcome {
    let time = Duration::from_millis(request.millis).min(LONGEST);
    let done = async {
        match request.job {
            Job::Get { url, most } => {
                let most = usize::try_from(most).unwrap_or(usize::MAX).min(MAX_BODY);
                fetch::get(rules.map_err(|failure| *failure)?, &url, most).await
            }
        }
    };
    match timeout(time, done).await {
        Ok(Ok(body)) => Outcome::Got(body),
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(_) => Outcome::Failed(Failure::TimedOut),
    }
}

/// What it goes by. Without an authority that is believed it goes nowhere, and says so to whoever asks.
fn rules(setup: &Setup) -> io::Result<Result<Rules, Failure>> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "the setup means nothing");
    let allow = setup.allow.iter().map(|text| Origin::parse(text));
    let allow = allow.collect::<Result<_, _>>().map_err(|_| wrong())?;
    let allow_private = setup.allow_private.iter().map(|text| Network::parse(text));
    let allow_private = allow_private
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    let roots = if let Some(pem) = &setup.authorities {
        authorities(pem).ok_or_else(wrong)?
    } else {
        let mut roots = RootCertStore::empty();
        // What does not do as an authority is passed over, as the system's own programs do.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    };
    if roots.is_empty() {
        return Ok(Err(Failure::NoAuthorities));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(io::Error::other)?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Ok(Rules {
        allow,
        allow_private,
        tls: Arc::new(config),
    }))
}

/// The certificates of a PEM text, at least one and each good for an authority.
pub(super) fn authorities(pem: &str) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(der.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}
