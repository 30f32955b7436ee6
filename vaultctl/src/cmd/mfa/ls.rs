//! `vaultctl mfa ls`

use super::{algorithm, authenticator_json};
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::table::Lister;
use crate::time;

pub(super) async fn run(ctl: &Ctl) -> Outcome {
    let found = ctl.vault()?.mfa().list().await?;
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let columns = ["id", "name", "codes", "since", "state"];
    let mut lister = Lister::new(&ctl.output, &columns);
    for authenticator in &found.authenticators {
        let active = authenticator.active_since.is_some();
        let cells = vec![
            authenticator.id.to_string(),
            authenticator.name.clone(),
            format!("{} {}", algorithm(authenticator), authenticator.digits),
            show(authenticator.created_at.as_ref()),
            if active {
                "active"
            } else {
                "waits for its first code"
            }
            .to_owned(),
        ];
        lister.push(cells, || authenticator_json(authenticator))?;
    }
    lister.finish("no authenticators")?;
    match found.recovery_codes_left {
        0 if found.authenticators.is_empty() => {}
        0 => ctl
            .output
            .note("no recovery codes: draw some with `vaultctl mfa recovery-codes`"),
        left => ctl.output.note(&format!("{left} recovery codes left")),
    }
    Ok(Exit::Ok)
}
