//! Whether some resource is meant by one set of patterns and not by another, by walking all of them at once.
//!
//! A state is the places that each pattern may be at after the characters so far. From a state the walk
//! takes every character that some pattern names, and one that none names and that stands for all others.
//! There are finitely many states, the shortest way to each is taken first, and names that no resource can
//! have (`a//b`, `..`) are not walked. So an answer is exact, and a counterexample is short.

use std::collections::{BTreeSet, VecDeque};

use crate::access::policy::{resource::KINDS, template::Piece};

/// How many steps may be taken in all, so that no document keeps anybody waiting.
pub(super) struct Budget<'s> {
    left: usize,
    /// How many were left when it was last asked whether to go on.
    asked: usize,
    stopped: &'s dyn Fn() -> bool,
}

/// Steps between two looks at whether to go on.
const ASK_EVERY: usize = 100_000;

/// There was too much to walk.
pub(super) struct TooLarge;

impl<'s> Budget<'s> {
    pub(super) fn new(steps: usize, stopped: &'s dyn Fn() -> bool) -> Self {
        Self {
            left: steps,
            asked: steps,
            stopped,
        }
    }

    pub(super) fn spend(&mut self, steps: usize) -> Result<(), TooLarge> {
        self.left = self.left.checked_sub(steps).ok_or(TooLarge)?;
        if self.asked - self.left >= ASK_EVERY {
            self.asked = self.left;
            if (self.stopped)() {
                return Err(TooLarge);
            }
        }
        Ok(())
    }
}

/// A pattern as steps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Glob(Vec<Step>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    Char(char),
    One,
    Many,
}

/// A set of resources: these patterns, or all but these.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) globs: Vec<Glob>,
    pub(super) inverted: bool,
}

/// What is allowed, less what is denied.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    pub(super) allow: Vec<Region>,
    pub(super) deny: Vec<Region>,
}

impl Glob {
    /// The steps of a template, with `*` for each variable.
    pub(super) fn widened(pieces: &[Piece]) -> Self {
        let mut steps = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => steps.extend(text.chars().map(Step::Char)),
                Piece::One => steps.push(Step::One),
                Piece::Many | Piece::Variable(_) => steps.push(Step::Many),
            }
        }
        Self(steps)
    }

    /// Where it may be before the first character.
    fn start(&self) -> Vec<bool> {
        let mut places = vec![false; self.0.len() + 1];
        self.enter(&mut places, 0);
        places
    }

    fn enter(&self, places: &mut [bool], at: usize) {
        let mut at = at;
        loop {
            if let Some(place) = places.get_mut(at) {
                *place = true;
            }
            if self.0.get(at) != Some(&Step::Many) {
                return;
            }
            at += 1;
        }
    }

    fn after(&self, places: &[bool], c: char) -> Vec<bool> {
        let mut next = vec![false; places.len()];
        let alive = self
            .0
            .iter()
            .enumerate()
            .zip(places)
            .filter(|(_, alive)| **alive);
        for ((at, step), _) in alive {
            match step {
                Step::Char(own) if *own == c => self.enter(&mut next, at + 1),
                Step::One => self.enter(&mut next, at + 1),
                Step::Many => self.enter(&mut next, at),
                Step::Char(_) => {}
            }
        }
        next
    }
}

/// Where in a path the walk is: no segment is empty, `.` or `..`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Path {
    Empty,
    SegmentBegins,
    Dot,
    Dots,
    Within,
}

impl Path {
    fn after(self, c: char) -> Option<Self> {
        match (self, c) {
            (Self::Within, '/') => Some(Self::SegmentBegins),
            (_, '/') => None,
            (Self::Empty | Self::SegmentBegins, '.') => Some(Self::Dot),
            (Self::Dot, '.') => Some(Self::Dots),
            _ => Some(Self::Within),
        }
    }

    fn may_end(self) -> bool {
        match self {
            Self::Empty | Self::SegmentBegins | Self::Within => true,
            Self::Dot | Self::Dots => false,
        }
    }
}

/// The places of all globs, one after the other.
type Places = Vec<Vec<bool>>;

