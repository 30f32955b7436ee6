//! `vaultctl policy validate`

use serde_json::json;
use vault_sdk::wire::{PolicyFinding, PolicySeverity};

use super::document::{Kind, read};
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Shape;
use crate::table::{Lister, clean};

/// Check policies: what is wrong, and what they say that may not be meant
///
/// Ends with 20 if a file is no policy; with --strict, if there is anything to say about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Policies; `-` for stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// What they are for
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,

    /// Let no warning pass
    #[arg(long)]
    strict: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let columns = ["file", "line", "column", "severity", "code", "message"];
        let mut lister = Lister::new(&ctl.output, &columns);
        let (mut found, mut wrong) = (false, false);
        for file in &self.files {
            let document = read(file)?;
            let reply = vault.policies();
            let reply = reply.validate(self.kind.into(), document, false).await?;
            for finding in &reply.findings {
                found = true;
                wrong |= is_error(finding);
                show(ctl, &mut lister, file, finding)?;
            }
        }
        lister.finish(if found {
            ""
        } else {
            "nothing to say against it"
        })?;
        Ok(if wrong || (found && self.strict) {
            Exit::No
        } else {
            Exit::Ok
        })
    }
}

pub(super) fn is_error(finding: &PolicyFinding) -> bool {
    finding.severity() == PolicySeverity::Error
}

/// A row; on a terminal a line that is not cut, as compilers write it.
fn show(
    ctl: &Ctl,
    lister: &mut Lister<'_>,
    file: &str,
    finding: &PolicyFinding,
) -> Result<(), Failure> {
    let severity = if is_error(finding) {
        "error"
    } else {
        "warning"
    };
    let PolicyFinding {
        line,
        column,
        name: code,
        message,
        ..
    } = finding;
    if ctl.output.shape()? == Shape::Table {
        let label = if code.is_empty() {
            severity.to_owned()
        } else {
            format!("{severity}[{code}]")
        };
        let text = format!("{file}:{line}:{column}: {label}: {message}");
        return ctl.output.line(&clean(&text));
    }
    let cells = vec![
        file.to_owned(),
        line.to_string(),
        column.to_string(),
        severity.to_owned(),
        code.clone(),
        message.clone(),
    ];
    lister.push(cells, || {
        json!({
            "file": file,
            "line": line,
            "column": column,
            "severity": severity,
            "code": code,
            "message": message,
        })
    })
}
