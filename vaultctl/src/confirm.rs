//! Asking before something is done that is hard to undo.

use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// Goes on when `--yes` was given or the answer is the expected word. `list` is shown before that.
pub(crate) fn type_word(ctl: &Ctl, what: &str, list: &str, word: &str) -> Result<(), Failure> {
    if ctl.yes {
        return Ok(());
    }
    let refused = || {
        Failure::new(
            "unconfirmed",
            Exit::Unconfirmed,
            format!("{what}: not confirmed"),
        )
    };
    if !ctl.prompt.is_allowed() {
        return Err(refused().hint("add --yes to mean it"));
    }
    ctl.output.note(&format!("{what}{list}"));
    let answer = ctl
        .prompt
        .visible(&format!("Type {word} to go on"), "add --yes")?;
    if answer == word {
        Ok(())
    } else {
        Err(refused())
    }
}
