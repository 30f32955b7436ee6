//! Policies of secrets and folders: a real daemon, and the command line.

use std::fs;

use vault_tests::{Daemon, Output};

use crate::BINARIES;
use crate::logins::{FIRST, SECOND, as_token, settled};

/// A policy of one statement without `Resource`.
fn says(effect: &str, who: &str, action: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Sid": "One", "Effect": "{effect}", "Principal": {{"Vault": "{who}"}}, "Action": "{action}"}}}}"#
    )
}

/// An open vault with secrets and two users without policies.
struct World {
    daemon: Daemon,
    alice: String,
    bob: String,
}

impl World {
    fn new() -> Self {
        let daemon = Daemon::start(BINARIES);
        daemon.open();
        for path in ["db/prod/main", "db/test", "web/key"] {
            daemon.ctl_with(&["set", path], b"hunter2").ok();
        }
        for user in ["alice", "bob"] {
            daemon.ctl(&["user", "create", user]).ok();
        }
        let alice = settled(&daemon, "alice", FIRST);
        let bob = settled(&daemon, "bob", SECOND);
        Self { daemon, alice, bob }
    }

    fn file(&self, text: &str) -> String {
        let path = self.daemon.place.path("p.json");
        fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    }

    fn put(&self, path: &str, text: &str) -> Output {
        let file = self.file(text);
        let put = ["-o", "json", "policy", "put-resource", path, &file];
        self.daemon.ctl(&put)
    }

    fn rm(&self, path: &str) -> Output {
        let rm = ["-o", "json", "policy", "rm-resource", path, "--yes"];
        self.daemon.ctl(&rm)
    }

    fn get(&self, path: &str) -> Output {
        self.daemon
            .ctl(&["-o", "json", "policy", "get-resource", path])
    }

    /// Gives a user a policy of his own.
    fn own(&self, user: &str, action: &str) {
        let file = self.file(&format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}}}"#
        ));
        let put = ["policy", "put-inline", "own", &file, "--user", user];
        self.daemon.ctl(&put).ok();
    }

    fn alice(&self, args: &[&str]) -> Output {
        as_token(&self.daemon, &self.alice, args)
    }

    fn bob(&self, args: &[&str]) -> Output {
        as_token(&self.daemon, &self.bob, args)
    }
}

#[test]
fn a_user_without_a_policy_of_his_own_reads_what_a_secrets_policy_lets_him() {
    let world = World::new();
    let get = ["get", "db/prod/main"];
    world.alice(&get).refused(4, "POLICY_DENIED");
    world
        .put(
            "db/prod/main",
            &says("Allow", "user:alice", "secret:GetValue"),
        )
        .ok();
    assert!(world.alice(&get).ok().stdout.contains("hunter2"));
    world.alice(&["get", "db/test"]).refused(4, "POLICY_DENIED");
    world.alice(&["ls", "db/prod"]).refused(4, "POLICY_DENIED");
    world.bob(&get).refused(4, "POLICY_DENIED");
    world
        .alice(&["policy", "get-resource", "db/prod/main"])
        .refused(4, "POLICY_DENIED");
    let shown = world.get("db/prod/main").ok().json();
    assert_eq!(shown["path"], "db/prod/main");
    let id = shown["id"].as_str().expect("an id").to_owned();
    assert!(
        shown["document"]
            .as_str()
            .expect("text")
            .contains("user:alice")
    );
    // What decided is in the audit by its id, and told to who may see policies.
    let read =
        world.daemon.audit().into_iter().rfind(|line| {
            line["method"] == "/vault.v1.Secrets/GetSecret" && line["status"] == "ok"
        });
    let by = read.expect("a line")["by"].to_string();
    assert!(
        by.contains(&format!("resource policy {id} statement 1")),
        "{by}"
    );
    let can = [
        "can",
        "user:alice",
        "secret:GetValue",
        "secret:db/prod/main",
        "--explain",
    ];
    let said = world.daemon.ctl(&can).ok().stdout;
    assert!(
        said.contains("the resource policy of `secret:db/prod/main`"),
        "{said}"
    );
    assert!(said.contains("statement `One`"), "{said}");
    let own = world.alice(&["can", "secret:GetValue", "secret:db/prod/main"]);
    assert_eq!(own.ok().json()["allowed"], true);
    let who = [
        "-o",
        "json",
        "who-can",
        "secret:GetValue",
        "secret:db/prod/main",
    ];
    let who = world.daemon.ctl(&who).ok().json();
    assert_eq!(who, serde_json::json!([{ "who": "user:alice" }]));
    world.rm("db/prod/main").ok();
    world.alice(&get).refused(4, "POLICY_DENIED");
    world.get("db/prod/main").refused(3, "POLICY_NOT_FOUND");
    world.rm("db/prod/main").refused(3, "POLICY_NOT_FOUND");
}

