//! Descriptors that this process was started with and did not ask for.
//!
//! A daemon that keeps what a shell had open keeps a lock that a script holds, a pipe whose reader waits for
//! its end, a file that was deleted. Standard input, output and error stay; the service manager is told by
//! socket path and hands over no listener, so nothing else is needed.
//!
//! What survived `exec` has no close-on-exec flag, and everything that this program opens has one: so what
//! is closed here is nobody's in this process, whenever it is called.

use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{FdFlags, close, fcntl_getfd};

/// Closes every inherited descriptor above standard error, and says which.
pub fn close_inherited() -> Vec<RawFd> {
    let Ok(listing) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let listed: Vec<RawFd> = listing
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > STDERR)
        .collect();
    let inherited = listed.into_iter().filter(|fd| survives_exec(*fd));
    inherited.inspect(|fd| shut(*fd)).collect()
}

fn survives_exec(fd: RawFd) -> bool {
    // SAFETY: borrowed for one question; if it was closed since it was listed, the answer is an error.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl_getfd(borrowed).is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC))
}

fn shut(fd: RawFd) {
    // SAFETY: it came through `exec`, so no object of this program owns it.
    unsafe { close(fd) };
}

const STDERR: RawFd = 2;

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd as _, IntoRawFd as _};

    use rustix::io::fcntl_setfd;

    use super::*;

    #[test]
    fn only_what_would_survive_exec_is_closed() {
        let kept = tempfile::tempfile().expect("a file of this program");
        let left = tempfile::tempfile().expect("as if inherited");
        fcntl_setfd(&left, FdFlags::empty()).expect("flag taken off");
        let left = left.into_raw_fd();
        let closed = close_inherited();
        assert!(closed.contains(&left), "{closed:?}");
        assert!(!closed.contains(&kept.as_raw_fd()), "{closed:?}");
        assert!(closed.iter().all(|fd| *fd > STDERR), "{closed:?}");
        kept.set_len(1).expect("still open");
    }
}
