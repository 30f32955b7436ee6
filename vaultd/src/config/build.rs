//! From layers to the configuration: each section, with what must hold between its keys.

use std::time::Duration;

use vault_core::name::RegionName;

use super::values::{OFF, Values};
use super::{
    Audit, AuditPaths, AuditSync, CertificateFiles, Config, ConfigError, Effective, Layers, Limits,
    Listen, Log, LogFormat, Node, Origin, Outbound, Password, Process, Raw, Seal, Tls, keys,
};
use crate::outbound::{self, Network, Rules};

impl Config {
    /// Builds the configuration from what was given.
    ///
    /// # Errors
    /// [`ConfigError`] for a missing or unusable value, or two that contradict one another.
    pub fn build(layers: &Layers) -> Result<Self, ConfigError> {
        let values = Values(layers);
        let node = node(&values)?;
        let listen = listen(&values, &node)?;
        Ok(Self {
            process: Process {
                allow_root: values.flag("process.allow_root")?,
                lock_memory: values.flag("process.lock_memory")?,
            },
            health: health(&values)?,
            tls: tls(&values)?,
            limits: limits(&values)?,
            cache_bytes: values.size("cache.bytes", 1 << 20, 1 << 40)?,
            rotate_after: rotate_after(&values)?,
            seal: Seal {
                key_file: values.path("seal.key_file")?,
                credential: credential(&values)?,
            },
            password: password(&values)?,
            bootstrap: values.path("bootstrap.file")?,
            outbound: outbound(&values)?,
            audit: audit(&values, &node)?,
            log: log(&values)?,
            effective: effective(layers),
            node,
            listen,
        })
    }

    /// Every key with the value that holds, in the order of [`keys::KEYS`].
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }
}

fn node(values: &Values<'_>) -> Result<Node, ConfigError> {
    let data_dir = values.path("node.data_dir")?.ok_or(ConfigError::Missing {
        key: "node.data_dir",
    })?;
    let name = values.text("node.name")?;
    if name.as_deref().is_some_and(|name| !is_name(name)) {
        return Err(values.wrong("node.name", "expected letters, digits, `-`, `_` and `.`"));
    }
    let region = values.text("node.region")?.unwrap_or_default();
    if let Err(error) = RegionName::try_from(region.as_str()) {
        return Err(values.wrong("node.region", error.to_string()));
    }
    Ok(Node {
        data_dir,
        name,
        region,
        peer_address: values.text("node.peer_address")?,
    })
}

fn listen(values: &Values<'_>, node: &Node) -> Result<Listen, ConfigError> {
    let address = values.address("listen.address")?;
    let unix_socket = match values.text("listen.unix_socket")?.as_deref() {
        Some(OFF) => None,
        Some(_) => values.path("listen.unix_socket")?,
        None => Some(node.data_dir.join("vaultd.sock")),
    };
    // sun_path holds 108 bytes with its NUL.
    if unix_socket
        .as_ref()
        .is_some_and(|path| path.as_os_str().len() > 107)
    {
        return Err(values.wrong(
            "listen.unix_socket",
            "the path is longer than the 107 bytes of a socket",
        ));
    }
    if address.is_none() && unix_socket.is_none() {
        return Err(values.wrong(
            "listen.address",
            "both listeners are off: nobody could connect",
        ));
    }
    let peers = values.address("listen.peers")?;
    let is_everywhere = peers.is_some_and(|peers| peers.ip().is_unspecified());
    if is_everywhere && node.peer_address.is_none() {
        let why = "peers cannot reach an unspecified address; say which they can: node.peer_address = \"host:port\"";
        return Err(values.wrong("listen.peers", why));
    }
    if peers.is_none() && node.peer_address.is_some() {
        let why = "nobody listens there; set listen.peers, too";
        return Err(values.wrong("node.peer_address", why));
    }
    Ok(Listen {
        address,
        unix_socket,
        peers,
    })
}

