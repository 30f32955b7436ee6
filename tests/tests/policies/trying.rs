//! Policies tried against a table of requests.

use serde_json::Value;
use vault_tests::Daemon;

use super::{READERS, allow, write};
use crate::BINARIES;

/// A test's file with one case.
fn one_case(policy: &str, case: &str) -> String {
    format!(
        "[[policy]]\nfile = \"readers.json\"\n{policy}\n[[case]]\nwho = \"user:alice\"\naction = \"secret:GetValue\"\nresource = \"secret:db/x\"\n{case}\n"
    )
}

#[test]
fn a_test_says_what_failed_and_why_and_ends_with_20() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    write(&daemon.place, "readers.json", READERS);
    write(&daemon.place, "limit.json", &allow("secret:web/*", ""));
    let limited = "[[policy]]\nfile = \"limit.json\"\nkind = \"boundary\"\nto = [\"user:bob\"]\n";
    let bob = "[[case]]\nname = \"bob is limited\"\nwho = \"user:bob\"\naction = \"secret:GetValue\"\nresource = \"secret:db/x\"\nexpect = \"allowed\"\n";
    write(
        &daemon.place,
        "t.toml",
        &format!("{}{limited}{bob}", one_case("", "expect = \"allowed\"")),
    );
    let test = |more: &[&str]| daemon.ctl(&[&["policy", "test", "t.toml"], more].concat());
    let failed = test(&["-o", "table"]);
    assert_eq!(failed.code, 20, "{failed}");
    assert_eq!(
        failed.stdout,
        "ok    user:alice secret:GetValue secret:db/x\n\
         FAIL  bob is limited: expected allowed, is denied: the boundary does not allow it\n"
    );
    assert!(failed.stderr.contains("1 of 2 cases failed"), "{failed}");
    let rows = test(&["-o", "json"]).json();
    assert_eq!(rows[0]["by"]["sid"], "Read", "{rows}");
    assert_eq!(
        (&rows[1]["passed"], &rows[1]["by"]),
        (&Value::Bool(false), &Value::Null)
    );
    write(
        &daemon.place,
        "t.toml",
        &format!(
            "{}{limited}{}",
            one_case("", "expect = \"allowed\""),
            bob.replace("\"allowed\"", "\"denied\"")
        ),
    );
    let passed = test(&[]).ok();
    assert!(passed.stderr.contains("all 2 cases passed"), "{passed}");
    assert!(passed.stdout.starts_with("ok\tuser:alice secret:GetValue secret:db/x\tallowed\tallowed\treaders.json, statement 1 (Read)\n"), "{passed}");
}

#[test]
fn a_test_that_cannot_be_made_is_refused_with_its_place() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    write(&daemon.place, "readers.json", READERS);
    write(&daemon.place, "bad.json", "{}");
    let expect = "expect = \"denied\"";
    let many = format!(
        "{}{}",
        one_case("", expect),
        one_case("", expect).repeat(1_000)
    );
    for (text, reason, says) in [
        (String::new(), "INVALID", "it would test nothing"),
        ("[[case]".into(), "INVALID", "t.toml: "),
        (one_case("", "expect = \"maybe\""), "INVALID", "line 8"),
        (one_case("", ""), "INVALID", "expect"),
        (
            one_case("", &format!("{expect}\n{expect}")),
            "INVALID",
            "duplicate key",
        ),
        (
            one_case("", &format!("{expect}\nexpects = 1")),
            "INVALID",
            "unknown field",
        ),
        (
            one_case("kind = \"group\"", expect),
            "INVALID",
            "unknown variant",
        ),
        (
            one_case("to = [\"alice\"]", expect),
            "REQUEST_INVALID",
            "policy `readers.json`: `alice` is no principal",
        ),
        (
            one_case("", expect).replace("user:alice", "group:ops"),
            "REQUEST_INVALID",
            "case 1: ",
        ),
        (
            one_case("", expect).replace(":GetValue", ":Get"),
            "REQUEST_INVALID",
            "`secret:Get` is no action",
        ),
        (
            one_case("", expect).replace("db/x", "db/*"),
            "REQUEST_INVALID",
            "write no wildcard",
        ),
        (
            one_case(
                "",
                &format!("{expect}\ncontext = {{ \"vault:Sourceip2\" = \"x\" }}"),
            ),
            "REQUEST_INVALID",
            "is not a condition key",
        ),
        (
            one_case(
                "",
                &format!("{expect}\ncontext = {{ \"vault:TagKeys\" = [1] }}"),
            ),
            "INVALID",
            "is a text",
        ),
        (
            one_case("", expect).replace("readers.json", "bad.json"),
            "POLICY_INVALID",
            "bad.json: line 1, column 1: ",
        ),
        (
            one_case("kind = \"trust\"", expect),
            "POLICY_INVALID",
            "readers.json: line",
        ),
        (
            one_case("", expect).replace("readers.json", "gone.json"),
            "IO",
            "gone.json",
        ),
        (
            many,
            "REQUEST_INVALID",
            "at most 100 policies and 1000 cases",
        ),
    ] {
        write(&daemon.place, "t.toml", &text);
        let output = daemon.ctl(&["-o", "json", "policy", "test", "t.toml"]);
        assert!(output.stderr.contains(says), "{says}: {output}");
        assert!(output.stdout.is_empty(), "{output}");
        output.refused(2, reason);
    }
}
