//! What `vaultd dev` says once it serves: what to try, what it is not, how to stop.

use super::context::Written;
use crate::config::Config;

/// The text.
pub(super) fn text(config: &Config, written: Written, temporary: bool) -> String {
    let flag = if written.current { "" } else { " -c dev" };
    let gone = if temporary {
        "  (gone when it stops; --data DIR keeps them)"
    } else {
        ""
    };
    let which = if written.current {
        "dev, the current one"
    } else {
        "dev; another one is current"
    };
    let facts = [
        config
            .listen
            .address
            .map(|address| ("clients", format!("https://{address}"))),
        config
            .health
            .map(|address| ("health", format!("http://{address}/ready  /live  /metrics"))),
        Some(("data", format!("{}{gone}", config.node.data_dir.display()))),
        Some(("context", which.to_owned())),
    ];
    let facts: Vec<String> = facts
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("  {name:<8} {value}\n"))
        .collect();
    let lost = if written.token { "" } else { LOST };
    let (facts, pid) = (facts.concat(), std::process::id());
    format!(
        "A vault for trying things out is ready. Never put real secrets into it: its key lies beside its data.\n\n\
         {facts}{lost}\n\
         Try, in another terminal:\n\n  \
           vaultctl{flag} set db/password\n  \
           vaultctl{flag} get db/password\n  \
           vaultctl{flag} ls\n\n\
         Stop it with Ctrl-C, or: kill {pid}"
    )
}

const LOST: &str = "\nThis data was set up before, and the token of its administrator is not here any more. For a new vault\n\
                    start without --data, or with another directory.\n";
