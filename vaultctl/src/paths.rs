//! Where this user's files are. The only reader of the environment, beside clap.

use std::ffi::OsString;
use std::path::PathBuf;

/// The value of a variable, unless it is empty.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Directories of this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paths {
    config: Option<PathBuf>,
    state: Option<PathBuf>,
}

impl Paths {
    pub(crate) fn from_environment() -> Self {
        Self::new(&variable)
    }

    fn new(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let absolute = |name: &str| {
            variable(name)
                .map(PathBuf::from)
                .filter(|p| p.is_absolute())
        };
        let home = absolute("HOME");
        let base = |name: &str, below: &str| {
            let base = absolute(name).or_else(|| home.as_ref().map(|home| home.join(below)));
            base.map(|base| base.join("vault"))
        };
        Self {
            config: base("XDG_CONFIG_HOME", ".config"),
            state: base("XDG_STATE_HOME", ".local/state"),
        }
    }

    /// All below one directory.
    #[cfg(test)]
    pub(crate) fn below(dir: &std::path::Path) -> Self {
        Self {
            config: Some(dir.join("config")),
            state: Some(dir.join("state")),
        }
    }

    /// `contexts.toml`; absent without a home.
    pub(crate) fn contexts(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|dir| dir.join("contexts.toml"))
    }

    /// The token of a context.
    pub(crate) fn token(&self, context: &str) -> Option<PathBuf> {
        self.state
            .as_ref()
            .map(|dir| dir.join("tokens").join(context))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use super::Paths;

    fn paths(set: &[(&str, &str)]) -> Paths {
        let look = |name: &str| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        };
        Paths::new(&look)
    }

    #[test]
    fn the_xdg_directories_come_first_and_home_second() {
        let both = paths(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")]);
        assert_eq!(
            both.contexts(),
            Some(PathBuf::from("/c/vault/contexts.toml"))
        );
        assert_eq!(
            both.token("dev"),
            Some(PathBuf::from("/h/.local/state/vault/tokens/dev"))
        );
    }

    #[test]
    fn a_relative_directory_counts_as_unset() {
        let relative = paths(&[("XDG_CONFIG_HOME", "c")]);
        assert_eq!(relative.contexts(), None);
    }
}
