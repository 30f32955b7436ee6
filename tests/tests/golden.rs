//! Files that say what must not change by accident. `VAULT_BLESS=1` writes them anew.

use std::fmt::Write as _;

use crate::source::root;

/// Compares `text` with `tests/golden/<name>`.
pub fn check(name: &str, text: &str) {
    let path = root().join("tests/golden").join(name);
    if std::env::var_os("VAULT_BLESS").is_some() {
        std::fs::write(&path, text).expect("golden file written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept == text {
        return;
    }
    let mut difference = String::new();
    for line in kept
        .lines()
        .filter(|line| !text.lines().any(|l| l == *line))
    {
        let _ = writeln!(difference, "- {line}");
    }
    for line in text
        .lines()
        .filter(|line| !kept.lines().any(|l| l == *line))
    {
        let _ = writeln!(difference, "+ {line}");
    }
    panic!(
        "tests/golden/{name} differs; if that is meant, run the tests with VAULT_BLESS=1 and say so in \
         CHANGELOG.md:\n{difference}"
    );
}
