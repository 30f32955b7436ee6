//! The database: tables, connections, and what SQLite is asked to promise.
//!
//! Small records lie in one tree ordered by key, without rowids, because listings are range scans;
//! sealed bytes over [`INLINE`] lie in a table of their own with growing rowids, because large rows
//! ruin such a tree and random positions cost several times an append.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::super::OpenError;
use super::super::log::private_file;

/// Sealed bytes up to this length stay beside their key.
pub(crate) const INLINE: usize = 200;

/// The on-disk format; later releases read it and raise it.
pub(crate) const FORMAT: i64 = 1;

/// `VLT1`, so that other tools know what the file is.
const APPLICATION: i64 = 0x564c_5431;

const TABLES: &str = "
CREATE TABLE records (
    key      BLOB    NOT NULL PRIMARY KEY,
    term     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    digest   BLOB    NOT NULL,
    sealed   BLOB,
    payload  INTEGER
) WITHOUT ROWID, STRICT;
CREATE TABLE payloads (
    id       INTEGER NOT NULL PRIMARY KEY,
    sealed   BLOB    NOT NULL
) STRICT;
CREATE TABLE state (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    fields  BLOB    NOT NULL,
    lanes   BLOB    NOT NULL,
    digest  BLOB    NOT NULL,
    commits INTEGER NOT NULL
) STRICT;
";

/// Creates the database file with an empty state, durably.
pub(crate) fn create(path: &Path) -> Result<Connection, OpenError> {
    // SQLite gives its other files the mode of this one.
    private_file(path).map_err(|error| OpenError::reading(path, error))?;
    let connection = connect(path)?;
    let failed = |error| OpenError::database(path, &error);
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = FULL; BEGIN IMMEDIATE; {TABLES} \
             PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT;"
        ))
        .map_err(failed)?;
    connection
        .pragma_update(None, "synchronous", "NORMAL")
        .map_err(failed)?;
    Ok(connection)
}

/// Opens the existing database for the one writer.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path)?;
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let failed = |error| OpenError::database(path, &error);
    if number("application_id").map_err(failed)? != APPLICATION {
        return Err(OpenError::damaged(path, "it is not a vault database"));
    }
    let format = number("user_version").map_err(failed)?;
    if format != FORMAT {
        return Err(OpenError::Format {
            file: path.to_owned(),
            format,
        });
    }
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| OpenError::database(path, &error);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection
        .execute_batch(
            // The checkpointer is a thread of its own; erased bytes leave the disk.
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = ON; \
             PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY; \
             PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = OFF;",
        )
        .map_err(failed)?;
    stable_plans(&connection).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA cache_size = -1000; PRAGMA temp_store = MEMORY; \
         PRAGMA trusted_schema = OFF;",
    )?;
    stable_plans(&connection)?;
    Ok(connection)
}

/// Keeps the plan of a prepared statement whatever is bound to it. SQLite otherwise parses and plans a look-up
/// by key again for every key, which takes longer than the look-up.
fn stable_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}
