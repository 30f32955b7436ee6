//! The bytes of a segment: a header, then frames, then zeros.
//!
//! ```text
//! segment = "VLTLOG01" ‖ length u64 ‖ id u64 ‖ identity [16] ‖ zeros ‖ crc u32          64 bytes
//!           frame…                                                          each at a multiple of 64
//! frame   = length u32 ‖ batch u64 ‖ crc of body u32 ‖ zeros [11] ‖ crc u32 ‖ 5a          32 bytes
//!           body ‖ a5
//! body    = record…      record = length u32 ‖ crc u32 ‖ kind u8 ‖ payload
//! ```
//! Every checksum is CRC-32C seeded with the log's identity and the segment's id, so bytes of another
//! log or segment never parse. One frame is one write and one sync, and batches are numbered without
//! gaps: whatever follows a bad frame proves that the bad one had been synced, which makes it damage
//! and not a torn tail. Segments are filled with zeros beforehand and both ends of a frame are not
//! zero, so what a power cut leaves out shows as zeros; a frame that is whole but does not add up is
//! damage.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::super::Position;
use super::segment::Segment;

/// Bytes of a segment's header.
pub(super) const SEGMENT_HEADER: usize = 64;
/// Frames begin at multiples of this.
pub(super) const ALIGN: usize = 64;
/// Bytes of a frame beside its body.
pub(super) const FRAME_OVERHEAD: usize = FRAME_HEADER + 1;
/// Bytes of a record beside its payload.
pub(super) const RECORD_HEADER: usize = 9;

const MAGIC: &[u8; 8] = b"VLTLOG01";
const FRAME_HEADER: usize = 32;
const SECTOR: usize = 512;
const HEAD_MARK: u8 = 0x5a;
const TAIL_MARK: u8 = 0xa5;

/// One thing that the log remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A log entry.
    Entry(Position, Bytes),
    /// The node's vote.
    Vote(Bytes),
    /// Entries after this one are gone; all of them with `None`.
    Truncate(Option<Position>),
    /// Entries up to this one may be gone.
    Purge(Position),
    /// Known to be committed.
    Committed(Option<Position>),
}

impl Record {
    fn kind(&self) -> u8 {
        match self {
            Self::Entry(..) => 1,
            Self::Vote(_) => 2,
            Self::Truncate(_) => 3,
            Self::Purge(_) => 4,
            Self::Committed(_) => 5,
        }
    }

    fn parse(kind: u8, mut payload: Bytes) -> Option<Self> {
        let record = match kind {
            1 => Self::Entry(take_position(&mut payload)?, payload),
            2 => Self::Vote(payload),
            3 => Self::Truncate(take_optional(payload).ok()?),
            4 => Self::Purge(take_all(payload)?),
            5 => Self::Committed(take_optional(payload).ok()?),
            _ => return None,
        };
        Some(record)
    }
}

fn take_position(payload: &mut Bytes) -> Option<Position> {
    let term = payload.try_get_u64().ok()?;
    let index = payload.try_get_u64().ok()?;
    Some(Position { term, index })
}

fn take_all(mut payload: Bytes) -> Option<Position> {
    take_position(&mut payload).filter(|_| payload.is_empty())
}

/// A record's payload is not what its kind says.
struct Malformed;

fn take_optional(payload: Bytes) -> Result<Option<Position>, Malformed> {
    if payload.is_empty() {
        return Ok(None);
    }
    take_all(payload).map(Some).ok_or(Malformed)
}

/// The seed of a segment's checksums.
pub(super) fn seed(identity: &[u8; 16], id: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(identity), &id.to_be_bytes())
}

/// The header of a segment of `length` bytes.
pub(super) fn segment_header(identity: &[u8; 16], id: u64, length: u64) -> [u8; SEGMENT_HEADER] {
    let mut out = BytesMut::with_capacity(SEGMENT_HEADER);
    out.put_slice(MAGIC);
    out.put_u64(length);
    out.put_u64(id);
    out.put_slice(identity);
    out.put_bytes(0, SEGMENT_HEADER - 4 - out.len());
    out.put_u32(crc32c::crc32c_append(seed(identity, id), &out));
    let mut header = [0; SEGMENT_HEADER];
    header.copy_from_slice(&out);
    header
}

