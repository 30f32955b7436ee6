//! What has been open for a whole turn, found without a list of what is open.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what is open by whether it began in an even or in an odd turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    open: [AtomicUsize; 2],
    turn: AtomicUsize,
}

impl Turns {
    /// Something begins: in which turn, and how much is open with it.
    pub(super) fn begin(&self) -> (usize, usize) {
        let turn = self.turn.load(Ordering::Acquire) % 2;
        let [even, odd] = &self.open;
        let (mine, other) = if turn == 0 { (even, odd) } else { (odd, even) };
        let open = mine.fetch_add(1, Ordering::AcqRel) + 1 + other.load(Ordering::Acquire);
        (turn, open)
    }

    /// What began in that turn ends.
    pub(super) fn end(&self, turn: usize) {
        if let Some(open) = self.open.get(turn) {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether anything is open.
    pub(super) fn any(&self) -> bool {
        let mut open = self.open.iter();
        open.any(|open| open.load(Ordering::Acquire) > 0)
    }

    /// Begins a turn. Whether something has been open for all of the last one.
    pub(super) fn next(&self) -> bool {
        let next = self.turn.load(Ordering::Acquire).wrapping_add(1);
        let before = self.open.get(next % 2);
        if before.is_some_and(|open| open.load(Ordering::Acquire) > 0) {
            return true;
        }
        self.turn.store(next, Ordering::Release);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_for_a_whole_turn_is_found_and_what_begins_anew_is_not() {
        let turns = Turns::default();
        let (first, open) = turns.begin();
        assert_eq!((open, turns.any()), (1, true));
        assert!(!turns.next(), "it began in the turn that ends");
        let (second, open) = turns.begin();
        assert_eq!(open, 2);
        assert!(turns.next());
        turns.end(first);
        assert!(!turns.next());
        turns.end(second);
        assert!(!turns.next() && !turns.any());
    }
}
