//! What a history must not show.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::history::{Event, Outcome};
use super::linear::{self, Verdict};

/// Something that was promised and not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub sort: Sort,
    pub key: usize,
    pub what: String,
}

/// Of which sort it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// The operations on a register have no order.
    Order,
    /// Somebody did not see what he wrote.
    OwnWrites,
    /// Somebody saw an older state than before.
    Backwards,
    /// A value that nobody wrote, not yet, or as another version.
    Phantom,
    /// An acknowledged write is not there at the end.
    Lost,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of key {}: {}", self.sort, self.key, self.what)
    }
}

/// What a node shows of a register at the end: version and value.
pub type Final = (usize, (u64, u64));

/// Looks at a whole history, and at what nodes show of each register when it is over.
pub fn check(events: &[Event], finals: &[Final]) -> Vec<Violation> {
    let mut by_key: BTreeMap<usize, Vec<Event>> = BTreeMap::new();
    for event in events {
        by_key.entry(event.key).or_default().push(*event);
    }
    let mut found = Vec::new();
    for (&key, events) in &by_key {
        let mut tell = |sort, what| found.push(Violation { sort, key, what });
        match linear::check(events) {
            Verdict::Linearizable => {}
            Verdict::Not { placed, stuck } => tell(
                Sort::Order,
                format!("after {placed} of {} operations: {stuck}", events.len()),
            ),
            Verdict::Undecided => tell(Sort::Order, "the search gave up".to_owned()),
        }
        sessions(events, &mut tell);
        let shown = finals.iter().filter(|(of, _)| *of == key);
        let shown: Vec<(u64, u64)> = shown.map(|(_, state)| *state).collect();
        phantoms(events, &shown, &mut tell);
        lost(events, &shown, &mut tell);
    }
    found
}

/// Each client sees what it wrote, and nothing older than it has seen.
fn sessions(events: &[Event], tell: &mut impl FnMut(Sort, String)) {
    let clients: BTreeSet<usize> = events.iter().map(|event| event.client).collect();
    for client in clients {
        let mut own: Vec<&Event> = events.iter().filter(|e| e.client == client).collect();
        own.sort_by_key(|event| event.start);
        let (mut wrote, mut seen) = (0, 0);
        for event in own {
            if let Some((version, _)) = event.read() {
                if version < wrote {
                    tell(
                        Sort::OwnWrites,
                        format!("{wrote} written; {}", event.line()),
                    );
                } else if version < seen {
                    tell(Sort::Backwards, format!("{seen} seen; {}", event.line()));
                }
                seen = seen.max(version);
            }
            wrote = event
                .wrote()
                .map_or(wrote, |(version, _)| version.max(wrote));
        }
    }
}

