//! The node's own CA and certificate, for those who bring none.
//!
//! Four files in `tls/` of the data directory: `ca.pem`, `ca.key`, `node.pem`, `node.key`, keys with mode
//! 0600. The CA is made once, directory and all, and never again while any of its files is left: clients
//! have pinned it. The node's certificate is issued anew when it nears its end or lacks a name.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;

use super::files::{damaged, join, read_chain, read_key, read_key_pem};
use super::{Authority, TlsError, fingerprint};
use crate::clock::Clock;
use crate::config::Config;

/// Loads the node's own certificate with the CA behind it, and makes what is not there yet.
pub(super) fn load(config: &Config, clock: Clock) -> Result<(CertifiedKey, Authority), TlsError> {
    let dir = config.node.data_dir.join("tls");
    let fresh = !dir.exists();
    if fresh {
        make_authority(&dir, clock)?;
    }
    vault_sys::check_private_dir(&dir)?;
    let ca = read_authority(&dir)?;
    let names = names(config);
    let (certificate, key) = (dir.join("node.pem"), dir.join("node.key"));
    if !is_current(&certificate, &key, &names, clock)? {
        issue(&dir, &names, clock)?;
    }
    let mut chain = read_chain(&certificate)?;
    chain.push(ca.clone());
    let certified = join(chain, &read_key(&key)?, &certificate, &key)?;
    let path = dir.join("ca.pem");
    let pem = std::fs::read_to_string(&path).map_err(|source| TlsError::File { path, source })?;
    Ok((
        certified,
        Authority {
            fingerprint: fingerprint(&ca),
            pem,
            fresh,
        },
    ))
}

/// Makes the CA under a name of its own and moves it into place whole: a crash leaves all or nothing.
fn make_authority(dir: &Path, clock: Clock) -> Result<(), TlsError> {
    let staging = dir.with_extension("new");
    if staging.exists() {
        std::fs::remove_dir_all(&staging).map_err(|source| file(&staging, source))?;
    }
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&staging);
    made.map_err(|source| file(&staging, source))?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name =
        common_name(&format!("vault CA {}", clock.utc().strftime("%Y-%m-%d")));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    last(&mut params, clock, CA_DAYS);
    let certificate = params.self_signed(&key)?;
    write(&staging.join("ca.key"), &key.serialize_pem(), 0o600)?;
    write(&staging.join("ca.pem"), &certificate.pem(), 0o644)?;
    sync(&staging)?;
    std::fs::rename(&staging, dir).map_err(|source| file(dir, source))?;
    dir.parent().map_or(Ok(()), sync)
}

/// The CA's certificate; every file that belongs to it must be there.
fn read_authority(dir: &Path) -> Result<CertificateDer<'static>, TlsError> {
    for name in ["ca.pem", "ca.key"] {
        let path = dir.join(name);
        if !path.exists() {
            return Err(TlsError::Missing { path });
        }
    }
    // Looked at each time, although it is read only to issue: others could sign with it unnoticed.
    vault_sys::check_private_file(&dir.join("ca.key"))?;
    let path = dir.join("ca.pem");
    let mut chain = read_chain(&path)?;
    match (chain.pop(), chain.is_empty()) {
        (Some(ca), true) => Ok(ca),
        _ => Err(damaged(&path, "more than one certificate")),
    }
}

/// Whether the node's certificate names all it should and lasts a while yet. Absent is not current;
/// damaged is an error.
fn is_current(
    certificate: &Path,
    key: &Path,
    names: &BTreeSet<String>,
    clock: Clock,
) -> Result<bool, TlsError> {
    if !certificate.exists() || !key.exists() {
        return Ok(false);
    }
    let chain = read_chain(certificate)?;
    let leaf = chain
        .first()
        .ok_or_else(|| damaged(certificate, "no certificate in it"))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|_| damaged(certificate, "not a certificate"))?;
    let renew_at = parsed.validity().not_after.timestamp() - RENEW_DAYS * DAY_SECONDS;
    let alternative = parsed.subject_alternative_name();
    let alternative = alternative.map_err(|_| damaged(certificate, "unreadable names"))?;
    let found: BTreeSet<String> = alternative
        .iter()
        .flat_map(|ext| &ext.value.general_names)
        .filter_map(name)
        .collect();
    Ok(clock.utc().as_second() < renew_at && names.is_subset(&found))
}

