//! Time since the machine started, sleep included.

use std::time::Duration;

/// `CLOCK_BOOTTIME`: nobody sets it, and it goes on in suspend. Asked of the C library, as `std` asks for the other
/// clocks, so that a test that moves the clocks of a process moves this one too.
pub fn boottime() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live value of the type that is written, and nothing is kept of it.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    // INVARIANT: Linux has had this clock since 2.6.39
    debug_assert_eq!(result, 0);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_and_not_back() {
        let first = boottime();
        assert!(first > Duration::ZERO);
        assert!(boottime() >= first);
    }
}
