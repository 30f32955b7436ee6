//! Who may manage users and no more comes to no more, by any way that there is: over the wire, with the command line.

use vault_tests::{Daemon, Output};

use crate::BINARIES;

const ALL: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
/// Everything about people, programs, roles and policies, and no secret.
const MANAGES: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["user:*", "group:*", "role:*",
    "service:*", "policy:*", "session:*", "password:*", "trust:*"], "Resource": "*"}}"#;
const SECRETS: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:*", "Resource": "*"}}"#;

/// A vault with an administrator, a manager of users, and what he might use to come to more.
struct World {
    daemon: Daemon,
    token: String,
}

impl World {
    fn new() -> Self {
        let daemon = Daemon::start(BINARIES);
        daemon.open();
        daemon.ctl_with(&["set", "db/password"], b"hunter2").ok();
        for (name, text) in [("all", ALL), ("manages", MANAGES), ("secrets", SECRETS)] {
            daemon
                .ctl_with(&["policy", "create", name, "-"], text.as_bytes())
                .ok();
        }
        for name in ["admin", "manager", "bounded", "nobody"] {
            daemon.ctl(&["user", "create", name]).ok();
        }
        daemon.ctl(&["group", "create", "admins"]).ok();
        daemon.ctl(&["service", "create", "mighty"]).ok();
        let trust = |whom: &str| {
            format!(
                r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"Vault": "{whom}"}}, "Action": "role:Assume"}}}}"#
            )
        };
        let file = |name: &str, text: &str| {
            let path = daemon.place.path(name);
            std::fs::write(&path, text).expect("written");
            path.to_string_lossy().into_owned()
        };
        let (admin, manager) = (
            file("admin.json", &trust("user:admin")),
            file("manager.json", &trust("user:manager")),
        );
        file("manages.json", MANAGES);
        file("all.json", ALL);
        assert!(manager.ends_with("manager.json"));
        daemon
            .ctl(&["role", "create", "mighty", "--trust", &admin])
            .ok();
        for (policy, to, who) in [
            ("all", "--user", "admin"),
            ("all", "--user", "bounded"),
            ("all", "--group", "admins"),
            ("all", "--service", "mighty"),
            ("all", "--role", "mighty"),
            ("manages", "--user", "manager"),
        ] {
            daemon.ctl(&["policy", "attach", policy, to, who]).ok();
        }
        let bound = ["policy", "boundary", "manages", "--user", "bounded"];
        daemon.ctl(&bound).ok();
        let token = log_in(&daemon, "manager");
        Self { daemon, token }
    }

    fn manager(&self, args: &[&str]) -> Output {
        self.manager_with(args, "")
    }

    fn manager_with(&self, args: &[&str], stdin: &str) -> Output {
        let address = self.daemon.address();
        let whose = [
            "-o",
            "json",
            "--addr",
            &address,
            "--token-file",
            &self.token,
        ];
        let all = [&whose, args].concat();
        self.daemon.place.ctl_with(&all, stdin.as_bytes())
    }
}

/// Gives a user a password of his own; the file with the token of his session.
fn log_in(daemon: &Daemon, name: &str) -> String {
    let drawn = daemon.ctl(&["-o", "json", "password", "reset", name]).ok();
    let drawn = drawn.json()["one_time_password"].clone();
    let drawn = drawn.as_str().expect("a password").to_owned();
    let address = daemon.address();
    let login = ["--addr", &address, "login", name, "--print-token"];
    let chosen = format!("{drawn}\nhis own from now on: {drawn}\n");
    let token = daemon.place.ctl_with(&login, chosen.as_bytes()).ok();
    let path = daemon.place.path(format!("{name}.token"));
    std::fs::write(&path, token.stdout.trim()).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, mode).expect("its mode");
    path.to_string_lossy().into_owned()
}

