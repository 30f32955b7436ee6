//! Bad configurations outnumber good ones.

use std::path::Path;

use super::*;

fn from(text: &str) -> Result<Config, ConfigError> {
    layered(text, [], &[])
}

fn layered<const N: usize>(
    text: &str,
    environment: [(&str, &str); N],
    flags: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let mut layers = Layers::default();
    layers.text(Path::new("v.toml"), text)?;
    layers.environment(&Environment::from(environment))?;
    for (key, value) in flags {
        layers.flag(key, value)?;
    }
    Config::build(&layers)
}

const LEAST: &str = "[node]\ndata_dir = \"/data\"\n";

#[test]
fn the_least_file_gives_safe_defaults() {
    let config = from(LEAST).expect("defaults");
    assert_eq!(
        config.listen.address.expect("on").to_string(),
        "127.0.0.1:8200"
    );
    assert_eq!(
        config.listen.unix_socket.as_deref(),
        Some(Path::new("/data/vaultd.sock"))
    );
    assert_eq!(config.audit.directory, Path::new("/data/audit"));
    assert!(config.health.expect("on").ip().is_loopback());
    assert!(!config.process.allow_root && config.process.lock_memory);
    assert_eq!(config.limits.request_timeout, Duration::from_secs(30));
    assert!(config.tls.files.is_none() && config.tls.names.is_empty());
    let outbound = &config.outbound.rules;
    assert!(outbound.allow.is_empty() && outbound.allow_private.is_empty());
}

#[test]
fn environment_wins_over_file_and_flags_win_over_both() {
    let text = format!("{LEAST}[listen]\naddress = \"0.0.0.0:1\"\n[limits]\nconnections = 7000\n");
    let env = [
        ("VAULTD_LISTEN_ADDRESS", "0.0.0.0:2"),
        ("VAULTD_CONFIG", "/x"),
        ("HOME", "/root"),
    ];
    let config = layered(&text, env, &[("listen.address", "0.0.0.0:3")]).expect("config");
    assert_eq!(config.listen.address.expect("on").port(), 3);
    assert_eq!(config.limits.connections, 7000);
    let config = layered(&text, env, &[]).expect("config");
    assert_eq!(config.listen.address.expect("on").port(), 2);
    let line = config
        .effective()
        .iter()
        .find(|e| e.key == "limits.connections")
        .expect("key");
    assert_eq!(line.value.as_deref(), Some("7000"));
    assert_eq!(line.origin.to_string(), "v.toml:6");
    let line = config
        .effective()
        .iter()
        .find(|e| e.key == "listen.address")
        .expect("key");
    assert_eq!(line.origin.to_string(), "environment VAULTD_LISTEN_ADDRESS");
}

#[test]
fn lists_come_from_the_file_or_with_commas() {
    let text = format!("{LEAST}[tls]\nnames = [\"a.example\", \"10.0.0.1\"]\n");
    assert_eq!(
        from(&text).expect("config").tls.names,
        ["a.example", "10.0.0.1"]
    );
    let config = layered(LEAST, [("VAULTD_TLS_NAMES", "b.example, ::1")], &[]).expect("config");
    assert_eq!(config.tls.names, ["b.example", "::1"]);
}

#[test]
fn connections_go_where_the_file_or_the_environment_says() {
    let text = format!(
        "{LEAST}[outbound]\nallow = [\"https://a.test\", \"https://b.test:8443\"]\nallow_private = [\"10.1.0.0/16\"]\n"
    );
    let outbound = from(&text).expect("config").outbound;
    let shown: Vec<_> = outbound
        .rules
        .allow
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(shown, ["https://a.test", "https://b.test:8443"]);
    assert_eq!(outbound.rules.allow_private.len(), 1);
    assert_eq!(outbound.keys_max_age, Duration::from_hours(24));
    let config = layered(LEAST, [("VAULTD_OUTBOUND_ALLOW", "https://c.test")], &[]);
    assert_eq!(config.expect("config").outbound.rules.allow.len(), 1);
    let many = format!("\"{}\"", vec!["https://a.test"; 65].join("\", \""));
    let error = from(&format!("{LEAST}[outbound]\nallow = [{many}]\n")).expect_err("many");
    assert!(error.to_string().contains("up to 64"), "{error}");
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let text = format!("{LEAST}[tls]\nnames = [\"a.example\"]\n[listen]\nunix_socket = \"off\"\n");
    let first = from(&text).expect("config");
    let given = first
        .effective()
        .iter()
        .filter_map(|e| Some((e.key, e.value.as_ref()?)));
    let again: Vec<String> = given
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    let again = again.join("\n");
    let second = from(&again).expect("config");
    let values = |c: &Config| {
        c.effective()
            .iter()
            .map(|e| e.value.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&first), values(&second));
}

