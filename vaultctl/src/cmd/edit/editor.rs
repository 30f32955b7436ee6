//! The editor: which program it is, what keeps it from leaving copies behind, and how it ends.
//!
//! Editors keep swap, backup, undo and history files, some of them far from the file that is edited.
//! Those that are known are told not to; of others people are warned.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal as Number, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::ctl::Ctl;
use crate::failure::Failure;
use crate::paths::variable;

/// The program, with what is to be said to it before the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Editor {
    program: String,
    arguments: Vec<String>,
    known: bool,
}

impl Editor {
    /// $VISUAL, $EDITOR, or vi.
    pub(super) fn find() -> Result<Self, Failure> {
        let named = variable("VISUAL").or_else(|| variable("EDITOR"));
        let named = named.map_or_else(
            || "vi".to_owned(),
            |text| text.to_string_lossy().into_owned(),
        );
        let words = shell_words::split(&named).unwrap_or_default();
        Self::of(words, &real_name)
    }

    fn of(words: Vec<String>, real_name: &dyn Fn(&str) -> String) -> Result<Self, Failure> {
        let mut words = words.into_iter();
        let Some(program) = words.next() else {
            return Err(Failure::usage("$EDITOR names no program"));
        };
        let mut arguments: Vec<_> = words.collect();
        let quiet = leaves_nothing(&real_name(&program));
        let known = quiet.is_some();
        let quiet = quiet.unwrap_or_default().concat();
        arguments.extend(quiet.into_iter().map(str::to_owned));
        Ok(Self {
            program,
            arguments,
            known,
        })
    }

    /// Says so if nothing is known of what this program leaves behind.
    pub(super) fn warn(&self, ctl: &Ctl) {
        if !self.known {
            ctl.output.warn(&format!(
                "`{}` may keep copies outside memory (swap, backup, history); vim, nano, emacs and \
                 micro are told not to",
                self.program
            ));
        }
    }

    /// Runs it on a file until it ends, or somebody wants us to end.
    pub(super) async fn run(&self, file: &Path, signals: &mut Signals) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(file);
        let starting = |error| Failure::io(&format!("starting {}", self.program), &error);
        let mut child = command.spawn().map_err(starting)?;
        let waiting = |error| Failure::io(&format!("waiting for {}", self.program), &error);
        loop {
            tokio::select! {
                // ORDER: a ^C that ended the editor is taken here, and not left for what comes after it
                biased;
                number = signals.next() => match number {
                    // ^C is the editor's: the terminal sends it to both.
                    Number::INT => {}
                    number => {
                        stop(&mut child, number).await;
                        return Err(interrupted());
                    }
                },
                status = child.wait() => return judge(status.map_err(waiting)?),
            }
        }
    }
}

fn judge(status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        Ok(())
    } else {
        Err(Failure::invalid(
            "the editor ended with an error; nothing was written",
        ))
    }
}

/// Hands a signal on, and insists after a while.
async fn stop(child: &mut Child, number: Number) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        // It may have ended just now, which is what is wanted.
        let _gone = kill_process(pid, number);
    }
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        let _gone = child.kill().await;
    }
}

/// The failure that a signal is.
pub(super) fn interrupted() -> Failure {
    Failure::new(
        "interrupted",
        crate::exit::Exit::Internal,
        "interrupted; nothing was written",
    )
}

/// The signals that would end this process, and leave the file behind.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    quit: Signal,
}

