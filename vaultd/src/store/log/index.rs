//! Where every retained entry is: in memory, in a segment, or both.
//!
//! An entry is in memory from the moment `append` is called, so it can be read at once; it gets a
//! place when it is durable; then its bytes may leave memory, oldest first.

use std::collections::VecDeque;

use bytes::Bytes;

use super::super::Position;

/// Where a durable entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Segment.
    pub(super) segment: u64,
    /// Offset of the record.
    pub(super) offset: u32,
    /// Length of the record.
    pub(super) length: u32,
}

#[derive(Debug)]
struct Slot {
    term: u64,
    place: Option<Place>,
    memory: Option<Bytes>,
}

/// The retained entries, without gaps.
#[derive(Debug, Default)]
pub(super) struct Entries {
    purged: Option<Position>,
    first: u64,
    slots: VecDeque<Slot>,
    /// Slots before this one are not in memory.
    evicted: u64,
    in_memory: usize,
}

/// An entry to be read.
#[derive(Debug)]
pub(super) enum Source {
    Memory(Bytes),
    Disk(Place),
}

impl Entries {
    /// The last purged entry.
    pub(super) fn purged(&self) -> Option<Position> {
        self.purged
    }

    /// The last entry, or the last purged one.
    pub(super) fn last(&self) -> Option<Position> {
        let Some(slot) = self.slots.back() else {
            return self.purged;
        };
        Some(Position {
            term: slot.term,
            index: self.first + self.slots.len() as u64 - 1,
        })
    }

    /// Index of the first retained entry, or where it would be.
    pub(super) fn first_index(&self) -> u64 {
        self.first
    }

    /// Index after the last.
    pub(super) fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// Whether an entry at this index would follow the last.
    pub(super) fn follows(&self, index: u64) -> bool {
        if self.slots.is_empty() {
            self.purged.is_none_or(|purged| index == purged.index + 1)
        } else {
            index == self.end()
        }
    }

    /// Adds an entry at the end.
    pub(super) fn push(&mut self, at: Position, memory: Option<Bytes>, place: Option<Place>) {
        if self.slots.is_empty() {
            self.first = at.index;
            self.evicted = at.index;
        }
        self.in_memory += memory.as_ref().map_or(0, Bytes::len);
        self.slots.push_back(Slot {
            term: at.term,
            place,
            memory,
        });
    }

    /// Adds an entry found on disk: it may be the first after a purge that is not known yet.
    /// `false` when it leaves a gap.
    pub(super) fn replay(&mut self, at: Position, place: Place) -> bool {
        let fits = self.slots.is_empty() || at.index == self.end();
        if fits {
            self.push(at, None, Some(place));
            self.evicted = self.end();
        }
        fits
    }

    /// Drops the entries after `last`; all with `None`.
    pub(super) fn truncate(&mut self, last: Option<Position>) {
        let end = last.map_or(0, |last| last.index + 1);
        while self.end() > end {
            let Some(slot) = self.slots.pop_back() else {
                break;
            };
            self.in_memory -= slot.memory.map_or(0, |bytes| bytes.len());
        }
        self.evicted = self.evicted.min(self.end());
    }

    /// Drops the entries up to `upto`.
    pub(super) fn purge(&mut self, upto: Position) {
        if self.purged.is_some_and(|purged| purged.index >= upto.index) {
            return;
        }
        self.purged = Some(upto);
        while self.first <= upto.index {
            let Some(slot) = self.slots.pop_front() else {
                self.first = upto.index + 1;
                break;
            };
            self.in_memory -= slot.memory.map_or(0, |bytes| bytes.len());
            self.first += 1;
        }
        self.evicted = self.evicted.max(self.first);
    }

    /// Whether the replayed entries begin where the purged ones end.
    pub(super) fn begins_after_purged(&self) -> bool {
        self.slots.is_empty()
            || self
                .purged
                .is_none_or(|purged| self.first == purged.index + 1)
    }

    fn slot(&self, index: u64) -> Option<&Slot> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.slots.get(at)
    }

    /// Term and source of an entry.
    pub(super) fn get(&self, index: u64) -> Option<(Position, Source)> {
        let slot = self.slot(index)?;
        let at = Position {
            term: slot.term,
            index,
        };
        let source = match (&slot.memory, slot.place) {
            (Some(bytes), _) => Source::Memory(bytes.clone()),
            (None, Some(place)) => Source::Disk(place),
            (None, None) => return None,
        };
        Some((at, source))
    }

    /// Whether every entry up to `index` that the log was given is on disk.
    pub(super) fn durable_through(&self, index: u64) -> bool {
        let Some(last) = self.end().checked_sub(1) else {
            return true;
        };
        self.slot(index.min(last))
            .is_none_or(|slot| slot.place.is_some())
    }

    /// Notes that an entry is on disk. The same index and term are the same entry.
    pub(super) fn placed(&mut self, at: Position, place: Place) {
        let offset = at.index.checked_sub(self.first);
        let slot = offset
            .and_then(|offset| usize::try_from(offset).ok())
            .and_then(|offset| self.slots.get_mut(offset))
            .filter(|slot| slot.term == at.term);
        if let Some(slot) = slot {
            slot.place = Some(place);
        }
    }

    /// Drops the oldest durable entries from memory until `limit` bytes are left.
    pub(super) fn evict(&mut self, limit: usize) {
        while self.in_memory > limit && self.evicted < self.end() {
            let Some(at) = self.evicted.checked_sub(self.first) else {
                self.evicted = self.first;
                continue;
            };
            let slot = usize::try_from(at)
                .ok()
                .and_then(|at| self.slots.get_mut(at))
                .filter(|slot| slot.place.is_some());
            let Some(slot) = slot else { break };
            self.in_memory -= slot.memory.take().map_or(0, |bytes| bytes.len());
            self.evicted += 1;
        }
    }

    /// Oldest segment that a retained entry lies in.
    pub(super) fn oldest_segment(&self) -> Option<u64> {
        self.slots
            .iter()
            .find_map(|slot| slot.place)
            .map(|place| place.segment)
    }
}
