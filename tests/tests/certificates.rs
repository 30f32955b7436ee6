//! Programs that log in by the key of a client certificate: real daemons, handshakes and files.

mod refused;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ED25519};
use vault_sdk::{ClientIdentity, SessionTerms, Token, Vault};
use vault_tests::{Daemon, Output};

use crate::BINARIES;

const READERS: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:team/*"}}"#;

/// An open vault with two services, one of which may read, and a context over TLS for programs.
fn start() -> Daemon {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl_with(&["set", "team/wifi"], b"hunter2").ok();
    let file = daemon.place.path("readers.json");
    fs::write(&file, READERS).expect("a file");
    let file = file.to_string_lossy();
    daemon.ctl(&["policy", "create", "readers", &file]).ok();
    for name in ["ci", "other"] {
        daemon.ctl(&["service", "create", name]).ok();
    }
    let attach = ["policy", "attach", "readers", "--service", "ci"];
    daemon.ctl(&attach).ok();
    let (address, fingerprint) = daemon.https();
    let pin = ["--addr", &address, "--ca-fingerprint", &fingerprint];
    let add = [&["context", "add", "ci"], &pin[..]].concat();
    daemon.place.ctl(&add).ok();
    daemon
}

/// What a certificate says of itself.
fn params() -> CertificateParams {
    CertificateParams::new(vec!["till.test".to_owned()]).expect("params")
}

/// The same with something else.
fn like(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = params();
    change(&mut params);
    params
}

/// A key, and files of a certificate for it that it signed itself.
struct Shown {
    key: KeyPair,
    cert_file: String,
    key_file: String,
}

impl Shown {
    fn new(daemon: &Daemon, name: &str) -> Self {
        Self::of(daemon, name, &params())
    }

    fn of(daemon: &Daemon, name: &str, params: &CertificateParams) -> Self {
        Self::with(daemon, name, params, KeyPair::generate().expect("a key"))
    }

    fn with(daemon: &Daemon, name: &str, params: &CertificateParams, key: KeyPair) -> Self {
        let cert = params.self_signed(&key).expect("a certificate");
        let cert_file = daemon.place.path(format!("{name}.pem"));
        fs::write(&cert_file, cert.pem()).expect("a file");
        let key_file = daemon.place.path(format!("{name}.key"));
        fs::write(&key_file, key.serialize_pem()).expect("a file");
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).expect("a mode");
        Self {
            key,
            cert_file: cert_file.to_string_lossy().into_owned(),
            key_file: key_file.to_string_lossy().into_owned(),
        }
    }

    /// Another certificate for the same key.
    fn again(&self, pem: &str) {
        fs::write(&self.cert_file, pem).expect("a file");
    }

    fn pin(&self, daemon: &Daemon, service: &str) -> Output {
        pin(daemon, &["add", service, "--cert", &self.cert_file])
    }

    fn unpin(&self, daemon: &Daemon, service: &str) -> Output {
        pin(daemon, &["rm", service, "--cert", &self.cert_file])
    }

    fn log_in(&self, daemon: &Daemon) -> Output {
        self.log_in_with(daemon, &[])
    }

    fn log_in_with(&self, daemon: &Daemon, more: &[&str]) -> Output {
        let login = ["login", "--cert", &self.cert_file, "--key", &self.key_file];
        ctl(daemon, &[&login, more].concat())
    }

    fn identity(&self) -> ClientIdentity {
        let read = |file: &str| fs::read(file).expect("a file");
        ClientIdentity::from_pem(&read(&self.cert_file), &read(&self.key_file)).expect("both")
    }
}

fn pin(daemon: &Daemon, args: &[&str]) -> Output {
    daemon.ctl(&[&["-o", "json", "service", "pin"], args].concat())
}

/// Over TLS, in a context of its own.
fn ctl(daemon: &Daemon, args: &[&str]) -> Output {
    daemon
        .place
        .ctl(&[&["-o", "json", "-c", "ci"], args].concat())
}

fn reads(daemon: &Daemon) -> Output {
    ctl(daemon, &["get", "team/wifi"])
}

/// A handle on the vault that shows a certificate, or none.
fn vault(daemon: &Daemon, shown: Option<&Shown>) -> vault_sdk::Builder {
    let (address, pin) = daemon.https();
    let vault = Vault::builder()
        .endpoint(address.parse().expect("an address"))
        .ca_fingerprint(pin.parse().expect("a fingerprint"));
    match shown {
        Some(shown) => vault.client_identity(shown.identity()),
        None => vault,
    }
}

/// Who one is with a token over a connection that shows a certificate, or the reason why nobody.
#[tokio::main(flavor = "current_thread")]
async fn who(daemon: &Daemon, shown: Option<&Shown>, token: &str) -> String {
    let vault = vault(daemon, shown).token(Token::new(token));
    let vault = vault.build().expect("a handle");
    match vault.auth().who_am_i().await {
        Ok(session) => session.principal,
        Err(error) => error.reason().to_owned(),
    }
}

#[test]
fn a_program_logs_in_by_a_key_and_its_context_remembers_where_that_lies() {
    let daemon = start();
    let shown = Shown::new(&daemon, "till");
    let added = shown.pin(&daemon, "ci").ok().json();
    assert_eq!(added["changed"], true);
    let hash = added["key_hash"].as_str().expect("a hash").to_owned();
    assert_eq!(shown.pin(&daemon, "ci").ok().json()["changed"], false);
    let made = shown.log_in(&daemon).ok().json();
    assert_eq!(
        (&made["principal"], &made["key_hash"]),
        (&"service:ci".into(), &hash.clone().into())
    );
    assert_eq!(reads(&daemon).ok().json()["fields"]["value"], "hunter2");
    ctl(&daemon, &["set", "team/wifi", "--generate"]).refused(4, "POLICY_DENIED");

    let listed = pin(&daemon, &["ls", "ci"]).ok().json();
    assert_eq!(listed[0]["key_hash"], hash.as_str());
    assert_eq!(listed[0]["expires_at"], serde_json::Value::Null);
    let lines = daemon.audit();
    let line = lines
        .iter()
        .find(|line| line["method"] == "/vault.v1.Programs/LoginCertificate");
    assert_eq!(line.expect("its line")["by"], format!("key {hash}"));
    let secret = shown.key.serialize_pem();
    let secret = secret.lines().nth(1).expect("a line of the key").as_bytes();
    for folder in ["vault", "home", "config", "state", "data"] {
        let needles = [secret.to_vec()];
        assert_eq!(daemon.place.search(folder, &needles), [], "{folder}");
    }

    fs::set_permissions(&shown.key_file, fs::Permissions::from_mode(0o644)).expect("a mode");
    assert_eq!(reads(&daemon).code, 2, "others could read it");
    fs::set_permissions(&shown.key_file, fs::Permissions::from_mode(0o600)).expect("a mode");
    reads(&daemon).ok();
    // Whoever logs in otherwise takes no certificate along.
    fs::remove_file(&shown.key_file).expect("a key that is gone");
    assert_eq!(reads(&daemon).code, 2);
    let issue = ["-o", "json", "service", "secret-id", "issue", "other"];
    let id = daemon.ctl(&issue).ok().json()["secret_id"]
        .as_str()
        .expect("one")
        .to_owned();
    let login = ["-c", "ci", "login", "--service", "other"];
    daemon.place.ctl_with(&login, id.as_bytes()).ok();
    let who = ctl(&daemon, &["whoami"]).ok().json();
    assert_eq!(
        (&who["principal"], &who["key_hash"]),
        (&"service:other".into(), &"".into())
    );
}

#[test]
fn a_stolen_token_opens_nothing_without_the_key() {
    let daemon = start();
    let (own, next) = (Shown::new(&daemon, "own"), Shown::new(&daemon, "next"));
    let stranger = Shown::new(&daemon, "stranger");
    own.pin(&daemon, "ci").ok();
    next.pin(&daemon, "ci").ok();
    let token = own.log_in_with(&daemon, &["--print-token"]).ok().stdout;
    let token = token.trim();
    assert_eq!(who(&daemon, Some(&own), token), "service:ci");
    for shown in [None, Some(&next), Some(&stranger)] {
        assert_eq!(who(&daemon, shown, token), "TOKEN_INVALID");
    }
    let file = daemon.place.path("token");
    fs::write(&file, token).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
    let local = [
        "-o",
        "json",
        "whoami",
        "--token-file",
        &file.to_string_lossy(),
    ];
    daemon.ctl(&local).refused(5, "TOKEN_INVALID");
    // A session of it is as bound as it is.
    let exchange = [
        "-o",
        "json",
        "-c",
        "ci",
        "--client-cert",
        &own.cert_file,
        "--client-key",
        &own.key_file,
        "login",
    ];
    daemon.place.ctl_with(&exchange, token.as_bytes()).ok();
    reads(&daemon).ok();
    let file = file.to_string_lossy();
    let show = ["-c", "ci", "login", "--print-token", "--token-file"];
    let show = [
        &show[..],
        &[&file, "--client-cert", &own.cert_file],
        &["--client-key", &own.key_file],
    ]
    .concat();
    let second = daemon.place.ctl(&show).ok().stdout;
    assert_eq!(who(&daemon, Some(&own), second.trim()), "service:ci");
    assert_eq!(who(&daemon, None, second.trim()), "TOKEN_INVALID");
}

#[test]
fn a_key_is_renewed_beside_the_old_one_which_ends_its_sessions_at_once() {
    let daemon = start();
    let (old, new) = (Shown::new(&daemon, "old"), Shown::new(&daemon, "new"));
    let third = Shown::new(&daemon, "third");
    old.pin(&daemon, "ci").ok();
    let before = old.log_in_with(&daemon, &["--print-token"]).ok().stdout;
    new.pin(&daemon, "ci").ok();
    third.pin(&daemon, "ci").refused(7, "LIMIT_REACHED");
    let after = new.log_in_with(&daemon, &["--print-token"]).ok().stdout;
    assert_eq!(who(&daemon, Some(&old), before.trim()), "service:ci");
    let removed = old.unpin(&daemon, "ci").ok().json();
    assert_eq!(removed["changed"], true);
    assert_eq!(old.unpin(&daemon, "ci").ok().json()["changed"], false);
    assert_eq!(who(&daemon, Some(&old), before.trim()), "TOKEN_INVALID");
    assert_eq!(who(&daemon, Some(&new), after.trim()), "service:ci");
    old.log_in(&daemon).refused(5, "LOGIN_FAILED");
    third.pin(&daemon, "ci").ok();
    third.log_in(&daemon).ok();
}

#[test]
fn nobody_asks_who_signed_a_certificate_or_what_names_it_has() {
    let daemon = start();
    let shown = Shown::with(
        &daemon,
        "till",
        &params(),
        KeyPair::generate_for(&PKCS_ED25519).expect("a key"),
    );
    shown.pin(&daemon, "ci").ok();
    assert_eq!(log_in_by(vault(&daemon, Some(&shown))), "service:ci");
    let authority = like(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let authority = KeyPair::generate()
        .and_then(|key| CertifiedIssuer::self_signed(authority, key))
        .expect("an authority");
    for names in [&["service:other"][..], &[], &["localhost", "127.0.0.1"]] {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let params = CertificateParams::new(names).expect("params");
        let signed = params.signed_by(&shown.key, &authority).expect("signed");
        shown.again(&format!("{}{}", signed.pem(), authority.pem()));
        assert_eq!(log_in_by(vault(&daemon, Some(&shown))), "service:ci");
        shown.log_in(&daemon).ok();
    }
    // Another key under the same names and issuer is nobody's.
    let other = Shown::new(&daemon, "other");
    let signed = params().signed_by(&other.key, &authority).expect("signed");
    other.again(&format!("{}{}", signed.pem(), authority.pem()));
    assert_eq!(log_in_by(vault(&daemon, Some(&other))), "LOGIN_FAILED");
}

/// What becomes of a login by certificate.
#[tokio::main(flavor = "current_thread")]
async fn log_in_by(builder: vault_sdk::Builder) -> String {
    let vault = match builder
        .log_in_with_certificate(SessionTerms::default())
        .await
    {
        Ok(vault) => vault,
        Err(error) => return error.reason().to_owned(),
    };
    vault.auth().who_am_i().await.expect("a session").principal
}
