//! What the state knows beside its records: how far it has applied, and what the next batch must be.

use bytes::{Buf, BufMut, Bytes, TryGetError};
use rusqlite::{Connection, OptionalExtension, params};
use vault_core::record::Revision;

use super::super::{Position, Stamp};
use super::lthash::{self, LtHash};

const LABEL: &[u8] = b"vault state v1";

/// Kept in one row, written with every commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The last applied entry.
    pub(crate) applied: Option<Position>,
    /// The position of the last installed snapshot: a log that ends before it was not yet cut.
    pub(crate) installed: Option<Position>,
    /// Raft's membership, opaque here.
    pub(crate) membership: Bytes,
    /// Cluster, incarnation, last revision, leader time.
    pub(crate) stamp: Stamp,
    /// Number of records.
    pub(crate) rows: u64,
    /// Of the guarded collections.
    pub(crate) generations: Generations,
    /// Sum of the records.
    pub(crate) lanes: LtHash,
}

impl Meta {
    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(224 + self.membership.len());
        put_position(&mut out, self.applied);
        put_position(&mut out, self.installed);
        out.put_u8(u8::from(self.stamp.cluster.is_some()));
        out.put_slice(&self.stamp.cluster.unwrap_or_default());
        out.put_u64(self.stamp.incarnation);
        out.put_u64(self.stamp.last.term);
        out.put_u64(self.stamp.last.sequence);
        out.put_u64(self.stamp.leader_time);
        out.put_u64(self.rows);
        for revision in self.generations.0 {
            out.put_u64(revision.term);
            out.put_u64(revision.sequence);
        }
        out.put_slice(&self.membership);
        out
    }

    fn parse(fields: &[u8], lanes: &[u8]) -> Option<Self> {
        let mut rest = fields;
        let applied = take_position(&mut rest).ok()?;
        let installed = take_position(&mut rest).ok()?;
        let has_cluster = rest.try_get_u8().ok()? != 0;
        let mut cluster = [0; 16];
        rest.try_copy_to_slice(&mut cluster).ok()?;
        let stamp = Stamp {
            cluster: has_cluster.then_some(cluster),
            incarnation: rest.try_get_u64().ok()?,
            last: Revision {
                term: rest.try_get_u64().ok()?,
                sequence: rest.try_get_u64().ok()?,
            },
            leader_time: rest.try_get_u64().ok()?,
        };
        let rows = rest.try_get_u64().ok()?;
        let mut generations = Generations::default();
        for revision in &mut generations.0 {
            revision.term = rest.try_get_u64().ok()?;
            revision.sequence = rest.try_get_u64().ok()?;
        }
        Some(Self {
            applied,
            installed,
            stamp,
            rows,
            generations,
            membership: Bytes::copy_from_slice(rest),
            lanes: LtHash::from_bytes(lanes)?,
        })
    }

    /// Writes the row.
    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let (fields, lanes) = (self.fields(), self.lanes.to_bytes());
        connection
            .prepare_cached(
                "INSERT INTO state VALUES (1, ?1, ?2, ?3, 0) ON CONFLICT (id) DO UPDATE \
                 SET fields = ?1, lanes = ?2, digest = ?3, commits = commits + 1",
            )?
            .execute(params![fields, lanes, digest(&fields, &lanes)])
            .map(|_| ())
    }

    /// Reads the row: the default on a new database, `None` when it is damaged.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        type Row = (Vec<u8>, Vec<u8>, Vec<u8>);
        let row: Option<Row> = connection
            .prepare_cached("SELECT fields, lanes, digest FROM state")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((fields, lanes, found)) = row else {
            return Ok(Some(Self::default()));
        };
        if found == digest(&fields, &lanes) {
            Ok(Self::parse(&fields, &lanes))
        } else {
            Ok(None)
        }
    }

    /// As the header of a snapshot.
    pub(crate) fn to_header(&self) -> Vec<u8> {
        let mut header = self.lanes.to_bytes();
        header.extend(self.fields());
        header
    }

    /// Reads the header of a snapshot.
    pub(crate) fn from_header(header: &[u8]) -> Option<Self> {
        let (lanes, fields) = header.split_at_checked(lthash::BYTES)?;
        Self::parse(fields, lanes)
    }

    /// The digest of the state that members compare: records, generations and stamp, but not the
    /// position, which differs with entries that change nothing.
    pub(crate) fn state_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(LABEL);
        hasher.update(&self.stamp.cluster.unwrap_or_default());
        let stamp = [
            self.stamp.incarnation,
            self.stamp.last.term,
            self.stamp.last.sequence,
            self.stamp.leader_time,
            self.rows,
        ];
        for number in stamp {
            hasher.update(&number.to_be_bytes());
        }
        for (collection, revision) in self.generations.iter() {
            hasher.update(&[collection]);
            hasher.update(&revision.term.to_be_bytes());
            hasher.update(&revision.sequence.to_be_bytes());
        }
        hasher.update(&self.lanes.to_bytes());
        *hasher.finalize().as_bytes()
    }
}

fn put_position(out: &mut Vec<u8>, position: Option<Position>) {
    out.put_u8(u8::from(position.is_some()));
    let position = position.unwrap_or_default();
    out.put_u64(position.term);
    out.put_u64(position.index);
}

fn take_position(rest: &mut &[u8]) -> Result<Option<Position>, TryGetError> {
    let some = rest.try_get_u8()? != 0;
    let position = Position {
        term: rest.try_get_u64()?,
        index: rest.try_get_u64()?,
    };
    Ok(some.then_some(position))
}

fn digest(fields: &[u8], lanes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(fields.len() as u64).to_be_bytes());
    hasher.update(fields);
    hasher.update(lanes);
    *hasher.finalize().as_bytes()
}

/// Revisions of the last write into each guarded collection. Their numbers are 8 to 15: the high
/// nibble of a kind with its high bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generations([Revision; 8]);

impl Generations {
    /// Of one collection; zero when nothing was ever written.
    pub(crate) fn get(&self, collection: u8) -> Revision {
        let at = collection.checked_sub(8).map(usize::from);
        at.and_then(|at| self.0.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// Notes a write.
    pub(crate) fn set(&mut self, collection: u8, revision: Revision) {
        let at = collection.checked_sub(8).map(usize::from);
        if let Some(place) = at.and_then(|at| self.0.get_mut(at)) {
            *place = revision;
        }
    }

    /// Those that were written, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, Revision)> + '_ {
        (8..)
            .zip(self.0)
            .filter(|(_, revision)| *revision != Revision::ZERO)
    }
}
