//! What a bootstrap file may say, and that all that is wrong in one is told with its place.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::{Bootstrap, Faults};

const NOW: u64 = 1_800_000_000_000;

const ALL: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

fn read(text: &str) -> Result<Bootstrap, Faults> {
    let dir = tempfile::tempdir().unwrap();
    read_in(dir.path(), text)
}

fn read_in(dir: &Path, text: &str) -> Result<Bootstrap, Faults> {
    let path = dir.join("bootstrap.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Bootstrap::read(&path, NOW)
}

/// `line:column: what`, in order.
fn faults(text: &str) -> Vec<String> {
    let all = read(text).expect_err("it is wrong").to_string();
    let short = |line: &str| line.split_once("bootstrap.toml:").unwrap().1.to_owned();
    all.lines().map(short).collect()
}

#[track_caller]
fn wrong(text: &str, wanted: &[&str]) {
    let found = faults(text);
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.starts_with(wanted), "{found}\nnot\n{wanted}");
    }
}

#[test]
fn an_empty_file_makes_nothing() {
    assert!(read("").unwrap().summary().is_empty());
    assert!(
        read("# nothing yet\n[users]\n")
            .unwrap()
            .summary()
            .is_empty()
    );
}

#[test]
fn everything_is_made_before_it_is_tied_together() {
    let text = format!(
        r#"
[users.alice]
description = "On call"
groups = ["ops"]
tags = {{ team = "red" }}
boundary = "all"
[groups.ops]
policies = ["all"]
password_policy = {{ MinimumPasswordLength = 20 }}
[services.ci]
policies = ["all"]
uids = [1000]
[roles.a]
trust = '''{}'''
longest_session = "90m"
policies = ["all"]
[roles.b]
trust = '''{}'''
[policies.all]
document = '''{ALL}'''
[password_policy]
MinimumPasswordLength = 16
BlockedPasswords = ["company"]
"#,
        trust("role:b"),
        trust("user:alice"),
    );
    let made = read(&text).unwrap().summary();
    assert_eq!(
        made,
        [
            "create policy:all",
            "create group:ops",
            "create user:alice",
            "create service:ci",
            "create role:a",
            "create role:b",
            "set the password policy",
            "attach policy:all to group:ops",
            "set the password policy of group:ops",
            "set the boundary of user:alice to policy:all",
            "add user:alice to group:ops",
            "attach policy:all to service:ci",
            "let processes of uid 1000 be service:ci",
            "attach policy:all to role:a",
        ]
    );
}

fn trust(whom: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"Vault": "{whom}"}}, "Action": "role:Assume"}}}}"#
    )
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_place() {
    wrong(
        r#"[users.alice]
groups = ["nobody", "ops", "ops"]
password = "hunter2"
policies = "all"
[users."Bad name"]
[groups.ops]
nmae = 1
[roles.r]
longest_session = "90s"
[services.ci]
uids = [-1, "x", 0x10]
tags = { "a b" = 1 }
[elsewhere]
"#,
        &[
            "2:11: `group:nobody` does not exist",
            "2:28: it is named twice",
            "3:1: `password`: a bootstrap file holds no secrets",
            "4:12: `policies` is a list of names",
            "5:8: the name is refused",
            "7:1: a group has no `nmae`, but: description, policies, password_policy",
            "8:8: a role has a `trust` policy",
            "9:19: a longest session is",
            "11:9: `uids` is a list of numbers",
            "11:13: `uids` is a list of numbers",
            "11:18: `uids` is a list of numbers",
            "12:18: a tag's value is a text",
            "13:2: the file has no `elsewhere`",
        ],
    );
}

#[test]
fn a_fault_within_a_document_is_told_with_its_place_in_the_file() {
    wrong(
        "[policies.p]\ndocument = '''{\n  \"Version\": \"2012-10-17\",\n  \"Statment\": []\n}'''\n",
        &["4:4: the policy is refused"],
    );
    // On the line of its own beginning, and where escapes shift everything.
    wrong(
        "[policies.p]\ndocument = '{\"Version\": 1}'\n",
        &["2:15: the policy is refused"],
    );
    wrong(
        "[policies.p]\ndocument = \"{\\\"Version\\\": 1}\"\n",
        &["2:12: the policy is refused: line 1, column 3"],
    );
    wrong("[policies.p]\n", &["1:11: a policy has a `document`"]);
    wrong(
        "[policies.p]\ndocument = 3\n",
        &["2:12: `document` is a text"],
    );
    wrong(
        &format!("[policies.p]\ndocument = '{ALL}'\nfile = 'x'\n"),
        &["2:12: either `document` or `file`", "3:8: cannot open"],
    );
}

