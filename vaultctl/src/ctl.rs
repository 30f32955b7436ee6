//! What every command is given.

use std::path::Path;

use vault_sdk::{Error, Needs, Vault, encode_path};

use crate::cli::Globals;
use crate::connect::Target;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::paths::Paths;
use crate::prompt::Prompt;
use crate::suggest::{self, Suggestion};

/// Settings, output and prompts of this run.
#[derive(Debug)]
pub(crate) struct Ctl {
    pub(crate) globals: Globals,
    pub(crate) output: Output,
    pub(crate) prompt: Prompt,
    pub(crate) paths: Paths,
    pub(crate) yes: bool,
    /// Nothing is done: it is gathered what that would take.
    pub(crate) needs: Option<Needs>,
}

impl Ctl {
    pub(crate) fn new(globals: Globals, output: Output) -> Self {
        Self {
            output,
            prompt: Prompt::new(globals.no_input),
            paths: Paths::from_environment(),
            yes: globals.yes,
            needs: None,
            globals,
        }
    }

    /// For a command of which it is only asked what it takes: it says nothing, and asks for no confirmation.
    pub(crate) fn asking(&self, needs: &Needs) -> Self {
        Self {
            globals: self.globals.clone(),
            output: self.output.silenced(),
            prompt: Prompt::new(self.globals.no_input),
            paths: Paths::from_environment(),
            yes: true,
            needs: Some(needs.clone()),
        }
    }

    /// Writes a file that people named, unless nothing is to be done.
    pub(crate) fn write_output(&self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        match self.needs {
            Some(_) => Ok(()),
            None => files::write_output(path, content),
        }
    }

    /// Which vault is meant, and as whom.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        Target::find(self)
    }

    /// What the flags alone name; no context is looked at.
    pub(crate) fn direct_target(&self) -> Result<Target, Failure> {
        Target::direct(self)
    }

    /// A client of that vault, with the caller's token.
    pub(crate) fn vault(&self) -> Result<Vault, Failure> {
        let target = self.target()?;
        self.output.detail(&format!("using {}", target.describe()));
        target.vault(self)
    }

    /// The same where something goes to another path, which may be what is in the way.
    pub(crate) async fn about_move(
        &self,
        vault: &Vault,
        (source, target): (&str, &str),
        error: Error,
    ) -> Failure {
        if error.reason() == "SECRET_EXISTS" {
            let shown = encode_path(target);
            return Failure::from(error).saying(format!("{shown} exists already"));
        }
        self.about(vault, source, error).await
    }

    /// The failure that an error about a path is, with a suggestion where the path does not exist.
    pub(crate) async fn about(&self, vault: &Vault, path: &str, error: Error) -> Failure {
        let missing = matches!(error.reason(), "SECRET_NOT_FOUND" | "FOLDER_NOT_FOUND");
        let shown = encode_path(path);
        let failure = Failure::from(error).for_path(&shown);
        if !missing {
            return failure;
        }
        let failure = failure.saying(format!("{shown} does not exist"));
        if self.needs.is_some() {
            // What a suggestion takes is nothing that the command takes.
            return failure;
        }
        match suggest::instead_of(vault, path).await {
            Some(Suggestion::Folder) => {
                failure.hint(format!("{shown} is a folder: vaultctl ls {shown}"))
            }
            Some(Suggestion::Secret) => {
                failure.hint(format!("{shown} is a secret: vaultctl get {shown}"))
            }
            Some(Suggestion::Near(near)) => failure.hint(format!("did you mean {near}?")),
            None => failure,
        }
    }
}
