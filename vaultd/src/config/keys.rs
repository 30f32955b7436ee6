//! Every key of the configuration: its name, its default, what it means.
//!
//! The one list that the file, the environment, `check-config` and the suggestions read. There is no
//! key that holds a secret; secrets are named by path or by systemd credential.

/// One key.
#[derive(Debug)]
pub struct Key {
    /// `section.name`.
    pub name: &'static str,
    /// Its value where nobody gives one, in the form of the file; empty if there is none.
    pub default: &'static str,
    /// One line for people.
    pub about: &'static str,
}

impl Key {
    /// `VAULTD_SECTION_NAME`.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// The key of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The known name that someone who wrote `wrong` most likely meant.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = wrong.chars().count().div_ceil(3).clamp(1, 6);
    known
        .map(|name| (distance(wrong, name), name))
        .filter(|(far, _)| *far <= limit)
        .min()
        .map(|(_, name)| name)
}

/// How many insertions, deletions and substitutions lead from one text to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(from != *to);
            left = (diagonal + cost).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// What every variable of ours begins with.
pub const PREFIX: &str = "VAULTD_";

/// The variable that names the file; the only one of ours that is no key.
pub const FILE_VARIABLE: &str = "VAULTD_CONFIG";

const fn key(name: &'static str, default: &'static str, about: &'static str) -> Key {
    Key {
        name,
        default,
        about,
    }
}