#[test]
fn a_folders_deny_binds_at_once_and_hides_what_lies_there() {
    let world = World::new();
    world.own("alice", "secret:*");
    let get = ["get", "db/prod/main"];
    world.alice(&get).ok();
    world
        .put("db/", &says("Deny", "user:alice", "secret:GetValue"))
        .ok();
    let denied = world.alice(&get).refused(4, "POLICY_DENIED");
    assert!(denied.stderr.contains("a policy denies it"), "{denied}");
    let can = [
        "can",
        "user:alice",
        "secret:GetValue",
        "secret:db/prod/main",
        "--explain",
    ];
    let said = world.daemon.ctl(&can);
    assert!(
        said.stdout.contains("the resource policy of `secret:db/`"),
        "{said}"
    );
    world.alice(&["get", "web/key"]).ok();
    // What is hidden is hidden from listings, and looks as what is not there.
    let listed = |args: &[&str]| world.alice(args).ok().stdout;
    assert!(listed(&["ls", "-r"]).contains("db/prod/main"));
    world
        .put("db/", &says("Deny", "user:alice", "secret:*"))
        .ok();
    assert!(!listed(&["ls", "-r"]).contains("db/prod"));
    world.alice(&["ls", "db"]).refused(4, "POLICY_DENIED");
    let there = world.alice(&get).refused(4, "POLICY_DENIED");
    let nowhere = world
        .alice(&["get", "db/nothing"])
        .refused(4, "POLICY_DENIED");
    let told = |output: &Output| {
        let line = output.stderr.lines().last().expect("a line");
        let error: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let message = error["error"]["message"].as_str().expect("text").to_owned();
        message
            .replace("db/prod/main", "P")
            .replace("db/nothing", "P")
    };
    assert_eq!(told(&there), told(&nowhere));
    // Nor is the folder deleted by who may delete everything but what lies deep in it.
    world.rm("db/").ok();
    world
        .put("db/prod/main", &says("Deny", "user:alice", "secret:Delete"))
        .ok();
    world
        .alice(&["rm", "-r", "db", "--yes"])
        .refused(4, "POLICY_DENIED");
    world.alice(&["mv", "db", "moved"]).ok();
    world
        .alice(&["rm", "moved/prod/main", "--yes"])
        .refused(4, "POLICY_DENIED");
}

