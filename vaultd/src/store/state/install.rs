//! Loading a stream into a database, or only verifying it.

use std::io::Read;
use std::ops::ControlFlow;

use bytes::{Bytes, BytesMut};
use rusqlite::Connection;
use vault_core::record::{Key, Revision, Transaction};

use super::super::types::PLAUSIBLE;
use super::super::{SnapshotError, SnapshotInfo};
use super::lthash::LtHash;
use super::meta::Meta;
use super::{rows, stream};

/// Longest header: the fixed fields, the lanes, and a membership.
const MAX_HEADER: usize = 64 << 10;

impl From<&Meta> for SnapshotInfo {
    fn from(meta: &Meta) -> Self {
        Self {
            cluster: meta.stamp.cluster,
            incarnation: meta.stamp.incarnation,
            term: meta.applied.map_or(0, |applied| applied.term),
            index: meta.applied.map_or(0, |applied| applied.index),
            last: meta.stamp.last,
            leader_time: meta.stamp.leader_time,
            rows: meta.rows,
            state_hash: meta.state_hash(),
        }
    }
}

/// Replaces the records of a database in its open transaction; returns the state to be saved.
pub(super) fn load(connection: &Connection, source: &mut dyn Read) -> Result<Meta, SnapshotError> {
    connection
        .execute_batch("DELETE FROM records; DELETE FROM payloads;")
        .map_err(SnapshotError::from)?;
    read(source, &mut |_, row| {
        rows::put(connection, row.key, row.revision, row.sealed, row.digest)
            .map(|_| ())
            .map_err(SnapshotError::from)
    })
}

/// Sees what a snapshot says of itself, and each row's key and sealed bytes; may end the reading.
pub type Inspect<'a> = dyn FnMut(&SnapshotInfo, &Key, &[u8]) -> ControlFlow<()> + 'a;

/// Verifies a stream without storing it; shows each row on the way.
pub(crate) fn verify(
    source: &mut dyn Read,
    inspect: &mut Inspect<'_>,
) -> Result<SnapshotInfo, SnapshotError> {
    let mut info = None;
    let meta = read(source, &mut |meta, row| {
        let info = info.get_or_insert_with(|| SnapshotInfo::from(meta));
        match inspect(info, row.key, row.sealed) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(SnapshotError::Stopped),
        }
    })?;
    Ok(SnapshotInfo::from(&meta))
}

struct Row<'a> {
    key: &'a Key,
    revision: Revision,
    sealed: &'a [u8],
    digest: &'a [u8; 32],
}

type Each<'a> = dyn FnMut(&Meta, &Row<'_>) -> Result<(), SnapshotError> + 'a;

fn plausible(meta: &Meta) -> bool {
    let at = meta.applied.unwrap_or_default();
    let last = meta.stamp.last;
    let numbers = [
        at.term,
        at.index,
        last.term,
        last.sequence,
        meta.stamp.incarnation,
        meta.stamp.leader_time,
    ];
    numbers.iter().all(|number| *number < PLAUSIBLE)
}

fn read(source: &mut dyn Read, each: &mut Each<'_>) -> Result<Meta, SnapshotError> {
    let mut input = Input {
        source,
        hasher: blake3::Hasher::new(),
    };
    let mut magic = [0; 8];
    input.fill(&mut magic)?;
    known(magic)?;
    let length = input.length()?;
    let header = input.bytes(length, MAX_HEADER)?;
    let meta = Meta::from_header(&header)
        .filter(plausible)
        .ok_or(SnapshotError::Damaged("its header"))?;
    let (mut lanes, mut count, mut last) = (LtHash::default(), 0, None);
    while input.more()? {
        let length = usize::from(input.byte()?);
        let key = Key::from_bytes(input.bytes(length, usize::from(u8::MAX))?)
            .map_err(|_| SnapshotError::Damaged("a key"))?;
        let revision = Revision {
            term: input.number()?,
            sequence: input.number()?,
        };
        let length = input.length()?;
        let sealed = input.bytes(length, Transaction::MAX_BYTES)?;
        if last.as_ref().is_some_and(|last| *last >= key) {
            return Err(SnapshotError::Damaged("the order of its keys"));
        }
        let stamp = meta.stamp.last;
        if revision.term > stamp.term || revision.sequence > stamp.sequence {
            return Err(SnapshotError::Damaged("the revision of a record"));
        }
        let digest = rows::digest(&key, revision, &sealed);
        lanes.add(&digest);
        count += 1;
        let row = Row {
            key: &key,
            revision,
            sealed: &sealed,
            digest: &digest,
        };
        each(&meta, &row)?;
        last = Some(key);
    }
    let expected = *input.hasher.finalize().as_bytes();
    let mut found = [0; 32];
    input.source.read_exact(&mut found).map_err(short)?;
    if found != expected {
        return Err(SnapshotError::Damaged("its digest"));
    }
    if input.source.read(&mut [0]).map_err(short)? != 0 {
        return Err(SnapshotError::Damaged("its end"));
    }
    if count != meta.rows || lanes != meta.lanes {
        return Err(SnapshotError::Damaged("the sum of its rows"));
    }
    Ok(meta)
}

/// Whether a stream begins as this release writes it.
fn known(magic: [u8; 8]) -> Result<(), SnapshotError> {
    if magic == *stream::MAGIC {
        return Ok(());
    }
    let (own, found) = (stream::MAGIC.split_last(), magic.split_last());
    match (own, found) {
        (Some((own, family)), Some((format, other))) if family == other && format > own => {
            Err(SnapshotError::Later)
        }
        _ => Err(SnapshotError::Format),
    }
}

fn short(error: std::io::Error) -> SnapshotError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        SnapshotError::Truncated
    } else {
        SnapshotError::Io(error)
    }
}

struct Input<'a> {
    source: &'a mut dyn Read,
    hasher: blake3::Hasher,
}

impl Input<'_> {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), SnapshotError> {
        self.source.read_exact(out).map_err(short)?;
        self.hasher.update(out);
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, SnapshotError> {
        let mut byte = [0; 1];
        self.fill(&mut byte)?;
        Ok(byte[0])
    }

    /// Whether another row follows.
    fn more(&mut self) -> Result<bool, SnapshotError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(SnapshotError::Damaged("the mark of a record")),
        }
    }

    fn number(&mut self) -> Result<u64, SnapshotError> {
        let mut number = [0; 8];
        self.fill(&mut number)?;
        Ok(u64::from_be_bytes(number))
    }

    fn length(&mut self) -> Result<usize, SnapshotError> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        usize::try_from(u32::from_be_bytes(length)).map_err(|_| SnapshotError::TooLarge)
    }

    /// Bytes whose number is bounded before room is made for them.
    fn bytes(&mut self, length: usize, limit: usize) -> Result<Bytes, SnapshotError> {
        if length > limit {
            return Err(SnapshotError::TooLarge);
        }
        let mut bytes = BytesMut::zeroed(length);
        self.fill(&mut bytes)?;
        Ok(bytes.freeze())
    }
}