impl Signals {
    /// From now on they end nothing by themselves.
    pub(super) fn hold() -> Result<Self, Failure> {
        let held = |kind| signal(kind).map_err(|error| Failure::io("holding signals", &error));
        Ok(Self {
            interrupt: held(SignalKind::interrupt())?,
            terminate: held(SignalKind::terminate())?,
            hang_up: held(SignalKind::hangup())?,
            quit: held(SignalKind::quit())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Number {
        tokio::select! {
            _ = self.interrupt.recv() => Number::INT,
            _ = self.terminate.recv() => Number::TERM,
            _ = self.hang_up.recv() => Number::HUP,
            _ = self.quit.recv() => Number::QUIT,
        }
    }
}

/// What the program behind a name calls itself: `vi` is a link to many things.
fn real_name(program: &str) -> String {
    let path = variable("PATH").unwrap_or_default();
    let found = if program.contains('/') {
        Some(program.into())
    } else {
        let mut places = std::env::split_paths(&path).map(|dir| dir.join(program));
        places.find(|place| place.is_file())
    };
    let real = found.and_then(|place| place.canonicalize().ok());
    let real = real.unwrap_or_else(|| program.into());
    let name = real.file_name().map(|name| name.to_string_lossy());
    name.unwrap_or_default().into_owned()
}

/// The arguments that keep an editor from leaving anything behind; `None` if it is not known.
fn leaves_nothing(name: &str) -> Option<&'static [&'static [&'static str]]> {
    // As in `vim.basic`; and emacs names its builds and versions behind a hyphen.
    let name = name.split('.').next().unwrap_or_default();
    let name = name.split_once('-').map_or(
        name,
        |(first, _)| {
            if first == "emacs" { first } else { name }
        },
    );
    Some(match name {
        "vim" | "nvim" | "rvim" => &[VIM],
        // Otherwise they go on in the background.
        "gvim" | "mvim" => &[&["-f"], VIM],
        // Its emergency copies lie beside the file; backups and history are what users configure.
        "nano" | "rnano" => &[&["--ignorercfiles"]],
        "emacs" => &[EMACS],
        "micro" => &[MICRO],
        "ed" | "hx" | "helix" | "kak" => &[],
        _ => return None,
    })
}

/// No swap, no viminfo, no copies; and a secret's text is no place for settings.
const VIM: &[&str] = &[
    "-n",
    "-i",
    "NONE",
    "--cmd",
    "set nomodeline modelines=0",
    "-c",
    "set nobackup nowritebackup noswapfile noundofile",
];

const EMACS: &[&str] = &[
    "--eval",
    "(setq make-backup-files nil auto-save-default nil auto-save-list-file-prefix nil \
     create-lockfiles nil)",
];

const MICRO: &[&str] = &[
    "-backup",
    "false",
    "-savehistory",
    "false",
    "-savecursor",
    "false",
    "-saveundo",
    "false",
];

/// How long an editor may take to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::Editor;

    fn editor(words: &[&str], real: &str) -> Editor {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Editor::of(words, &|_| real.to_owned()).unwrap()
    }

    #[test]
    fn known_editors_are_told_to_leave_nothing_behind() {
        for (name, real, told) in [
            ("vi", "vim.basic", "-n"),
            (
                "vim",
                "vim",
                "set nobackup nowritebackup noswapfile noundofile",
            ),
            ("nvim", "nvim", "NONE"),
            ("gvim", "gvim", "-f"),
            ("nano", "nano", "--ignorercfiles"),
            ("emacs", "emacs-28.2", "--eval"),
            ("emacs", "emacs-gtk", "--eval"),
            ("micro", "micro", "-saveundo"),
        ] {
            let editor = editor(&[name], real);
            assert!(editor.known, "{name}");
            assert!(editor.arguments.iter().any(|a| a == told), "{editor:?}");
        }
    }

    #[test]
    fn the_users_own_arguments_come_first() {
        let editor = editor(&["vim", "-u", "NONE"], "vim");
        assert_eq!(editor.arguments[..3], ["-u", "NONE", "-n"]);
    }

    #[test]
    fn an_editor_that_is_not_known_gets_no_argument() {
        for (name, real) in [
            ("code", "code"),
            ("vi", "busybox"),
            ("vi", "nvi"),
            ("nvim-qt", "nvim-qt"),
            ("emacsclient", "emacsclient"),
            ("view", ""),
        ] {
            let editor = editor(&[name, "--wait"], real);
            assert!(!editor.known, "{name}");
            assert_eq!(editor.arguments, ["--wait"]);
        }
    }

    #[test]
    fn an_empty_name_is_no_editor() {
        assert!(Editor::of(Vec::new(), &|_| String::new()).is_err());
    }
}
