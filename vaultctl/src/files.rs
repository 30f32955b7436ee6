//! Files of this user that nobody else may read.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Replaces a file of our own as a whole, in a directory that is made if it is not there.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let made = builder.create(directory(path));
    made.map_err(|error| writing(path, &error))?;
    write_output(path, content)
}

/// Replaces a file that people named: mode 0600, written beside it, synced, renamed over it. A
/// directory that is not there was a slip.
pub(crate) fn write_output(path: &Path, content: &[u8]) -> Result<(), Failure> {
    replace(path, content).map_err(|error| writing(path, &error))
}

/// The same of a file that must not be there: what may hold the only copy of something is never replaced.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let written = prepare(path, content).and_then(|file| {
        let kept = file.persist_noclobber(path);
        kept.map(drop).map_err(|error| error.error)
    });
    written.map_err(|error| writing(path, &error))
}

/// Whether such a file can be written, as far as can be told before.
pub(crate) fn may_write_new(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        let shown = path.display();
        return Err(Failure::invalid(format!(
            "{shown} exists, and is not replaced"
        )));
    }
    may_write(path)
}

/// Whether a file that people named can be written, as far as can be told before.
pub(crate) fn may_write(path: &Path) -> Result<(), Failure> {
    let tried = if path.is_dir() {
        Err(io::Error::from(io::ErrorKind::IsADirectory))
    } else {
        tempfile::NamedTempFile::new_in(directory(path)).map(drop)
    };
    tried.map_err(|error| writing(path, &error))
}

fn writing(path: &Path, error: &io::Error) -> Failure {
    Failure::io(&format!("writing {}", path.display()), error)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = prepare(path, content)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn prepare(path: &Path, content: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new_in(directory(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Reads a file that only its owner may read; `None` if there is none.
pub(crate) fn read_private(path: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
    let shown = path.display();
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::io(&format!("reading {shown}"), &error)),
    };
    // A pipe of the shell, as in `--token-file <(command)`, has no mode worth a look.
    if meta.is_file() && meta.mode() & 0o077 != 0 {
        return Err(Failure::invalid(format!("{shown} can be read by others"))
            .hint(format!("chmod 600 {shown}")));
    }
    let text = fs::read_to_string(path);
    text.map(|text| Some(Zeroizing::new(text)))
        .map_err(|error| Failure::io(&format!("reading {shown}"), &error))
}

/// Removes a file; that there was none is as well.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::io(&format!("removing {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::{may_write_new, read_private, remove, write_new, write_output, write_private};

    #[test]
    fn what_is_written_is_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let parent = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(parent.permissions().mode() & 0o777, 0o700);
        assert_eq!(read_private(&path).unwrap().unwrap().as_str(), "two");
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(read_private(&path).unwrap().is_none());
    }

    #[test]
    fn a_file_for_people_makes_no_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write_output(&dir.path().join("slip/file"), b"one").is_err());
        assert!(!dir.path().join("slip").exists());
        write_output(&dir.path().join("file"), b"one").unwrap();
    }

    #[test]
    fn what_is_there_is_not_replaced_by_what_must_be_new() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        may_write_new(&path).unwrap();
        write_new(&path, b"one").unwrap();
        assert!(may_write_new(&path).is_err());
        assert!(write_new(&path, b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(may_write_new(&link).is_err());
        assert!(write_new(&link, b"two").is_err());
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        write_private(&path, b"vlt_").unwrap();
        for mode in [0o640, 0o604, 0o644, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(read_private(&path).is_err(), "{mode:o}");
        }
    }
}
