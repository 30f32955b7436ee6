//! Globs over whole paths: `*` and `?` within a segment, `**` across segments.
//!
//! `**/` at the beginning of a segment also matches nothing, so `**/password` finds `password`. A glob is
//! run as a set of threads over the text, one step per character: no input makes it backtrack. The set
//! can be kept at a folder, to ask whether anything below can match at all.

use std::fmt;

use super::character::is_hidden;

/// Longest glob, in characters.
const MAX_CHARACTERS: usize = 256;

/// A pattern for paths.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    text: Box<str>,
    steps: Vec<Step>,
}

/// Why a text is not a glob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Nothing at all.
    #[error("a glob is not empty")]
    Empty,
    /// Over 256 characters.
    #[error("a glob has at most 256 characters")]
    TooLong,
    /// A control, bidirectional or zero-width character, which no path has either.
    #[error("a glob has no control, bidirectional or zero-width characters")]
    HiddenCharacter,
    /// `***`.
    #[error("a glob has at most two `*` in a row")]
    Stars,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// This character.
    Literal(char),
    /// `?`: one character of a segment.
    One,
    /// `*`: any number of characters of a segment.
    Within,
    /// `**`: any number of characters.
    Across,
    /// `**/` at the beginning of a segment: any number of whole segments.
    Folders,
}

/// Where in its steps a glob may be after a part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threads(Vec<bool>);

impl Glob {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole path matches.
    pub fn matches(&self, path: &str) -> bool {
        self.accepts(&self.advance(&self.start(), path))
    }

    /// Before the first character.
    pub fn start(&self) -> Threads {
        let mut threads = vec![false; self.steps.len() + 1];
        self.enter(&mut threads, 0, true);
        Threads(threads)
    }

    /// After more characters. Threads are only advanced by the glob that started them.
    #[must_use]
    pub fn advance(&self, threads: &Threads, text: &str) -> Threads {
        text.chars()
            .fold(threads.clone(), |threads, c| self.step(&threads, c))
    }

    /// Whether the text so far is a match.
    pub fn accepts(&self, threads: &Threads) -> bool {
        threads.0.last().copied().unwrap_or(false)
    }

    /// Whether some longer text could match.
    pub fn may_go_on(&self, threads: &Threads) -> bool {
        threads.0.iter().zip(&self.steps).any(|(alive, _)| *alive)
    }

    fn step(&self, threads: &Threads, c: char) -> Threads {
        let mut next = vec![false; threads.0.len()];
        let alive = threads
            .0
            .iter()
            .zip(&self.steps)
            .enumerate()
            .filter(|(_, (alive, _))| **alive);
        for (at, (_, step)) in alive {
            match step {
                Step::Literal(literal) if *literal == c => self.enter(&mut next, at + 1, c == '/'),
                Step::One if c != '/' => self.enter(&mut next, at + 1, false),
                Step::Within if c != '/' => self.enter(&mut next, at, false),
                Step::Across => self.enter(&mut next, at, c == '/'),
                // Within a folder's name; only its `/` lets the next step begin.
                Step::Folders if c == '/' => self.enter(&mut next, at, true),
                Step::Folders => mark(&mut next, at),
                Step::Literal(_) | Step::One | Step::Within => {}
            }
        }
        Threads(next)
    }

    /// Puts a thread at a step, and past the steps that may match nothing.
    fn enter(&self, threads: &mut [bool], at: usize, segment_begins: bool) {
        mark(threads, at);
        match self.steps.get(at) {
            Some(Step::Within | Step::Across) => self.enter(threads, at + 1, segment_begins),
            Some(Step::Folders) if segment_begins => self.enter(threads, at + 1, true),
            Some(Step::Folders | Step::Literal(_) | Step::One) | None => {}
        }
    }
}

fn mark(threads: &mut [bool], at: usize) {
    if let Some(thread) = threads.get_mut(at) {
        *thread = true;
    }
}

impl TryFrom<&str> for Glob {
    type Error = GlobError;