/// A frame under construction.
#[derive(Debug)]
pub(super) struct FrameBuilder {
    seed: u32,
    bytes: BytesMut,
}

impl FrameBuilder {
    /// An empty frame for a segment with this seed.
    pub(super) fn new(seed: u32) -> Self {
        let mut bytes = BytesMut::with_capacity(4096);
        bytes.put_bytes(0, FRAME_HEADER);
        Self { seed, bytes }
    }

    /// Adds a record; returns its offset in the frame and its length.
    pub(super) fn push(&mut self, record: &Record) -> (usize, usize) {
        let start = self.bytes.len();
        self.bytes.put_u64(0);
        self.bytes.put_u8(record.kind());
        match record {
            Record::Entry(position, payload) => {
                put_position(&mut self.bytes, *position);
                self.bytes.put_slice(payload);
            }
            Record::Vote(vote) => self.bytes.put_slice(vote),
            Record::Purge(position) => put_position(&mut self.bytes, *position),
            Record::Truncate(position) | Record::Committed(position) => {
                if let Some(position) = position {
                    put_position(&mut self.bytes, *position);
                }
            }
        }
        let length = self.bytes.len() - start;
        let crc = crc32c::crc32c_append(self.seed, self.bytes.get(start + 8..).unwrap_or_default());
        put_at(&mut self.bytes, start, &u32_of(length - RECORD_HEADER));
        put_at(&mut self.bytes, start + 4, &crc.to_be_bytes());
        (start, length)
    }

    /// The finished frame, padded to [`ALIGN`].
    pub(super) fn finish(mut self, batch: u64) -> BytesMut {
        let body = self.bytes.get(FRAME_HEADER..).unwrap_or_default();
        let (length, crc) = (body.len(), crc32c::crc32c_append(self.seed, body));
        let mut head = BytesMut::with_capacity(FRAME_HEADER);
        head.put_slice(&u32_of(length));
        head.put_u64(batch);
        head.put_u32(crc);
        head.put_bytes(0, FRAME_HEADER - 5 - head.len());
        head.put_u32(crc32c::crc32c_append(self.seed, &head));
        head.put_u8(HEAD_MARK);
        put_at(&mut self.bytes, 0, &head);
        self.bytes.put_u8(TAIL_MARK);
        let padded = self.bytes.len().next_multiple_of(ALIGN);
        self.bytes.resize(padded, 0);
        self.bytes
    }
}

/// Room that a record takes in a frame.
pub(super) fn record_room(record: &Record) -> usize {
    RECORD_HEADER
        + match record {
            Record::Entry(_, payload) => 16 + payload.len(),
            Record::Vote(vote) => vote.len(),
            Record::Truncate(_) | Record::Purge(_) | Record::Committed(_) => 16,
        }
}

fn put_position(out: &mut BytesMut, position: Position) {
    out.put_u64(position.term);
    out.put_u64(position.index);
}