fn issue(dir: &Path, names: &BTreeSet<String>, clock: Clock) -> Result<(), TlsError> {
    let (ca_pem, ca_key) = (dir.join("ca.pem"), dir.join("ca.key"));
    let signer = KeyPair::from_pem(&read_key_pem(&ca_key)?)
        .map_err(|error| damaged(&ca_key, error.to_string()))?;
    let pem = std::fs::read_to_string(&ca_pem).map_err(|source| file(&ca_pem, source))?;
    let issuer = Issuer::from_ca_cert_pem(&pem, signer)
        .map_err(|error| damaged(&ca_pem, error.to_string()))?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let names: Vec<String> = names.iter().cloned().collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = common_name("vault node");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    last(&mut params, clock, NODE_DAYS);
    let certificate = params.signed_by(&key, &issuer)?;
    // ORDER: without its certificate a key counts as absent, so a crash between the two only issues anew.
    let old = dir.join("node.pem");
    if old.exists() {
        std::fs::remove_file(&old).map_err(|source| file(&old, source))?;
    }
    replace(&dir.join("node.key"), &key.serialize_pem(), 0o600)?;
    replace(&old, &certificate.pem(), 0o644)?;
    sync(dir)
}

/// What clients may call this node by.
fn names(config: &Config) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    names.extend(hostname());
    names.extend(config.node.name.clone());
    names.extend(config.tls.names.iter().cloned());
    let address = config.listen.address.map(|address| address.ip());
    names.extend(
        address
            .filter(|ip| !ip.is_unspecified())
            .map(|ip| ip.to_string()),
    );
    names.into_iter().map(|name| normal(&name)).collect()
}

/// Addresses in their canonical form, host names in lower case: as they are found in a certificate again.
fn normal(name: &str) -> String {
    name.parse::<IpAddr>()
        .map_or_else(|_| name.to_ascii_lowercase(), |ip| ip.to_string())
}

fn name(general: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = general {
        return Some(normal(name));
    }
    let GeneralName::IPAddress(bytes) = general else {
        return None;
    };
    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    let ip = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
    ip.ok().map(|ip| ip.to_string())
}

/// The machine's name, if it can stand in a certificate.
fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    let fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    (!name.is_empty() && name.len() <= 253 && name.bytes().all(fit)).then(|| name.to_owned())
}

pub(super) fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

/// Valid from yesterday, for clocks that differ, until so many days from now.
pub(super) fn last(params: &mut CertificateParams, clock: Clock, days: i64) {
    let today = jiff::tz::TimeZone::UTC.to_datetime(clock.utc()).date();
    let ymd = |after: i64| {
        let date = today.saturating_add(jiff::Span::new().days(after));
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    params.not_before = ymd(-1);
    params.not_after = ymd(days);
}

/// Writes a file that must not be there yet.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    let mut out = open.map_err(|source| file(path, source))?;
    out.write_all(text.as_bytes())
        .and_then(|()| out.sync_all())
        .map_err(|source| file(path, source))
}

/// Writes a file beside and moves it over what was there.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let beside = PathBuf::from(format!("{}.new", path.display()));
    if beside.exists() {
        std::fs::remove_file(&beside).map_err(|source| file(&beside, source))?;
    }
    write(&beside, text, mode)?;
    std::fs::rename(&beside, path).map_err(|source| file(path, source))
}

pub(super) fn sync(dir: &Path) -> Result<(), TlsError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| file(dir, source))
}

pub(super) fn file(path: &Path, source: std::io::Error) -> TlsError {
    TlsError::File {
        path: path.into(),
        source,
    }
}

pub(super) const CA_DAYS: i64 = 3_652;
const NODE_DAYS: i64 = 397;
const RENEW_DAYS: i64 = 60;
const DAY_SECONDS: i64 = 86_400;
