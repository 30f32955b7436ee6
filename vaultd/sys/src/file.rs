//! Whether a file may be trusted to hold a secret.
//!
//! INVARIANT: the check is made on the open descriptor that is read from, never on a path that may
//! name another file a moment later. A symbolic link in the last place is refused.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::harden::effective_uid;

/// Why a file is not fit to hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened or looked at.
    #[error("cannot open `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Group or others may read or write it.
    #[error("`{path}` has mode {mode:04o}: others can use it; run `chmod {fix} {path}`")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What to give to chmod.
        fix: &'static str,
    },
    /// It belongs to someone else, who can change it at will.
    #[error("`{path}` belongs to uid {owner}, but this process runs as uid {uid}")]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The effective uid.
        uid: u32,
    },
    /// It is a device, a pipe, a directory where a file is meant, or the reverse.
    #[error("`{path}` is not {wanted}")]
    Kind {
        /// The file.
        path: PathBuf,
        /// What was meant.
        wanted: &'static str,
    },
}

/// Opens a file for reading that only this user (or root) owns and only its owner may use.
///
/// # Errors
/// [`FileError`] if it cannot be opened, is a link or no plain file, belongs to another user, or has
/// any permission bit for group or others.
pub fn check_private_file(path: &Path) -> Result<File, FileError> {
    let file = open(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let meta = metadata(&file, path)?;
    if !meta.is_file() {
        return Err(FileError::Kind {
            path: path.into(),
            wanted: "a plain file",
        });
    }
    judge(path, &meta, "0600")?;
    Ok(file)
}

/// Checks that a directory is this user's own and closed to group and others.
///
/// # Errors
/// [`FileError`] as for files.
pub fn check_private_dir(path: &Path) -> Result<(), FileError> {
    let dir = open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    judge(path, &metadata(&dir, path)?, "0700")
}

fn open(path: &Path, flags: OFlags) -> Result<File, FileError> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => Ok(File::from(fd)),
        Err(rustix::io::Errno::LOOP) => Err(FileError::Kind {
            path: path.into(),
            wanted: "itself but a symbolic link",
        }),
        Err(rustix::io::Errno::NOTDIR) => Err(FileError::Kind {
            path: path.into(),
            wanted: "a directory",
        }),
        Err(errno) => Err(FileError::Open {
            path: path.into(),
            source: errno.into(),
        }),
    }
}

fn metadata(file: &File, path: &Path) -> Result<std::fs::Metadata, FileError> {
    file.metadata().map_err(|source| FileError::Open {
        path: path.into(),
        source,
    })
}

fn judge(path: &Path, meta: &std::fs::Metadata, fix: &'static str) -> Result<(), FileError> {
    let (uid, owner, mode) = (effective_uid(), meta.uid(), meta.mode() & 0o7777);
    // Root can read and change every file anyway; a file of root's is no weaker than one's own.
    if owner != uid && owner != 0 {
        return Err(FileError::Owner {
            path: path.into(),
            owner,
            uid,
        });
    }
    if mode & 0o077 != 0 {
        return Err(FileError::Exposed {
            path: path.into(),
            mode,
            fix,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn file_with_mode(dir: &Path, name: &str, mode: u32) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, "key").expect("write");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        path
    }

    #[test]
    fn a_file_of_ones_own_is_opened() {
        let dir = tempfile::tempdir().expect("dir");
        for mode in [0o600, 0o400] {
            let path = file_with_mode(dir.path(), &format!("m{mode:o}"), mode);
            let mut text = String::new();
            check_private_file(&path)
                .expect("private")
                .read_to_string(&mut text)
                .expect("read");
            assert_eq!(text, "key");
        }
    }

    #[test]
    fn a_file_that_others_can_use_is_refused_whatever_the_bit() {
        let dir = tempfile::tempdir().expect("dir");
        for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o666] {
            let path = file_with_mode(dir.path(), &format!("m{mode:o}"), mode);
            let error = check_private_file(&path).expect_err("exposed");
            assert!(
                matches!(error, FileError::Exposed { mode: found, .. } if found == mode),
                "{error}"
            );
            assert!(error.to_string().contains("chmod 0600"), "{error}");
        }
    }

    #[test]
    fn links_directories_pipes_and_absences_are_refused() {
        let dir = tempfile::tempdir().expect("dir");
        let real = file_with_mode(dir.path(), "real", 0o600);
        let link = dir.path().join("link");
        symlink(&real, &link).expect("link");
        assert!(matches!(
            check_private_file(&link),
            Err(FileError::Kind { .. })
        ));
        assert!(matches!(
            check_private_file(dir.path()),
            Err(FileError::Kind { .. })
        ));
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .expect("pipe");
        assert!(matches!(
            check_private_file(&pipe),
            Err(FileError::Kind { .. })
        ));
        assert!(matches!(
            check_private_file(&dir.path().join("no")),
            Err(FileError::Open { .. })
        ));
    }

    #[test]
    fn an_open_directory_is_refused_and_a_file_is_no_directory() {
        let dir = tempfile::tempdir().expect("dir");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700))
            .expect("chmod");
        check_private_dir(dir.path()).expect("private");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755))
            .expect("chmod");
        let error = check_private_dir(dir.path()).expect_err("open to all");
        assert!(error.to_string().contains("chmod 0700"), "{error}");
        let file = file_with_mode(dir.path(), "file", 0o600);
        assert!(matches!(
            check_private_dir(&file),
            Err(FileError::Kind { .. })
        ));
    }
}
