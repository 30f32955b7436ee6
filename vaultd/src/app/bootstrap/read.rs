//! Reading what a bootstrap file consists of: files that nobody but their owner can change, and not too much of them.
//!
//! They need not be private, since they hold no secrets. Whoever could write to one could make himself an administrator.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// Most bytes of one file, and of all.
const LARGEST: u64 = 256 << 10;
const LARGEST_IN_ALL: usize = 1 << 20;

/// The files so far.
pub(super) struct Files {
    /// Of names and contents, in the order in which they were read.
    digest: blake3::Hasher,
    bytes: usize,
}

impl Files {
    pub(super) fn new() -> Self {
        Self {
            digest: blake3::Hasher::new(),
            bytes: 0,
        }
    }

    /// A file's text; why it cannot be had is for people.
    pub(super) fn read(&mut self, path: &Path) -> Result<String, String> {
        let file = vault_sys::check_unshared_file(path).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        })?;
        let mut bytes = Vec::new();
        let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
            return Err(format!("`{}` is over 256 KiB", path.display()));
        }
        self.bytes += bytes.len();
        if self.bytes > LARGEST_IN_ALL {
            return Err("the files are over 1 MiB together".to_owned());
        }
        self.digest.update(&(bytes.len() as u64).to_be_bytes());
        self.digest.update(&bytes);
        String::from_utf8(bytes).map_err(|_| format!("`{}` is not UTF-8", path.display()))
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        *self.digest.finalize().as_bytes()
    }
}

/// A file that is named in another, which lies beside that one or below.
pub(super) fn beside(path: &Path, name: &str) -> Option<PathBuf> {
    let below = Path::new(name);
    let plain = below
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let folder = path.parent()?;
    (plain && !name.is_empty() && !name.contains('\0')).then(|| folder.join(below))
}
