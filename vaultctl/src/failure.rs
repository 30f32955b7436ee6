//! How a command fails: what, why, what to do, and the ids to ask with.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use crate::exit::{Exit, of_error};
use crate::hints;

/// The end of a command that did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    exit: Exit,
    word: &'static str,
    what: String,
    hints: Vec<String>,
    path: Option<String>,
    reason: String,
    request_id: Option<String>,
    details: BTreeMap<String, String>,
    silent: bool,
}

impl Failure {
    pub(crate) fn new(word: &'static str, exit: Exit, what: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            exit,
            word,
            what: what.into(),
            hints: Vec::new(),
            path: None,
            reason: word.to_uppercase(),
            request_id: None,
            details: BTreeMap::new(),
            silent: false,
        }))
    }

    /// The command line is not right.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new("usage", Exit::Usage, what)
    }

    /// A file or value that was given is not right.
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new("invalid", Exit::Usage, what)
    }

    /// More than a version may hold, found before it was sent.
    pub(crate) fn too_large(what: impl Into<String>) -> Self {
        let mut failure = Self::invalid(what);
        "VALUE_TOO_LARGE".clone_into(&mut failure.0.reason);
        failure.hint("all fields of a version together may hold 1 MiB")
    }

    /// A file holds no policy.
    pub(crate) fn bad_policy(what: impl Into<String>) -> Self {
        let mut failure = Self::invalid(what);
        "POLICY_INVALID".clone_into(&mut failure.0.reason);
        failure
    }

    pub(crate) fn internal(what: impl Into<String>) -> Self {
        Self::new("internal", Exit::Internal, what)
    }

    /// A file or stream of this machine.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        // What was named wrongly is an argument that is wrong.
        let named_wrongly = matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
        );
        let exit = if named_wrongly {
            Exit::Usage
        } else {
            Exit::Internal
        };
        Self::new("io", exit, format!("{doing}: {error}"))
    }

    /// Whoever read the output has had enough: not an error worth a word.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            let mut quiet = Self::new("io", Exit::Ok, "");
            quiet.0.silent = true;
            return quiet;
        }
        Self::io("writing the output", error)
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Gives this advice and no other.
    pub(crate) fn instead(mut self, hint: &str) -> Self {
        self.0.hints = vec![hint.to_owned()];
        self
    }

    /// Says it of the thing that was named, instead of in general.
    pub(crate) fn saying(mut self, what: impl Into<String>) -> Self {
        self.0.what = what.into();
        self
    }

    /// Makes the hints speak of this path instead of `PATH`.
    pub(crate) fn for_path(mut self, path: &str) -> Self {
        for hint in &mut self.0.hints {
            *hint = hint.replace("PATH", path);
        }
        self.0.path = Some(path.to_owned());
        self
    }

    /// Says where to look, if the outcome is not known.
    pub(crate) fn look(self, advice: &str) -> Self {
        let advice = match &self.0.path {
            Some(path) => advice.replace("PATH", path),
            None => advice.to_owned(),
        };
        if self.0.reason != "OUTCOME_UNKNOWN" || self.0.hints.contains(&advice) {
            return self;
        }
        self.hint(advice)
    }

    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    pub(crate) fn what(&self) -> &str {
        &self.0.what
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.0.silent
    }

    /// `error[word]`.
    pub(crate) fn label(&self) -> String {
        format!("error[{}]", self.0.word)
    }

    /// The lines after the label: what, then a tree of hints, then the exit code.
    pub(crate) fn tail(&self) -> String {
        let parts = &*self.0;
        let mut hints = parts.hints.clone();
        if let Some(id) = &parts.request_id {
            hints.push(format!("request {id}"));
        }
        let exit = format!("  [exit {}]", parts.exit as u8);
        let Some((last, before)) = hints.split_last() else {
            return format!("{}{exit}", parts.what);
        };
        let mut text = parts.what.clone();
        for hint in before {
            text.push_str("\n  ├ ");
            text.push_str(hint);
        }
        text.push_str("\n  └ ");
        text.push_str(last);
        text.push_str(&exit);
        text
    }

    /// The same for machines.
    pub(crate) fn to_json(&self) -> Value {
        let parts = &*self.0;
        let mut error = json!({
            "kind": parts.word,
            "reason": parts.reason,
            "message": parts.what,
            "exit": parts.exit as u8,
        });
        if let Some(map) = error.as_object_mut() {
            if !parts.hints.is_empty() {
                map.insert("hints".into(), json!(parts.hints));
            }
            if let Some(id) = &parts.request_id {
                map.insert("request_id".into(), json!(id));
            }
            if !parts.details.is_empty() {
                map.insert("details".into(), json!(parts.details));
            }
        }
        json!({ "error": error })
    }
}

impl From<vault_sdk::Error> for Failure {
    fn from(error: vault_sdk::Error) -> Self {
        let (word, exit) = of_error(&error);
        let mut failure = Self::new(word, exit, error.message());
        error.reason().clone_into(&mut failure.0.reason);
        failure.0.request_id = error.request_id().map(str::to_owned);
        failure.0.details = error.details().clone();
        failure.0.hints = hints::of(&error);
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use crate::exit::Exit;

    #[test]
    fn hints_make_a_tree_and_the_exit_code_ends_it() {
        let failure = Failure::new("not_found", Exit::NotFound, "a/b does not exist");
        assert_eq!(failure.tail(), "a/b does not exist  [exit 3]");
        let failure = failure
            .hint("did you mean a/c?")
            .hint("or look: vaultctl ls a");
        assert_eq!(
            failure.tail(),
            "a/b does not exist\n  ├ did you mean a/c?\n  └ or look: vaultctl ls a  [exit 3]"
        );
        assert_eq!(failure.label(), "error[not_found]");
    }

    #[test]
    fn json_errors_have_a_stable_shape() {
        let failure = Failure::new("denied", Exit::Denied, "no").hint("ask");
        let expected = r#"{"error":{"exit":4,"hints":["ask"],"kind":"denied","message":"no","reason":"DENIED"}}"#;
        assert_eq!(failure.to_json().to_string(), expected);
    }

    #[test]
    fn a_closed_pipe_ends_in_silence() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let failure = Failure::output(&closed);
        assert!(failure.is_silent());
        assert_eq!(failure.exit(), Exit::Ok);
    }
}
