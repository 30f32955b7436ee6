//! `vaultctl backup create|verify|restore`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};
use tokio::fs::File;
use vault_sdk::RestoreOptions;
use vault_sdk::wire::{BackupReport, BackupSeal};

use super::Outcome;
use super::init::setup_code;
use super::status::{describe_seal, seal_json};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress;
use crate::table::record;
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a sealed snapshot to a file
    Create {
        /// The file; `-` for stdout
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
    },
    /// Check a snapshot: every digest, and that every record opens
    Verify {
        /// The snapshot
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Restore a snapshot into a vault that holds nothing yet, in place of the one that was lost
    Restore(Restore),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The snapshot
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// File that holds the setup code, which is needed over TCP
    #[arg(long, value_name = "FILE")]
    setup_code_file: Option<PathBuf>,

    /// Check everything, restore nothing
    #[arg(long)]
    dry_run: bool,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Create { file, force } => create(ctl, &file, force).await?,
            Self::Verify { file } => {
                let report = ctl.vault()?.backup().verify(open(&file).await?).await?;
                ctl.output.note(&verdict(&report));
                show(ctl, &report)?;
            }
            Self::Restore(args) => args.run(ctl).await?,
        }
        Ok(Exit::Ok)
    }
}

impl Restore {
    async fn run(self, ctl: &Ctl) -> Result<(), Failure> {
        let target = ctl.target()?;
        let snapshot = open(&self.file).await?;
        let options = RestoreOptions {
            setup_code: setup_code(ctl, &target, self.setup_code_file.as_deref())?,
            dry_run: self.dry_run,
        };
        let report = target
            .vault(ctl)?
            .backup()
            .restore(snapshot, &options)
            .await?;
        if self.dry_run {
            let words = "the snapshot can be restored; nothing was changed (--dry-run)";
            ctl.output.note(words);
        } else {
            after_restore(ctl, &report);
        }
        show(ctl, &report)
    }
}

/// What a check came to: whether the snapshot opens, and for whom once it is restored.
fn verdict(report: &BackupReport) -> String {
    let whole = match (report.seal(), report.opened) {
        (BackupSeal::Unspecified, _) => {
            return "the snapshot is whole, but of another vault: whether it opens was not checked"
                .to_owned();
        }
        (_, true) => "the snapshot is whole, and every record of it opens with keys of this vault",
        (_, false) => {
            "the snapshot is whole and of this vault, but of before keys that were destroyed since: not every \
             record of it could be opened"
        }
    };
    match report.seal() {
        BackupSeal::Replaced => format!(
            "{whole}\n\
             once it is restored, it opens with the seal of {} only ({}): a rekey lies between, and what opens \
             this vault now will not open it. Keep that seal as long as the snapshot, or make a new snapshot",
            time::local(report.taken_at.as_ref()),
            seals(report),
        ),
        BackupSeal::Present | BackupSeal::Unspecified => whole.to_owned(),
    }
}

fn seals(report: &BackupReport) -> String {
    let slots: Vec<_> = report.slots.iter().map(describe_seal).collect();
    slots.join(", ")
}

/// Who gets in now, and what is not as it was.
fn after_restore(ctl: &Ctl, report: &BackupReport) {
    let taken = time::local(report.taken_at.as_ref());
    ctl.output.note(&format!(
        "restored: the vault is the same cluster again, as of {taken}; the daemon is starting again\n\
         1. keep the vault that it replaces switched off for good: two of one identity confuse every client\n\
         2. open it with the seal that it had then ({}; not that of a later rekey): vaultctl unseal\n\
         3. log in with its initial token: vaultctl login. {} ended: a token from `vaultctl login` before this is void",
        seals(report),
        counted(report.sessions, "session"),
    ));
    ctl.output.note(&format!(
        "{} and {} come back as they were then. What was changed, revoked, deleted or destroyed since is undone: \
         look through it, and rotate what should no longer open. What it holds as deleted is kept until it has \
         run for a day: vaultctl trash ls",
        counted(report.principals, "account"),
        counted(report.secrets, "secret"),
    ));
}

