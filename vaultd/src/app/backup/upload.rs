//! A backup on its way in: what is read goes to a private file, which is gone again unless it is kept.
//!
//! While it is on its way the file has a name that no start takes up; it gets the other once the restore is recorded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use vault_proto::v1::Reason;

use crate::app::App;
use crate::app::error::{Error, Result};
use crate::store::Store;

/// Room that a restore needs beside the backup, for each byte of it: the database, and its write-ahead log
/// until it is copied back.
const TIMES: u64 = 3;
/// And in any case: the log's first segments.
const BESIDES: u64 = 64 << 20;

/// Reads on, and copies what was read.
pub(super) struct Upload<'a> {
    from: &'a mut dyn Read,
    store: &'a Store,
    copy: Option<Copy>,
    read: u64,
    looked: u64,
    failed: Option<Error>,
}

/// The file; removed when dropped.
#[derive(Debug)]
pub(super) struct Copy {
    file: File,
    part: PathBuf,
    pending: PathBuf,
    kept: bool,
}

impl<'a> Upload<'a> {
    /// Copies nothing.
    pub(super) fn rehearse(app: &'a App, from: &'a mut dyn Read) -> Self {
        Self {
            from,
            store: &app.store,
            copy: None,
            read: 0,
            looked: 0,
            failed: None,
        }
    }

    /// Copies to a file beside the data.
    pub(super) fn begin(app: &'a App, from: &'a mut dyn Read) -> Result<Self> {
        let copy = Copy::begin(app.pending_restore()).map_err(super::unwritten)?;
        Ok(Self {
            copy: Some(copy),
            ..Self::rehearse(app, from)
        })
    }

    /// Why reading failed, if it was the copy's fault.
    pub(super) fn why(&mut self) -> Option<Error> {
        self.failed.take()
    }

    /// What was read, on disk, if there is room for what the next start makes of it.
    pub(super) fn end(self) -> Result<Option<Copy>> {
        let needed = self.read.saturating_mul(TIMES).saturating_add(BESIDES);
        if !self.store.has_room(needed) {
            return Err(super::disk_full("the restored vault"));
        }
        if let Some(copy) = &self.copy {
            copy.file.sync_all().map_err(super::unwritten)?;
        }
        Ok(self.copy)
    }

    fn copy(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(copy) = &mut self.copy else {
            return Ok(());
        };
        if self.read - self.looked >= super::LOOK {
            self.looked = self.read;
            if !self.store.has_room(0) {
                return Err(super::disk_full("the backup"));
            }
        }
        copy.file.write_all(bytes).map_err(super::unwritten)
    }
}

impl Read for Upload<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(out)?;
        let bytes = out.get(..length).unwrap_or_default();
        self.read += super::size(bytes);
        self.copy(bytes).map_err(|error| {
            self.failed = Some(error);
            io::Error::other("the copy failed")
        })?;
        Ok(length)
    }
}

impl Copy {
    fn begin(pending: PathBuf) -> io::Result<Self> {
        let part = pending.with_extension("part");
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        Ok(Self {
            file,
            part,
            pending,
            kept: false,
        })
    }

    /// Leaves it for the next start to take up.
    ///
    /// # Errors
    /// When it is not left there, or, with `OUTCOME_UNKNOWN`, when that is not known.
    pub(super) fn keep(mut self) -> Result<()> {
        fs::rename(&self.part, &self.pending).map_err(not_kept)?;
        self.kept = true;
        let Err(unsynced) = sync_beside(&self.pending) else {
            return Ok(());
        };
        match fs::remove_file(&self.pending).and_then(|()| sync_beside(&self.pending)) {
            Ok(()) => Err(not_kept(unsynced)),
            Err(_) => Err(Error::new(
                Reason::OutcomeUnknown,
                "the disk failed: whether the backup stays for the next start of the daemon is not known. If it is not to be \
                 restored then, remove `restore.pending` from the daemon's data directory first",
            )
            .caused_by(unsynced)),
        }
    }
}

fn not_kept(error: io::Error) -> Error {
    Error::new(
        Reason::Internal,
        "the backup was good, but cannot be kept as `restore.pending` in the daemon's data directory; nothing will be \
         restored. Mend that, and restore again",
    )
    .caused_by(error)
}

/// Makes the names in a file's directory durable.
fn sync_beside(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.part)
        {
            // No harm: the next start removes it, and takes nothing up by this name.
            tracing::warn!(%error, "a backup that was not taken in cannot be removed");
        }
    }
}