fn rotate_after(values: &Values<'_>) -> Result<Option<Duration>, ConfigError> {
    let (key, day) = ("keyring.rotate_after", Duration::from_hours(24));
    if values.text(key)?.as_deref() == Some(OFF) {
        return Ok(None);
    }
    values.duration(key, day, 3650 * day).map(Some)
}

fn health(values: &Values<'_>) -> Result<Option<std::net::SocketAddr>, ConfigError> {
    let address = values.address("health.address")?;
    let open = address.is_some_and(|address| !address.ip().is_loopback());
    if open && !values.flag("health.expose")? {
        let why = "plain HTTP beyond loopback needs `health.expose = true`";
        return Err(values.wrong("health.address", why));
    }
    Ok(address)
}

fn tls(values: &Values<'_>) -> Result<Tls, ConfigError> {
    let files = match (values.path("tls.certificate")?, values.path("tls.key")?) {
        (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => return Err(ConfigError::Missing { key: "tls.key" }),
        (None, Some(_)) => {
            return Err(ConfigError::Missing {
                key: "tls.certificate",
            });
        }
    };
    let names = values.list("tls.names")?;
    if names.len() > 64
        || !names
            .iter()
            .all(|name| is_name(name) || name.parse::<std::net::IpAddr>().is_ok())
    {
        return Err(values.wrong(
            "tls.names",
            "expected up to 64 host names or addresses, without port",
        ));
    }
    Ok(Tls { files, names })
}

fn limits(values: &Values<'_>) -> Result<Limits, ConfigError> {
    let count = |key, most| {
        let number = values.count(key, 1, most)?;
        usize::try_from(number).map_err(|_| values.wrong(key, "too large for this machine"))
    };
    let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
    let limits = Limits {
        connections: count("limits.connections", 1_000_000)?,
        connections_per_address: count("limits.connections_per_address", 1_000_000)?,
        concurrency_per_connection: count("limits.concurrency_per_connection", 1_000)?,
        concurrency: count("limits.concurrency", 1_000_000)?,
        // Not less than one whole batch.
        reply_bytes: values.size("limits.reply_bytes", 32 << 20, 1 << 40)?,
        handshake: values.duration("limits.handshake", second, Duration::from_mins(1))?,
        request_timeout: values.duration(
            "limits.request_timeout",
            second,
            10 * Duration::from_mins(1),
        )?,
        idle: values.duration("limits.idle", second, day)?,
        connection_age: values.duration(
            "limits.connection_age",
            Duration::from_mins(1),
            30 * day,
        )?,
        drain: values.duration("limits.drain", Duration::ZERO, Duration::from_mins(10))?,
    };
    if limits.connections_per_address > limits.connections {
        return Err(values.wrong(
            "limits.connections_per_address",
            "more than limits.connections",
        ));
    }
    Ok(limits)
}

/// The bounds of hashes are those of the core: RFC 9106 and what one login may take.
fn password(values: &Values<'_>) -> Result<Password, ConfigError> {
    let narrow =
        |key, number: u64| u32::try_from(number).map_err(|_| values.wrong(key, "too large"));
    let memory = "password.hash_memory";
    let (passes, lanes) = ("password.hash_passes", "password.hash_lanes");
    Ok(Password {
        blocklist: values.path("password.blocklist")?,
        hash_memory_kib: narrow(memory, values.size(memory, 19 << 20, 1 << 30)? / 1024)?,
        hash_passes: narrow(passes, values.count(passes, 2, 16)?)?,
        hash_lanes: narrow(lanes, values.count(lanes, 1, 4)?)?,
    })
}

fn outbound(values: &Values<'_>) -> Result<Outbound, ConfigError> {
    let allow = read(values, "outbound.allow", outbound::Origin::parse)?;
    let allow_private = read(values, "outbound.allow_private", Network::parse)?;
    let user = values.text("outbound.user")?;
    if user.as_deref().is_some_and(|name| !is_name(name)) {
        return Err(values.wrong("outbound.user", "expected the name of an account"));
    }
    Ok(Outbound {
        rules: Rules {
            allow,
            allow_private,
            ca_file: values.path("outbound.ca_file")?,
            user,
        },
        keys_max_age: values.duration(
            "outbound.keys_max_age",
            Duration::from_mins(15),
            Duration::from_hours(30 * 24),
        )?,
    })
}

/// A short list of which each item means something.
fn read<T, E: std::fmt::Display>(
    values: &Values<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, ConfigError> {
    let items = values.list(key)?;
    if items.len() > 64 {
        return Err(values.wrong(key, "expected up to 64 of them"));
    }
    let one = |item: &String| {
        parse(item).map_err(|error| values.wrong(key, format!("`{item}`: {error}")))
    };
    items.iter().map(one).collect()
}

fn audit(values: &Values<'_>, node: &Node) -> Result<Audit, ConfigError> {
    let sync = [
        ("batched", AuditSync::Batched),
        ("always", AuditSync::Always),
    ];
    let paths = [("hmac", AuditPaths::Hmac), ("plain", AuditPaths::Plain)];
    let directory = values.path("audit.directory")?;
    Ok(Audit {
        directory: directory.unwrap_or_else(|| node.data_dir.join("audit")),
        sync: values.choice("audit.sync", &sync)?,
        paths: values.choice("audit.paths", &paths)?,
        rotate_bytes: values.size("audit.rotate_bytes", 1 << 20, 1 << 40)?,
        keep_files: values.count("audit.keep_files", 2, 100_000)?,
        keep_for: values.duration(
            "audit.keep_for",
            Duration::ZERO,
            Duration::from_hours(3650 * 24),
        )?,
        session_rate: values.size("audit.session_rate", 1 << 10, 1 << 30)?,
        reserve_bytes: values.size("audit.reserve", 1 << 20, 1 << 34)?,
    })
}

fn log(values: &Values<'_>) -> Result<Log, ConfigError> {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let level = values.text("log.level")?.unwrap_or_default();
    if crate::telemetry::filter(&level).is_none() {
        return Err(values.wrong(
            "log.level",
            "expected error, warn, info, debug, trace or a filter",
        ));
    }
    Ok(Log {
        level,
        format: values.choice("log.format", &formats)?,
    })
}

fn credential(values: &Values<'_>) -> Result<Option<String>, ConfigError> {
    let name = values.text("seal.credential")?;
    if name.as_deref().is_some_and(|name| !is_name(name)) {
        return Err(values.wrong(
            "seal.credential",
            "expected the name of a credential, not a path",
        ));
    }
    Ok(name)
}

fn effective(layers: &Layers) -> Vec<Effective> {
    let one = |key: &keys::Key| {
        let found = layers.get(key.name);
        let origin = found
            .as_ref()
            .map_or(Origin::Default, |(_, origin)| origin.clone());
        let value = found.map(|(raw, _)| match raw {
            Raw::Number(number) => number,
            Raw::Flag(flag) => flag.to_string(),
            Raw::List(items) => toml::Value::from(items).to_string(),
            // Defaults of numbers, switches and lists are texts here only.
            Raw::Text(text) if origin == Origin::Default && is_bare(&text) => text,
            Raw::Text(text) => toml::Value::from(text).to_string(),
        });
        Effective {
            key: key.name,
            value,
            origin,
        }
    };
    keys::KEYS.iter().map(one).collect()
}

fn is_bare(text: &str) -> bool {
    matches!(text, "[]" | "true" | "false") || text.bytes().all(|b| b.is_ascii_digit())
}

/// Host names and names of our own: `[A-Za-z0-9_-][A-Za-z0-9_.-]{0,252}`, a leading `*.` aside.
fn is_name(text: &str) -> bool {
    let text = text.strip_prefix("*.").unwrap_or(text);
    (1..=253).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
