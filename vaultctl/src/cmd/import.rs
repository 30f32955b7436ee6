//! `vaultctl import`

use std::fs;
use std::io;

use clap::ValueEnum;
use serde_json::json;
use vault_sdk::wire::PutSecretResponse;
use vault_sdk::{Error, Kind, Vault, encode_path};
use zeroize::Zeroizing;

use super::Outcome;
use super::paths::parse_folder;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::{Fields, ImportFormat, Secrets, join};
use crate::progress;
use crate::prompt::read_stdin;
use crate::table::Lister;

/// Write the secrets of a file
///
/// Everything is checked before anything is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file; `-` for stdin
    #[arg(value_name = "FILE")]
    file: String,

    /// Where its secrets go; a dotenv file becomes one secret of that path
    #[arg(value_name = "DIR", value_parser = parse_folder)]
    folder: String,

    /// Of the file [default: by its name]
    #[arg(long, value_enum)]
    format: Option<ImportFormat>,

    /// What to do about a secret that exists
    #[arg(long, value_enum, default_value_t)]
    on_conflict: OnConflict,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum OnConflict {
    /// Write nothing at all
    #[default]
    Fail,
    /// Leave it as it is
    Skip,
    /// Add the file's fields to it, in a new version
    Merge,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let secrets = self.read()?;
        let vault = ctl.vault()?;
        let planned = self.pass(ctl, &vault, &secrets, true).await?;
        let conflicts: Vec<_> = planned.iter().filter(|d| d.result.is_err()).collect();
        if let (OnConflict::Fail, Some(first)) = (self.on_conflict, conflicts.first()) {
            let what = format!(
                "{} of {} secrets exist already, {} the first; nothing was written",
                conflicts.len(),
                secrets.len(),
                encode_path(&first.path)
            );
            return Err(Failure::new("exists", Exit::Conflict, what)
                .hint("leave those as they are: --on-conflict skip")
                .hint("add the file's fields to them: --on-conflict merge"));
        }
        let done = if self.dry_run {
            planned
        } else {
            self.pass(ctl, &vault, &secrets, false).await?
        };
        self.report(ctl, &done)?;
        let late = !self.dry_run && self.on_conflict == OnConflict::Fail;
        let partial = late && done.iter().any(|done| done.result.is_err());
        Ok(if partial { Exit::Partial } else { Exit::Ok })
    }

    fn read(&self) -> Result<Secrets, Failure> {
        let format = self
            .format
            .or_else(|| ImportFormat::of_name(&self.file))
            .ok_or_else(|| {
                Failure::usage("the format does not show in the file's name").hint("add --format")
            })?;
        let bytes = if self.file == "-" {
            read_stdin(LARGEST_FILE)?
        } else {
            let doing = format!("reading {}", self.file);
            let failed = |error: io::Error| Failure::io(&doing, &error);
            if fs::metadata(&self.file).map_err(failed)?.len() > LARGEST_FILE {
                return Err(Failure::invalid(format!(
                    "{} is larger than 64 MiB",
                    self.file
                )));
            }
            Zeroizing::new(fs::read(&self.file).map_err(failed)?)
        };
        let text = str::from_utf8(&bytes).map_err(|_| Failure::invalid("the file is not text"))?;
        let secrets = format.read(text.strip_prefix('\u{feff}').unwrap_or(text))?;
        let empty = secrets.values().all(Fields::is_empty);
        if empty {
            return Err(Failure::invalid("the file holds no secret"));
        }
        if self.folder.is_empty() && secrets.contains_key("") {
            return Err(Failure::usage(
                "these fields need the path of a secret, not the root",
            ));
        }
        Ok(secrets)
    }

    /// Every secret once; without effect in a dry run. A conflict is a result, not an error.
    async fn pass(
        &self,
        ctl: &Ctl,
        vault: &Vault,
        secrets: &Secrets,
        dry_run: bool,
    ) -> Result<Vec<Done>, Failure> {
        let what = if dry_run { "checking" } else { "importing" };
        let bar = progress::steps(&ctl.output, secrets.len(), what);
        let mut done = Vec::new();
        for (relative, fields) in secrets {
            let path = join(&self.folder, relative);
            let mut put = vault.secrets().put(&path).note("imported");
            for (field, value) in fields {
                put = put.field(field, value);
            }
            if self.on_conflict != OnConflict::Merge {
                put = put.if_version(0);
            }
            if dry_run {
                put = put.dry_run();
            }
            match put.send().await {
                Ok(reply) => done.push(Done {
                    path,
                    result: Ok(reply),
                }),
                Err(error) if is_conflict(&error) => done.push(Done {
                    path,
                    result: Err(()),
                }),
                Err(error) => {
                    let shown = encode_path(&path).into_owned();
                    let written = if dry_run {
                        0
                    } else {
                        done.iter().filter(|d| d.result.is_ok()).count()
                    };
                    let failure = Failure::from(error).for_path(&shown);
                    return Err(
                        failure.hint(format!("at {shown}; {written} were written before it"))
                    );
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(done)
    }

    fn report(&self, ctl: &Ctl, done: &[Done]) -> Result<(), Failure> {
        let mut lister = Lister::new(&ctl.output, &["path", "what", "version"]);
        for Done { path, result } in done {
            let (word, version) = match result {
                Ok(reply) if reply.created => ("created", reply.version),
                Ok(reply) => ("merged", reply.version),
                Err(()) => ("skipped", 0),
            };
            let version_cell = if version == 0 {
                String::new()
            } else {
                version.to_string()
            };
            let cells = vec![
                encode_path(path).into_owned(),
                word.to_owned(),
                version_cell,
            ];
            lister.push(
                cells,
                || json!({ "path": path, "what": word, "version": version }),
            )?;
        }
        lister.finish("")?;
        if self.dry_run {
            ctl.output.note("nothing was written (--dry-run)");
        }
        Ok(())
    }
}

/// What became of one secret; `Err` when it exists.
struct Done {
    path: String,
    result: Result<PutSecretResponse, ()>,
}

fn is_conflict(error: &Error) -> bool {
    error.kind() == Kind::Exists || error.reason() == "VERSION_MISMATCH"
}

const LARGEST_FILE: u64 = 64 * 1024 * 1024;
