//! The configuration: one TOML file, then `VAULTD_` variables, then flags.
//!
//! Unknown keys are refused, with the place where they stand and what was probably meant. No value is
//! a secret: files and systemd credentials are named instead, so that everything can be printed. The
//! result holds only values that were parsed and bounded; nothing is judged again later.

mod build;
pub mod keys;
pub mod layers;
mod values;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use layers::{Environment, Layers, Origin, Raw};

/// Why a configuration is refused; the daemon ends with code 64.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What the parser expected.
        message: String,
    },
    /// Nobody knows this key.
    #[error("{origin}: unknown key `{key}`{}", hint(near.as_deref()))]
    Unknown {
        /// As written.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What was probably meant.
        near: Option<String>,
    },
    /// Its value cannot be used.
    #[error("{origin}: `{key}`: {why}")]
    Value {
        /// The key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What is expected.
        why: String,
    },
    /// Someone means to write a secret into the configuration.
    #[error(
        "{origin}: `{key}`: secrets never stand in the configuration; name a file or a systemd credential"
    )]
    SecretInFile {
        /// As written.
        key: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A key that must be given was not.
    #[error("`{key}` is not set")]
    Missing {
        /// The key.
        key: &'static str,
    },
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

/// Everything that the daemon runs by.
#[derive(Clone, Debug)]
pub struct Config {
    /// Data, name, region.
    pub node: Node,
    /// The process itself.
    pub process: Process,
    /// Where clients connect.
    pub listen: Listen,
    /// Health and metrics; `None` if switched off.
    pub health: Option<SocketAddr>,
    /// The certificate.
    pub tls: Tls,
    /// Bounds on what clients may use.
    pub limits: Limits,
    /// Bytes for cached sealed records.
    pub cache_bytes: u64,
    /// Age at which keys get new terms by themselves.
    pub rotate_after: Option<Duration>,
    /// Where automatic seals find their key.
    pub seal: Seal,
    /// What new passwords are compared with.
    pub password: Password,
    /// What a new vault is made with.
    pub bootstrap: Option<PathBuf>,
    /// Connections to others.
    pub outbound: Outbound,
    /// The local audit files.
    pub audit: Audit,
    /// What goes to stderr.
    pub log: Log,
    effective: Vec<Effective>,
}

/// One key with the value that holds and where it came from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// `section.name`.
    pub key: &'static str,
    /// As written, in the form of the file; `None` if unset.
    pub value: Option<String>,
    /// Who said so.
    pub origin: Origin,
}

/// The node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where everything lies.
    pub data_dir: PathBuf,
    /// Its name in certificates, if not the host's.
    pub name: Option<String>,
    /// Its region.
    pub region: String,
    /// Where peers reach it, if it is not where it listens.
    pub peer_address: Option<String>,
}

/// The process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Whether uid 0 is accepted.
    pub allow_root: bool,
    /// Whether memory is locked where the limit allows.
    pub lock_memory: bool,
}

/// Client listeners.
#[derive(Clone, Debug)]
pub struct Listen {
    /// TCP with TLS; `None` if switched off.
    pub address: Option<SocketAddr>,
    /// The Unix socket; `None` if switched off.
    pub unix_socket: Option<PathBuf>,
    /// Other nodes, over TLS; `None` if this one is alone.
    pub peers: Option<SocketAddr>,
}

/// Where the node's certificate comes from.
#[derive(Clone, Debug)]
pub struct Tls {
    /// A certificate of the operator's, if any.
    pub files: Option<CertificateFiles>,
    /// Further names for a certificate of the node's own.
    pub names: Vec<String>,
}

/// A certificate chain and its key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// PEM chain, leaf first.
    pub certificate: PathBuf,
    /// PEM key.
    pub key: PathBuf,
}

/// Bounds on what clients may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections in all.
    pub connections: usize,
    /// Open connections from one address.
    pub connections_per_address: usize,
    /// Requests in flight on one connection.
    pub concurrency_per_connection: usize,
    /// Requests in flight in all.
    pub concurrency: usize,
    /// Plain bytes in large replies that wait to be sent.
    pub reply_bytes: u64,
    /// Longest time for a TLS handshake, again for the preface after it, and for a stranger's body.
    pub handshake: Duration,
    /// Longest time for one request.
    pub request_timeout: Duration,
    /// Longest time between two requests on a connection.
    pub idle: Duration,
    /// Age at which a connection is asked to go.
    pub connection_age: Duration,
    /// Time that requests in flight have once the daemon stops.
    pub drain: Duration,
}

/// Where automatic seals find their key.
#[derive(Clone, Debug)]
pub struct Seal {
    /// File of the key-file seal.
    pub key_file: Option<PathBuf>,
    /// Name of the systemd credential.
    pub credential: Option<String>,
}

/// Passwords, as far as the node and no policy says.
#[derive(Clone, Debug)]
pub struct Password {
    /// File of those that nobody may choose.
    pub blocklist: Option<PathBuf>,
    /// Memory that a hash takes, in KiB.
    pub hash_memory_kib: u32,
    /// Passes over it.
    pub hash_passes: u32,
    /// Its lanes.
    pub hash_lanes: u32,
}

/// Connections to others.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Where they may go, and as whom.
    pub rules: crate::outbound::Rules,
    /// Keys of an issuer that are older are not believed.
    pub keys_max_age: Duration,
}

/// The local audit files.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Where they lie.
    pub directory: PathBuf,
    /// When they are on disk.
    pub sync: AuditSync,
    /// How names of secrets are written.
    pub paths: AuditPaths,
    /// Size at which a new file is begun.
    pub rotate_bytes: u64,
    /// Files to keep.
    pub keep_files: u64,
    /// No file is deleted that is younger.
    pub keep_for: Duration,
    /// Bytes of lines a second that one session may cause.
    pub session_rate: u64,
    /// Bytes held back for a full disk.
    pub reserve_bytes: u64,
}

/// When an audit line is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditSync {
    /// Within 100 ms.
    Batched,
    /// Before the reply.
    Always,
}

/// How audit lines name secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditPaths {
    /// As a keyed hash.
    Hmac,
    /// As they are.
    Plain,
}

/// What goes to stderr.
#[derive(Clone, Debug)]
pub struct Log {
    /// A level or a filter.
    pub level: String,
    /// In which form.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}
