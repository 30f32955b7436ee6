//! `vaultctl region add|ls|rename|revoke`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};
use vault_sdk::wire::RegionInfo;
use vault_sdk::{Error, Kind, NewRegion, Text, Vault};
use zeroize::Zeroizing;

use super::Outcome;
use super::init::{KEY_DERIVATION, SealArgs, show_lines};
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{may_write_new, write_new};
use crate::table::Lister;
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add(Add),
    /// List the regions that there are or were
    Ls,
    Rename(Rename),
    Revoke(Revoke),
}

/// Add a region, with a seal of its own
///
/// Prints what opens the region's nodes, and only then has the region made: if this command fails, what it printed is
/// worth nothing. A node is of the region that `node.region` of its configuration names.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Lower-case letters, digits, `-`, `_` and `.`
    name: String,

    #[command(flatten)]
    seal: SealArgs,

    /// With --seal key-file or systemd-credential: the file to make, for the region's nodes
    #[arg(long, value_name = "FILE")]
    key_out: Option<PathBuf>,
}

/// Call a region something else
///
/// Its number stays, and with it all that is sealed for it. `node.region` of its nodes has to follow before they are
/// opened again, and so have policies that name it.
#[derive(Debug, clap::Args)]
pub(crate) struct Rename {
    /// What it is called now
    name: String,

    /// What it is to be called
    new: String,
}

/// Seal nothing for a region any more, for ever
///
/// New terms of the keys begin, and records are moved to them: what is written from then on does not open there. What
/// its nodes had, they have: every value that was kept there is disclosed, and is to be changed at its source.
#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// Which
    name: String,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Add(args) => args.run(ctl).await,
            Self::Ls => ls(ctl).await,
            Self::Rename(args) => args.run(ctl).await,
            Self::Revoke(args) => args.run(ctl).await,
        }
    }
}

impl Add {
    async fn run(self, ctl: &Ctl) -> Outcome {
        match (&self.key_out, self.seal.is_automatic()) {
            (None, true) => {
                return Err(Failure::usage(
                    "the region's nodes need the key: --key-out FILE",
                ));
            }
            (Some(_), false) => {
                return Err(Failure::usage(
                    "--key-out goes with --seal key-file or systemd-credential",
                ));
            }
            (Some(path), true) => may_write_new(path)?,
            (None, false) => {}
        }
        let config = self.seal.to_config(ctl)?;
        let vault = ctl.vault()?.with_timeout(KEY_DERIVATION);
        let made = vault.regions().create(&self.name, config).await?;
        // Nothing exists yet: what could not be kept is lost with the region that it would have opened.
        self.keep(ctl, &made)
            .map_err(|failure| unkept(&failure, &self.name))?;
        let confirmed = vault.regions().confirm(&made.ceremony).await;
        if let Err(error) = confirmed {
            find_out(&vault, &made, &self.name, error).await?;
        }
        ctl.output.note(&format!(
            "The region is added. Its nodes have `region = \"{}\"` under [node], and are unsealed with these, not with \
             home's.",
            self.name
        ));
        Ok(Exit::Ok)
    }

    fn keep(&self, ctl: &Ctl, made: &NewRegion) -> Result<(), Failure> {
        if let (Some(path), Some(key)) = (&self.key_out, &made.key) {
            write_key(path, key)?;
        }
        show(ctl, made, &self.seal)
    }
}

/// The 32 bytes of a key file.
fn write_key(path: &Path, key: &Text) -> Result<(), Failure> {
    // EXPOSE: into the file that was asked for
    let bytes = Zeroizing::new(hex::decode(key.expose()).unwrap_or_default());
    if bytes.len() != 32 {
        return Err(Failure::invalid("the vault's key is not one of 32 bytes"));
    }
    write_new(path, &bytes)
}

fn unkept(failure: &Failure, name: &str) -> Failure {
    let what = if failure.is_silent() {
        "whoever read the output went away"
    } else {
        failure.what()
    };
    Failure::new(
        "io",
        Exit::Internal,
        format!("what opens the region was not all kept ({what}); the region was not made"),
    )
    .hint(format!(
        "what was printed is worthless; run it again: vaultctl region add {name}"
    ))
}

