//! `vaultctl doctor`

use serde_json::{Value, json};
use tokio::time::Instant;
use vault_sdk::wire::{GetStatusResponse, SealState, Session};
use vault_sdk::{Kind, Vault};

use super::Outcome;
use super::status::{describe_seal, state_word};
use super::version::OURS;
use crate::connect::{Target, Trust};
use crate::ctl::Ctl;
use crate::exit::{Exit, of_error};
use crate::failure::Failure;
use crate::output::Shape;
use crate::time;

/// Check this machine's way to the vault, and the vault's state
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The same as --output json
    #[arg(long)]
    json: bool,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    Warning,
    Bad,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warn",
            Self::Bad => "fail",
        }
    }
}

/// What was found.
#[derive(Debug)]
struct Report {
    checks: Vec<(Grade, &'static str, String)>,
    /// How the command ends, if a check went badly.
    exit: Exit,
}

impl Report {
    fn add(&mut self, grade: Grade, name: &'static str, text: impl Into<String>) {
        self.checks.push((grade, name, text.into()));
        if grade != Grade::Good && self.exit == Exit::Ok {
            self.exit = Exit::Degraded;
        }
    }

    fn fail(&mut self, name: &'static str, failure: &Failure) {
        self.add(Grade::Bad, name, failure.what());
        self.exit = failure.exit();
    }
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let mut report = Report {
            checks: Vec::new(),
            exit: Exit::Ok,
        };
        match ctl.target() {
            Ok(target) => examine(ctl, target, &mut report).await?,
            Err(failure) => report.fail("context", &failure),
        }
        self.show(ctl, &report)?;
        Ok(report.exit)
    }

    fn show(&self, ctl: &Ctl, report: &Report) -> Result<(), Failure> {
        let shape = ctl.output.shape()?;
        if self.json || matches!(shape, Shape::Json | Shape::Ndjson) {
            let check = |(grade, name, text): &(Grade, &str, String)| json!({ "check": name, "result": grade.word(), "text": text });
            let checks: Vec<Value> = report.checks.iter().map(check).collect();
            let healthy = report.exit == Exit::Ok;
            return ctl
                .output
                .json(&json!({ "healthy": healthy, "checks": checks }));
        }
        for (grade, name, text) in &report.checks {
            match shape {
                Shape::Tsv => ctl
                    .output
                    .line(&format!("{}\t{name}\t{text}", grade.word()))?,
                Shape::Table | Shape::Nothing | Shape::Json | Shape::Ndjson => ctl
                    .output
                    .line(&format!("{:4}  {name:12}  {text}", grade.word()))?,
            }
        }
        Ok(())
    }
}

async fn examine(ctl: &Ctl, target: Target, report: &mut Report) -> Result<(), Failure> {
    report.add(Grade::Good, "context", target.describe());
    if !target.is_local() {
        match &target.trust {
            Trust::Ca(ca) => report.add(Grade::Good, "ca", format!("pinned, {}", ca.fingerprint())),
            Trust::Pin(pin) => report.add(Grade::Good, "ca", format!("pinned, {pin}")),
            Trust::Machine => {
                let text = "not pinned: any authority that this machine trusts is believed";
                report.add(Grade::Warning, "ca", text);
            }
        }
    }
    let has_token = target.token.is_some();
    let vault = target.vault(ctl)?;
    let started = Instant::now();
    let status = match vault.system().status().await {
        Ok(status) => status,
        Err(error) => {
            let name = if error.reason() == "TLS_UNTRUSTED" {
                "tls"
            } else {
                "reachable"
            };
            report.fail(name, &Failure::from(error));
            return Ok(());
        }
    };
    let took = started.elapsed();
    report.add(
        Grade::Good,
        "reachable",
        format!("answered in {} ms, connecting included", took.as_millis()),
    );
    clock(&vault, report);
    state(&status, report);
    let session = if has_token {
        Some(vault.auth().who_am_i().await)
    } else {
        None
    };
    match session {
        Some(Ok(session)) => {
            known(&session, report);
            root(&vault, report).await;
            passwords(&vault, report).await;
        }
        Some(Err(error)) if status.state() == SealState::Unsealed => {
            let (_, exit) = of_error(&error);
            report.add(Grade::Bad, "session", error.message());
            report.exit = exit;
            if error.kind() == Kind::Unauthenticated {
                report.add(Grade::Warning, "session", "log in again: vaultctl login");
            }
        }
        Some(Err(_)) => {}
        None => report.add(Grade::Warning, "session", "not logged in: vaultctl login"),
    }
    Ok(())
}