/// Each file, and what its refusal must say.
const BAD: &[(&str, &[&str])] = &[
    ("", &["`node.data_dir` is not set"]),
    (
        "[node]\ndata_dir = \"\"",
        &["v.toml:2", "must not be empty"],
    ),
    ("[node]\ndata_dir = \"data\"", &["v.toml:2", "absolute"]),
    ("[node]\ndata_dir = 7", &["v.toml:2", "expected text"]),
    ("[node]\ndata_dir = {a = 1}", &["v.toml:2", "expected text"]),
    (
        "[node]\ndatadir = \"/d\"",
        &[
            "v.toml:2",
            "unknown key `node.datadir`",
            "did you mean `node.data_dir`?",
        ],
    ),
    (
        "[nod]\ndata_dir = \"/d\"",
        &["v.toml:2", "did you mean `node.data_dir`?"],
    ),
    ("[made_up]", &["v.toml:1", "unknown key `made_up`"]),
    (
        "\n\ndata_dir = \"/d\"",
        &[
            "v.toml:3",
            "unknown key `data_dir`",
            "did you mean `node.data_dir`?",
        ],
    ),
    (
        "[node]\ndata_dir = \"/d\"\ndata_dir = \"/e\"",
        &["v.toml:3", "duplicate"],
    ),
    ("[node\n", &["v.toml:1"]),
    ("[node]\ndata_dir = \"/d\n", &["v.toml:2"]),
    (
        "[node]\ntoken = \"vlt_x\"",
        &["v.toml:2", "secrets never stand in the configuration"],
    ),
    (
        "[seal]\npassphrase = \"x\"",
        &["v.toml:2", "secrets never stand in the configuration"],
    ),
];

/// Each line after the least file, and what its refusal must say.
const BAD_VALUES: &[(&str, &str)] = &[
    ("listen.address = \"localhost:8200\"", "numeric address"),
    ("listen.address = \"127.0.0.1\"", "ADDRESS:PORT"),
    ("listen.address = \"127.0.0.1:70000\"", "ADDRESS:PORT"),
    ("listen.address = 8200", "ADDRESS:PORT"),
    ("listen.unix_socket = \"run/x\"", "absolute"),
    ("health.address = \"0.0.0.0:8202\"", "health.expose = true"),
    (
        "health.expose = \"yes\"\nhealth.address = \"0.0.0.0:8202\"",
        "true or false",
    ),
    ("tls.key = \"/k\"", "`tls.certificate` is not set"),
    ("tls.certificate = \"/c\"", "`tls.key` is not set"),
    ("tls.names = [\"a:1\"]", "without port"),
    ("tls.names = [\"\"]", "host names"),
    ("tls.names = [1]", "list of texts"),
    ("tls.names = [\"a b\"]", "host names"),
    ("limits.connections = 0", "from 1 to"),
    ("limits.connections = -1", "from 1 to"),
    ("limits.connections = 1.5", "expected text, a number"),
    ("limits.connections = 99999999999999999999", "from 1 to"),
    ("limits.connections = 5", "more than limits.connections"),
    (
        "limits.reply_bytes = \"1MiB\"",
        "expected a size from 33554432",
    ),
    ("limits.request_timeout = 30", "unit"),
    ("limits.request_timeout = \"30\"", "unit"),
    ("limits.request_timeout = \"30 parsecs\"", "unit"),
    ("limits.request_timeout = \"0s\"", "from 1s"),
    ("limits.request_timeout = \"99999999999999999999s\"", "unit"),
    ("limits.request_timeout = \"9999999999999999999d\"", "unit"),
    ("cache.bytes = \"64MB\"", "64MiB"),
    ("cache.bytes = \"1KiB\"", "expected a size from"),
    ("keyring.rotate_after = \"1h\"", "expected a time from"),
    (
        "keyring.rotate_after = \"never\"",
        "expected a time with its unit",
    ),
    ("keyring.rotate_after = 90", "expected text"),
    (
        "password.hash_memory = \"12MiB\"",
        "expected a size from 19922944",
    ),
    (
        "password.hash_memory = \"2GiB\"",
        "expected a size from 19922944",
    ),
    ("password.hash_memory = 64", "expected a size from 19922944"),
    ("password.hash_passes = 1", "from 2 to 16"),
    ("password.hash_passes = 17", "from 2 to 16"),
    ("password.hash_lanes = 0", "from 1 to 4"),
    ("password.hash_lanes = 5", "from 1 to 4"),
    ("password.blocklist = \"list\"", "absolute"),
    (
        "outbound.allow = [\"http://a.test\"]",
        "begins with `https://`",
    ),
    (
        "outbound.allow = [\"https://a.test/\"]",
        "the path is not for it",
    ),
    (
        "outbound.allow = [\"https://*.a.test\"]",
        "without user or `*`",
    ),
    ("outbound.allow = [\"https://a.test:0\"]", "from 1 to 65535"),
    ("outbound.allow = [\"\"]", "begins with `https://`"),
    ("outbound.allow = true", "expected a list of texts"),
    ("outbound.allow_private = true", "expected a list of texts"),
    (
        "outbound.allow_private = [\"10.0.0.1/8\"]",
        "expected a network",
    ),
    (
        "outbound.allow_private = [\"0.0.0.0/0\"]",
        "only networks inside",
    ),
    ("outbound.ca_file = \"ca.pem\"", "absolute"),
    ("outbound.user = \"a b\"", "name of an account"),
    ("outbound.keys_max_age = \"1m\"", "expected a time from"),
    ("audit.sync = \"never\"", "`batched` or `always`"),
    ("audit.keep_files = 0", "from 2"),
    ("audit.keep_for = 7", "expected a time with its unit"),
    ("audit.keep_for = \"9999d\"", "expected a time from"),
    ("audit.session_rate = 0", "expected a size from 1024"),
    ("log.format = \"xml\"", "`text` or `json`"),
    ("log.level = \"loud=very\"", "expected error, warn"),
    ("seal.credential = \"../x\"", "not a path"),
    ("process.allow_root = 1", "true or false"),
    ("node.name = \"a/b\"", "letters, digits"),
    ("node.region = \"\"", "must not be empty"),
    ("node.region = \"EU\"", "lower-case letters"),
    ("node.region = \"*.eu\"", "lower-case letters"),
];

