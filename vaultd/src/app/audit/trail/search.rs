//! A search: the whole trail as it is now, oldest line first.

use std::io;
use std::sync::Arc;

use super::Trail;
use super::filter::{Filter, Look};
use super::follow::{Follow, Next};
use super::step::{Page, STRIDE, Step, Work};

/// A search under way.
#[derive(Debug)]
pub struct Search {
    follow: Follow,
    filter: Filter,
    /// Lines that may still be shown.
    left: u64,
    unreadable: u64,
    over: bool,
}

impl Search {
    /// For at most so many lines.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn new(trail: &Arc<Trail>, filter: Filter, limit: u64) -> io::Result<Self> {
        Ok(Self {
            follow: Follow::whole(trail)?,
            filter,
            left: limit,
            unreadable: 0,
            over: false,
        })
    }
}

impl Work for Search {
    type Piece = Page;

    fn step(&mut self) -> io::Result<Step<Page>> {
        if self.over {
            return Ok(Step::End);
        }
        let mut page = Page::default();
        let mut read = 0;
        while !self.over && !page.is_full() && read < STRIDE {
            match self.follow.advance()? {
                Next::Line => {}
                Next::Torn => {
                    self.unreadable += 1;
                    continue;
                }
                Next::File => continue,
                Next::End => {
                    self.over = true;
                    break;
                }
            }
            let line = self.follow.line();
            read += line.len() as u64;
            match self.filter.look(line) {
                Look::Match(_) if self.left == 0 => {
                    page.limited = true;
                    self.over = true;
                }
                Look::Match(found) => {
                    self.left -= 1;
                    page.lines.push(found);
                }
                Look::Unreadable => self.unreadable += 1,
                Look::Other => {}
            }
        }
        page.unreadable = self.unreadable;
        if page.lines.is_empty() && !self.over {
            return Ok(Step::Onward);
        }
        Ok(Step::Piece(page))
    }
}
