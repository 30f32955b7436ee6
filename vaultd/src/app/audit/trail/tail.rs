//! The last lines, and then each new one.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::Trail;
use super::backward::Older;
use super::filter::{Filter, Look, Match};
use super::follow::{Follow, Next};
use super::step::{Page, STRIDE, Step, Work};

/// A tail under way.
#[derive(Debug)]
pub struct Tail {
    filter: Filter,
    unreadable: u64,
    /// Looking for the last lines; `None` when they are found.
    older: Option<Last>,
    follow: Follow,
    /// Nothing more after the last lines.
    once: bool,
}

#[derive(Debug)]
struct Last {
    older: Older,
    wanted: usize,
    found: VecDeque<Match>,
    bytes: usize,
}

impl Tail {
    /// From so many lines before the end; `once` to end there.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn new(trail: &Arc<Trail>, filter: Filter, wanted: usize, once: bool) -> io::Result<Self> {
        let (numbers, current) = trail.listed()?;
        let (older, end) = Older::new(trail, numbers, &current)?;
        Ok(Self {
            filter,
            unreadable: 0,
            older: Some(Last {
                older,
                wanted,
                found: VecDeque::new(),
                bytes: 0,
            }),
            follow: Follow::from(trail, current, end)?,
            once,
        })
    }

    /// One step back; a page when there is nothing more to look for.
    fn back(&mut self, mut last: Last) -> io::Result<Step<Page>> {
        let mut read = 0;
        while last.found.len() < last.wanted && last.bytes < LAST_BYTES {
            if read >= STRIDE {
                self.older = Some(last);
                return Ok(Step::Onward);
            }
            let Some(line) = last.older.back()? else {
                break;
            };
            read += line.len() as u64 + 1;
            match self.filter.look(&line) {
                Look::Match(found) => {
                    last.bytes += found.text.len();
                    last.found.push_front(found);
                }
                Look::Unreadable => self.unreadable += 1,
                Look::Other => {}
            }
        }
        Ok(Step::Piece(Page {
            lines: last.found.into(),
            unreadable: self.unreadable,
            limited: false,
        }))
    }
}

impl Work for Tail {
    type Piece = Page;

    fn step(&mut self) -> io::Result<Step<Page>> {
        if let Some(last) = self.older.take() {
            return self.back(last);
        }
        if self.once {
            return Ok(Step::End);
        }
        let mut page = Page::default();
        let mut read = 0;
        let mut waits = false;
        while !page.is_full() && read < STRIDE {
            match self.follow.advance()? {
                Next::Line => {}
                Next::Torn => {
                    self.unreadable += 1;
                    continue;
                }
                Next::File => continue,
                Next::End => {
                    waits = true;
                    break;
                }
            }
            let line = self.follow.line();
            read += line.len() as u64;
            match self.filter.look(line) {
                Look::Match(found) => page.lines.push(found),
                Look::Unreadable => self.unreadable += 1,
                Look::Other => {}
            }
        }
        page.unreadable = self.unreadable;
        Ok(match (page.lines.is_empty(), waits) {
            (false, _) => Step::Piece(page),
            (true, true) => Step::Wait,
            (true, false) => Step::Onward,
        })
    }
}

/// Bytes of last lines that are kept until all are found.
const LAST_BYTES: usize = 4 << 20;
