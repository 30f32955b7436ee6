//! `vaultctl audit verify`

use serde_json::{Value, json};
use vault_sdk::wire::audit_finding::Flaw;
use vault_sdk::wire::{AuditFinding, AuditSummary};

use super::super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::{Lister, record};

pub(super) async fn run(ctl: &Ctl) -> Outcome {
    let vault = ctl.vault()?;
    let mut stream = vault.audit().verify().await?;
    let columns = ["file", "line", "number", "flaw", "what"];
    let mut lister = Lister::new(&ctl.output, &columns);
    let mut findings = Vec::new();
    let mut summary = None;
    while let Some(check) = stream.next().await? {
        for finding in check.findings {
            if ctl.output.is_json() {
                findings.push(to_json(&finding));
            } else {
                lister.push(cells(&finding), || Value::Null)?;
            }
        }
        summary = check.summary;
    }
    // A stream that ends early has checked nothing to its end.
    let Some(summary) = summary else {
        let what = "the vault ended before it had checked all";
        return Err(Failure::new("unavailable", Exit::Unavailable, what));
    };
    let whole = summary.findings == 0;
    if ctl.output.is_json() {
        ctl.output.json(&json!({
            "whole": whole,
            "files": summary.files,
            "lines": summary.lines,
            "first": summary.first,
            "last": summary.last,
            "findings": summary.findings,
            "listed": findings,
        }))?;
    } else if whole {
        show(ctl, &summary)?;
    } else {
        lister.finish("")?;
    }
    if whole {
        return Ok(Exit::Ok);
    }
    ctl.output.warn(&format!(
        "the audit trail is not whole: {} findings in {} lines of {} files",
        summary.findings, summary.lines, summary.files
    ));
    Ok(Exit::No)
}

fn show(ctl: &Ctl, summary: &AuditSummary) -> Result<(), Failure> {
    let parts = [
        ("files", summary.files.to_string()),
        ("lines", summary.lines.to_string()),
        ("first", summary.first.to_string()),
        ("last", summary.last.to_string()),
        ("findings", summary.findings.to_string()),
    ];
    record(&ctl.output, &parts, || Value::Null)
}

fn word(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Unspecified => "",
        Flaw::Unreadable => "unreadable",
        Flaw::Altered => "altered",
        Flaw::Gap => "gap",
        Flaw::Repeated => "repeated",
        Flaw::CutShort => "cut_short",
    }
}

fn cells(finding: &AuditFinding) -> Vec<String> {
    vec![
        finding.file.clone(),
        finding.line.to_string(),
        finding.sequence.to_string(),
        word(finding.flaw()).to_owned(),
        finding.text.clone(),
    ]
}

fn to_json(finding: &AuditFinding) -> Value {
    json!({
        "file": finding.file,
        "line": finding.line,
        "number": finding.sequence,
        "flaw": word(finding.flaw()),
        "what": finding.text,
    })
}