#[test]
fn a_policy_goes_with_its_secret_into_the_trash_and_for_good() {
    let world = World::new();
    let reads = says("Allow", "user:alice", "secret:GetValue");
    world.put("web/key", &reads).ok();
    world.daemon.ctl(&["mv", "web/key", "web/moved"]).ok();
    world.alice(&["get", "web/moved"]).ok();
    world.daemon.ctl(&["rm", "web/moved", "--yes"]).ok();
    world
        .daemon
        .ctl_with(&["set", "web/moved"], b"another")
        .ok();
    world
        .alice(&["get", "web/moved"])
        .refused(4, "POLICY_DENIED");
    world.daemon.ctl(&["rm", "web/moved", "--yes"]).ok();
    let trash = world.daemon.ctl(&["-o", "json", "trash", "ls"]).ok().json();
    let mut ids: Vec<_> = trash
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["id"].as_u64())
        .collect();
    ids.sort_unstable();
    let first = ids[0].expect("an id").to_string();
    world
        .daemon
        .ctl(&["restore", "web/moved", "--id", &first])
        .ok();
    world.alice(&["get", "web/moved"]).ok();
    // A folder stays for its policy.
    world
        .put("db/prod/", &says("Deny", "user:bob", "secret:GetValue"))
        .ok();
    world.daemon.ctl(&["rm", "-r", "db/prod", "--yes"]).ok();
    world.own("bob", "secret:*");
    world.daemon.ctl_with(&["set", "db/prod/main"], b"new").ok();
    world
        .bob(&["get", "db/prod/main"])
        .refused(4, "POLICY_DENIED");
    // What names paths stays at them.
    let named = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "secret:Label", "Resource": "secret:db/test"}}"#;
    world.put("db/test", named).ok();
    let moved = world
        .daemon
        .ctl(&["-o", "json", "mv", "db/test", "db/other"]);
    assert_eq!(moved.reason(), "POLICY_NAMES_PATHS", "{moved}");
}

#[test]
fn what_would_hand_out_too_much_or_is_no_policy_is_refused() {
    let world = World::new();
    world.own("alice", "secret:*ResourcePolicy");
    let reads = world.file(&says("Allow", "user:bob", "secret:GetValue"));
    let put = ["policy", "put-resource", "web/key", &reads];
    world.alice(&put).refused(4, "BEYOND_OWN_RIGHTS");
    world
        .alice(&["policy", "put-resource", "/", &reads])
        .refused(4, "BEYOND_OWN_RIGHTS");
    world.bob(&["get", "web/key"]).refused(4, "POLICY_DENIED");
    world
        .put("web/key", &says("Deny", "user:bob", "secret:GetValue"))
        .ok();
    world
        .alice(&["policy", "rm-resource", "web/key", "--yes"])
        .refused(4, "BEYOND_OWN_RIGHTS");
    let locks = world.file(&says("Deny", "user:alice", "*"));
    let locked = world.alice(&["policy", "put-resource", "db/test", &locks]);
    assert_eq!(locked.reason(), "POLICY_LOCKS_OUT", "{locked}");
    for (text, reason) in [
        ("{}", "POLICY_INVALID"),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
            "POLICY_INVALID",
        ),
        (
            r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "secret:web/*"}}"#,
            "POLICY_INVALID",
        ),
        (
            r#"{"Statement": {"Effect": "Deny", "Principal": {"Vault": "user:nobody"}, "Action": "*"}}"#,
            "PRINCIPAL_UNKNOWN",
        ),
    ] {
        let refused = world.put("db/", text);
        assert_eq!(refused.reason(), reason, "{refused}");
    }
    world
        .put("no/where", &says("Deny", "user:bob", "*"))
        .refused(3, "SECRET_NOT_FOUND");
    world
        .put("no/", &says("Deny", "user:bob", "*"))
        .refused(3, "FOLDER_NOT_FOUND");
    let warned = r#"{"Statement": {"Effect": "Allow", "NotPrincipal": {"Vault": "user:bob"}, "Action": "secret:Describe"}}"#;
    let warned = world.put("db/", warned).ok().json();
    assert_ne!(warned["warnings"], serde_json::json!([]), "{warned}");
    // Who is made under the name of before is somebody else.
    world
        .put("web/key", &says("Allow", "user:alice", "secret:GetValue"))
        .ok();
    world.daemon.ctl(&["user", "rm", "alice", "--yes"]).ok();
    let shown = world.get("web/key").ok().json();
    assert!(
        shown["document"].as_str().expect("text").contains("user:#"),
        "{shown}"
    );
    world.daemon.ctl(&["user", "create", "alice"]).ok();
    let again = settled(&world.daemon, "alice", FIRST);
    as_token(&world.daemon, &again, &["get", "web/key"]).refused(4, "POLICY_DENIED");
}

