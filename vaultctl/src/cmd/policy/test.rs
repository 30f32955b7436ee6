//! `vaultctl policy test`

use serde_json::{Value, json};
use vault_sdk::wire::{PolicyDecision, PolicyKind, PolicyStatement};

use super::cases::{Case, Expect, Tests};
use super::document::failure;
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Shape;
use crate::table::{Lister, clean};

/// Try policies against a table of requests, before they are stored anywhere
///
/// FILE is TOML: `[[policy]]` with `file`, and unless the default will do `kind` and `to`; `[[case]]` with `who`,
/// `action`, `resource`, `expect = "allowed"` or `"denied"`, and if need be `context` and `name`. Nobody and nothing
/// in it need exist. Ends with 20 if a case came to something else.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The test; `-` for stdin
    #[arg(value_name = "FILE")]
    file: String,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let (tests, size) = Tests::read(&self.file)?;
        let policies = tests.policies(&self.file, size)?;
        let cases = tests.to_wire()?;
        let vault = ctl.vault()?;
        let decisions = vault.policies().test(policies, cases).await;
        let decisions = decisions.map_err(|error| self.failure(&tests, error))?;
        let columns = ["result", "case", "expected", "decision", "why"];
        let mut lister = Lister::new(&ctl.output, &columns);
        let mut failed = 0_usize;
        for (case, decision) in tests.cases.iter().zip(&decisions) {
            failed += usize::from(Expect::of(decision.allowed) != case.expect);
            show(ctl, &mut lister, case, decision)?;
        }
        lister.finish("")?;
        let all = tests.cases.len();
        if failed > 0 {
            ctl.output.note(&format!("{failed} of {all} cases failed"));
            return Ok(Exit::No);
        }
        ctl.output.note(&format!("all {all} cases passed"));
        Ok(Exit::Ok)
    }

    /// An error about a policy is said of its file, one about a case of its name.
    fn failure(&self, tests: &Tests, error: vault_sdk::Error) -> Failure {
        let number = error
            .detail("case")
            .and_then(|number| number.parse::<usize>().ok());
        let case = number.and_then(|number| tests.cases.get(number.checked_sub(1)?));
        let Some(case) = case else {
            return failure(error, |name| Some(name.to_owned()));
        };
        let said = format!("{}: {} ({})", self.file, error.message(), case.title());
        Failure::from(error).saying(said)
    }
}

/// A row; on a terminal a line that is not cut, and what went as expected in few words.
fn show(
    ctl: &Ctl,
    lister: &mut Lister<'_>,
    case: &Case,
    decision: &PolicyDecision,
) -> Result<(), Failure> {
    let found = Expect::of(decision.allowed);
    let passed = found == case.expect;
    let (title, why) = (case.title(), why(decision));
    let (expected, found) = (case.expect.word(), found.word());
    if ctl.output.shape()? == Shape::Table {
        let text = if passed {
            format!("ok    {title}")
        } else {
            format!("FAIL  {title}: expected {expected}, is {found}: {why}")
        };
        return ctl.output.line(&clean(&text));
    }
    let result = if passed { "ok" } else { "failed" };
    let cells = [result, &title, expected, found, &why].map(str::to_owned);
    lister.push(cells.to_vec(), || to_json(case, decision, passed))
}

fn why(decision: &PolicyDecision) -> String {
    let Some(by) = &decision.by else {
        return match decision.kind() {
            PolicyKind::Identity => "no identity policy allows it".to_owned(),
            PolicyKind::Resource => "no resource policy allows it".to_owned(),
            PolicyKind::Trust => "the trust policy does not allow it".to_owned(),
            PolicyKind::Boundary => "the boundary does not allow it".to_owned(),
            PolicyKind::Session => "the session policy does not allow it".to_owned(),
        };
    };
    let PolicyStatement {
        policy,
        statement,
        sid,
    } = by;
    let sid = if sid.is_empty() {
        String::new()
    } else {
        format!(" ({sid})")
    };
    let doubt = if decision.could_not_tell {
        ", of which it could not be told whether it applies"
    } else {
        ""
    };
    format!("{policy}, statement {statement}{sid}{doubt}")
}

fn to_json(case: &Case, decision: &PolicyDecision, passed: bool) -> Value {
    let by = decision
        .by
        .as_ref()
        .map(|by| json!({ "policy": by.policy, "statement": by.statement, "sid": by.sid }));
    json!({
        "case": case.title(),
        "who": case.who,
        "action": case.action,
        "resource": case.resource,
        "expected": case.expect.word(),
        "decision": Expect::of(decision.allowed).word(),
        "passed": passed,
        "by": by,
        "why": why(decision),
    })
}
