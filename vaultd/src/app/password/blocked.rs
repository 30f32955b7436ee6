//! The node's list of passwords that nobody may choose: read at start, and again when the daemon is told to.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use vault_core::access::password::{BadLine, Blocklist, MAX_BYTES, Reading};

/// Largest file, in bytes.
const LARGEST: u64 = 1 << 30;
/// No line is read further than this: longer than any that is taken, its end included.
const LINE: u64 = MAX_BYTES as u64 + 3;

/// The list in use, and where it comes from.
#[derive(Debug, Default)]
pub struct Blocked {
    file: Option<PathBuf>,
    list: ArcSwap<Blocklist>,
    /// Held while the file is read: once at a time.
    reading: Mutex<()>,
}

/// Why a file is no list of passwords. It says where, and never what stands there.
#[derive(Debug, thiserror::Error)]
pub enum BlockedError {
    /// The file cannot be read.
    #[error(
        "cannot read the list of blocked passwords `{file}`; name one that the daemon may read, or leave `password.blocklist` out"
    )]
    Read {
        /// The file.
        file: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It is a directory or a device, too large or empty.
    #[error("the list of blocked passwords `{file}` {what}")]
    Useless {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and what to do.
        what: &'static str,
    },
    /// A line of it.
    #[error("{file}:{line}: {why} (`password.blocklist`)")]
    Line {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        why: BadLine,
    },
}

impl Blocked {
    /// Reads the list, if there is to be one. Blocks.
    ///
    /// # Errors
    /// With what is wrong with the file.
    pub fn load(file: Option<PathBuf>) -> Result<Self, BlockedError> {
        let blocked = Self {
            file,
            ..Self::default()
        };
        blocked.reload()?;
        Ok(blocked)
    }

    /// Reads the list again; whether there is one. Blocks.
    ///
    /// # Errors
    /// With what is wrong with the file; the list in use stays.
    pub fn reload(&self) -> Result<bool, BlockedError> {
        let Some(file) = &self.file else {
            return Ok(false);
        };
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let list = read(file)?;
        tracing::info!(
            entries = list.len(),
            of = list.form(),
            "the list of blocked passwords was read"
        );
        self.list.store(Arc::new(list));
        Ok(true)
    }

    /// The list in use.
    pub(super) fn list(&self) -> Arc<Blocklist> {
        self.list.load_full()
    }

    /// How many passwords are on it, if there is one.
    pub(super) fn entries(&self) -> Option<u64> {
        let list = self.list.load();
        (!list.is_empty()).then(|| u64::try_from(list.len()).unwrap_or(u64::MAX))
    }
}

fn read(file: &Path) -> Result<Blocklist, BlockedError> {
    let unreadable = |source| BlockedError::Read {
        file: file.into(),
        source,
    };
    let useless = |what| BlockedError::Useless {
        file: file.into(),
        what,
    };
    // ORDER: looked at before it is opened: opening a pipe would wait for somebody to write into it
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(useless("is no file"));
    }
    if metadata.len() > LARGEST {
        return Err(useless(
            "has over 1 GiB; keep the lines that are met most often",
        ));
    }
    let mut lines = BufReader::new(File::open(file).map_err(unreadable)?).take(LARGEST);
    let (mut reading, mut line, mut number) = (Reading::default(), Vec::new(), 0);
    loop {
        line.clear();
        let read = lines.by_ref().take(LINE).read_until(b'\n', &mut line);
        if read.map_err(unreadable)? == 0 {
            break;
        }
        number += 1;
        let end = line.iter().rev().take_while(|b| matches!(b, b'\n' | b'\r'));
        line.truncate(line.len() - end.count());
        reading.line(&line).map_err(|why| BlockedError::Line {
            file: file.into(),
            line: number,
            why,
        })?;
    }
    let list = reading.done();
    if list.is_empty() {
        return Err(useless(
            "has no entry; one password or one SHA-1 stands on each line",
        ));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn loaded(bytes: &[u8]) -> Result<Option<u64>, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("blocked");
        fs::write(&file, bytes).unwrap();
        let loaded = Blocked::load(Some(file));
        let said = |error: BlockedError| {
            let said = error.to_string();
            said.replace(&dir.path().display().to_string(), "")
        };
        loaded.map(|blocked| blocked.entries()).map_err(said)
    }

    #[test]
    fn a_list_is_read_line_by_line_whatever_ends_them() {
        for text in [
            "one\ntwo\n",
            "one\r\ntwo",
            "\n\none\n two \n\nONE\n",
            "one\ntwo\none",
        ] {
            assert_eq!(loaded(text.as_bytes()), Ok(Some(2)), "{text:?}");
        }
        let longest = "x".repeat(MAX_BYTES);
        assert_eq!(loaded(format!("{longest}\r\none").as_bytes()), Ok(Some(2)));
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_line() {
        let long = format!("one\n{}\n", "x".repeat(MAX_BYTES + 1));
        for (bytes, wanted) in [
            (&b""[..], "has no entry"),
            (b"\n  \n\r\n", "has no entry"),
            (b"one\n\n\xff\xfe\n", "/blocked:3: the line is not UTF-8"),
            (long.as_bytes(), "/blocked:2: the line has over"),
        ] {
            let said = loaded(bytes).unwrap_err();
            assert!(said.contains(wanted), "{said}");
        }
        let dir = tempfile::tempdir().unwrap();
        let said = Blocked::load(Some(dir.path().into())).unwrap_err();
        assert!(said.to_string().ends_with("is no file"));
        let none = Blocked::load(Some(dir.path().join("none"))).unwrap_err();
        assert!(none.to_string().contains("leave `password.blocklist` out"));
        let large = dir.path().join("large");
        File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
        let said = Blocked::load(Some(large)).unwrap_err();
        assert!(said.to_string().contains("over 1 GiB"), "{said}");
    }

    #[test]
    fn a_list_that_cannot_be_read_again_leaves_the_one_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("blocked");
        fs::write(&file, "one\ntwo\n").unwrap();
        let blocked = Blocked::load(Some(file.clone())).unwrap();
        fs::write(&file, b"one\n\xff").unwrap();
        blocked.reload().unwrap_err();
        assert_eq!(blocked.entries(), Some(2));
        fs::write(&file, "one\ntwo\nthree").unwrap();
        assert!(blocked.reload().unwrap());
        assert_eq!(blocked.entries(), Some(3));
        assert!(!Blocked::default().reload().unwrap());
        assert_eq!(Blocked::default().entries(), None);
    }
}