/// Nothing is shown that was not written: as that version, and before it was shown.
fn phantoms(events: &[Event], shown: &[(u64, u64)], tell: &mut impl FnMut(Sort, String)) {
    let writes = events.iter().filter_map(|e| Some((e.action.writes()?, e)));
    let writes: HashMap<u64, &Event> = writes.collect();
    let mut versions: HashMap<u64, u64> = HashMap::new();
    let read = events.iter().filter_map(|e| Some((e.read()?, e.end)));
    let all = read.chain(shown.iter().map(|state| (*state, u64::MAX)));
    for ((version, value), at) in all.filter(|((version, _), _)| *version > 0) {
        let why = match writes.get(&value) {
            None => Some("which nobody wrote"),
            Some(write) if write.start > at => Some("which is written later"),
            Some(write) if matches!(write.outcome, Outcome::Failed | Outcome::Mismatch) => {
                Some("the writing of which was refused")
            }
            Some(write)
                if write
                    .wrote()
                    .is_some_and(|(as_version, _)| as_version != version) =>
            {
                Some("which was written as another version")
            }
            Some(_) if *versions.entry(version).or_insert(value) != value => {
                Some("while another value was shown of that version")
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            tell(
                Sort::Phantom,
                format!("version {version} shown with {value}, {why}"),
            );
        }
    }
}

/// What was acknowledged is there, or something newer.
fn lost(events: &[Event], shown: &[(u64, u64)], tell: &mut impl FnMut(Sort, String)) {
    let last = events.iter().filter_map(Event::wrote).max();
    let Some((version, value)) = last else { return };
    for &(at, with) in shown {
        if at < version || at == version && with != value {
            tell(
                Sort::Lost,
                format!(
                    "version {version} was acknowledged with {value}; {at} with {with} is there"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sort, check};
    use crate::faults::history::{Action, Event, Outcome};

    fn event(client: usize, action: Action, outcome: Outcome, start: u64) -> Event {
        let end = start + 1;
        Event {
            client,
            key: 0,
            action,
            outcome,
            start,
            end,
        }
    }

    fn put(client: usize, value: u64, outcome: Outcome, start: u64) -> Event {
        event(client, Action::Put { value }, outcome, start)
    }

    fn get(client: usize, version: u64, value: u64, start: u64) -> Event {
        let outcome = Outcome::Read { version, value };
        event(client, Action::Get { strict: false }, outcome, start)
    }

    #[track_caller]
    fn finds(events: &[Event], finals: &[(u64, u64)], sorts: &[Sort]) {
        let finals: Vec<_> = finals.iter().map(|state| (0, *state)).collect();
        let found = check(events, &finals);
        let of: Vec<Sort> = found.iter().map(|violation| violation.sort).collect();
        assert_eq!(of, sorts, "{found:?}");
    }

    #[test]
    fn another_may_see_an_older_state_and_nobody_what_was_older_for_him() {
        let wrote = [
            put(0, 7, Outcome::Wrote(1), 0),
            put(0, 8, Outcome::Wrote(2), 2),
        ];
        let with = |more: &[Event]| [&wrote[..], more].concat();
        finds(&with(&[get(1, 1, 7, 4)]), &[(2, 8)], &[]);
        finds(&with(&[get(1, 1, 7, 4), get(1, 2, 8, 6)]), &[(2, 8)], &[]);
        finds(&with(&[get(0, 1, 7, 4)]), &[(2, 8)], &[Sort::OwnWrites]);
        finds(
            &with(&[get(1, 2, 8, 4), get(1, 1, 7, 6)]),
            &[(2, 8)],
            &[Sort::Backwards],
        );
        finds(
            &with(&[get(1, 2, 8, 4), get(1, 0, 0, 6)]),
            &[(2, 8)],
            &[Sort::Backwards],
        );
    }

    #[test]
    fn a_value_that_was_never_written_or_refused_or_not_yet_is_a_phantom() {
        let wrote = put(0, 7, Outcome::Wrote(1), 2);
        finds(&[wrote, get(1, 1, 9, 4)], &[], &[Sort::Phantom]);
        finds(&[wrote, get(1, 1, 7, 0)], &[], &[Sort::Phantom]);
        finds(&[wrote, get(1, 2, 7, 4)], &[], &[Sort::Phantom]);
        let refused = put(0, 8, Outcome::Failed, 4);
        finds(&[wrote, refused, get(1, 2, 8, 6)], &[], &[Sort::Phantom]);
        finds(&[wrote], &[(2, 9)], &[Sort::Phantom]);
        let doubt = put(0, 8, Outcome::Unknown, 4);
        finds(&[wrote, doubt, get(1, 2, 8, 6)], &[(2, 8)], &[]);
        let doubts = [doubt, put(0, 9, Outcome::Unknown, 4)];
        let both = [&[wrote][..], &doubts, &[get(1, 2, 8, 6), get(2, 2, 9, 6)]].concat();
        finds(&both, &[], &[Sort::Phantom]);
    }

    #[test]
    fn an_acknowledged_write_that_is_not_there_is_lost() {
        let wrote = [
            put(0, 7, Outcome::Wrote(1), 0),
            put(1, 8, Outcome::Wrote(2), 2),
        ];
        finds(&wrote, &[(2, 8), (2, 8)], &[]);
        finds(&wrote, &[(2, 8), (1, 7)], &[Sort::Lost]);
        finds(&wrote, &[(0, 0)], &[Sort::Lost]);
        // Replaced by another: it was written as that version too, so there were two leaders.
        let other = put(2, 9, Outcome::Wrote(2), 2);
        finds(&[wrote[0], wrote[1], other], &[], &[Sort::Order]);
    }
}
