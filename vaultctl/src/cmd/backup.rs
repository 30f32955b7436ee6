//! `vaultctl backup create|verify|restore`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};
use tokio::fs::File;
use vault_sdk::RestoreOptions;
use vault_sdk::wire::BackupReport;

use super::Outcome;
use super::init::setup_code;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress;
use crate::table::record;

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
    /// Restore a snapshot into a vault that holds nothing yet
    Restore(Restore),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The snapshot
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Remain the same cluster, in place of the one that was lost
    #[arg(long)]
    keep_cluster_id: bool,

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
                show(ctl, "the snapshot is whole", &report)?;
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
        if self.keep_cluster_id && !self.dry_run {
            let what = "restore as the same cluster; the one it replaces must be gone for good";
            type_word(ctl, what, "", "same-cluster")?;
        }
        let options = RestoreOptions {
            setup_code: setup_code(ctl, &target, self.setup_code_file.as_deref())?,
            dry_run: self.dry_run,
            keep_cluster_id: self.keep_cluster_id,
        };
        let report = target
            .vault(ctl)?
            .backup()
            .restore(snapshot, &options)
            .await?;
        let words = if self.dry_run {
            "the snapshot can be restored; nothing was changed (--dry-run)"
        } else {
            "restored; open it with the shares of the vault it was taken from: vaultctl unseal"
        };
        show(ctl, words, &report)
    }
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

fn show(ctl: &Ctl, words: &str, report: &BackupReport) -> Result<(), Failure> {
    ctl.output.note(words);
    let counted = |n: u64| {
        if report.opened {
            n.to_string()
        } else {
            String::new()
        }
    };
    record(
        &ctl.output,
        &[
            ("cluster", report.cluster_id.clone()),
            ("applied index", report.applied_index.to_string()),
            ("records", report.records.to_string()),
            ("bytes", report.bytes.to_string()),
            ("secrets", counted(report.secrets)),
            ("versions", counted(report.versions)),
            (
                "opened",
                if report.opened {
                    "yes"
                } else {
                    "no: digests were checked, contents were not"
                }
                .to_owned(),
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
        "opened": report.opened,
        "state_hash": report.state_hash,
    })
}