fn put_at(out: &mut BytesMut, at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn u32_of(length: usize) -> [u8; 4] {
    // Frames are bounded by the size of a segment, whose length is a u32.
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// What lies at an offset of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing: zeros.
    Nothing,
    /// A frame: its batch, the offsets and lengths of its records, and where the next may begin.
    Frame(u64, Vec<(usize, usize, Record)>, usize),
    /// The beginning of a frame whose rest never reached the disk.
    Torn,
    /// Bytes that no power cut explains.
    Damaged,
}

/// Reads the frame at `at`.
pub(super) fn frame_at(segment: &mut impl Segment, at: usize, seed: u32) -> io::Result<Found> {
    let Some(head) = segment.piece(at..at + FRAME_HEADER)? else {
        return Ok(Found::Nothing);
    };
    if head.iter().all(|byte| *byte == 0) {
        return Ok(Found::Nothing);
    }
    let Some((length, batch, crc)) = parse_head(&head, seed) else {
        let torn = head.last() == Some(&0);
        return Ok(if torn { Found::Torn } else { Found::Damaged });
    };
    let end = at + FRAME_HEADER + length + 1;
    // INVARIANT: a length that reaches beyond the segment takes no memory.
    let Some(frame) = segment.piece(at..end)? else {
        return Ok(Found::Damaged);
    };
    let Some((mark, body)) = frame
        .get(FRAME_HEADER..)
        .and_then(|framed| framed.split_last())
    else {
        return Ok(Found::Damaged);
    };
    if *mark == TAIL_MARK && crc32c::crc32c_append(seed, body) == crc {
        return Ok(match records(&frame, at, seed) {
            Some(records) => Found::Frame(batch, records, end.next_multiple_of(ALIGN)),
            None => Found::Damaged,
        });
    }
    if *mark == 0 || has_unwritten_sector(&frame, at) {
        Ok(Found::Torn)
    } else {
        Ok(Found::Damaged)
    }
}

fn parse_head(mut head: &[u8], seed: u32) -> Option<(usize, u64, u32)> {
    let summed = head.get(..FRAME_HEADER - 5)?;
    let crc = crc32c::crc32c_append(seed, summed);
    let length = usize::try_from(head.try_get_u32().ok()?).ok()?;
    let batch = head.try_get_u64().ok()?;
    let body_crc = head.try_get_u32().ok()?;
    head.advance(FRAME_HEADER - 5 - 16);
    let found = head.try_get_u32().ok()?;
    (found == crc && head.first() == Some(&HEAD_MARK)).then_some((length, batch, body_crc))
}

/// Whether some sector that the frame, which lies at `start`, reaches into holds nothing of it.
fn has_unwritten_sector(frame: &Bytes, start: usize) -> bool {
    let (first, end) = (start - start % SECTOR, start + frame.len());
    (first..end).step_by(SECTOR).any(|sector| {
        let (from, to) = (sector.max(start), (sector + SECTOR).min(end));
        frame
            .get(from - start..to - start)
            .is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    })
}

/// The records of the frame that lies at `start`, with their offsets in the segment.
fn records(frame: &Bytes, start: usize, seed: u32) -> Option<Vec<(usize, usize, Record)>> {
    let mut records = Vec::new();
    let (mut at, end) = (FRAME_HEADER, frame.len() - 1);
    while at < end {
        let (size, record) = record_at(frame, at, end, seed)?;
        records.push((start + at, size, record));
        at += size;
    }
    Some(records)
}

fn record_at(frame: &Bytes, at: usize, end: usize, seed: u32) -> Option<(usize, Record)> {
    let mut head = frame.get(at..end)?;
    let length = usize::try_from(head.try_get_u32().ok()?).ok()?;
    let size = length.checked_add(RECORD_HEADER)?;
    if size > end - at {
        return None;
    }
    parse_record(&frame.slice(at..at + size), seed).map(|record| (size, record))
}

/// Reads one record back, verifying its checksum.
pub(super) fn parse_record(bytes: &Bytes, seed: u32) -> Option<Record> {
    let mut head = bytes.get(..RECORD_HEADER)?;
    let length = usize::try_from(head.try_get_u32().ok()?).ok()?;
    let crc = head.try_get_u32().ok()?;
    let kind = head.try_get_u8().ok()?;
    let summed = bytes.get(8..)?;
    if length + RECORD_HEADER != bytes.len() || crc32c::crc32c_append(seed, summed) != crc {
        return None;
    }
    Record::parse(kind, bytes.slice(RECORD_HEADER..))
}

/// The batch of the first whole frame after `at`, which proves that what lies at `at` was synced.
pub(super) fn frame_after(
    segment: &mut impl Segment,
    at: usize,
    seed: u32,
) -> io::Result<Option<u64>> {
    let mut at = at + ALIGN;
    while let Some(head) = segment.piece(at..at + FRAME_HEADER)? {
        if head.last() == Some(&HEAD_MARK)
            && parse_head(&head, seed).is_some()
            && let Found::Frame(batch, ..) = frame_at(segment, at, seed)?
        {
            return Ok(Some(batch));
        }
        at += ALIGN;
    }
    Ok(None)
}