#[test]
fn what_was_deleted_is_decided_about_by_its_own_tags() {
    let world = World::new();
    let kept = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "secret:*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["secret:GetValue", "secret:Restore", "secret:Destroy"], "Resource": "*",
         "Condition": {"StringEquals": {"vault:ResourceTag/keep": "yes"}}}]}"#;
    let file = world.file(kept);
    let put = ["policy", "put-inline", "own", &file, "--user", "alice"];
    world.daemon.ctl(&put).ok();
    let tagged = ["set", "web/key", "--tag", "keep=yes"];
    world.daemon.ctl_with(&tagged, b"kept").ok();
    world.daemon.ctl(&["rm", "web/key", "--yes"]).ok();
    let trash = world.daemon.ctl(&["-o", "json", "trash", "ls"]).ok().json();
    let id = trash[0]["id"].to_string();
    let tries: [&[&str]; 4] = [
        &["destroy", "web/key", "--id", &id, "--yes"],
        &["restore", "web/key"],
        &["restore", "web/key", "--id", &id],
        &["restore", "web/key", "--id", &id, "--as", "db/mine"],
    ];
    let refused = |world: &World| {
        for tried in tries {
            world.alice(tried).refused(4, "POLICY_DENIED");
        }
    };
    refused(&world);
    // Another one at its path has other tags, and says nothing of it; nor one that was deleted since.
    let decoy = ["set", "web/key", "--tag", "keep=no"];
    world.daemon.ctl_with(&decoy, b"another").ok();
    refused(&world);
    world.alice(&["rm", "web/key", "--yes"]).ok();
    world.alice(tries[0]).refused(4, "POLICY_DENIED");
    world.alice(tries[2]).refused(4, "POLICY_DENIED");
    // The newest is his to bring back, and to end.
    world.alice(&["restore", "web/key"]).ok();
    world.alice(&["rm", "web/key", "--yes"]).ok();
    let trash = world.daemon.ctl(&["-o", "json", "trash", "ls"]).ok().json();
    let rows = trash.as_array().expect("rows");
    assert_eq!(rows.len(), 2, "{trash}");
    let mut others = rows.iter().map(|row| row["id"].to_string());
    let other = others.find(|other| *other != id).expect("another");
    world
        .alice(&["destroy", "web/key", "--id", &other, "--yes"])
        .ok();
    world.daemon.ctl(&["restore", "web/key", "--id", &id]).ok();
    assert_eq!(world.daemon.ctl(&["get", "web/key"]).ok().stdout, "kept");
}

#[test]
fn who_may_delete_and_not_destroy_leaves_time_to_restore() {
    let world = World::new();
    let deletes = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "secret:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "secret:Destroy", "Resource": "secret:db/prod/*"}]}"#;
    let file = world.file(deletes);
    let put = ["policy", "put-inline", "own", &file, "--user", "alice"];
    world.daemon.ctl(&put).ok();
    for window in ["0", "1s", "6d"] {
        for what in [&["db/prod/main"][..], &["-r", "db/prod"], &["-r", "db"]] {
            let rm = [&["rm", "--yes", "--window", window], what].concat();
            world.alice(&rm).refused(4, "POLICY_DENIED");
        }
    }
    world.daemon.ctl(&["get", "db/prod/main"]).ok();
    for window in ["7d", "30d"] {
        let rm = ["rm", "db/prod/main", "--window", window];
        world.alice(&rm).ok();
        world.daemon.ctl(&["restore", "db/prod/main"]).ok();
    }
    world.alice(&["rm", "-r", "db/prod", "--yes"]).ok();
    world.daemon.ctl(&["restore", "db/prod/main"]).ok();
    // What he may destroy he may delete with any window.
    world
        .alice(&["rm", "web/key", "--yes", "--window", "0"])
        .ok();
    let gone = world.daemon.ctl(&["-o", "json", "restore", "web/key"]);
    assert_eq!(gone.reason(), "SECRET_NOT_FOUND", "{gone}");
}
