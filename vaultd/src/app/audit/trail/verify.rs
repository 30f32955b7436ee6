//! Whether the trail is whole: every line one that the daemon writes, every sequence number once and in order, every
//! file ending where its name and the running daemon say.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::Trail;
use super::follow::{Follow, Next};
use super::step::{STRIDE, Step, Work};
use crate::app::audit::line;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// No whole audit line.
    Unreadable,
    /// An audit line, but not as the daemon writes one.
    Altered,
    /// Lines are missing before this one.
    Gap,
    /// Its number was there before.
    Repeated,
    /// The file ends before its last line.
    CutShort,
}

/// Something that is wrong.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The file's name.
    pub file: String,
    /// The line in it, from 1.
    pub line: u64,
    /// The sequence number there, or the first that is missing; 0 where there is none.
    pub sequence: u64,
    /// What it is.
    pub flaw: Flaw,
    /// In words.
    pub text: String,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files.
    pub files: u64,
    /// Lines, whatever they are.
    pub lines: u64,
    /// The number of the oldest line. What came before was rotated away, or removed.
    pub first: u64,
    /// The number of the newest.
    pub last: u64,
    /// Everything that is wrong, listed or not.
    pub findings: u64,
}

/// What a step of a check brings.
#[derive(Debug, Default)]
pub struct Checked {
    /// Findings, in order.
    pub findings: Vec<Finding>,
    /// At the end.
    pub summary: Option<Summary>,
}

/// A check under way.
#[derive(Debug)]
pub struct Check {
    follow: Follow,
    /// The last sequence that the daemon knows to have written.
    written: u64,
    /// What the file before this one says it ends with.
    ends_at: Option<u64>,
    previous: String,
    found: Vec<Finding>,
    summary: Summary,
    over: bool,
}

#[derive(Deserialize)]
struct Members<'a> {
    seq: u64,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    node: u64,
}

impl Check {
    /// Of all that is there, which must go as far as `written`.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn new(trail: &Arc<Trail>, written: u64) -> io::Result<Self> {
        Ok(Self {
            follow: Follow::whole(trail)?,
            written,
            ends_at: None,
            previous: String::new(),
            found: Vec::new(),
            summary: Summary::default(),
            over: false,
        })
    }

    fn see(&mut self) {
        self.summary.lines += 1;
        let line = self.follow.line();
        let readable = str::from_utf8(line).ok().and_then(members);
        let Some(members) = readable else {
            // The daemon goes on after the number of a line that it found torn.
            let torn = line::sequence(line);
            self.find(
                Flaw::Unreadable,
                torn.unwrap_or_default(),
                "no whole audit line",
            );
            if let Some(torn) = torn.filter(|torn| *torn == self.summary.last + 1) {
                self.count(torn);
            }
            return;
        };
        let sequence = members.seq;
        if !is_as_written(line, &members) {
            let text = "not a line as the daemon writes it";
            self.find(Flaw::Altered, sequence, text);
        }
        self.follow_on(sequence);
    }

    /// The number of a line, after those before it.
    fn follow_on(&mut self, sequence: u64) {
        let last = self.summary.last;
        if self.summary.first == 0 || sequence == last + 1 {
            self.count(sequence);
        } else if sequence <= last {
            let text = format!("line {sequence} comes after line {last}");
            self.find(Flaw::Repeated, sequence, &text);
        } else {
            let missing = last + 1;
            let text = match sequence - missing {
                1 => format!("line {missing} is missing"),
                _ => format!("lines {missing} to {} are missing", sequence - 1),
            };
            self.find(Flaw::Gap, missing, &text);
            self.count(sequence);
        }
    }

    fn count(&mut self, sequence: u64) {
        if self.summary.first == 0 {
            self.summary.first = sequence;
        }
        self.summary.last = sequence;
    }

    fn find(&mut self, flaw: Flaw, sequence: u64, text: &str) {
        let (file, line) = self.follow.place();
        let file = file.to_owned();
        self.found_at((file, line), flaw, sequence, text);
    }

    fn found_at(&mut self, (file, line): (String, u64), flaw: Flaw, sequence: u64, text: &str) {
        self.summary.findings += 1;
        if self.summary.findings <= LISTED {
            self.found.push(Finding {
                file,
                line,
                sequence,
                flaw,
                text: text.to_owned(),
            });
        }
    }

    /// A rotated file has ended.
    fn leave(&mut self) {
        let last = self.summary.last;
        if let Some(named) = self.ends_at.filter(|named| *named != last) {
            let text = format!("the file ends with line {last}, and its name says {named}");
            let file = std::mem::take(&mut self.previous);
            self.found_at((file, 0), Flaw::CutShort, last, &text);
        }
    }

    fn end(&mut self) {
        let (last, written) = (self.summary.last, self.written);
        if last < written {
            let text = format!("the files end with line {last}; the daemon has written {written}");
            self.find(Flaw::CutShort, last, &text);
        }
        self.over = true;
    }
}

impl Work for Check {
    type Piece = Checked;

    fn step(&mut self) -> io::Result<Step<Checked>> {
        if self.over {
            return Ok(Step::End);
        }
        let mut read = 0;
        while !self.over && read < STRIDE && self.found.len() < PAGE {
            match self.follow.advance()? {
                Next::Line => {
                    read += self.follow.line().len() as u64 + 1;
                    self.see();
                }
                Next::Torn => {
                    self.summary.lines += 1;
                    self.find(Flaw::Unreadable, 0, "no whole audit line");
                }
                Next::File => {
                    self.leave();
                    self.summary.files += 1;
                    self.ends_at = self.follow.ends_at();
                    self.previous = self.follow.place().0.to_owned();
                }
                Next::End => self.end(),
            }
        }
        let findings = std::mem::take(&mut self.found);
        if findings.is_empty() && !self.over {
            return Ok(Step::Onward);
        }
        Ok(Step::Piece(Checked {
            findings,
            summary: self.over.then_some(self.summary),
        }))
    }
}

fn members(text: &str) -> Option<Members<'_>> {
    serde_json::from_str(text).ok()
}

/// Every byte printable ASCII, number and time in front and written as they are, a type that there is.
fn is_as_written(line: &[u8], members: &Members<'_>) -> bool {
    let begins = format!("{{\"seq\":{},\"time\":\"", members.seq);
    members.seq > 0
        && members.node > 0
        && line.starts_with(begins.as_bytes())
        && line.iter().all(|b| (b' '..=b'~').contains(b))
        && line::KINDS.contains(&members.kind.as_ref())
        && is_time(&members.time)
}

/// UTC with milliseconds, as [`line::time`] writes it.
fn is_time(text: &str) -> bool {
    text.parse::<Timestamp>()
        .is_ok_and(|time| line::time(time) == text)
}

/// Findings that are listed; the rest is counted.
const LISTED: u64 = 1000;
/// Findings of one piece.
const PAGE: usize = 100;
