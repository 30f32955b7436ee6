//! `vaultctl service secret-id`, `pin`, `allow-uid`, `rm-uid`, `uids`: what programs log in by.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vault_sdk::{IssuedSecretId, SecretIdTerms, wire};

use super::flags::{Own, Switch};
use super::pins::Pins;
use super::{Name, Sort};
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::may_write;
use crate::table::Lister;
use crate::time::{self, parse_span};

#[derive(Debug, Subcommand)]
pub(crate) enum Programs {
    #[command(flatten)]
    Switch(Switch),
    /// What its programs log in with
    #[command(subcommand)]
    SecretId(SecretId),
    /// Whose key lets its programs log in, by a client certificate
    #[command(subcommand)]
    Pin(Pins),
    /// Let processes of a uid of the vault's machine log in as it, over the Unix socket
    AllowUid(AllowUid),
    /// Let processes of a uid log in as it no more; sessions that they have go on
    RmUid(Uid),
    /// Show whose processes may log in as it
    Uids(Name),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretId {
    /// Print a new one: it is shown this once
    Issue(Issue),
    /// Show those that are good yet
    Ls(Name),
    /// Take one back; sessions that were made with it go on
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The service
    #[arg(value_name = "NAME")]
    name: String,

    /// Let it be good for so many logins only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,

    /// How long it lasts, 1m to 365d [default: 30d]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,

    /// Let it be used from there only: addresses as 10.0.0.0/8, or `unix` for the Unix socket; may
    /// be given again
    #[arg(long = "bind", alias = "cidr", value_name = "CIDR")]
    places: Vec<String>,

    /// Write it to a file that only you can read, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The service
    #[arg(value_name = "NAME")]
    name: String,

    /// The secret id, as `ls` and the audit name it
    #[arg(value_name = "ACCESSOR")]
    accessor: String,
}

#[derive(Debug, Args)]
pub(crate) struct AllowUid {
    #[command(flatten)]
    who: Uid,

