//! The only clock and the only source of randomness of the daemon.
//!
//! Three clocks: wall time for records and audit lines, monotonic time for waits and latencies, and
//! boot time, which goes on while the machine sleeps, for freshness. Everything below takes them as
//! parameters.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use vault_core::crypto::entropy::Entropy;

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// By how much a test has set the wall clock forward.
    #[cfg(test)]
    ahead: Duration,
}

impl Clock {
    /// Milliseconds since 1970, as this machine believes.
    #[expect(clippy::disallowed_methods, reason = "the one wall clock")]
    pub fn wall_ms(self) -> u64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        #[cfg(test)]
        let since = since + self.ahead;
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// A machine whose wall clock is set forward by so much.
    #[cfg(test)]
    pub fn ahead(by: Duration) -> Self {
        Self { ahead: by }
    }

    /// Wall time as a timestamp.
    pub fn utc(self) -> jiff::Timestamp {
        let millis = i64::try_from(self.wall_ms()).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
    }

    /// Time that never goes back and stands still while the machine sleeps.
    pub fn monotonic(self) -> Duration {
        let time = clock_gettime(ClockId::Monotonic);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    /// Time that never goes back and counts sleep too: the clock of staleness and deadlines.
    pub fn boottime(self) -> Duration {
        vault_sys::boottime()
    }
}

/// Randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// Fills the buffer, or ends the process: nothing may go on with bytes that can be guessed.
    fn fill(&mut self, out: &mut [u8]) {
        if getrandom::fill(out).is_err() {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_do_not_go_back_and_boot_time_counts_sleep_too() {
        let clock = Clock::default();
        let (first, second) = (clock.monotonic(), clock.monotonic());
        assert!(second >= first);
        assert!(clock.boottime() >= first);
        assert!(clock.wall_ms() > 1_700_000_000_000);
        assert!(clock.utc().as_millisecond() > 1_700_000_000_000);
    }

    #[test]
    fn entropy_fills_every_byte_and_never_twice_alike() {
        let (mut a, mut b) = ([0u8; 64], [0u8; 64]);
        OsEntropy.fill(&mut a);
        OsEntropy.fill(&mut b);
        assert_ne!(a, b);
        assert!(a.windows(16).all(|w| w != [0; 16]));
    }
}
