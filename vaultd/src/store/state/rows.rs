//! Rows of records: reading with the digest verified, writing with it kept.

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use vault_core::record::{Key, MAX_KEY_BYTES, Record, Revision, ViewError};

use super::schema::INLINE;

const GET: &str = "SELECT r.term, r.sequence, r.digest, coalesce(r.sealed, p.sealed) \
    FROM records r LEFT JOIN payloads p ON p.id = r.payload WHERE r.key = ?1";
const SCAN: &str = "SELECT r.term, r.sequence, r.digest, coalesce(r.sealed, p.sealed), r.key \
    FROM records r LEFT JOIN payloads p ON p.id = r.payload \
    WHERE r.key >= ?1 AND r.key < ?2 ORDER BY r.key LIMIT ?3";
const COUNT: &str = "SELECT count(*) FROM \
    (SELECT 1 FROM records r WHERE r.key >= ?1 AND r.key < ?2 LIMIT ?3)";

/// The digest of a row.
pub(crate) fn digest(key: &Key, revision: Revision, sealed: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.as_bytes().len() as u64).to_be_bytes());
    hasher.update(key.as_bytes());
    hasher.update(&revision.term.to_be_bytes());
    hasher.update(&revision.sequence.to_be_bytes());
    hasher.update(sealed);
    *hasher.finalize().as_bytes()
}

fn io(error: &rusqlite::Error) -> ViewError {
    ViewError::Io(error.to_string())
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a [u8]> {
    match row.get_ref(column) {
        Ok(ValueRef::Blob(bytes)) => Some(bytes),
        _ => None,
    }
}

fn revision(row: &Row<'_>) -> rusqlite::Result<Revision> {
    Ok(Revision {
        term: row.get::<_, i64>(0)?.cast_unsigned(),
        sequence: row.get::<_, i64>(1)?.cast_unsigned(),
    })
}

/// Turns a row of [`GET`] or [`SCAN`] into a record, if its digest holds.
fn record(key: &Key, row: &Row<'_>) -> Result<(Record, [u8; 32]), ViewError> {
    let damaged = || ViewError::Damaged(key.clone());
    let revision = revision(row).map_err(|_| damaged())?;
    let sealed = blob(row, 3).ok_or_else(damaged)?;
    let digest = digest(key, revision, sealed);
    if blob(row, 2) != Some(&digest) {
        return Err(damaged());
    }
    let sealed = Bytes::copy_from_slice(sealed);
    Ok((Record { revision, sealed }, digest))
}

/// Reads a record.
pub(crate) fn get(connection: &Connection, key: &Key) -> Result<Option<Record>, ViewError> {
    let mut statement = connection.prepare_cached(GET).map_err(|error| io(&error))?;
    let mut rows = statement
        .query([key.as_bytes()])
        .map_err(|error| io(&error))?;
    match rows.next().map_err(|error| io(&error))? {
        Some(row) => record(key, row).map(|(record, _)| Some(record)),
        None => Ok(None),
    }
}

/// Revision of a record, without reading what it holds.
pub(crate) fn revision_of(
    connection: &Connection,
    key: &Key,
) -> rusqlite::Result<Option<Revision>> {
    connection
        .prepare_cached("SELECT term, sequence FROM records WHERE key = ?1")?
        .query_row([key.as_bytes()], revision)
        .optional()
}

/// How many keys begin with `prefix`, `limit` at most. No row is read.
pub(crate) fn count(
    connection: &Connection,
    prefix: &[u8],
    limit: usize,
) -> Result<usize, ViewError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let counted = connection.prepare_cached(COUNT).and_then(|mut statement| {
        statement.query_row(params![prefix, end_of(prefix), limit], |row| {
            row.get::<_, i64>(0)
        })
    });
    let counted = counted.map_err(|error| io(&error))?;
    Ok(usize::try_from(counted).unwrap_or_default())
}

