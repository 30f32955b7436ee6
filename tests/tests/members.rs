//! The members of JSON that `vaultctl/README.md` lists are those that the commands print: all, and no others. Each row
//! is compared here, or named among those that are not.

mod shape;

use std::cell::Cell;

use serde_json::Value;
use vault_tests::Daemon;

use self::shape::{Notation, Shape};
use crate::BINARIES;
use crate::source::root;

/// What a row says of its commands.
#[derive(Debug)]
struct Row {
    commands: String,
    shapes: Vec<Shape>,
    compared: Cell<bool>,
}

/// Rows that one daemon and a session of root do not print. What prints them is tested elsewhere, its members are not.
const ELSEWHERE: [&str; 14] = [
    "`get A B …`",
    "`import`",
    "`passwd`",
    "`root disable`",
    "`root generate`",
    "`trust create`",
    "`trust bind`",
    "`trust ls`",
    "`trust show`",
    "`mfa enrol`",
    "`mfa confirm`",
    "`mfa rm`",
    "`mfa recovery-codes`",
    "`session elevate`",
];
/// Of every command's, and compared by whatever refuses something.
const ERRORS: &str = "any error";

/// Of each command the objects that its row has.
fn table() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("vaultctl/README.md")).expect("the README");
    let rows = text
        .lines()
        .skip_while(|line| *line != "| Command | JSON |");
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let line = line.replace("\\|", "/");
        let cells: Vec<&str> = line.split('|').collect();
        let quoted = cells[2].split('`').skip(1).step_by(2);
        let objects = quoted.filter(|text| text.starts_with('{'));
        Row {
            commands: cells[1].trim().to_owned(),
            shapes: objects.map(|text| Notation(text).value()).collect(),
            compared: Cell::new(false),
        }
    };
    rows.map(row).collect()
}

