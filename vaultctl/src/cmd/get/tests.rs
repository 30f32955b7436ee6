//! What `get` writes, in each mode.

use clap::Parser as _;
use vault_sdk::{Reference, Secret, Value};

use super::Args;
use crate::cli::Cli;
use crate::cmd::Command;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Output};

fn secret(fields: &[(&str, &[u8])]) -> Secret {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::new(*value)));
    Secret {
        path: "db/main".into(),
        version: 3,
        fields: fields.collect(),
        created_at: None,
        labels: vec!["current".into()],
    }
}

fn two() -> Secret {
    secret(&[("password", b"hunter2"), ("user", b"app")])
}

fn args(line: &[&str]) -> Args {
    let cli = Cli::try_parse_from(["vaultctl", "get"].iter().chain(line)).unwrap();
    let Command::Get(args) = cli.command else {
        panic!("another command");
    };
    args
}

/// Shows a secret, and returns what was written.
fn shown(line: &[&str], secret: &Secret, output: Output) -> Result<String, Failure> {
    let args = args(line);
    let globals = Cli::try_parse_from(["vaultctl", "status"]).unwrap().globals;
    let ctl = Ctl::new(globals, output);
    let reference: Reference = args.references[0].clone();
    args.show(&ctl, &reference, secret)?;
    Ok(ctl.output.written())
}

fn pipe(format: Option<Format>) -> Output {
    Output::kept(false, format)
}

fn terminal(format: Option<Format>) -> Output {
    Output::kept(true, format)
}

#[test]
fn a_field_is_exact_in_a_pipe_and_ends_in_a_newline_on_a_terminal() {
    let line = ["db/main#password"];
    assert_eq!(shown(&line, &two(), pipe(None)).unwrap(), "hunter2");
    assert_eq!(shown(&line, &two(), terminal(None)).unwrap(), "hunter2\n");
    let line = ["db/main#password", "--newline"];
    assert_eq!(shown(&line, &two(), pipe(None)).unwrap(), "hunter2\n");
    let line = ["db/main#password", "--no-newline"];
    assert_eq!(shown(&line, &two(), terminal(None)).unwrap(), "hunter2");
}

#[test]
fn the_only_field_needs_no_name() {
    let single = secret(&[("value", b"x")]);
    assert_eq!(shown(&["db/main"], &single, pipe(None)).unwrap(), "x");
    assert_eq!(shown(&["db/main"], &single, terminal(None)).unwrap(), "x\n");
}

#[test]
fn several_fields_are_a_masked_table_on_a_terminal() {
    let table = shown(&["db/main"], &two(), terminal(None)).unwrap();
    assert!(
        table.contains("password") && table.contains("db/main"),
        "{table}"
    );
    assert!(!table.contains("hunter2"), "{table}");
    let revealed = shown(&["db/main", "--reveal"], &two(), terminal(None)).unwrap();
    assert!(revealed.contains("hunter2"), "{revealed}");
}

#[test]
fn several_fields_are_never_guessed_at_in_a_pipe() {
    let failure = shown(&["db/main"], &two(), pipe(None)).unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert_eq!(failure.what(), "2 fields; add #field or -o json");
    assert!(shown(&["db/main"], &two(), pipe(Some(Format::Raw))).is_err());
}

#[test]
fn json_is_an_object_for_a_path_and_a_string_for_a_field() {
    let json = Some(Format::Json);
    let object = shown(&["db/main"], &two(), pipe(json)).unwrap();
    assert_eq!(
        object,
        "{\"fields\":{\"password\":\"hunter2\",\"user\":\"app\"},\
         \"meta\":{\"created_at\":\"\",\"labels\":[\"current\"]},\"path\":\"db/main\",\"version\":3}\n"
    );
    assert_eq!(
        shown(&["db/main#user"], &two(), pipe(json)).unwrap(),
        "\"app\"\n"
    );
    let binary = secret(&[("key", &[0xff])]);
    assert!(shown(&["db/main#key"], &binary, pipe(json)).is_err());
}

#[test]
fn the_environment_never_changes_what_a_field_read_prints() {
    let output = pipe(None).with_environment(Format::Json);
    assert_eq!(shown(&["db/main#user"], &two(), output).unwrap(), "app");
    let output = pipe(None).with_environment(Format::Json);
    assert!(
        shown(&["db/main"], &two(), output)
            .unwrap()
            .starts_with('{')
    );
}

#[test]
fn binary_goes_to_pipes_and_not_to_terminals() {
    let binary = secret(&[("key", b"\x1b[2J")]);
    assert_eq!(
        shown(&["db/main#key"], &binary, pipe(None)).unwrap(),
        "\x1b[2J"
    );
    let refused = shown(&["db/main#key"], &binary, terminal(None)).unwrap_err();
    assert!(refused.tail().contains("--out"), "{}", refused.tail());
}

#[test]
fn env_tsv_and_none_do_as_they_say() {
    let env = shown(&["db/main"], &two(), pipe(Some(Format::Env))).unwrap();
    assert_eq!(env, "password=\"hunter2\"\nuser=\"app\"\n");
    let tsv = shown(&["db/main"], &two(), pipe(Some(Format::Tsv))).unwrap();
    assert_eq!(
        tsv,
        "db/main\tpassword\thunter2\t3\ndb/main\tuser\tapp\t3\n"
    );
    assert_eq!(
        shown(&["db/main"], &two(), pipe(Some(Format::None))).unwrap(),
        ""
    );
    assert_eq!(
        shown(&["db/main#user"], &two(), pipe(Some(Format::None))).unwrap(),
        ""
    );
}

#[test]
fn a_field_that_is_not_there_is_not_found() {
    let failure = shown(&["db/main#x"], &two(), pipe(None)).unwrap_err();
    assert_eq!(failure.exit(), Exit::NotFound);
}

#[test]
fn a_value_goes_to_a_private_file_and_not_to_stdout() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let line = ["db/main#user", "--out", path.to_str().unwrap()];
    assert_eq!(shown(&line, &two(), terminal(None)).unwrap(), "");
    assert_eq!(std::fs::read(&path).unwrap(), b"app");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}