/// After a confirmation that was not answered well: whether the region exists all the same.
async fn find_out(
    vault: &Vault,
    made: &NewRegion,
    name: &str,
    error: Error,
) -> Result<(), Failure> {
    let refused = matches!(
        error.kind(),
        Kind::Invalid | Kind::Unauthenticated | Kind::Forbidden | Kind::Precondition | Kind::Exists
    );
    if !refused {
        let known = vault.regions().list().await.unwrap_or_default();
        if known
            .iter()
            .any(|region| region.number == made.number && region.name == name)
        {
            return Ok(());
        }
        let what = format!(
            "it is not known whether the region was made: {}",
            error.message()
        );
        return Err(Failure::from(error).saying(what).hint(
            "look in a minute: vaultctl region ls; if it is not there, what was printed is worthless",
        ));
    }
    let what = format!(
        "the region was not made, and what was printed is worthless: {}",
        error.message()
    );
    Err(Failure::from(error)
        .saying(what)
        .hint(format!("run it again: vaultctl region add {name}")))
}

/// One secret a line; which it is before it.
fn show(ctl: &Ctl, made: &NewRegion, seal: &SealArgs) -> Result<(), Failure> {
    // EXPOSE: stdout, once: this is what the command is for
    let texts = |list: &[Text]| {
        list.iter()
            .map(|t| t.expose().to_owned())
            .collect::<Vec<_>>()
    };
    let (shares, recovery) = (texts(&made.shares), texts(&made.recovery_shares));
    let passphrase = made.passphrase.as_ref().map(Text::expose);
    if ctl.output.is_json() {
        return ctl.output.json(&json!({
            "number": made.number,
            "shares": shares,
            "recovery_shares": recovery,
            "passphrase": passphrase,
        }));
    }
    ctl.output.warn(&seal.advice());
    show_lines(ctl, &shares, &recovery, passphrase)
}

async fn ls(ctl: &Ctl) -> Outcome {
    let regions = ctl.vault()?.regions().list().await?;
    if ctl.output.is_json() {
        let all: Vec<_> = regions.iter().map(to_json).collect();
        ctl.output.json(&Value::Array(all))?;
        return Ok(Exit::Ok);
    }
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let mut lister = Lister::new(&ctl.output, &["name", "number", "since", "state"]);
    for region in &regions {
        let state = match (region.home, &region.revoked_at) {
            (true, _) => "home".to_owned(),
            (false, None) => String::new(),
            (false, Some(at)) => format!("revoked {}", show(Some(at))),
        };
        let cells = vec![
            region.name.clone(),
            region.number.to_string(),
            show(region.created_at.as_ref()),
            state,
        ];
        lister.push(cells, || Value::Null)?;
    }
    lister.finish("there are no regions yet: the vault's leader has to be unsealed once")?;
    Ok(Exit::Ok)
}

impl Rename {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let renamed = ctl.vault()?.regions().rename(&self.name, &self.new).await?;
        let words = format!(
            "it is `{}` now; set `node.region` of its nodes before they are opened again",
            renamed.name
        );
        ctl.output.done(&words, || to_json(&renamed))?;
        Ok(Exit::Ok)
    }
}

impl Revoke {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let what = format!(
            "the region `{}` is revoked for ever: its nodes seal themselves, and are not opened again",
            self.name
        );
        type_word(ctl, &what, "", &self.name)?;
        let vault = ctl.vault()?.with_timeout(KEY_DERIVATION);
        let ended = vault.regions().revoke(&self.name).await?;
        let (secrets, versions) = (ended.secrets, ended.versions);
        let region = ended.region.unwrap_or_default();
        let words = format!(
            "`{}` is revoked; records are being moved to new keys: vaultctl keyring status",
            region.name
        );
        ctl.output.done(
            &words,
            || json!({ "region": to_json(&region), "secrets": secrets, "versions": versions }),
        )?;
        if secrets > 0 {
            ctl.output.warn(&format!(
                "its nodes can open {versions} versions of {secrets} secrets, and keep that: change what those are good for"
            ));
        }
        Ok(Exit::Ok)
    }
}

fn to_json(region: &RegionInfo) -> Value {
    let revoked = region.revoked_at.as_ref();
    json!({
        "number": region.number,
        "name": region.name,
        "home": region.home,
        "created_at": time::rfc3339(region.created_at.as_ref()),
        "revoked_at": revoked.map(|at| time::rfc3339(Some(at))),
    })
}