/// Insists that what a command printed is what the row of `name` says; of lists each element.
#[track_caller]
fn check(table: &[Row], name: &str, printed: &Value) {
    let row = table
        .iter()
        .find(|row| row.commands.contains(&format!("`{name}`")));
    let row = row.unwrap_or_else(|| panic!("`{name}` has no row"));
    row.compared.set(true);
    let shapes = &row.shapes;
    let items = match printed {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    assert!(!items.is_empty(), "{name} printed nothing to compare");
    for item in items {
        let fits = shapes.iter().any(|shape| shape.fits(item));
        assert!(fits, "{name}: documented {shapes:#?}\nprinted {item:#}");
    }
}

#[test]
fn the_documented_members_are_those_that_are_printed() {
    let daemon = Daemon::start_with(BINARIES, "listen.peers = \"127.0.0.1:0\"");
    let table = table();
    let json = |args: &[&str], stdin: &[u8]| {
        let mut all = vec!["-o", "json"];
        all.extend(args);
        daemon.ctl_with(&all, stdin).json()
    };
    let made = json(&["init"], b"");
    check(&table, "init", &made);
    check(&table, "status", &json(&["status"], b""));
    let shares = made["shares"].as_array().expect("shares");
    let shares: Vec<&str> = shares.iter().filter_map(Value::as_str).collect();
    for share in &shares[..3] {
        check(&table, "unseal", &json(&["unseal", "-"], share.as_bytes()));
    }
    daemon.use_token(made["initial_token"].as_str().expect("a token"));
    let file = daemon.place.path("vault.backup");
    let file = file.to_string_lossy().into_owned();
    let address = daemon.address();
    let add = ["context", "add", "home", "--addr", &address];
    daemon.place.ctl(&add).ok();
    for (row, args, stdin) in [
        ("set", &["set", "a/b", "user=-"][..], "one"),
        ("set", &["set", "a/b", "user=-"], "two"),
        ("get PATH", &["get", "a/b"], ""),
        ("ls", &["ls"], ""),
        ("ls", &["ls", "a"], ""),
        ("find", &["find", "**"], ""),
        ("log", &["log", "a/b"], ""),
        ("diff", &["diff", "a/b@1", "a/b@2"], ""),
        ("diff", &["diff", "a/b"], ""),
        ("rollback", &["rollback", "a/b", "--to", "1"], ""),
        ("cp", &["cp", "a/b", "a/c"], ""),
        ("mv", &["mv", "a/c", "a/d"], ""),
        ("rm", &["rm", "a/d"], ""),
        ("trash ls", &["trash", "ls"], ""),
        ("restore", &["restore", "a/d"], ""),
        ("generate", &["generate"], ""),
        ("label", &["label", "a/b", "1", "stable"], ""),
        ("get PATH", &["get", "a/b"], ""),
        ("cp", &["cp", "a/b", "a/x"], ""),
        ("rm", &["rm", "a/x"], ""),
        ("trash empty", &["trash", "empty", "--yes"], ""),
        ("context ls", &["context", "ls"], ""),
        ("audit search", &["audit", "search", "--limit", "3"], ""),
        ("audit verify", &["audit", "verify"], ""),
        ("doctor", &["doctor"], ""),
        ("root status", &["root", "status"], ""),
        ("cluster node", &["cluster", "node"], ""),
        ("cluster ls", &["cluster", "ls"], ""),
        ("cluster health", &["cluster", "health"], ""),
        (
            "cluster invite",
            &["cluster", "invite", "--reach", "https://h:8200"],
            "",
        ),
        ("whoami", &["whoami"], ""),
        ("status", &["status"], ""),
        ("keyring", &["keyring", "status"], ""),
        ("region add", &["region", "add", "eu"], ""),
        ("region ls", &["region", "ls"], ""),
        ("region rename", &["region", "rename", "eu", "eu-west"], ""),
        (
            "region revoke",
            &["region", "revoke", "eu-west", "--yes"],
            "",
        ),
        ("backup create", &["backup", "create", &file], ""),
        ("backup verify", &["backup", "verify", &file], ""),
    ] {
        let printed = json(args, stdin.as_bytes());
        check(&table, row, &printed);
    }
    let write = |name: &str, text: &str| {
        std::fs::write(daemon.place.path(name), text).expect("a file");
    };
    identities(&daemon, &table, &json);
    let all = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    write(
        "old.json",
        &all.replace("\"Resource\": \"*\"", "\"Resource\": \"secret:a\""),
    );
    write("new.json", all);
    let case = "who = \"user:alice\"\naction = \"secret:List\"\nresource = \"secret:\"\nexpect = \"denied\"";
    let tests = format!("[[policy]]\nfile = \"new.json\"\n[[case]]\n{case}\n");
    write("tests.toml", &tests);
    for (row, args) in [
        ("policy validate", &["validate", "new.json"][..]),
        ("policy test", &["test", "tests.toml"]),
        ("policy diff", &["diff", "old.json", "new.json"]),
        (
            "policy check-no-new-access",
            &["check-no-new-access", "old.json", "new.json"],
        ),
        (
            "policy check-no-new-access",
            &["check-no-new-access", "new.json", "old.json"],
        ),
    ] {
        check(&table, row, &json(&[&["policy"], args].concat(), b""));
    }
    let shared = json(&["share"], b"v");
    check(&table, "share", &shared);
    let text = |name: &str| shared[name].as_str().expect("text");
    let taken = json(&["unwrap", "-"], text("code").as_bytes());
    check(&table, "unwrap", &taken);
    for look in ["--lookup", "--revoke"] {
        let info = json(&["share", look, text("accessor")], b"");
        check(&table, "share", &info);
    }
    check(
        &table,
        "password policy",
        &json(&["password", "policy", "show"], b""),
    );
    let two = ["rekey", "-", "--shares", "2", "--threshold", "2"];
    let rekey = json(&two, shares[..3].join("\n").as_bytes());
    check(&table, "rekey", &rekey);
    let id = rekey["ceremony"].as_str().expect("an id");
    check(&table, "rekey", &json(&["rekey", "--cancel", id], b""));
    let left = table.iter().filter(|row| {
        let mut elsewhere = ELSEWHERE.iter().chain([&ERRORS]);
        let elsewhere = elsewhere.any(|name| row.commands.contains(name));
        // A row without an object says nothing of members.
        !row.shapes.is_empty() && row.compared.get() == elsewhere
    });
    let left: Vec<_> = left.map(|row| &row.commands).collect();
    assert!(
        left.is_empty(),
        "compared nowhere, or here after all: {left:#?}"
    );
}

/// Adds a key of nobody.
const PIN: &str = concat!(
    "service pin add s --label x --key-hash sha256:",
    "0000000000000000000000000000000000000000000000000000000000000000"
);

/// What the commands about identities and kept policies print.
fn identities(daemon: &Daemon, table: &[Row], json: &dyn Fn(&[&str], &[u8]) -> Value) {
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let trust = r#""Principal": {"Vault": "user:u"}, "Action": "role:Describe""#;
    let trust = format!(r#"{{"Statement": {{"Effect": "Allow", {trust}}}}}"#);
    let of = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "secret:Describe"}}"#;
    for (name, text) in [
        ("trust.json", trust.as_str()),
        ("p.json", text),
        ("of.json", of),
    ] {
        std::fs::write(daemon.place.path(name), text).expect("a file");
    }
    for (row, line) in [
        ("user create", "user create u --tag a=b"),
        ("user create", "group create g"),
        ("user create", "role create r --trust trust.json"),
        ("group add-member", "group add-member g u"),
        ("policy create", "policy create p p.json"),
        ("policy update", "policy update p p.json"),
        ("policy rollback", "policy rollback p --to 1"),
        ("policy attach", "policy attach p --user u"),
        ("policy put-inline", "policy put-inline own p.json --user u"),
        ("policy put-resource", "policy put-resource / of.json"),
        ("policy get-resource", "policy get-resource /"),
        ("policy rm-resource", "policy rm-resource / --yes"),
        ("policy boundary", "policy boundary p --user u"),
        ("policy boundary", "policy boundary --none --user u"),
        ("policy show", "policy show p"),
        ("policy ls", "policy ls"),
        ("user show", "user show u"),
        ("user show", "group show g"),
        ("user show", "role show r"),
        ("user create", "service create s"),
        ("service pin add", PIN),
        ("service pin ls", "service pin ls s"),
        ("user ls", "user ls"),
        ("can", "can user:u secret:List secret:"),
        ("can", "can secret:List secret:"),
        ("who-can", "who-can secret:List secret:"),
        ("user update", "user update u --description x"),
        ("password reset", "password reset u"),
        ("password unlock", "password unlock u"),
        ("mfa issue-code", "mfa issue-code u"),
        ("mfa reset", "mfa reset u --yes"),
        ("session revoke", "session revoke --all user:u --yes"),
        ("user disable", "user disable u"),
        ("user enable", "user enable u"),
        ("policy rm-inline", "policy rm-inline own --user u --yes"),
        ("policy detach", "policy detach p --user u"),
        ("group rm-member", "group rm-member g u"),
        ("policy rm", "policy rm p --yes"),
        ("user rm", "role rm r --yes"),
        ("service allow-uid", "service allow-uid s 4711"),
        ("service uids", "service uids s"),
        ("service rm-uid", "service rm-uid s 4711"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        check(table, row, &json(&words, b""));
    }
    let issued = json(&["service", "secret-id", "issue", "s"], b"");
    check(table, "service secret-id issue", &issued);
    let listed = json(&["service", "secret-id", "ls", "s"], b"");
    check(table, "service secret-id ls", &listed);
    let accessor = issued["accessor"].as_str().expect("an accessor");
    let revoke = ["service", "secret-id", "revoke", "s", accessor];
    check(table, "service secret-id revoke", &json(&revoke, b""));
}

#[test]
fn a_member_too_many_or_too_few_is_noticed() {
    let fits = |shape: &Shape, text: &str| shape.fits(&serde_json::from_str(text).expect("JSON"));
    let null = Notation(r#"{"a","b"/null,"c":[…],"d":{…}/null,"e":"x"/"y"/null,"f"/null}"#).value();
    assert!(fits(
        &null,
        r#"{"a":1,"b":2,"c":[],"d":{"x":1},"e":"y","f":null}"#
    ));
    for wrong in [
        r#"{"a":1,"b":2,"c":[],"d":null,"e":"y"}"#,
        r#"{"a":1,"b":2,"c":[],"d":null,"e":"y","f":1,"g":2}"#,
        r#"{"a":1,"c":[],"d":null,"e":"y","f":1}"#,
        r#"{"a":1,"b":2,"c":[],"e":"y","f":1}"#,
    ] {
        assert!(!fits(&null, wrong), "{wrong}");
    }
    let shape = Notation(r#"{"a","b":[{"c","d":null}],"e":{"f":NAME}/null}"#).value();
    let fits = |text: &str| fits(&shape, text);
    assert!(fits(r#"{"a":1,"b":[{"c":1,"d":2}],"e":{"f":1}}"#));
    assert!(fits(r#"{"a":1,"b":[],"e":null}"#));
    for wrong in [
        r#"{"a":1,"b":[{"c":1,"d":2}]}"#,
        r#"{"a":1,"b":[{"c":1}],"e":null}"#,
        r#"{"a":1,"b":[{"c":1,"d":2,"x":3}],"e":null}"#,
        r#"{"a":1,"b":[],"e":{"g":1}}"#,
        r#"{"a":1,"b":{},"e":null}"#,
    ] {
        assert!(!fits(wrong), "{wrong}");
    }
}