/// All keys, in the order in which they are printed.
pub const KEYS: &[Key] = &[
    key(
        "node.data_dir",
        "",
        "where records, log, certificates and audit lie; made with mode 0700",
    ),
    key(
        "node.name",
        "",
        "name of this machine in certificates; default: the host name",
    ),
    key(
        "node.region",
        "home",
        "the region that this node belongs to",
    ),
    key(
        "node.peer_address",
        "",
        "where peers reach this node, as host:port; default: listen.peers, if it names an address",
    ),
    key("process.allow_root", "false", "run as uid 0 all the same"),
    key(
        "process.lock_memory",
        "true",
        "keep memory out of swap, where the limit allows",
    ),
    key("listen.address", "127.0.0.1:8200", "clients, over TLS 1.3"),
    key(
        "listen.unix_socket",
        "",
        "callers on this machine; default: vaultd.sock in node.data_dir, `off` for none",
    ),
    key(
        "listen.peers",
        "off",
        "other nodes of the cluster, such as 0.0.0.0:8201; `off`: this node is alone",
    ),
    key(
        "health.address",
        "127.0.0.1:8202",
        "health and metrics, plain HTTP; `off` for none",
    ),
    key(
        "health.expose",
        "false",
        "allow health.address to be other than loopback",
    ),
    key(
        "tls.certificate",
        "",
        "PEM chain; without it the node makes a CA and a certificate of its own",
    ),
    key("tls.key", "", "PEM key of tls.certificate, mode 0600"),
    key(
        "tls.names",
        "[]",
        "further host names and addresses for the node's own certificate",
    ),
    key(
        "limits.connections",
        "4096",
        "open client connections, in all",
    ),
    key(
        "limits.connections_per_address",
        "512",
        "open client connections from one address",
    ),
    key(
        "limits.concurrency_per_connection",
        "512",
        "requests in flight on one connection; more are refused",
    ),
    key(
        "limits.concurrency",
        "4096",
        "requests in flight in all; half, and a sixteenth for one address, is open to callers without a session",
    ),
    key(
        "limits.reply_bytes",
        "256MiB",
        "values in replies over 64 KiB that wait to be taken, in all; what would go beyond is refused",
    ),
    key(
        "limits.handshake",
        "5s",
        "longest time for a TLS handshake, again until a client speaks HTTP/2, and for a body without a session",
    ),
    key(
        "limits.request_timeout",
        "30s",
        "longest time for one request; for a stream, of its silence; with limits.handshake, for a client that takes nothing of a reply",
    ),
    key(
        "limits.idle",
        "15m",
        "a connection without a request for this long is closed; much sooner if no session was shown on it",
    ),
    key(
        "limits.connection_age",
        "1h",
        "a connection this old is asked to reconnect",
    ),
    key(
        "limits.drain",
        "20s",
        "how long requests in flight may take once the daemon stops",
    ),
    key(
        "bootstrap.file",
        "",
        "what a new vault has from its first moment on: users, groups, policies; read at `vaultctl init`, never again",
    ),
    key("cache.bytes", "32MiB", "memory for cached sealed records"),
    key("seal.key_file", "", "file of the key-file seal"),
    key(
        "seal.credential",
        "",
        "name of the systemd credential of that seal",
    ),
    key(
        "keyring.rotate_after",
        "90d",
        "age at which keys get new terms by themselves; `off` for never",
    ),
    key(
        "password.blocklist",
        "",
        "file of passwords that nobody may choose: one a line, or SHA-1 in hex with or without `:count`; read again on HUP",
    ),
    key(
        "password.hash_memory",
        "64MiB",
        "memory that one Argon2id hash of a password takes; hashes of other costs are made anew when their users log in",
    ),
    key("password.hash_passes", "3", "passes over that memory"),
    key("password.hash_lanes", "1", "lanes of that memory"),
    key(
        "outbound.allow",
        "[]",
        "where this node may connect to, as `https://issuer.example.com`, for keys of token issuers; nowhere else",
    ),
    key(
        "outbound.allow_private",
        "[]",
        "networks that are not public and allowed all the same, as `10.1.0.0/16`",
    ),
    key(
        "outbound.ca_file",
        "",
        "PEM file of the only authorities that are believed there; default: the system's",
    ),
    key(
        "outbound.user",
        "",
        "account of `/etc/passwd` for the process that connects, where the daemon is root",
    ),
    key(
        "outbound.keys_max_age",
        "24h",
        "keys of an issuer that were fetched longer ago are not believed; they are fetched again every ten minutes",
    ),
    key(
        "audit.directory",
        "",
        "local audit files; default: audit in node.data_dir",
    ),
    key(
        "audit.sync",
        "batched",
        "`batched`: on disk within 100 ms; `always`: before the reply",
    ),
    key(
        "audit.paths",
        "hmac",
        "`hmac` or `plain` names of secrets in audit lines",
    ),
    key(
        "audit.rotate_bytes",
        "64MiB",
        "size at which a new audit file is begun",
    ),
    key(
        "audit.keep_files",
        "16",
        "audit files to keep, and more where they are younger than audit.keep_for",
    ),
    key(
        "audit.keep_for",
        "7d",
        "no audit file is deleted sooner; if the disk fills, requests are refused until you make room",
    ),
    key(
        "audit.session_rate",
        "256KiB",
        "bytes of audit lines a second that a session may cause, after ten minutes' worth at once; four times that for all of one principal",
    ),
    key(
        "audit.reserve",
        "8MiB",
        "disk space held back for audit lines when the disk is full",
    ),
    key(
        "log.level",
        "info",
        "error, warn, info, debug, trace, or a filter such as `info,vaultd::raft=debug`",
    ),
    key("log.format", "text", "`text` or `json`"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_key_that_was_meant() {
        let near = |wrong| nearest(wrong, KEYS.iter().map(|k| k.name));
        assert_eq!(near("listen.adress"), Some("listen.address"));
        assert_eq!(near("node.datadir"), Some("node.data_dir"));
        assert_eq!(near("limit.drain"), Some("limits.drain"));
        assert_eq!(near("something.else.entirely"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn no_two_keys_share_a_name_or_a_variable() {
        let mut names: Vec<_> = KEYS.iter().map(Key::variable).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
        assert!(!names.iter().any(|name| name == FILE_VARIABLE));
    }
}
