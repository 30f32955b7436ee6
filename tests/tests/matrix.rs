//! Who may call what: every method for each kind of caller, asked of a real daemon over the wire.
//!
//! Each is asked what it takes (`vault-needs`), so nothing is done and one daemon answers for all. `yes` and `no` are what
//! was decided; `beyond` is granted and refused because it hands out more than the caller has, `own` is for a user's own
//! session, `factor` wants a second factor; `-` has no session. What is decided by a proof in the request is by no role. A
//! batch is answered part by part, and of a share that is not there nothing is denied. What acts on whoever calls, and no
//! grant decides, cannot be asked about: that is called, with a password or code that is wrong.

use std::fmt::Write as _;

use vault_proto::{Access, METHODS, Method};
use vault_tests::{Daemon, Output};

use crate::BINARIES;
use crate::golden;
use crate::guards::body;
use crate::needs::somebody;
use crate::wire::Wire;

const LOGOUT: &str = "/vault.v1.Auth/Logout";
/// Beside second factors.
const CALLED: [&str; 2] = [
    "/vault.v1.Auth/ChangePassword",
    "/vault.v1.Sessions/RenewSession",
];

const READS: &str = r#""secret:GetValue", "secret:Describe", "secret:List""#;

fn allow(actions: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": [{actions}], "Resource": "*"}}}}"#
    )
}

/// A user with this policy, or with none.
fn user(daemon: &Daemon, name: &str, actions: &str) -> String {
    let file = somebody(daemon, name);
    attach(daemon, name, actions, "--user");
    std::fs::read_to_string(file).expect("a token")
}

fn attach(daemon: &Daemon, name: &str, actions: &str, sort: &str) {
    if actions.is_empty() {
        return;
    }
    let own = ["policy", "put-inline", "own", "-", sort, name];
    daemon.ctl_with(&own, allow(actions).as_bytes()).ok();
}

fn printed(output: &Output) -> String {
    output.stdout.trim().to_owned()
}

