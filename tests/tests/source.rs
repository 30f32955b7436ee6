//! The repository as text: what the structure tests read.

use std::path::{Path, PathBuf};

/// One source file.
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    /// The product's part of the file: up to its unit tests. Empty for a file of tests.
    pub fn product(&self) -> &str {
        let of_tests = self.path.ends_with("/tests.rs") || self.path.contains("/tests/");
        if of_tests {
            return "";
        }
        let end = self
            .text
            .find("#[cfg(test)]\nmod tests")
            .unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// The product's part without comments and strings.
    pub fn code(&self) -> String {
        strip(self.product())
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("tests/ lies in the repository")
        .to_owned()
}

/// Every file below `folder` whose name ends with `suffix`, sorted; build output and history apart.
pub fn files(folder: &str, suffix: &str) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root().join(folder), suffix, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, suffix: &str, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("a directory entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            if name != "target" && name != ".git" {
                walk(&path, suffix, found);
            }
        } else if name.ends_with(suffix)
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root()).expect("below the root");
            let path = path.to_string_lossy().into_owned();
            found.push(Source { path, text });
        }
    }
}

/// Rust source with comments, strings and characters blanked, so that searches see code only.
fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            raw_string(rest)
                .or_else(|| string(rest))
                .unwrap_or_default()
        };
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            // A blank keeps words apart; newlines keep lines where they were.
            out.push(' ');
            out.extend(rest[..skipped].chars().filter(|&c| c == '\n'));
            rest = &rest[skipped..];
        }
    }
    out
}

fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close)?;
    Some(text.len() - body.len() + end + close.len())
}

fn string(text: &str) -> Option<usize> {
    if text.starts_with("'\"'") || text.starts_with("'\\\"'") {
        return text[1..].find('\'').map(|end| end + 2);
    }
    let mut escaped = false;
    for (i, c) in text.strip_prefix('"')?.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(i + 2),
            _ => {}
        }
    }
    None
}

#[test]
fn stripping_leaves_code_only() {
    let text = "a::b /* c::d */ \"e::f\\\"\" r#\"g\"::h\"# // i::j\n'\"' k::l \"m\"";
    let code = strip(text);
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a::b", "k::l"]);
}
