//! The log's directory: segments, the spare made ahead of time, and the manifest that says which
//! segments must be there.
//!
//! ORDER: a segment is filled with zeros and synced under a temporary name, gets its header, is
//! renamed, and the directory synced, before the manifest names it; the manifest names it before
//! anything is written to it. So a segment that the manifest names and the directory lacks was lost.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};

use super::super::OpenError;
use super::frame;
use super::segment::{Reader, Segment as _};

const MANIFEST: &str = "manifest";
const MAGIC: &[u8; 8] = b"VLTMAN01";

/// Which segments exist, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Oldest segment.
    pub(super) first: u64,
    /// Segment that is written to.
    pub(super) last: u64,
}

/// Path of a segment.
pub(super) fn segment_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("segment-{id:016x}"))
}

/// Path of the manifest.
pub(super) fn manifest_path(dir: &Path) -> PathBuf {
    dir.join(MANIFEST)
}

/// Makes names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces a small file so that a crash leaves the old or the new one.
pub(crate) fn replace_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = private_file(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Creates or empties a file that only its owner may read.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

impl Manifest {
    /// Writes it durably.
    pub(super) fn write(self, dir: &Path, identity: &[u8; 16]) -> io::Result<()> {
        let mut out = BytesMut::with_capacity(28);
        out.put_slice(MAGIC);
        out.put_u64(self.first);
        out.put_u64(self.last);
        let crc = crc32c::crc32c_append(frame::seed(identity, 0), &out);
        out.put_u32(crc);
        replace_file(&manifest_path(dir), &out)
    }

    /// Reads it.
    pub(super) fn read(dir: &Path, identity: &[u8; 16]) -> Result<Self, OpenError> {
        let path = manifest_path(dir);
        let bytes = std::fs::read(&path).map_err(|error| OpenError::reading(&path, error))?;
        Self::parse(&bytes, identity)
            .ok_or_else(|| OpenError::damaged(&path, "its checksum does not match"))
    }

    fn parse(bytes: &[u8], identity: &[u8; 16]) -> Option<Self> {
        let (summed, mut rest) = bytes.split_at_checked(24)?;
        let crc = crc32c::crc32c_append(frame::seed(identity, 0), summed);
        let mut fields = summed.strip_prefix(MAGIC)?;
        let (first, last) = (fields.try_get_u64().ok()?, fields.try_get_u64().ok()?);
        (rest.try_get_u32().ok()? == crc && rest.is_empty() && first <= last)
            .then_some(Self { first, last })
    }
}

/// A file of zeros under a temporary name, synced, ready to become a segment.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Spare {
    /// Makes one.
    pub(super) fn make(dir: &Path, name: &str, length: u64) -> io::Result<Self> {
        let path = dir.join(name).with_extension("tmp");
        let mut file = private_file(&path)?;
        let filled = fill(&mut file, length).and_then(|()| file.sync_all());
        if let Err(error) = filled {
            // Room for others: half a spare helps nobody.
            drop(std::fs::remove_file(&path));
            return Err(error);
        }
        Ok(Self { path, file, length })
    }

    /// Its length in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Names it as a segment. The manifest does not say so yet.
    pub(super) fn become_segment(
        &self,
        dir: &Path,
        identity: &[u8; 16],
        id: u64,
    ) -> io::Result<()> {
        let header = frame::segment_header(identity, id, self.length);
        self.file.write_all_at(&header, 0)?;
        self.file.sync_all()?;
        std::fs::rename(&self.path, segment_path(dir, id))?;
        sync_dir(dir)
    }

    /// The file.
    pub(super) fn into_file(self) -> File {
        self.file
    }
}

fn fill(file: &mut File, length: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut left = length;
    while left > 0 {
        let part = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
        file.write_all(zeros.get(..part).unwrap_or_default())?;
        left -= part as u64;
    }
    Ok(())
}

/// Opens a segment and verifies its header and length.
pub(super) fn open_segment(
    dir: &Path,
    identity: &[u8; 16],
    id: u64,
) -> Result<(Arc<File>, Reader), OpenError> {
    let path = segment_path(dir, id);
    let reading = |error| OpenError::reading(&path, error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(reading)?;
    let length = file.metadata().map_err(reading)?.len();
    let file = Arc::new(file);
    let bytes = usize::try_from(length).map_err(|_| OpenError::damaged(&path, "its length"))?;
    let mut reader = Reader::new(Arc::clone(&file), bytes);
    let found = reader.piece(0..frame::SEGMENT_HEADER).map_err(reading)?;
    let header = frame::segment_header(identity, id, length);
    if found.as_deref() != Some(header.as_slice()) {
        return Err(OpenError::damaged(
            &path,
            "its header does not match: it is truncated, changed, or of another node",
        ));
    }
    Ok((file, reader))
}

/// Removes what a crash may have left half made.
pub(super) fn remove_leftovers(dir: &Path, manifest: Manifest) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let id = name
            .and_then(|name| name.strip_prefix("segment-"))
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let unnamed = id.is_some_and(|id| id < manifest.first || id > manifest.last);
        if unnamed || path.extension().is_some_and(|extension| extension == "tmp") {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}