/// The callers, in the order of columns.
fn callers(daemon: &Daemon, root: String) -> Vec<(&'static str, String)> {
    let writes = format!(
        r#"{READS}, "secret:PutValue", "secret:Update", "secret:Label", "secret:Delete", "secret:Restore", "secret:Move""#
    );
    let reader = user(daemon, "reader", READS);
    let address = daemon.address();
    let trust = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Vault": "user:reader"}, "Action": "role:Assume"}}"#;
    let create = ["role", "create", "deploy", "--trust", "-"];
    daemon.ctl_with(&create, trust.as_bytes()).ok();
    attach(daemon, "deploy", &writes, "--role");
    let file = daemon
        .place
        .path("reader.token")
        .to_string_lossy()
        .into_owned();
    let assume = [
        "--addr",
        &address,
        "--token-file",
        &file,
        "assume",
        "deploy",
        "--print-token",
    ];
    let role = printed(&daemon.place.ctl(&assume).ok());
    daemon.ctl(&["service", "create", "ci"]).ok();
    attach(daemon, "ci", READS, "--service");
    let issue = ["-o", "json", "service", "secret-id", "issue", "ci"];
    let id = daemon.ctl(&issue).ok().json()["secret_id"].clone();
    let login = [
        "--addr",
        &address,
        "login",
        "--service",
        "ci",
        "--print-token",
    ];
    let id = id.as_str().expect("a secret id").as_bytes();
    let service = printed(&daemon.place.ctl_with(&login, id).ok());
    let narrow = [
        "--addr",
        &address,
        "login",
        "--action",
        "secret:GetValue",
        "--print-token",
    ];
    let narrowed = printed(&daemon.place.ctl_with(&narrow, root.as_bytes()).ok());
    vec![
        ("stranger", String::new()),
        ("nobody", user(daemon, "bare", "")),
        ("reader", reader),
        ("writer", user(daemon, "writer", &writes)),
        ("users", user(daemon, "manager", r#""user:*", "group:*""#)),
        ("auditor", user(daemon, "auditor", r#""audit:*""#)),
        ("service", service),
        ("role", role),
        ("narrowed", narrowed),
        ("root", root),
    ]
}

#[tokio::test]
async fn who_may_call_what_changes_only_on_purpose() {
    let daemon = Daemon::start(BINARIES);
    let root = daemon.open().token;
    daemon.ctl_with(&["set", "a/b"], b"x").ok();
    daemon.ctl(&["user", "create", "alice"]).ok();
    daemon.ctl(&["group", "create", "ops"]).ok();
    let readers = allow(READS);
    let create = ["policy", "create", "readers", "-"];
    daemon.ctl_with(&create, readers.as_bytes()).ok();
    let callers = callers(&daemon, root);
    let mut text = format!("{:<52}", "");
    for (name, _) in &callers {
        let _ = write!(text, "{name:<10}");
    }
    text = format!("{}\n", text.trim_end());
    let mut wires = Vec::new();
    for (_, token) in &callers {
        wires.push(Wire::connect(&daemon, token).await);
    }
    for method in METHODS {
        let mut line = format!("{:<52}", method.path);
        match method.access {
            Access::Public => line.push_str("anybody"),
            Access::KeyHolder => line.push_str("whoever holds a key, or stands at the machine"),
            Access::Credential => line.push_str("whoever proves himself in the request"),
            Access::Granted | Access::Own => {
                for wire in &wires {
                    if method.path == LOGOUT {
                        // It ends what the others are asked in.
                        break;
                    }
                    let word = decided(wire, method).await;
                    let _ = write!(line, "{word:<10}");
                }
            }
        }
        text = format!("{text}{}\n", line.trim_end());
    }
    // Nothing of all that was done, or it would have ended these sessions, sealed the vault, deleted alice.
    for (wire, (name, _)) in wires.iter().zip(&callers).skip(1) {
        let who = wire.call("/vault.v1.Auth/WhoAmI", Vec::new()).await;
        assert!(who.is_ok(), "{name}: {:?}", who.err());
    }
    daemon.ctl(&["user", "show", "alice"]).ok();
    let mut words = Vec::new();
    // A role's session ends with the one that it was assumed in, so that one comes later.
    for (wire, (name, _)) in wires.iter().zip(&callers).rev() {
        let ended = wire.call(LOGOUT, body(LOGOUT)).await;
        words.push(word(ended.err().map(|refused| refused.reason)));
        let who = wire.call("/vault.v1.Auth/WhoAmI", Vec::new()).await;
        // What root was given at the birth of the vault is no session that a logout ends.
        let lives = who.as_ref().err().map(|refused| &*refused.reason) != Some("TOKEN_INVALID");
        assert_eq!(lives, *name == "root", "{name}: {who:?}");
    }
    let mut line = format!("{LOGOUT:<52}");
    for word in words.iter().rev() {
        let _ = write!(line, "{word:<10}");
    }
    text = text.replace(&format!("{LOGOUT}\n"), &format!("{}\n", line.trim_end()));
    golden::check("roles.txt", &text);
}

/// What was decided of a call with the caller's own token.
async fn decided(wire: &Wire, method: &Method) -> &'static str {
    let (path, own) = (method.path, method.access == Access::Own);
    let called = own && (path.starts_with("/vault.v1.Mfa/") || CALLED.contains(&path));
    let answer = if called {
        wire.call(path, body(path)).await
    } else {
        wire.ask(path, body(path)).await
    };
    let reason = answer.err().map(|refused| refused.reason);
    // That would be the answer to whoever has a session.
    let undecided = own && !called && reason.as_deref() == Some("REQUEST_INVALID");
    assert!(!undecided, "{path} cannot be asked about");
    word(reason)
}

fn word(reason: Option<String>) -> &'static str {
    match reason.as_deref() {
        Some("TOKEN_INVALID") => "-",
        Some("POLICY_DENIED") => "no",
        Some("BEYOND_OWN_RIGHTS") => "beyond",
        Some("OWN_SESSION_NEEDED") => "own",
        Some("SECOND_FACTOR_NEEDED") => "factor",
        // Whatever else it says comes after the decision.
        Some(_) | None => "yes",
    }
}
