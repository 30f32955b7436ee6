//! A write that is sent twice is done once, and of two writers over the same version one wins.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, MapKey, Value};
use tonic::Code;
use vault_tests::Daemon;

use crate::BINARIES;
use crate::wire::{Refused, Wire, descriptor, message};

const PUT: &str = "/vault.v1.Secrets/PutSecret";

fn put(path: &str, value: &str) -> Vec<u8> {
    let field = (MapKey::String("value".into()), bytes(value));
    let fields = Value::Map(HashMap::from([field]));
    let path = Value::String(path.to_owned());
    message("PutSecretRequest", &[("path", path), ("fields", fields)])
}

const CREATE: &str = "/vault.v1.Identity/CreateIdentity";
const DELETE: &str = "/vault.v1.Identity/DeleteIdentity";
const CREATE_POLICY: &str = "/vault.v1.Identity/CreatePolicy";
const UPDATE_POLICY: &str = "/vault.v1.Identity/UpdatePolicy";

fn create_user(name: &str) -> Vec<u8> {
    message(
        "CreateIdentityRequest",
        &[("who", text(&format!("user:{name}")))],
    )
}

fn policy(kind: &str, action: &str) -> Vec<u8> {
    let document = format!(
        r#"{{"Statement": {{"Effect": "Allow", "Action": "secret:{action}", "Resource": "secret:x/*"}}}}"#
    );
    message(kind, &[("name", text("p")), ("document", text(&document))])
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

async fn reused(wire: &Wire, id: &str, method: &'static str, body: Vec<u8>) {
    let refused = wire.call_as(id, method, body).await;
    assert_eq!(
        refused.expect_err("refused").reason,
        "REQUEST_ID_REUSED",
        "{method}"
    );
}

#[tokio::test]
async fn an_identity_write_sent_again_is_answered_as_the_first_time_and_done_once() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    for (method, body) in [
        (CREATE, create_user("alice")),
        (CREATE_POLICY, policy("CreatePolicyRequest", "GetValue")),
        (UPDATE_POLICY, policy("UpdatePolicyRequest", "PutValue")),
        (
            DELETE,
            message("DeleteIdentityRequest", &[("who", text("user:alice"))]),
        ),
    ] {
        let id = id();
        let first = wire.call_as(&id, method, body.clone()).await.expect("done");
        let again = wire.call_as(&id, method, body).await.expect("known");
        assert_eq!(first, again, "{method}");
    }
    let described = daemon
        .ctl(&["-o", "json", "policy", "show", "p"])
        .ok()
        .json();
    assert_eq!(described["version"], 2, "the text was given once");
}

#[tokio::test]
async fn an_identity_write_under_the_id_of_another_is_refused_and_changes_nothing() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    let id = id();
    let first = wire.call_as(&id, CREATE, create_user("alice")).await;
    first.expect("made");
    reused(&wire, &id, CREATE, create_user("mallory")).await;
    let delete = message("DeleteIdentityRequest", &[("who", text("user:alice"))]);
    reused(&wire, &id, DELETE, delete).await;
    reused(
        &wire,
        &id,
        CREATE_POLICY,
        policy("CreatePolicyRequest", "GetValue"),
    )
    .await;
    daemon.ctl(&["user", "show", "alice"]).ok();
    daemon
        .ctl(&["-o", "json", "user", "show", "mallory"])
        .refused(3, "IDENTITY_NOT_FOUND");

    let own = self::id();
    let refused = wire.call_as(&own, CREATE, create_user("alice")).await;
    assert_eq!(
        refused.expect_err("a request of its own").reason,
        "IDENTITY_EXISTS"
    );
}

#[tokio::test]
async fn a_repeat_by_nobody_tells_nothing() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    let id = id();
    let first = wire.call_as(&id, CREATE, create_user("alice")).await;
    first.expect("made");
    let nobody = Wire::connect(&daemon, "vlt_nothing").await;
    let refused = nobody.call_as(&id, CREATE, create_user("alice")).await;
    assert_eq!(refused.expect_err("refused").code, Code::Unauthenticated);
}