    /// Only while this is the process's own group, as a number; of its supplementary groups the kernel tells nothing
    #[arg(long, value_name = "GID")]
    gid: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Uid {
    /// The service
    #[arg(value_name = "NAME")]
    name: String,

    /// The uid, as a number
    #[arg(value_name = "UID")]
    uid: u32,
}

impl Own for Programs {
    async fn run(self, sort: Sort, ctl: &Ctl) -> Outcome {
        match self {
            Self::Switch(switch) => switch.run(sort, ctl).await,
            Self::SecretId(SecretId::Issue(args)) => args.run(ctl).await,
            Self::SecretId(SecretId::Ls(one)) => list(&one.name, ctl).await,
            Self::SecretId(SecretId::Revoke(args)) => args.run(ctl).await,
            Self::Pin(pins) => pins.run(ctl).await,
            Self::AllowUid(args) => {
                let vault = ctl.vault()?;
                let AllowUid { who, gid } = args;
                let allowed = vault.programs().allow_uid(&who.name, who.uid, gid);
                let changed = allowed.await?;
                who.tell(changed, "logs in as", gid, ctl)
            }
            Self::RmUid(args) => {
                let vault = ctl.vault()?;
                let changed = vault.programs().remove_uid(&args.name, args.uid).await?;
                args.tell(changed, "does not log in as", None, ctl)
            }
            Self::Uids(one) => uids(&one.name, ctl).await,
        }
    }
}

impl Issue {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        if let Some(file) = &self.out {
            may_write(file)?;
        }
        let who = Sort::Service.who(&self.name);
        let terms = SecretIdTerms {
            ttl: self.ttl,
            uses: self.uses,
            places: self.places,
        };
        let made = vault.programs().issue_secret_id(&who, terms).await?;
        if let Some(file) = &self.out {
            return to_file(ctl, file, &who, &made);
        }
        if ctl.output.is_json() {
            let mut shown = shown(&made.issued);
            if let Some(map) = shown.as_object_mut() {
                map.insert("service".to_owned(), json!(who));
                // EXPOSE: stdout, the one time that it is shown
                map.insert("secret_id".to_owned(), json!(made.secret_id.expose()));
            }
            ctl.output.json(&shown)?;
            return Ok(Exit::Ok);
        }
        // EXPOSE: stdout, the one time that it is shown
        ctl.output.line(made.secret_id.expose())?;
        ctl.output.note(&words(&who, &made.issued));
        Ok(Exit::Ok)
    }
}

fn words(who: &str, issued: &wire::SecretId) -> String {
    let times = match issued.uses_left {
        None => String::new(),
        Some(1) => "once, ".to_owned(),
        Some(uses) => format!("for {uses} logins, "),
    };
    format!(
        "{} of {who} is good {times}until {}",
        issued.accessor,
        time::local(issued.expires_at.as_ref())
    )
}

fn to_file(ctl: &Ctl, file: &std::path::Path, who: &str, made: &IssuedSecretId) -> Outcome {
    // EXPOSE: the file that was named, mode 0600
    let written = ctl.write_output(file, made.secret_id.expose().as_bytes());
    if let Err(failure) = written {
        let accessor = &made.issued.accessor;
        return Err(failure.hint(format!(
            "nobody has the secret id: take it back with vaultctl service secret-id revoke {who} {accessor}"
        )));
    }
    let words = format!("{}; it is in {}", words(who, &made.issued), file.display());
    ctl.output.done(&words, || shown(&made.issued))?;
    Ok(Exit::Ok)
}

async fn list(name: &str, ctl: &Ctl) -> Outcome {
    let vault = ctl.vault()?;
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let columns = ["secret id", "issued", "by", "expires", "uses", "from"];
    let mut lister = Lister::new(&ctl.output, &columns);
    let mut after = String::new();
    loop {
        let page = vault.programs().list_secret_ids(name, after).await?;
        for one in &page.secret_ids {
            let cells = vec![
                one.accessor.clone(),
                show(one.created_at.as_ref()),
                one.issued_by.clone(),
                show(one.expires_at.as_ref()),
                one.uses_left
                    .map_or_else(String::new, |left| left.to_string()),
                one.places.join(", "),
            ];
            lister.push(cells, || shown(one))?;
        }
        if page.next.is_empty() {
            break;
        }
        after = page.next;
    }
    lister.finish("no secret ids")?;
    Ok(Exit::Ok)
}

fn shown(one: &wire::SecretId) -> Value {
    json!({
        "accessor": one.accessor,
        "created_at": time::rfc3339(one.created_at.as_ref()),
        "expires_at": time::rfc3339(one.expires_at.as_ref()),
        "uses_left": one.uses_left,
        "places": one.places,
        "issued_by": one.issued_by,
    })
}

impl Revoke {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let revoked = vault
            .programs()
            .revoke_secret_id(&self.name, &self.accessor);
        revoked.await?;
        let words = format!("took {} back", self.accessor);
        let accessor = self.accessor;
        ctl.output
            .done(&words, || json!({ "accessor": accessor }))?;
        Ok(Exit::Ok)
    }
}

impl Uid {
    fn tell(self, changed: bool, now: &str, gid: Option<u32>, ctl: &Ctl) -> Outcome {
        let who = Sort::Service.who(&self.name);
        let already = if changed { "" } else { ", as before" };
        let group = gid
            .map(|gid| format!(" in group {gid}"))
            .unwrap_or_default();
        let text = format!("uid {}{group} {now} {who}{already}", self.uid);
        let value = json!({ "service": who, "uid": self.uid, "gid": gid, "changed": changed });
        ctl.output.done(&text, || value)?;
        Ok(Exit::Ok)
    }
}

async fn uids(name: &str, ctl: &Ctl) -> Result<Exit, Failure> {
    let bound = ctl.vault()?.programs().list_uids(name).await?;
    let mut lister = Lister::new(&ctl.output, &["uid", "gid"]);
    for wire::BoundUid { uid, gid } in bound {
        let group = gid.map_or_else(|| "any".to_owned(), |gid| gid.to_string());
        lister.push(
            vec![uid.to_string(), group],
            || json!({ "uid": uid, "gid": gid }),
        )?;
    }
    lister.finish("no uids")?;
    Ok(Exit::Ok)
}
