//! A backup on its way in: what is read goes to a private file, which is gone again unless it is kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

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
struct Copy {
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

    /// Keeps what was read for the next start, if there is room for what that start makes of it.
    pub(super) fn keep(self) -> Result<()> {
        let needed = self.read.saturating_mul(TIMES).saturating_add(BESIDES);
        if !self.store.has_room(needed) {
            return Err(super::disk_full("the restored vault"));
        }
        let Some(mut copy) = self.copy else {
            return Ok(());
        };
        copy.keep().map_err(super::unwritten)
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

    fn keep(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, &self.pending)?;
        self.kept = true;
        match self.pending.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.part)
        {
            tracing::warn!(%error, "a backup that was not taken in cannot be removed");
        }
    }
}