#[test]
fn what_names_something_that_is_wrong_itself_is_no_further_fault() {
    wrong(
        "[policies.p]\ndocument = '{}'\n[groups.g]\npolicies = ['p']\n[users.u]\ngroups = ['g']\npolicies = ['p']\n",
        &["2:13: the policy is refused"],
    );
    wrong(
        "[users.u]\npolicies = ['p']\n[policies.p]\n",
        &["3:11: a policy has a `document`"],
    );
}

#[test]
fn a_role_that_trusts_nobody_who_is_there_is_refused() {
    let text = format!(
        "[roles.a]\ntrust = '{}'\n[roles.b]\ntrust = '{}'\n",
        trust("role:b"),
        trust("role:a")
    );
    wrong(&text, &["2:10: the policy names", "4:10: the policy names"]);
}

#[test]
fn password_policies_are_told_of_field_by_field() {
    wrong(
        "[password_policy]\nMinimumPasswordLength = 3\nMinimum = 1\nHardExpiry = 2\nMaxPasswordAge = 1.5\n",
        &[
            "3:1: the password policy is not understood: unknown field `Minimum`",
            "4:1: the password policy is not understood: invalid type",
            "5:18: expected a text, a whole number",
        ],
    );
    wrong(
        "[password_policy]\nMinimumPasswordLength = 3\n",
        &["1:1: `MinimumPasswordLength` is from 15 to 128, not 3"],
    );
    wrong(
        "[groups.g]\npassword_policy = { LockoutThreshold = 3 }\n",
        &["2:21: `LockoutThreshold` is the vault's"],
    );
    // It gives the notice that a request has to give.
    wrong(
        "[password_policy]\nMfaRequiredFrom = '2020-01-01'\n",
        &["1:1: `MfaRequiredFrom` gives a day's notice"],
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    wrong("[users.alice]\ngroups = [\n[users.bob]\n", &["3:"]);
    wrong("[users.alice]\n\n[users.alice]\n", &["3:8: duplicate key"]);
    wrong("[users.alice]\nx = 'a\n", &["2:"]);
}

#[test]
fn documents_in_files_lie_beside_it_and_are_told_of_by_their_own_names() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("policies")).unwrap();
    let policy = dir.path().join("policies/all.json");
    fs::write(&policy, ALL).unwrap();
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o644)).unwrap();
    let text = "[policies.all]\nfile = 'policies/all.json'\n";
    assert_eq!(read_in(dir.path(), text).unwrap().summary().len(), 1);
    fs::write(&policy, "{\n \"Version\": 2 }").unwrap();
    let told = read_in(dir.path(), text).unwrap_err().to_string();
    assert!(
        told.contains("policies/all.json:2:3: the policy is refused"),
        "{told}"
    );
    for elsewhere in [
        "/etc/passwd",
        "../x.json",
        "./policies/all.json",
        "",
        "policies/../x",
    ] {
        let text = format!("[policies.all]\nfile = '{elsewhere}'\n");
        let told = read_in(dir.path(), &text).unwrap_err().to_string();
        assert!(
            told.contains(":2:8: `file` names a file beside this one"),
            "{told}"
        );
    }
}

#[test]
fn files_that_others_could_have_written_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bootstrap.toml");
    fs::write(&path, "").unwrap();
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let told = Bootstrap::read(&path, NOW).unwrap_err().to_string();
        assert!(told.contains("chmod go-w"), "{told}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    Bootstrap::read(&path, NOW).unwrap();
    let link = dir.path().join("link.toml");
    symlink(&path, &link).unwrap();
    for not in [&link, &dir.path().join("none"), &dir.path().to_path_buf()] {
        assert_eq!(Bootstrap::read(not, NOW).unwrap_err().count(), 1);
    }
    fs::write(&path, vec![b'#'; (256 << 10) + 1]).unwrap();
    let told = Bootstrap::read(&path, NOW).unwrap_err().to_string();
    assert!(told.contains("over 256 KiB"), "{told}");
    fs::write(&path, b"\xff").unwrap();
    let told = Bootstrap::read(&path, NOW).unwrap_err().to_string();
    assert!(told.contains("not UTF-8"), "{told}");
}

#[test]
fn what_one_entry_of_the_log_does_not_hold_is_refused() {
    let users = |count: u32| {
        let each: Vec<_> = (0..count).map(|n| format!("[users.u{n}]\n")).collect();
        each.concat()
    };
    read(&users(150)).unwrap();
    wrong(
        &users(171),
        &["1:1: it makes more than one entry of the log holds"],
    );
}

#[test]
fn of_many_faults_a_reply_tells_the_first_and_how_many_more() {
    let text: Vec<_> = (0..30).map(|n| format!("x{n} = 1\n")).collect();
    let faults = read(&text.concat()).unwrap_err();
    assert_eq!(faults.count(), 30);
    let told = faults.told();
    assert_eq!(told.lines().count(), 21);
    assert!(
        told.ends_with("and 10 more: vaultd check-bootstrap FILE"),
        "{told}"
    );
}
