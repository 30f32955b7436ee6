//! Whether the operations on one register can have happened one after another, each between its start and its end.
//!
//! The search of Wing and Gong as Lowe has it: a configuration is which operations are done and what the register then
//! holds, and none is looked at twice. Whatever changes nothing is done as soon as it can be; that loses no order.

use std::collections::HashSet;

use super::history::{Action, Event, Outcome};

/// Configurations that are looked at before the search gives up.
const LIMIT: usize = 2_000_000;

/// What the search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none: this many operations can be put in order, and then this one cannot.
    Not { placed: usize, stuck: String },
    /// Too many possibilities. Counts as a failure.
    Undecided,
}

/// What a register holds.
type State = (u64, u64);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Done(Vec<u64>);

impl Done {
    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & 1 << (at % 64) != 0
    }

    fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// The operations: what has happened by its start, then what may have.
struct Search {
    certain: Vec<Event>,
    doubtful: Vec<Event>,
}

/// Looks at the operations on one register, which began with nothing in it. Session reads are not among those that this
/// is asked of, and say nothing here.
pub fn check(events: &[Event]) -> Verdict {
    let mut events: Vec<Event> = events.iter().copied().filter(counts).collect();
    events.sort_by_key(|event| (event.start, event.end));
    let (certain, doubtful) = events.into_iter().partition(is_certain);
    Search { certain, doubtful }.run()
}

impl Search {
    fn run(&self) -> Verdict {
        let all = self.certain.len() + self.doubtful.len();
        let none = Done(vec![0; all.div_ceil(64).max(1)]);
        let mut seen = HashSet::new();
        // Done, from where on anything certain is not, and what the register holds.
        let mut open = vec![(none, 0, (0, 0))];
        let mut best: Option<(usize, String)> = None;
        while let Some((mut done, mut from, state)) = open.pop() {
            let Some((deadline, stuck)) = self.settle(&mut done, &mut from, state) else {
                return Verdict::Linearizable;
            };
            if !seen.insert((done.clone(), state)) {
                continue;
            }
            if seen.len() > LIMIT {
                return Verdict::Undecided;
            }
            let placed = done.count();
            if best.as_ref().is_none_or(|(most, _)| placed > *most) {
                best = Some((placed, stuck.line()));
            }
            for (at, event) in self.candidates(&done, from, deadline) {
                if let Some(next) = after(event, state) {
                    let mut done = done.clone();
                    done.add(at);
                    open.push((done, from, next));
                }
            }
        }
        let (placed, stuck) = best.unwrap_or_default();
        Verdict::Not { placed, stuck }
    }

    /// Does what changes nothing and can be done now. When the first of what must still be done has to be, and what that
    /// is; `None` when all is done.
    fn settle(&self, done: &mut Done, from: &mut usize, state: State) -> Option<(u64, Event)> {
        loop {
            while *from < self.certain.len() && done.has(*from) {
                *from += 1;
            }
            let mut first: Option<&Event> = None;
            for (at, event) in self.certain.iter().enumerate().skip(*from) {
                if first.is_some_and(|first| event.start > first.end) {
                    break;
                }
                if !done.has(at) && first.is_none_or(|first| event.end < first.end) {
                    first = Some(event);
                }
            }
            let first = first?;
            let quiet: Vec<usize> = self
                .candidates(done, *from, first.end)
                .filter(|(_, event)| after(event, state) == Some(state))
                .map(|(at, _)| at)
                .collect();
            if quiet.is_empty() {
                return Some((first.end, *first));
            }
            for at in quiet {
                done.add(at);
            }
        }
    }

    /// What can be done next.
    fn candidates(
        &self,
        done: &Done,
        from: usize,
        deadline: u64,
    ) -> impl Iterator<Item = (usize, &Event)> {
        let certain = self.certain.iter().enumerate().skip(from);
        let certain = certain.take_while(move |(_, event)| event.start <= deadline);
        let doubtful = self
            .doubtful
            .iter()
            .take_while(move |event| event.start <= deadline);
        let doubtful = (self.certain.len()..).zip(doubtful);
        certain.chain(doubtful).filter(|(at, _)| !done.has(*at))
    }
}

/// Whether it says anything of the order.
fn counts(event: &Event) -> bool {
    match event.outcome {
        Outcome::Failed => false,
        Outcome::Unknown => event.action.writes().is_some(),
        _ => event.action != Action::Get { strict: false },
    }
}

/// Whether it has happened, whenever that was.
fn is_certain(event: &Event) -> bool {
    event.outcome != Outcome::Unknown
}

/// What the register holds after it, if it can have happened to what it holds.
pub(super) fn after(event: &Event, (version, value): State) -> Option<State> {
    let next = version + 1;
    match (event.action, event.outcome) {
        (Action::Put { value }, Outcome::Wrote(as_version)) => {
            (as_version == next).then_some((next, value))
        }
        (Action::Put { value }, Outcome::Unknown) => Some((next, value)),
        (Action::Swap { expected, value }, Outcome::Wrote(as_version)) => {
            (version == expected && as_version == next).then_some((next, value))
        }
        (Action::Swap { expected, value }, Outcome::Unknown) => {
            (version == expected).then_some((next, value))
        }
        (Action::Swap { expected, .. }, Outcome::Mismatch) => {
            (version != expected).then_some((version, value))
        }
        (
            Action::Get { .. },
            Outcome::Read {
                version: v,
                value: x,
            },
        ) => ((v, x) == (version, value)).then_some((version, value)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
