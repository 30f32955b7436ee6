//! Resources of one request, shared out over lines, so that no line is longer than [`line::LONGEST`].
//!
//! What does not fit is told by lines that follow, each with the request's id and the place of its first
//! resource. They are appended together with the first and numbered one after another, so a reader who sees
//! `of` in a request's line and fewer resources than that knows that some are missing. Naming the first few
//! and a digest of the rest would be shorter, and no answer to the one question that the audit is for: who
//! has seen this secret?

use super::event::Part;
use super::line;

/// The pages that are left.
pub(super) struct Pages<'a> {
    from: usize,
    resources: &'a [String],
    parts: &'a [Part],
}

impl<'a> Pages<'a> {
    pub(super) fn of(resources: &'a [String], parts: &'a [Part]) -> Self {
        Self {
            from: 0,
            resources,
            parts,
        }
    }

    /// Whether there is another one.
    pub(super) fn more(&self) -> bool {
        !(self.resources.is_empty() && self.parts.is_empty())
    }
}

impl<'a> Iterator for Pages<'a> {
    /// The place of the first, the resources, and what became of them where that is told.
    type Item = (usize, &'a [String], &'a [Part]);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.more() {
            return None;
        }
        let all = self.resources.len().max(self.parts.len());
        let mut room = ROOM;
        let fitting = (0..all).take_while(|&at| {
            let name = self.resources.get(at).map_or(0, |name| line::width(name));
            let part = self.parts.get(at).map_or(0, |part| part.width());
            let left = room.checked_sub(name + part);
            room = left.unwrap_or_default();
            left.is_some()
        });
        // One alone always fits: names are bounded.
        let fitting = fitting.count().max(1);
        let from = self.from;
        self.from += fitting;
        Some((
            from,
            take(&mut self.resources, fitting),
            take(&mut self.parts, fitting),
        ))
    }
}

fn take<'a, T>(all: &mut &'a [T], count: usize) -> &'a [T] {
    let (first, rest) = all.split_at(count.min(all.len()));
    *all = rest;
    first
}

/// Bytes for resources in a line. A quarter of it is for the rest, which is short: the longest are the name of a
/// user and the ids of policies.
const ROOM: usize = line::LONGEST / 4 * 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(resources: &[String], parts: &[Part]) -> Vec<(usize, usize, usize)> {
        Pages::of(resources, parts)
            .map(|(from, resources, parts)| (from, resources.len(), parts.len()))
            .collect()
    }

    #[test]
    fn what_fits_is_one_page_and_nothing_is_none() {
        assert!(pages(&[], &[]).is_empty());
        let few = vec!["a".to_owned(); 10];
        assert_eq!(pages(&few, &[]), [(0, 10, 0)]);
    }

    #[test]
    fn a_page_ends_before_the_resource_that_would_not_fit() {
        let many = vec!["x".repeat(1021); 1000];
        let parts = vec![Part::Refused("SECRET_NOT_FOUND"); 1000];
        let all = pages(&many, &parts);
        assert!(all.iter().all(|(_, a, b)| a == b && *a <= 24));
        let places: Vec<_> = all.iter().map(|(from, ..)| *from).collect();
        assert!(places.windows(2).all(|w| w[1] - w[0] == 23));
        assert_eq!(all.iter().map(|(_, n, _)| n).sum::<usize>(), 1000);
    }

    #[test]
    fn results_without_names_and_one_that_is_too_long_are_not_lost() {
        let parts = vec![Part::Refused("SEALED"); 5000];
        let told: usize = pages(&[], &parts).iter().map(|(.., parts)| parts).sum();
        assert_eq!(told, 5000);
        let long = vec!["x".repeat(line::LONGEST), "y".to_owned()];
        assert_eq!(pages(&long, &[]), [(0, 1, 0), (1, 1, 0)]);
    }
}
