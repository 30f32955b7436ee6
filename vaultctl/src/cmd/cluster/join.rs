//! `vaultctl cluster join`

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use vault_sdk::wire::SealState;

use super::invitation::Invitation;
use crate::cmd::init::setup_code;
use crate::connect::timeout;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::prompt::read_line;

/// Let the new node that answers join a cluster, by an invitation
///
/// Run it on the new machine, once vaultd runs there with listen.peers and an empty data directory. It asks for the line
/// that `vaultctl cluster invite` printed, shows the key that is to be approved, and waits until it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `-` reads the invitation from stdin
    #[arg(value_name = "-", value_parser = ["-"])]
    stdin: Option<String>,

    /// File that holds the new node's setup code, which is needed over TCP
    #[arg(long, value_name = "FILE")]
    setup_code_file: Option<PathBuf>,

    /// Do not wait until the node is approved
    #[arg(long)]
    no_wait: bool,
}

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Result<(), Failure> {
        let target = ctl.target()?;
        let code = setup_code(ctl, &target, self.setup_code_file.as_deref())?;
        let node = target.vault(ctl)?;
        let described = node.cluster().describe_node().await?;
        if described.key.is_empty() {
            return Err(Failure::new(
                "precondition",
                Exit::Precondition,
                "the new node has no listener for peers",
            )
            .hint("set listen.peers in its configuration, restart it, and try again"));
        }
        if !described.joining {
            // Before the invitation is used up.
            if node.system().status().await?.state() != SealState::Uninitialised {
                return Err(Failure::new(
                    "exists",
                    Exit::Conflict,
                    "this node holds a vault already: only an empty node joins a cluster",
                ));
            }
            let text = match self.stdin {
                Some(_) => read_line()?,
                None => ctl
                    .prompt
                    .hidden("Invitation", "pipe it in: vaultctl cluster join -")?,
            };
            // EXPOSE: to be taken apart
            let invitation = Invitation::parse(text.expose())?;
            let cluster = invitation.vault(timeout(ctl))?;
            let told = cluster
                .cluster()
                .ask_to_join(&invitation.secret, described.clone())
                .await?;
            node.cluster().join(code.as_ref(), told).await?;
        }
        let key = &described.key;
        ctl.output.note(&format!(
            "This node's key is {key}\nCompare it where you administer the cluster, and approve it: vaultctl cluster approve {key}"
        ));
        if !self.no_wait {
            ctl.output
                .note("Waiting until it is approved (Ctrl-C ends the waiting only).");
            // It starts again in place meanwhile, so what fails is tried again.
            loop {
                tokio::time::sleep(LOOK).await;
                let now = node.cluster().describe_node().await;
                if now.is_ok_and(|now| !now.joining && now.id != 0) {
                    break;
                }
            }
        }
        let text = if self.no_wait {
            "it joins once it is approved"
        } else {
            "it follows the cluster; open it by the vault's seal: vaultctl unseal"
        };
        ctl.output.done(text, || json!({ "key": key }))
    }
}
