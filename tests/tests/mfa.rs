//! Second factors from the command line, as far as the initial token goes: it has none of its own.

use vault_tests::Daemon;

use crate::BINARIES;

#[test]
fn what_is_no_code_is_refused_with_its_reason_and_never_shown_again() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let full_width = "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}";
    let cut = "vlt-enrol-ABCD-EFGH";
    for typed in [
        "123 456",
        "12345",
        "1234567",
        "+12345",
        full_width,
        cut,
        "one two three",
    ] {
        let args = ["-o", "json", "session", "elevate"];
        let refused = daemon.ctl_with(&args, typed.as_bytes());
        let refused = refused.refused(2, "CODE_INVALID");
        assert!(!refused.stderr.contains(typed), "{refused}");
    }
    let none = daemon.ctl_with(&["-o", "json", "session", "elevate"], b"");
    assert_eq!(none.code, 2, "{none}");
}

#[test]
fn an_administrator_issues_codes_and_resets_for_others_and_has_no_second_factor_as_root() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl(&["user", "create", "alice"]).ok();
    let issued = daemon.ctl(&["-o", "json", "mfa", "issue-code", "alice", "--ttl", "1h"]);
    let issued = issued.ok().json();
    let code = issued["code"].as_str().expect("a code").to_owned();
    assert!(code.starts_with("vlt-enrol-"), "{issued}");
    assert_eq!(issued["user"], "alice");
    let json =
        |args: &[&str], stdin: &[u8]| daemon.ctl_with(&[&["-o", "json"], args].concat(), stdin);
    json(&["mfa", "issue-code", "nobody"], b"").refused(3, "IDENTITY_NOT_FOUND");
    json(&["mfa", "issue-code", "alice", "--ttl", "8d"], b"").refused(2, "REQUEST_INVALID");
    json(&["mfa", "issue-code", "a b"], b"").refused(2, "NAME_INVALID");
    for own in [
        &["mfa", "ls"][..],
        &["mfa", "enrol", "--code", &code],
        &["mfa", "recovery-codes"],
    ] {
        json(own, b"").refused(4, "OWN_SESSION_NEEDED");
    }
    json(&["mfa", "confirm"], b"123456").refused(4, "OWN_SESSION_NEEDED");
    json(&["session", "elevate"], b"123456").refused(4, "OWN_SESSION_NEEDED");
    assert_eq!(json(&["mfa", "reset", "alice"], b"").code, 9, "asks first");
    let reset = json(&["mfa", "reset", "alice", "--yes"], b"").ok().json();
    assert_eq!(
        (&reset["user"], &reset["removed"]),
        (&"alice".into(), &0.into())
    );
    let line = std::fs::read_to_string(daemon.place.path("vault/audit/audit.jsonl"));
    let line = line.expect("the audit log");
    assert!(line.contains("user:ResetMfa") && !line.contains(&code));
}

#[test]
fn a_demand_for_second_factors_is_told_at_login_and_takes_a_days_notice() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl(&["user", "create", "alice"]).ok();
    let put = |text: &str| {
        daemon.ctl_with(
            &["-o", "json", "password", "policy", "set", "-"],
            text.as_bytes(),
        )
    };
    for wrong in ["2020-01-01", "tomorrow", "99999999999999"] {
        let document = format!(r#"{{"MfaRequiredFrom": "{wrong}"}}"#);
        put(&document).refused(2, "REQUEST_INVALID");
    }
    let set = put(r#"{"MfaRequiredFrom": "2099-01-01", "MfaDriftSteps": 0}"#).ok();
    assert_eq!(set.json()["policy"]["MfaRequiredFrom"], "2099-01-01");
    let drawn = daemon
        .ctl(&["-o", "json", "password", "reset", "alice"])
        .ok();
    let drawn = drawn.json()["one_time_password"].clone();
    let lines = format!("{}\nvermilion teapot gargles\n", drawn.as_str().unwrap());
    let address = daemon.address();
    let args = ["--addr", &address, "login", "alice", "--print-token"];
    let told = daemon.place.ctl_with(&args, lines.as_bytes()).ok();
    assert!(
        told.stderr.contains("second factor must be enrolled by"),
        "{told}"
    );
}
