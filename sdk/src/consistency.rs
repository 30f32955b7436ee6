//! The consistency token: the newest state that this client has seen.
//!
//! A reply names `INCARNATION.INDEX`; the highest seen goes back with each request, so that a node
//! that lags behind waits or says so instead of showing an older state.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// The header that carries it, both ways.
pub(crate) const HEADER: &str = "vault-index";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Index {
    incarnation: u64,
    applied: u64,
}

#[derive(Debug)]
pub(crate) struct NotAnIndex;

impl FromStr for Index {
    type Err = NotAnIndex;

    fn from_str(text: &str) -> Result<Self, NotAnIndex> {
        let (incarnation, applied) = text.split_once('.').ok_or(NotAnIndex)?;
        let number = |part: &str| part.parse().map_err(|_| NotAnIndex);
        Ok(Self {
            incarnation: number(incarnation)?,
            applied: number(applied)?,
        })
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.applied)
    }
}

/// The highest token seen so far; shared by all clones of a handle.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    index: Mutex<Option<Index>>,
    date: Mutex<Option<String>>,
}

impl Seen {
    /// Remembers a reply's token; one that does not parse is of no use and ignored.
    pub(crate) fn observe(&self, header: Option<&str>) {
        if let Some(index) = header.and_then(|text| text.parse().ok()) {
            let mut seen = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = (*seen).max(Some(index));
        }
    }

    /// Remembers when a server said it answered.
    pub(crate) fn observe_date(&self, header: Option<&str>) {
        if let Some(date) = header {
            *self.date.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.to_owned());
        }
    }

    pub(crate) fn date(&self) -> Option<String> {
        self.date
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn newest(&self) -> Option<Index> {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    fn newest_after(headers: &[&str]) -> Option<String> {
        let seen = Seen::default();
        for header in headers {
            seen.observe(Some(header));
        }
        seen.newest().map(|index| index.to_string())
    }

    #[test]
    fn the_highest_index_is_kept() {
        assert_eq!(
            newest_after(&["1.9", "1.10", "1.2"]).as_deref(),
            Some("1.10")
        );
    }

    #[test]
    fn a_new_incarnation_beats_any_index() {
        assert_eq!(
            newest_after(&["1.900", "2.3", "1.901"]).as_deref(),
            Some("2.3")
        );
    }

    #[test]
    fn garbage_is_ignored() {
        for garbage in [
            "",
            "7",
            "1.",
            ".1",
            "a.b",
            "1.2.3",
            "-1.2",
            "99999999999999999999.1",
        ] {
            assert_eq!(
                newest_after(&["1.5", garbage]).as_deref(),
                Some("1.5"),
                "{garbage}"
            );
        }
    }
}