struct Walk<'g, 's> {
    new: &'g Access,
    old: &'g Access,
    /// Of the new first.
    globs: Vec<&'g Glob>,
    alphabet: Vec<char>,
    budget: &'g mut Budget<'s>,
}

/// A resource that the new allows and the old does not, if there is one.
pub(super) fn beyond(
    new: &Access,
    old: &Access,
    budget: &mut Budget<'_>,
) -> Result<Option<String>, TooLarge> {
    let regions = [&new.allow, &new.deny, &old.allow, &old.deny];
    let globs: Vec<&Glob> = regions
        .into_iter()
        .flatten()
        .flat_map(|region| &region.globs)
        .collect();
    let mut walk = Walk {
        new,
        old,
        alphabet: alphabet(&globs),
        globs,
        budget,
    };
    for kind in KINDS {
        if let Some(found) = walk.kind(kind)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Every character that a pattern names after the kind, and one that stands for all others.
fn alphabet(globs: &[&Glob]) -> Vec<char> {
    let named = globs
        .iter()
        .flat_map(|glob| &glob.0)
        .filter_map(|step| match step {
            Step::Char(c) => Some(*c),
            Step::One | Step::Many => None,
        });
    let mut alphabet: BTreeSet<char> = named.chain(['/', '.']).collect();
    let mut others = ('a'..='z').chain('0'..='9').chain('\u{4e00}'..='\u{9fff}');
    if let Some(other) = others.find(|c| !alphabet.contains(c)) {
        alphabet.insert(other);
    }
    // Letters first: counterexamples are for people.
    let mut letters: Vec<char> = alphabet.into_iter().collect();
    letters.sort_by_key(|c| (!c.is_ascii_lowercase(), *c));
    letters
}

impl Walk<'_, '_> {
    fn kind(&mut self, kind: &str) -> Result<Option<String>, TooLarge> {
        let prefix = format!("{kind}:");
        let mut start: Places = self.globs.iter().map(|glob| glob.start()).collect();
        for c in prefix.chars() {
            start = self.after(&start, c)?;
        }
        let mut known = BTreeSet::from([(Path::Empty, start.clone())]);
        let mut queue = VecDeque::from([(Path::Empty, start, prefix)]);
        while let Some((path, places, text)) = queue.pop_front() {
            if path.may_end() && self.tells_apart(&places) {
                return Ok(Some(text));
            }
            if !self.may_allow(&places) {
                continue;
            }
            for c in self.alphabet.clone() {
                let Some(path) = path.after(c) else { continue };
                let places = self.after(&places, c)?;
                if known.insert((path, places.clone())) {
                    let text = text.chars().chain([c]).collect();
                    queue.push_back((path, places, text));
                }
            }
        }
        Ok(None)
    }

    fn after(&mut self, places: &Places, c: char) -> Result<Places, TooLarge> {
        // One more, so that documents without patterns have their price too.
        self.budget
            .spend(places.iter().map(Vec::len).sum::<usize>() + 1)?;
        let each = self.globs.iter().zip(places);
        Ok(each.map(|(glob, places)| glob.after(places, c)).collect())
    }

    /// Whether the new allows what ends here, and the old does not.
    fn tells_apart(&self, places: &Places) -> bool {
        let mut places = places
            .iter()
            .map(|places| places.last().copied().unwrap_or(false));
        let mut any = |regions: &[Region]| {
            // All are looked at, as each takes its own places.
            let each: Vec<bool> = regions
                .iter()
                .map(|region| {
                    let own: Vec<bool> = places.by_ref().take(region.globs.len()).collect();
                    own.contains(&true) != region.inverted
                })
                .collect();
            each.contains(&true)
        };
        let (allowed, denied) = (any(&self.new.allow), any(&self.new.deny));
        let (before, denied_before) = (any(&self.old.allow), any(&self.old.deny));
        allowed && !denied && (!before || denied_before)
    }

    /// Whether the new could allow anything from here on.
    fn may_allow(&self, places: &Places) -> bool {
        let own: usize = self.new.allow.iter().map(|region| region.globs.len()).sum();
        let alive = places.iter().take(own).any(|places| places.contains(&true));
        alive || self.new.allow.iter().any(|region| region.inverted)
    }
}