#[test]
fn a_manager_of_users_comes_to_no_more_than_he_has() {
    let world = World::new();
    let place = |name: &str| world.daemon.place.path(name).to_string_lossy().into_owned();
    let (all, manager) = (place("all.json"), place("manager.json"));
    // What is his work he can do.
    world.manager(&["user", "create", "new"]).ok();
    let attach = ["policy", "attach", "manages", "--user", "new"];
    world.manager(&attach).ok();
    world.manager(&["password", "reset", "new"]).ok();
    let tries: [(&str, &[&str]); 16] = [
        (
            "to himself",
            &["policy", "attach", "all", "--user", "manager"],
        ),
        (
            "to another",
            &["policy", "attach", "all", "--user", "nobody"],
        ),
        (
            "of secrets",
            &["policy", "attach", "secrets", "--user", "manager"],
        ),
        (
            "to a group",
            &["policy", "attach", "all", "--group", "admins2"],
        ),
        (
            "as one of a group",
            &["group", "add-member", "admins", "manager"],
        ),
        (
            "another in a group",
            &["group", "add-member", "admins", "nobody"],
        ),
        (
            "inline",
            &["policy", "put-inline", "own", &all, "--user", "manager"],
        ),
        (
            "by what he has already",
            &["policy", "update", "manages", &all],
        ),
        (
            "a role's trust",
            &["role", "update", "mighty", "--trust", &manager],
        ),
        (
            "a boundary off",
            &["policy", "boundary", "--none", "--user", "bounded"],
        ),
        ("another's password", &["password", "reset", "admin"]),
        ("another's lockout", &["password", "unlock", "admin"]),
        (
            "a program's secret id",
            &["service", "secret-id", "issue", "mighty"],
        ),
        (
            "a program's uid",
            &["service", "allow-uid", "mighty", "12345"],
        ),
        (
            "a role to a role",
            &["policy", "attach", "all", "--role", "mine"],
        ),
        (
            "a program of his own",
            &["policy", "attach", "all", "--service", "mine"],
        ),
    ];
    world.manager(&["group", "create", "admins2"]).ok();
    world
        .manager(&["role", "create", "mine", "--trust", &manager])
        .ok();
    world.manager(&["service", "create", "mine"]).ok();
    for (way, command) in tries {
        let refused = world.manager(command);
        let reason = refused_for(&refused);
        assert_eq!(reason, "BEYOND_OWN_RIGHTS", "{way}: {refused}");
    }
    // He is not trusted, has not what a session policy would allow, and cannot begin another vault.
    let others: [(&str, &[&str], &str); 4] = [
        (
            "a role",
            &["assume", "mighty", "--print-token"],
            "POLICY_DENIED",
        ),
        ("a secret", &["get", "db/password#value"], "POLICY_DENIED"),
        ("a birth", &["init"], "ALREADY_INITIALISED"),
        ("a backup", &["backup", "create", "stolen"], "POLICY_DENIED"),
    ];
    for (way, command, wanted) in others {
        let refused = world.manager(command);
        assert_eq!(refused_for(&refused), wanted, "{way}: {refused}");
    }
    // A policy of a session gives nothing that its role has not.
    let widened = world.manager(&["assume", "mine", "--policy", &all, "--print-token"]);
    let token = widened.ok().stdout;
    std::fs::write(&world.token, token.trim()).expect("written");
    let refused = world.manager(&["get", "db/password#value"]);
    assert_eq!(refused_for(&refused), "POLICY_DENIED", "{refused}");
    // After all that he has what he had.
    for who in ["user:manager", "user:nobody", "role:mine", "service:mine"] {
        let can = ["can", who, "secret:GetValue", "secret:db/password"];
        let answer = world.daemon.ctl(&can);
        assert_eq!(answer.code, 20, "{answer}");
    }
}

fn refused_for(refused: &Output) -> String {
    assert_ne!(refused.code, 0, "it was done: {refused}");
    let said: serde_json::Value = serde_json::from_str(refused.stderr.trim())
        .unwrap_or_else(|error| panic!("{error}: {refused}"));
    let reason = &said["error"]["reason"];
    reason.as_str().expect("a reason").to_owned()
}