    fn try_from(text: &str) -> Result<Self, GlobError> {
        if text.is_empty() {
            return Err(GlobError::Empty);
        }
        if text.len() > 4 * MAX_CHARACTERS || text.chars().count() > MAX_CHARACTERS {
            return Err(GlobError::TooLong);
        }
        if text.chars().any(is_hidden) {
            return Err(GlobError::HiddenCharacter);
        }
        if text.contains("***") {
            return Err(GlobError::Stars);
        }
        Ok(Self {
            text: text.into(),
            steps: steps(text),
        })
    }
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let begins = matches!(
            steps.last(),
            None | Some(Step::Literal('/') | Step::Folders)
        );
        let (step, tail) = if let Some(tail) = rest.strip_prefix("**/").filter(|_| begins) {
            (Step::Folders, tail)
        } else if let Some(tail) = rest.strip_prefix("**") {
            (Step::Across, tail)
        } else {
            let step = match c {
                '*' => Step::Within,
                '?' => Step::One,
                literal => Step::Literal(literal),
            };
            (step, rest.strip_prefix(c).unwrap_or_default())
        };
        steps.push(step);
        rest = tail;
    }
    steps
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Names stay out of logs, which carry ids.
impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Glob(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        Glob::try_from(glob).unwrap().matches(path)
    }

    #[test]
    fn a_star_stays_within_a_segment() {
        for (glob, path) in [
            ("*", "a"),
            ("a/*", "a/b"),
            ("a/*/c", "a/b/c"),
            ("d*b", "db"),
            ("d*b", "d-b"),
            ("*d*b*", "xdyybz"),
        ] {
            assert!(matches(glob, path), "{glob} {path}");
        }
        for (glob, path) in [
            ("*", "a/b"),
            ("a/*", "a"),
            ("a/*", "a/b/c"),
            ("a*c", "a/c"),
            ("*", ""),
            ("d*b", "dbx"),
            ("a/*/c", "a/c"),
        ] {
            assert!(!matches(glob, path) || path.is_empty(), "{glob} {path}");
        }
    }

    #[test]
    fn two_stars_cross_segments_and_leading_folders_may_be_none() {
        for (glob, path) in [
            ("**", "a/b/c"),
            ("a/**", "a/b"),
            ("a/**", "a/b/c"),
            ("**/c", "c"),
            ("**/c", "a/b/c"),
            ("a/**/c", "a/c"),
            ("a/**/c", "a/b/b/c"),
            ("a**c", "a/b/c"),
            ("a**c", "ac"),
            ("**/**/c", "c"),
            ("**/b*", "x/y/bz"),
        ] {
            assert!(matches(glob, path), "{glob} {path}");
        }
        for (glob, path) in [
            ("a/**", "a"),
            ("a/**", "ab/c"),
            ("**/c", "bc"),
            ("**/c", "a/bc"),
            ("a/**/c", "ac"),
            ("a/**/c", "a/bc"),
        ] {
            assert!(!matches(glob, path), "{glob} {path}");
        }
    }

    #[test]
    fn a_question_mark_is_one_character_but_no_slash() {
        assert!(matches("a?c", "abc") && matches("?", "é"));
        assert!(!matches("a?c", "a/c") && !matches("a?c", "ac") && !matches("?", "ab"));
    }

    #[test]
    fn everything_else_is_literal() {
        assert!(matches("a.b[c]{d}+", "a.b[c]{d}+"));
        assert!(!matches("a.b", "axb") && !matches("[ab]", "a") && !matches("A", "a"));
    }

    #[test]
    fn bad_globs_are_refused() {
        let refused = |text: &str| Glob::try_from(text).unwrap_err();
        assert_eq!(refused(""), GlobError::Empty);
        assert_eq!(refused(&"*a".repeat(129)), GlobError::TooLong);
        assert_eq!(refused(&"é".repeat(257)), GlobError::TooLong);
        assert_eq!(refused("a***"), GlobError::Stars);
        for text in ["a\0", "a\u{202e}b", "\u{200b}", "a\n"] {
            assert_eq!(refused(text), GlobError::HiddenCharacter);
        }
    }

    #[test]
    fn a_folder_that_cannot_hold_a_match_is_known() {
        let glob = Glob::try_from("prod/*/db").unwrap();
        let below = |folder: &str| glob.may_go_on(&glob.advance(&glob.start(), folder));
        assert!(below("prod/") && below("prod/eu/"));
        assert!(!below("dev/") && !below("prod/eu/web/"));
    }

    #[test]
    fn a_glob_made_to_explode_does_not() {
        assert!(!matches(
            &format!("{}b", "*a".repeat(127)),
            &"a".repeat(1000)
        ));
        assert!(!matches(
            &format!("{}b", "**/".repeat(80)),
            &"a/".repeat(500)
        ));
    }

    /// The definition, by backtracking.
    fn reference(glob: &str, path: &str, begins: bool) -> bool {
        let tails = |within: bool| {
            path.char_indices()
                .take_while(move |(_, c)| !within || *c != '/')
                .map(|(at, c)| at + c.len_utf8())
                .chain([0])
                .map(|at| path.split_at(at).1)
        };
        if let Some(rest) = glob.strip_prefix("**/").filter(|_| begins) {
            return reference(rest, path, true)
                || path
                    .match_indices('/')
                    .any(|(at, _)| reference(rest, path.split_at(at + 1).1, true));
        }
        if let Some(rest) = glob.strip_prefix("**") {
            return tails(false).any(|tail| reference(rest, tail, false));
        }
        let (mut glob_chars, mut path_chars) = (glob.chars(), path.chars());
        match (glob_chars.next(), path_chars.next()) {
            (None, None) => true,
            (Some('*'), _) => tails(true).any(|tail| reference(glob_chars.as_str(), tail, false)),
            (Some('?'), Some(c)) if c != '/' => {
                reference(glob_chars.as_str(), path_chars.as_str(), false)
            }
            (Some(g), Some(c)) if g == c && g != '?' => {
                reference(glob_chars.as_str(), path_chars.as_str(), c == '/')
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn threads_agree_with_the_definition(glob in "(a|b|/|\\?|\\*|\\*\\*/|/\\*\\*){1,7}", path in "[ab/]{0,8}") {
            prop_assume!(!glob.contains("***"));
            prop_assert_eq!(matches(&glob, &path), reference(&glob, &path, true));
        }
    }
}