#[test]
fn bad_files_are_refused_with_their_line_and_what_was_meant() {
    for (text, wanted) in BAD {
        let error = from(text).expect_err(text).to_string();
        for part in *wanted {
            assert!(error.contains(part), "{text:?}: {error:?} lacks {part:?}");
        }
    }
}

#[test]
fn bad_values_are_refused_with_what_is_expected() {
    for (line, wanted) in BAD_VALUES {
        let error = from(&format!("{line}\nnode.data_dir = \"/d\"")).err();
        let error = error
            .unwrap_or_else(|| panic!("{line:?} was accepted"))
            .to_string();
        assert!(
            error.contains(wanted),
            "{line:?}: {error:?} lacks {wanted:?}"
        );
    }
}

#[test]
fn a_misspelt_variable_is_refused_and_one_of_others_is_not_read() {
    let error = layered(LEAST, [("VAULTD_LISTEN_ADRESS", "x")], &[]).expect_err("misspelt");
    assert!(
        error
            .to_string()
            .contains("did you mean `VAULTD_LISTEN_ADDRESS`?"),
        "{error}"
    );
    assert!(layered(LEAST, [("VAULTCTL_ADDR", "x"), ("VAULT", "y")], &[]).is_ok());
    let error = layered(LEAST, [("VAULTD_LIMITS_IDLE", "soon")], &[]).expect_err("value");
    assert!(
        error
            .to_string()
            .starts_with("environment VAULTD_LIMITS_IDLE:"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let mut layers = Layers::default();
    let error = layers
        .file(Path::new("/no/such/vaultd.toml"))
        .expect_err("absent");
    assert!(
        error.to_string().contains("/no/such/vaultd.toml"),
        "{error}"
    );
}

#[test]
fn switching_both_listeners_off_is_refused() {
    let text = "listen.address = \"off\"\nlisten.unix_socket = \"off\"\nnode.data_dir = \"/d\"";
    let error = from(text).expect_err("nobody could connect");
    assert!(
        error.to_string().contains("nobody could connect"),
        "{error}"
    );
}

#[test]
fn the_example_that_is_shipped_is_accepted() {
    let config = from(include_str!("../../../deploy/vaultd.toml")).expect("deploy/vaultd.toml");
    assert_eq!(
        config.listen.unix_socket.as_deref(),
        Some(Path::new("/run/vault/vaultd.sock"))
    );
    assert_eq!(config.log.format, LogFormat::Json);
}