/// Calls `each` with up to `limit` records from the first after `after`, in key order, and the
/// digest of each.
pub(crate) fn scan(
    connection: &Connection,
    prefix: &[u8],
    after: Option<&Key>,
    limit: usize,
    each: &mut dyn FnMut(Key, Record, &[u8; 32]),
) -> Result<(), ViewError> {
    let mut statement = connection
        .prepare_cached(SCAN)
        .map_err(|error| io(&error))?;
    let start = after.map_or_else(
        || prefix.to_vec(),
        |after| successor(after).max(prefix.to_vec()),
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement
        .query(params![start, end_of(prefix), limit])
        .map_err(|error| io(&error))?;
    while let Some(row) = rows.next().map_err(|error| io(&error))? {
        let key = blob(row, 4).map(Bytes::copy_from_slice).unwrap_or_default();
        let key = Key::from_bytes(key)
            .map_err(|error| ViewError::Io(format!("a row of the database is damaged: {error}")))?;
        let (record, digest) = record(&key, row)?;
        each(key, record, &digest);
    }
    Ok(())
}

/// The first bytes after a key.
fn successor(key: &Key) -> Vec<u8> {
    let mut bytes = key.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The first bytes after all keys that begin with `prefix`.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let Some(last) = prefix.iter().rposition(|byte| *byte != u8::MAX) else {
        return vec![u8::MAX; MAX_KEY_BYTES + 1];
    };
    let mut end = prefix.get(..=last).unwrap_or_default().to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    end
}

/// What a write replaced.
#[derive(Debug)]
pub(crate) struct Old {
    pub(crate) digest: [u8; 32],
    payload: Option<i64>,
}

fn old(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Old>> {
    connection
        .prepare_cached("SELECT digest, payload FROM records WHERE key = ?1")?
        .query_row([key.as_bytes()], |row| {
            Ok(Old {
                digest: row.get(0)?,
                payload: row.get(1)?,
            })
        })
        .optional()
}

fn drop_payload(connection: &Connection, old: Option<&Old>) -> rusqlite::Result<()> {
    let Some(id) = old.and_then(|old| old.payload) else {
        return Ok(());
    };
    connection
        .prepare_cached("DELETE FROM payloads WHERE id = ?1")?
        .execute([id])
        .map(|_| ())
}

/// Puts sealed bytes where the record's old ones lie, which most often have the same length, or at the end.
fn put_payload(
    connection: &Connection,
    place: Option<i64>,
    sealed: &[u8],
) -> rusqlite::Result<i64> {
    if let Some(id) = place {
        let replaced = connection
            .prepare_cached("UPDATE payloads SET sealed = ?2 WHERE id = ?1")?
            .execute(params![id, sealed])?;
        if replaced == 1 {
            return Ok(id);
        }
        // The old bytes are gone, which made the record damaged; with the new ones at the end it is whole again.
        tracing::error!(
            payload = id,
            "a record's bytes were missing; they are replaced"
        );
    }
    connection
        .prepare_cached("INSERT INTO payloads (sealed) VALUES (?1)")?
        .execute([sealed])?;
    Ok(connection.last_insert_rowid())
}

/// Writes a record and returns what it replaced.
pub(crate) fn put(
    connection: &Connection,
    key: &Key,
    revision: Revision,
    sealed: &[u8],
    digest: &[u8; 32],
) -> rusqlite::Result<Option<Old>> {
    let old = old(connection, key)?;
    let (inline, payload) = if sealed.len() <= INLINE {
        drop_payload(connection, old.as_ref())?;
        (Some(sealed), None)
    } else {
        let place = old.as_ref().and_then(|old| old.payload);
        (None, Some(put_payload(connection, place, sealed)?))
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            key.as_bytes(),
            revision.term.cast_signed(),
            revision.sequence.cast_signed(),
            digest,
            inline,
            payload
        ])?;
    Ok(old)
}

/// Deletes a record and returns what it was.
pub(crate) fn delete(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Old>> {
    let old = old(connection, key)?;
    if old.is_some() {
        drop_payload(connection, old.as_ref())?;
        connection
            .prepare_cached("DELETE FROM records WHERE key = ?1")?
            .execute([key.as_bytes()])?;
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;
    use vault_core::record::Kind;

    use super::super::schema;
    use super::*;

    #[test]
    fn looking_up_another_key_plans_nothing_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let writer = schema::create(&path).unwrap();
        let reader = schema::open_reader(&path).unwrap();
        for connection in [&writer, &reader] {
            for n in 0..3 {
                let key = Key::new(Kind::Entry, &[&[n]]);
                assert!(get(connection, &key).unwrap().is_none());
            }
            let statement = connection.prepare_cached(GET).unwrap();
            assert_eq!(statement.get_status(StatementStatus::Run), 3);
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }

    #[test]
    fn long_bytes_are_replaced_in_their_place_or_where_that_is_gone_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let connection = schema::create(&dir.path().join("state.db")).unwrap();
        let key = Key::new(Kind::Entry, &[b"a"]);
        let bytes = |length: usize| i64::try_from(length).unwrap();
        let payloads = || -> Vec<(i64, i64)> {
            let mut all = connection
                .prepare("SELECT id, length(sealed) FROM payloads ORDER BY id")
                .unwrap();
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.unwrap().map(Result::unwrap).collect()
        };
        let write = |sequence: u64, length: usize| {
            let revision = Revision { term: 1, sequence };
            let sealed = vec![u8::try_from(sequence).unwrap(); length];
            let row = digest(&key, revision, &sealed);
            let old = put(&connection, &key, revision, &sealed, &row).unwrap();
            let found = get(&connection, &key).unwrap().unwrap();
            assert_eq!((found.revision, &found.sealed[..]), (revision, &sealed[..]));
            old.map(|old| old.digest)
        };
        assert!(write(1, INLINE + 1).is_none());
        let other = Key::new(Kind::Entry, &[b"b"]);
        put(&connection, &other, Revision::ZERO, &[0; 300], &[0; 32]).unwrap();
        for (sequence, length) in [(2, INLINE + 1), (3, 9000), (4, INLINE + 2)] {
            assert!(write(sequence, length).is_some());
            assert_eq!(payloads(), [(1, bytes(length)), (2, 300)]);
        }
        connection
            .execute("DELETE FROM payloads WHERE id = 1", [])
            .unwrap();
        assert!(matches!(get(&connection, &key), Err(ViewError::Damaged(_))));
        assert!(write(5, INLINE + 3).is_some());
        assert_eq!(payloads(), [(2, 300), (3, bytes(INLINE + 3))]);
        write(6, INLINE);
        assert_eq!(payloads(), [(2, 300)]);
        write(7, INLINE + 1);
        assert_eq!(payloads(), [(2, 300), (3, bytes(INLINE + 1))]);
        delete(&connection, &key).unwrap();
        assert_eq!(payloads(), [(2, 300)]);
    }
}
