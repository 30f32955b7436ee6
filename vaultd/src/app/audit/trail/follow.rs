//! Through all files in order, from one to the next as they are rotated.

use std::io;
use std::sync::Arc;

use super::lines::{Lines, Read};
use super::{Identity, Segment, Trail};

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line: [`Follow::line`].
    Line,
    /// What is no whole line: longer than any, or a file that was left in the middle of one.
    Torn,
    /// Another file was begun.
    File,
    /// Nothing at present.
    End,
}

/// A position in the trail.
#[derive(Debug)]
pub(super) struct Follow {
    trail: Arc<Trail>,
    open: Option<(Segment, Lines)>,
    /// Not beyond so many bytes of this file.
    bound: Option<(Identity, u64)>,
    /// The file has a successor, so what it holds now is all.
    full: bool,
    told_torn: bool,
}

impl Follow {
    /// From the oldest line to what is the last one now.
    pub(super) fn whole(trail: &Arc<Trail>) -> io::Result<Self> {
        let (_, current) = trail.listed()?;
        Ok(Self {
            trail: Arc::clone(trail),
            open: None,
            bound: Some((current.identity, current.length)),
            full: false,
            told_torn: false,
        })
    }

    /// From this end of a line in an open file, for ever.
    pub(super) fn from(trail: &Arc<Trail>, segment: Segment, offset: u64) -> io::Result<Self> {
        let lines = Lines::new(segment.file.try_clone()?, offset, u64::MAX);
        Ok(Self {
            trail: Arc::clone(trail),
            open: Some((segment, lines)),
            bound: None,
            full: false,
            told_torn: false,
        })
    }

    /// Goes on.
    pub(super) fn advance(&mut self) -> io::Result<Next> {
        loop {
            let Some((segment, lines)) = &mut self.open else {
                let first = self.trail.first()?;
                return self.begin(first);
            };
            match lines.advance()? {
                Read::Line => return Ok(Next::Line),
                Read::TooLong => return Ok(Next::Torn),
                Read::End => {}
            }
            if self.bound.is_some_and(|(last, _)| last == segment.identity) {
                return Ok(Next::End);
            }
            if self.full {
                if lines.is_torn() && !self.told_torn {
                    self.told_torn = true;
                    return Ok(Next::Torn);
                }
                return match self.trail.after(segment)? {
                    Some(next) => self.begin(next),
                    None => Ok(Next::End),
                };
            }
            // ORDER: what was written before the rotation is read after it is known of.
            self.full = !self.trail.is(None, segment.identity)?;
            if !self.full {
                return Ok(Next::End);
            }
        }
    }

    /// The line without its end.
    pub(super) fn line(&self) -> &[u8] {
        self.open.as_ref().map_or(&[], |(_, lines)| lines.line())
    }

    /// Name of the file, and which line of it this is.
    pub(super) fn place(&self) -> (&str, u64) {
        self.open
            .as_ref()
            .map_or(("", 0), |(segment, lines)| (&segment.name, lines.number()))
    }

    /// The last sequence that a rotated file says it holds.
    pub(super) fn ends_at(&self) -> Option<u64> {
        self.open.as_ref().and_then(|(segment, _)| segment.number)
    }

    fn begin(&mut self, segment: Segment) -> io::Result<Next> {
        let until = match self.bound {
            Some((last, length)) if last == segment.identity => length,
            _ => u64::MAX,
        };
        let lines = Lines::new(segment.file.try_clone()?, 0, until);
        self.open = Some((segment, lines));
        self.full = false;
        self.told_torn = false;
        Ok(Next::File)
    }
}
