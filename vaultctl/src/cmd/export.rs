//! `vaultctl export`

use std::path::PathBuf;

use serde_json::json;
use vault_sdk::wire::ListSecretsRequest;
use vault_sdk::{Kind, Reference, Secret, Vault};

use super::Outcome;
use super::ls::Pages;
use super::paths::parse_folder;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::{ExportFormat, Secrets};
use crate::progress;

/// Write the secrets of a folder to a file or to stdout
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder, or one secret
    #[arg(value_name = "DIR", value_parser = parse_folder)]
    folder: String,

    /// Of the output
    #[arg(long, value_enum)]
    format: ExportFormat,

    /// Write to a file of mode 0600
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Show values on a terminal
    #[arg(long)]
    reveal: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        if ctl.output.is_terminal() && self.out.is_none() && !self.reveal {
            return Err(
                Failure::usage("this would show every value on the terminal")
                    .hint("write to a file with --out FILE, or add --reveal"),
            );
        }
        let vault = ctl.vault()?;
        let secrets = self.collect(ctl, &vault).await?;
        if secrets.is_empty() {
            let what = format!("nothing is below {}", shown(&self.folder));
            return Err(Failure::new("not_found", Exit::NotFound, what));
        }
        let mut text = zeroize::Zeroizing::new(self.format.write(&self.folder, &secrets)?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if let Some(path) = &self.out {
            ctl.write_output(path, text.as_bytes())?;
            let words = format!("{} secrets are in {}", secrets.len(), path.display());
            ctl.output
                .done(&words, || json!({ "secrets": secrets.len() }))?;
        } else {
            ctl.output.bytes(text.as_bytes())?;
        }
        Ok(Exit::Ok)
    }

    /// All secrets below the folder, and the one that has its name.
    async fn collect(&self, ctl: &Ctl, vault: &Vault) -> Result<Secrets, Failure> {
        let mut secrets = Secrets::new();
        if !self.folder.is_empty() {
            match vault
                .secrets()
                .get(&Reference::to_path(self.folder.clone()))
                .await
            {
                Ok(secret) => drop(secrets.insert(String::new(), secret.fields)),
                Err(error) if error.kind() == Kind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let page = ListSecretsRequest {
            folder: self.folder.clone(),
            recursive: true,
            ..Default::default()
        };
        let mut pages = Pages::new(page, None);
        let mut paths = Vec::new();
        loop {
            match pages.next(ctl, vault).await {
                Ok(Some(entries)) => {
                    paths.extend(entries.into_iter().filter(|e| !e.folder).map(|e| e.path));
                }
                Ok(None) => break,
                Err(failure) if failure.exit() == Exit::NotFound && !secrets.is_empty() => break,
                Err(failure) => return Err(failure),
            }
        }
        let bar = progress::steps(&ctl.output, paths.len(), "reading");
        for batch in paths.chunks(BATCH) {
            let references = batch.iter().cloned().map(Reference::to_path);
            for (path, result) in batch
                .iter()
                .zip(vault.secrets().get_many(references).await?)
            {
                let Secret { fields, .. } = match result {
                    Ok(secret) => secret,
                    Err(error) => return Err(ctl.about(vault, path, error).await),
                };
                drop(secrets.insert(self.relative(path), fields));
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(secrets)
    }

    fn relative(&self, path: &str) -> String {
        let rest = path.strip_prefix(&self.folder).unwrap_or(path);
        rest.strip_prefix('/').unwrap_or(rest).to_owned()
    }
}

fn shown(folder: &str) -> String {
    if folder.is_empty() {
        "/".to_owned()
    } else {
        vault_sdk::encode_path(folder).into_owned()
    }
}

/// Small enough that the values of a batch fit into one reply.
const BATCH: usize = 32;