fn counted(n: u64, what: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {what}{ending}")
}

async fn create(ctl: &Ctl, path: &Path, force: bool) -> Result<(), Failure> {
    let to_stdout = path == Path::new("-");
    if to_stdout && ctl.output.is_terminal() {
        return Err(Failure::usage("a snapshot is binary; name a file"));
    }
    if !to_stdout && !force && path.exists() {
        let what = format!("{} exists already", path.display());
        return Err(Failure::new("exists", Exit::Conflict, what).hint("replace it: --force"));
    }
    let vault = ctl.vault()?;
    let mut stream = vault.backup().create().await?;
    let bar = progress::bytes(&ctl.output, "saving");
    if to_stdout {
        while let Some(chunk) = stream.next().await? {
            ctl.output.bytes(&chunk)?;
            bar.inc(length(&chunk));
        }
        bar.finish_and_clear();
        return Ok(());
    }
    let failed =
        |error: std::io::Error| Failure::io(&format!("writing {}", path.display()), &error);
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    let mut size = 0;
    while let Some(chunk) = stream.next().await? {
        file.write_all(&chunk).map_err(failed)?;
        size += length(&chunk);
        bar.inc(length(&chunk));
    }
    bar.finish_and_clear();
    file.as_file().sync_all().map_err(failed)?;
    let kept = if force {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    kept.map_err(|error| failed(error.error))?;
    std::fs::File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed)?;
    let words = format!(
        "{} holds {size} bytes; check it: vaultctl backup verify {}",
        path.display(),
        path.display()
    );
    ctl.output.done(
        &words,
        || json!({ "file": path.display().to_string(), "bytes": size }),
    )
}

async fn open(path: &Path) -> Result<File, Failure> {
    let opened = File::open(path).await;
    opened.map_err(|error| Failure::io(&format!("reading {}", path.display()), &error))
}

fn length(chunk: &[u8]) -> u64 {
    u64::try_from(chunk.len()).unwrap_or(u64::MAX)
}

fn show(ctl: &Ctl, report: &BackupReport) -> Result<(), Failure> {
    let taken = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    record(
        &ctl.output,
        &[
            ("cluster", report.cluster_id.clone()),
            ("applied index", report.applied_index.to_string()),
            ("records", report.records.to_string()),
            ("bytes", report.bytes.to_string()),
            ("newest write", taken(report.taken_at.as_ref())),
            ("secrets", report.secrets.to_string()),
            ("versions", report.versions.to_string()),
            ("accounts", report.principals.to_string()),
            ("sessions", report.sessions.to_string()),
            (
                "opened",
                if report.opened {
                    "yes"
                } else {
                    "no: digests were checked, contents were not"
                }
                .to_owned(),
            ),
            (
                "opens with",
                match report.seal() {
                    BackupSeal::Present => format!("{}: the seal in force", seals(report)),
                    BackupSeal::Replaced => format!(
                        "{}, of {}: a rekey lies between",
                        seals(report),
                        taken(report.taken_at.as_ref())
                    ),
                    BackupSeal::Unspecified => format!("{}: its own seal", seals(report)),
                },
            ),
            ("state hash", report.state_hash.clone()),
        ],
        || to_json(report),
    )
}

fn to_json(report: &BackupReport) -> Value {
    json!({
        "cluster_id": report.cluster_id,
        "incarnation": report.incarnation,
        "applied_index": report.applied_index,
        "records": report.records,
        "bytes": report.bytes,
        "secrets": report.secrets,
        "versions": report.versions,
        "taken_at": time::rfc3339(report.taken_at.as_ref()),
        "principals": report.principals,
        "sessions": report.sessions,
        "opened": report.opened,
        "seal": match report.seal() {
            BackupSeal::Present => Value::from("present"),
            BackupSeal::Replaced => Value::from("replaced"),
            BackupSeal::Unspecified => Value::Null,
        },
        "seals": report.slots.iter().map(seal_json).collect::<Vec<_>>(),
        "state_hash": report.state_hash,
    })
}
