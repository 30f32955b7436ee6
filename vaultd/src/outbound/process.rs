//! Start and end of the helper.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use vault_sys::{Capabilities, Memory};

use super::Rules;
use super::message::Setup;
use super::serve::{authorities, serve};

/// Largest file of authorities.
const MAX_PEM: u64 = 256 << 10;
/// Descriptors of the helper: one for each connection, and a few.
const DESCRIPTORS: u64 = 128;
/// Threads that may wait for a name to be looked up.
const LOOKUPS: usize = 16;
/// How the helper is called; no command of people's.
const NAME: &str = "outbound";

/// Why the helper cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file of authorities cannot be read.
    #[error("outbound.ca_file: cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It holds none.
    #[error(
        "outbound.ca_file: `{0}` is no PEM file of up to 256 KiB with certificates of authorities only"
    )]
    Authorities(PathBuf),
    /// Only root can be somebody else.
    #[error(
        "outbound.user is for a daemon that runs as root; this one has an account of its own: take it out"
    )]
    NotRoot,
    /// Nobody is called so.
    #[error("outbound.user: `/etc/passwd` has no account `{0}` other than root's")]
    Account(String),
    /// The kernel did not start it.
    #[error("cannot start the process for outbound connections: {0}")]
    Spawn(#[source] io::Error),
}

/// Why the helper does not run.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// Somebody else started it.
    #[error(
        "`vaultd outbound` is started by the daemon, which speaks to it on its standard input; run `vaultd server`"
    )]
    NotOurs,
    /// The system or the daemon did not behave.
    #[error("the process for outbound connections ended: {0}")]
    Io(#[from] io::Error),
}

/// How a helper is started, and again.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// Who it runs as, if not as the daemon.
    account: Option<(u32, u32)>,
    pub(super) setup: Setup,
}

/// A helper that was started, and that nobody speaks to yet.
#[derive(Debug)]
pub struct Started {
    pub(super) rules: Rules,
    pub(super) recipe: Recipe,
    pub(super) child: Child,
    pub(super) socket: UnixStream,
}

impl Started {
    /// Starts the helper, where the configuration names any place to connect to.
    ///
    /// ORDER: before there is a key in memory, before privileges are given up, and from a thread that lives as long as
    /// the daemon: the helper ends with it.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(rules: &Rules) -> Result<Option<Self>, StartError> {
        if rules.allow.is_empty() {
            return Ok(None);
        }
        let pem = rules.ca_file.as_deref().map(read).transpose()?;
        let recipe = Recipe {
            account: rules.user.as_deref().map(account).transpose()?,
            setup: Setup {
                allow: rules.allow.iter().map(ToString::to_string).collect(),
                allow_private: rules
                    .allow_private
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                authorities: pem,
            },
        };
        let (child, socket) = recipe.spawn().map_err(StartError::Spawn)?;
        Ok(Some(Self {
            rules: rules.clone(),
            recipe,
            child,
            socket,
        }))
    }
}

impl Recipe {
    #[cfg(test)]
    pub(super) fn of(setup: Setup) -> Self {
        Self {
            account: None,
            setup,
        }
    }

    /// The helper and the daemon's end of its socket. Everything that the daemon has open closes on `exec`.
    pub(super) fn spawn(&self) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        // The file that this process was started from, also where another lies in its place by now.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("vaultd")
            .arg(NAME)
            .env_clear()
            .current_dir("/")
            // ^C at a terminal is for the daemon, which ends it.
            .process_group(0)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            // What it might say of its troubles could be anybody's words in the daemon's log.
            .stderr(Stdio::null());
        if let Some((uid, gid)) = self.account {
            // Other groups go too: `std` gives them up with root.
            command.uid(uid).gid(gid);
        }
        Ok((command.spawn()?, ours))
    }
}

/// Runs the helper until the daemon hangs up.
///
/// # Errors
/// [`HelperError`]; nothing was connected to where it was not started by a daemon.
pub fn run() -> Result<(), HelperError> {
    drop(vault_sys::close_inherited());
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let ours = rustix::net::getpeername(&socket).is_ok_and(|peer| {
        peer.is_some_and(|peer| peer.address_family() == rustix::net::AddressFamily::UNIX)
    });
    if !ours {
        return Err(HelperError::NotOurs);
    }
    drop(vault_sys::harden(
        Memory::LeaveUnlocked,
        Capabilities::DropAll,
    ));
    vault_sys::serve_parent(DESCRIPTORS)?;
    let socket = UnixStream::from(socket);
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOKUPS)
        .build()?;
    let served = runtime.block_on(async { serve(tokio::net::UnixStream::from_std(socket)?).await });
    // A look-up that hangs is not waited for.
    runtime.shutdown_background();
    Ok(served?)
}

fn read(path: &Path) -> Result<String, StartError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_PEM + 1).read_to_string(&mut text));
    read.map_err(|source| StartError::Read {
        path: path.into(),
        source,
    })?;
    let fits = text.len() as u64 <= MAX_PEM && authorities(&text).is_some();
    if fits {
        Ok(text)
    } else {
        Err(StartError::Authorities(path.into()))
    }
}

fn account(name: &str) -> Result<(u32, u32), StartError> {
    if vault_sys::effective_uid() != 0 {
        return Err(StartError::NotRoot);
    }
    let path = PathBuf::from("/etc/passwd");
    let known = std::fs::read_to_string(&path);
    let known = known.map_err(|source| StartError::Read { path, source })?;
    numbers(&known, name).ok_or_else(|| StartError::Account(name.to_owned()))
}

/// User and group of an account, which is not root's (passwd(5)).
fn numbers(known: &str, name: &str) -> Option<(u32, u32)> {
    let mut lines = known
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.first() == Some(&name))?;
    let [_, _, uid, gid, ..] = found.as_slice() else {
        return None;
    };
    let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
    (uid != 0 && gid != 0).then_some((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name_and_is_never_roots() {
        let known = "root:x:0:0::/root:/bin/sh\nvault-out:x:990:991::/:/x\nodd:x:7:0::/:/x\nshort:x:7\nbad:x:-1:x::\n";
        assert_eq!(numbers(known, "vault-out"), Some((990, 991)));
        for name in [
            "root",
            "vault",
            "vault-out:x",
            "odd",
            "short",
            "bad",
            "",
            "nobody",
        ] {
            assert_eq!(numbers(known, name), None, "{name}");
        }
    }

    #[test]
    fn a_file_that_holds_no_authority_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let rules = Rules {
            allow: vec![super::super::Origin::parse("https://a.test").unwrap()],
            ca_file: Some(path.clone()),
            ..Rules::default()
        };
        let refused = || Started::start(&rules).unwrap_err().to_string();
        assert!(refused().contains("cannot read"), "{}", refused());
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "x", damaged, &"x".repeat(300 << 10)] {
            std::fs::write(&path, text).unwrap();
            assert!(refused().contains("is no PEM file"), "{}", refused());
        }
    }

    #[test]
    fn without_a_destination_no_process_is_started() {
        assert!(Started::start(&Rules::default()).unwrap().is_none());
    }
}
