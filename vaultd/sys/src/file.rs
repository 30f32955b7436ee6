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
    let (file, meta) = plain_file(path)?;
    judge(path, &meta, "0600")?;
    Ok(file)
}

/// Opens a file for reading that only this user (or root) owns and nobody else may write to; others may read it.
///
/// # Errors
/// [`FileError`] if it cannot be opened, is a link or no plain file, belongs to another user, or group or others may
/// write to it.
pub fn check_unshared_file(path: &Path) -> Result<File, FileError> {
    let (file, meta) = plain_file(path)?;
    match judge(path, &meta, "go-w") {
        Err(FileError::Exposed { mode, .. }) if mode & 0o022 == 0 => Ok(file),
        judged => judged.map(|()| file),
    }
}

/// As [`check_private_file`], for the credential `name` in the directory that systemd made for the unit's credentials.
///
/// systemd gives the unit's user access by an access list. The mode then shows the list's mask where the group
/// stands: 0440, owned by root. So a file of root's may be readable by its group, where it lies directly in that
/// directory, and that is root's too and closed to all others.
///
/// # Errors
/// As [`check_private_file`].
pub fn check_credential(directory: &Path, name: &str) -> Result<File, FileError> {
    let path = directory.join(name);
    let inside = path.parent() == Some(directory) && path.file_name() == Some(name.as_ref());
    let (file, meta) = plain_file(&path)?;
    if !(inside && is_masked_file(&meta) && is_masked_dir(directory)) {
        judge(&path, &meta, "0600")?;
    }
    Ok(file)
}

fn is_masked_file(meta: &std::fs::Metadata) -> bool {
    is_masked(meta.uid(), meta.mode(), 0o440)
}

fn is_masked_dir(path: &Path) -> bool {
    let meta = open(path, OFlags::RDONLY | OFlags::DIRECTORY).and_then(|dir| metadata(&dir, path));
    meta.is_ok_and(|meta| is_masked(meta.uid(), meta.mode(), 0o750))
}

/// Whether it is root's and has no permission bit beyond some.
fn is_masked(owner: u32, mode: u32, most: u32) -> bool {
    owner == 0 && mode & 0o7777 & !most == 0
}

/// Checks that a directory is this user's own and closed to group and others.
///
/// # Errors
/// [`FileError`] as for files.
pub fn check_private_dir(path: &Path) -> Result<(), FileError> {
    let dir = open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    judge(path, &metadata(&dir, path)?, "0700")
}

fn plain_file(path: &Path) -> Result<(File, std::fs::Metadata), FileError> {
    let file = open(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let meta = metadata(&file, path)?;
    if meta.is_file() {
        return Ok((file, meta));
    }
    Err(FileError::Kind {
        path: path.into(),
        wanted: "a plain file",
    })
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
    fn a_file_that_others_only_read_is_unshared_and_one_that_they_can_write_to_is_not() {
        let dir = tempfile::tempdir().expect("dir");
        for mode in [0o600, 0o644, 0o440, 0o755] {
            let path = file_with_mode(dir.path(), &format!("m{mode:o}"), mode);
            check_unshared_file(&path).expect("nobody else writes");
        }
        for mode in [0o620, 0o602, 0o666, 0o664, 0o777] {
            let path = file_with_mode(dir.path(), &format!("m{mode:o}"), mode);
            let error = check_unshared_file(&path).expect_err("shared");
            assert!(error.to_string().contains("chmod go-w"), "{error}");
        }
        let link = dir.path().join("link");
        symlink(dir.path().join("m600"), &link).expect("link");
        assert!(check_unshared_file(&link).is_err());
        assert!(check_unshared_file(dir.path()).is_err());
    }

    #[test]
    fn a_credential_may_be_its_groups_to_read_if_it_is_roots_and_nothing_else() {
        for (owner, mode, masked) in [
            (0, 0o100_440, true),
            (0, 0o100_400, true),
            (1000, 0o100_440, false),
            (0, 0o100_640, false),
            (0, 0o100_460, false),
            (0, 0o100_450, false),
            (0, 0o100_444, false),
            (0, 0o100_442, false),
            (0, 0o100_441, false),
            (0, 0o104_440, false),
            (0, 0o102_440, false),
        ] {
            assert_eq!(is_masked(owner, mode, 0o440), masked, "{owner} {mode:o}");
        }
        for (owner, mode, masked) in [
            (0, 0o040_550, true),
            (0, 0o040_700, true),
            (1000, 0o040_550, false),
            (0, 0o040_770, false),
            (0, 0o040_555, false),
            (0, 0o041_550, false),
        ] {
            assert_eq!(is_masked(owner, mode, 0o750), masked, "{owner} {mode:o}");
        }
    }

    #[test]
    fn what_is_open_to_a_group_is_refused_beside_the_credentials_and_where_their_directory_is_open()
    {
        let dir = tempfile::tempdir().expect("dir");
        let set = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(dir.path(), mode).expect("chmod");
        };
        set(0o700);
        let name = "seal";
        let file = file_with_mode(dir.path(), name, 0o440);
        // As anyone else the file is one's own: whoever is in its group is not kept out by any list.
        let roots = effective_uid() == 0;
        assert_eq!(check_credential(dir.path(), name).is_ok(), roots);
        let exposed = |error| matches!(error, FileError::Exposed { mode: 0o440, .. });
        assert!(exposed(
            check_private_file(&file).expect_err("no credential")
        ));
        let below = dir.path().join("below");
        std::fs::create_dir(&below).expect("dir");
        file_with_mode(&below, name, 0o440);
        for elsewhere in ["below/seal", "below/../seal", "./seal", "seal/"] {
            let refused = check_credential(dir.path(), elsewhere);
            assert!(refused.is_err(), "{elsewhere}");
        }
        for mode in [0o640, 0o460, 0o444, 0o442, 0o441] {
            file_with_mode(dir.path(), &format!("m{mode:o}"), mode);
            let error = check_credential(dir.path(), &format!("m{mode:o}")).expect_err("exposed");
            assert!(error.to_string().contains("others can use it"), "{error}");
        }
        symlink(&file, dir.path().join("link")).expect("link");
        for (wrong, what) in [("link", "a link"), ("below", "a directory")] {
            let error = check_credential(dir.path(), wrong).expect_err(what);
            assert!(matches!(error, FileError::Kind { .. }), "{error}");
        }
        let none = check_credential(dir.path(), "none").expect_err("absent");
        assert!(matches!(none, FileError::Open { .. }), "{none}");
        for open in [0o755, 0o770, 0o701] {
            set(open);
            let error = check_credential(dir.path(), name).expect_err("an open directory");
            assert!(exposed(error), "{open:o}");
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