fn bytes(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec().into())
}

fn version(reply: &[u8]) -> u64 {
    let reply = DynamicMessage::decode(descriptor("PutSecretResponse"), reply).expect("a reply");
    let version = reply.get_field_by_name("version").expect("a version");
    version.as_u64().expect("a number")
}

fn id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn versions(daemon: &Daemon, path: &str) -> usize {
    let log = daemon.ctl(&["log", path, "-o", "json"]).ok().json();
    log.as_array().expect("versions").len()
}

#[tokio::test]
async fn a_write_sent_again_under_its_id_is_done_once_even_across_a_restart() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let (id, body) = (id(), put("once/key", "one"));
    let wire = Wire::connect(&daemon, &opened.token).await;
    let first = wire.call_as(&id, PUT, body.clone()).await.expect("written");
    let again = wire.call_as(&id, PUT, body.clone()).await.expect("known");
    assert_eq!((version(&first), version(&again)), (1, 1));

    daemon.kill();
    daemon.restart();
    daemon.unseal(&opened);
    // It tries again until the node leads; the raw call below would not.
    daemon.ctl(&["get", "once/key"]).ok();
    let wire = Wire::connect(&daemon, &opened.token).await;
    let after = wire.call_as(&id, PUT, body).await.expect("known");
    assert_eq!(version(&after), 1);
    assert_eq!(versions(&daemon, "once/key"), 1);
}

#[tokio::test]
async fn an_id_with_another_body_is_refused_and_changes_nothing() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    let id = id();
    let first = wire.call_as(&id, PUT, put("once/key", "one")).await;
    first.expect("written");
    let other = wire.call_as(&id, PUT, put("once/key", "two")).await;
    assert_eq!(other.expect_err("refused").reason, "REQUEST_ID_REUSED");
    for wrong in ["1", "not-a-uuid", "00000000-0000-0000-0000-00000000000g"] {
        let refused = wire.call_as(wrong, PUT, put("once/key", "two")).await;
        let expected = Refused {
            code: Code::InvalidArgument,
            reason: "REQUEST_ID_INVALID".into(),
        };
        assert_eq!(refused.expect_err("refused"), expected, "{wrong}");
    }
    assert_eq!(versions(&daemon, "once/key"), 1);
    assert_eq!(daemon.ctl(&["get", "once/key"]).ok().stdout, "one");
}

#[tokio::test]
async fn the_same_write_from_many_at_once_makes_one_version() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let id = id();
    let mut flying = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let wire = Wire::connect(&daemon, &opened.token).await;
        let id = id.clone();
        flying.spawn(async move { wire.call_as(&id, PUT, put("once/key", "one")).await });
    }
    while let Some(done) = flying.join_next().await {
        let reply = done.expect("it ends").expect("written or known");
        assert_eq!(version(&reply), 1);
    }
    assert_eq!(versions(&daemon, "once/key"), 1);
}

#[test]
fn of_two_writers_over_the_same_version_one_wins_and_the_other_is_told() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    for version in 0..4 {
        let over = version.to_string();
        let args = ["-o", "json", "set", "race/key", "--if-version", &over];
        let write = |value: &'static [u8]| daemon.ctl_with(&args, value);
        let both = std::thread::scope(|scope| {
            let other = scope.spawn(|| write(b"left"));
            [write(b"right"), other.join().expect("it ends")]
        });
        let won = both.iter().filter(|output| output.code == 0).count();
        assert_eq!(won, 1, "{} {}", both[0], both[1]);
        let [left, right] = both;
        let lost = if left.code == 0 { right } else { left };
        let lost = lost.refused(8, "VERSION_MISMATCH");
        let hint = format!("retry with --if-version {}", version + 1);
        assert!(lost.stderr.contains(&hint), "{lost}");
    }
    assert_eq!(versions(&daemon, "race/key"), 4);
}
