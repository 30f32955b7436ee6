//! What a command said and how it ended.

use std::process;

use serde_json::Value;

/// The end of a command.
#[derive(Clone, Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub(crate) shown: String,
}

impl Output {
    pub(crate) fn new(shown: String, output: &process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            shown,
        }
    }

    /// Insists on success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self}");
        self
    }

    /// Insists on an exit code and on what stderr says.
    #[track_caller]
    pub fn fails(self, code: i32, says: &str) -> Self {
        assert_eq!(self.code, code, "{self}");
        assert!(
            self.stderr.contains(says),
            "stderr does not say `{says}`: {self}"
        );
        self
    }

    /// Insists on an exit code and on the stable reason of the JSON error on stderr.
    #[track_caller]
    pub fn refused(self, code: i32, reason: &str) -> Self {
        assert_eq!(
            (self.code, self.reason().as_str()),
            (code, reason),
            "{self}"
        );
        self
    }

    /// The reason of the JSON error on stderr; empty without one.
    pub fn reason(&self) -> String {
        let error = self.stderr.lines().rev().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["error"]["reason"].as_str().map(str::to_owned)
        });
        error.unwrap_or_default()
    }

    /// Stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
            shown,
        } = self;
        write!(
            f,
            "{shown}\nexit {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}