fn known(session: &Session, report: &mut Report) {
    let until = match &session.expires_at {
        Some(at) => format!("until {}", time::local(Some(at))),
        None => "the initial token: keep it offline, and use a session".to_owned(),
    };
    report.add(
        Grade::Good,
        "session",
        format!("{}, {until}", session.principal),
    );
}

/// Whether root still stands beside the administrators. Who may not see it is not told.
async fn root(vault: &Vault, report: &mut Report) {
    let Ok(status) = vault.root().status().await else {
        return;
    };
    if status.enabled {
        let text = "still enabled: once administrators can log in, end it: vaultctl root disable";
        report.add(Grade::Warning, "root", text);
    } else {
        report.add(Grade::Good, "root", "disabled");
    }
    if let Some(until) = &status.one_time_until {
        let text = format!("a one-time root lasts until {}", time::local(Some(until)));
        report.add(Grade::Warning, "root", text);
    }
}

/// What the vault thinks of its password policies, if this session may see them: groups as far as it may.
async fn passwords(vault: &Vault, report: &mut Report) {
    let Ok(whole) = vault.auth().password_policy(None).await else {
        return;
    };
    let listed = match whole.blocklist {
        Some(entries) => format!("{entries} passwords are blocked by the node's list"),
        None => "the node has no list of its own: common ones are refused (password.blocklist)"
            .to_owned(),
    };
    report.add(Grade::Good, "blocklist", listed);
    if whole.old_hashes > 0 {
        let text = format!(
            "{} passwords are hashed at another cost than new ones, until their users log in; until then each login \
             computes both",
            whole.old_hashes
        );
        report.add(Grade::Good, "hashes", text);
    }
    let mut said: Vec<String> = whole.advice;
    for group in whole.groups {
        let own = vault.auth().password_policy(Some(group.clone())).await;
        let advice = own.map(|own| own.advice).unwrap_or_default();
        said.extend(advice.iter().map(|text| format!("group {group}: {text}")));
    }
    if said.is_empty() {
        report.add(Grade::Good, "passwords", "the policy is sound");
    }
    for text in said {
        report.add(Grade::Warning, "passwords", text);
    }
}

/// Certificates and sessions expire by a clock; more than a few seconds apart is a trap.
fn clock(vault: &Vault, report: &mut Report) {
    let server = vault.server_date();
    let server = server.and_then(|date| jiff::fmt::rfc2822::parse(&date).ok());
    let (Some(server), Some(here)) = (server, time::now()) else {
        return;
    };
    let apart = here.as_second().abs_diff(server.timestamp().as_second());
    let grade = if apart <= TOLERATED_SECONDS {
        Grade::Good
    } else {
        Grade::Warning
    };
    report.add(grade, "clock", format!("{apart} s apart from the vault's"));
}

fn state(status: &GetStatusResponse, report: &mut Report) {
    let word = state_word(status.state());
    if status.state() == SealState::Unsealed {
        report.add(Grade::Good, "state", word);
    } else {
        report.add(
            Grade::Bad,
            "state",
            format!("{word}: secrets cannot be read"),
        );
        report.exit = Exit::Precondition;
    }
    if !status.slots.is_empty() {
        let seals: Vec<_> = status.slots.iter().map(describe_seal).collect();
        report.add(Grade::Good, "seal", seals.join(", "));
    }
    if !status.disk_protection.is_empty() {
        report.add(Grade::Good, "disk", status.disk_protection.clone());
    }
    if status.failed_opens > 0 {
        let text = format!(
            "{} did not open since the vault was unsealed: damage or tampering; the audit log says RECORD_DAMAGED, \
             `vaultctl keyring status` under which key",
            status.failed_opens
        );
        report.add(Grade::Warning, "records", text);
    }
    if status.dev {
        report.add(Grade::Warning, "mode", "dev: for trying out only");
    }
    match status.version.as_str() {
        "" => {}
        OURS => report.add(Grade::Good, "version", format!("{OURS} on both sides")),
        theirs => {
            report.add(
                Grade::Warning,
                "version",
                format!("vaultctl {OURS}, vaultd {theirs}"),
            );
        }
    }
}

const TOLERATED_SECONDS: u64 = 5;
