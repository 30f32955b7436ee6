//! The time that the vault goes by, and how far a clock that is set may move it.
//!
//! Sessions end by it, lockouts and recovery windows, and one-time codes are good by it, and it never goes back: what a
//! wrong clock adds to it stays. So the wall clock is believed once, within minutes of the node's start, and from then on
//! no further than the time that has passed since, and a little more. One that is still wrong by then moves time no
//! further than what has passed since the start. How much passed is told by the boot time, which nobody sets and no time
//! server reaches.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::store::Store;

/// How far the wall clock may be set forward while the node runs, in milliseconds.
const SLACK: u64 = 5 * 60 * 1000;
/// A vault whose newest entry is older than this when its node starts was off for long, or the clock is wrong: nothing
/// is destroyed before it has run for a day. In milliseconds.
const LONG_OFF: u64 = 24 * 60 * 60 * 1000;
/// So long after its start a node waits for a clock that is set late, and believes it whatever it says then. In
/// milliseconds.
const OPENING: u64 = 10 * 60 * 1000;
/// A difference that somebody is told of.
pub(super) const TOLERATED: Duration = Duration::from_mins(1);

/// The vault's time on this node.
#[derive(Debug)]
pub(super) struct VaultTime {
    clock: Clock,
    store: Store,
    bounds: Bounds,
}

impl VaultTime {
    pub(super) fn new(clock: Clock, store: Store) -> Self {
        let bounds = Bounds::new(store.stamp().leader_time, millis(clock.boottime()));
        Self {
            clock,
            store,
            bounds,
        }
    }

    /// Milliseconds since 1970: never behind what the log has seen, and not ahead of what can have passed.
    pub(super) fn now(&self) -> u64 {
        let seen = self.store.stamp().leader_time;
        self.bounds
            .at(self.clock.wall_ms(), millis(self.clock.boottime()), seen)
    }

    /// When the vault went on after it seems to have been off for long, if it did when this node started.
    pub(super) fn leapt_to(&self) -> Option<u64> {
        let believed = self.bounds.believed.get().filter(|at| at.leap);
        believed.map(|at| at.wall)
    }

    /// By how much the wall clock differs from the vault's time, and whether it is behind it.
    pub(super) fn difference(&self) -> (Duration, bool) {
        let (wall, now) = (self.clock.wall_ms(), self.now());
        (Duration::from_millis(wall.abs_diff(now)), wall < now)
    }
}

/// What the wall clock said when it was believed.
#[derive(Debug)]
struct Believed {
    wall: u64,
    boot: u64,
    /// It was far beyond the newest entry.
    leap: bool,
}

/// Between what the vault's time may be. Everything in milliseconds; the wall's since 1970, the boot's of any origin.
#[derive(Debug)]
struct Bounds {
    /// Newest time in the log, and boot time, at start: of a vault that is born later, when it is.
    start: OnceLock<(u64, u64)>,
    believed: OnceLock<Believed>,
    /// What was told last, and the boot time then, as one number: twice the one less the other. Half of it and of a boot
    /// time is where half the pace has led by then, and the larger one is always the later one. 0: nothing was told.
    pace: AtomicU64,
}

impl Bounds {
    fn new(seen: u64, boot: u64) -> Self {
        let it = Self {
            start: OnceLock::new(),
            believed: OnceLock::new(),
            pace: AtomicU64::new(0),
        };
        if seen > 0 {
            it.start.get_or_init(|| (seen, boot));
            it.tell(seen, boot);
        }
        it
    }

    /// The vault's time. A clock behind what was told before, as one that was set back or one without a battery until it
    /// has asked a time server, is not believed; while it is behind, time goes on from there at half its pace, so that
    /// sessions still end, lockouts too, and the clock catches up.
    fn at(&self, wall: u64, boot: u64, seen: u64) -> u64 {
        if seen == 0 {
            // Before a vault is born there is nothing that a wrong clock could end.
            return wall;
        }
        let floor = seen.max(self.paced(boot));
        if wall >= floor {
            let start = self.start.get_or_init(|| (seen, boot));
            self.believed
                .get_or_init(|| Believed::of(wall, boot, floor, *start));
        }
        let most = self.believed.get().map_or(0, |at| {
            let passed = boot.saturating_sub(at.boot);
            at.wall.saturating_add(passed).saturating_add(SLACK)
        });
        let now = floor.max(wall.min(most));
        self.tell(now, boot);
        now
    }

    /// Where time has got to from what was told last, at half its pace.
    fn paced(&self, boot: u64) -> u64 {
        match self.pace.load(Ordering::Acquire) {
            0 => 0,
            pace => pace.saturating_add(boot) / 2,
        }
    }

    fn tell(&self, now: u64, boot: u64) {
        let pace = now.saturating_mul(2).saturating_sub(boot);
        if pace > self.pace.load(Ordering::Acquire) {
            self.pace.fetch_max(pace, Ordering::AcqRel);
        }
    }
}

impl Believed {
    fn of(wall: u64, boot: u64, floor: u64, (first, started): (u64, u64)) -> Self {
        let passed = boot.saturating_sub(started);
        let late = passed > OPENING;
        let since = first.saturating_add(passed);
        Self {
            // CARE: a clock that was behind all the time may be set to anything, days after the start
            wall: if late { wall.min(since) } else { wall },
            boot,
            leap: !late && wall - floor >= LONG_OFF,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1000;
    const DAY: u64 = 24 * 60 * 60 * SECOND;
    /// Some day in 2026, and the time since the machine started.
    const WALL: u64 = 1_790_000_000_000;
    const BOOT: u64 = 77 * SECOND;

    #[test]
    fn a_clock_that_is_right_is_followed() {
        let bounds = Bounds::new(WALL - SECOND, BOOT);
        for passed in [0, 1, 999, 40 * DAY] {
            let seen = WALL - SECOND;
            assert_eq!(bounds.at(WALL + passed, BOOT + passed, seen), WALL + passed);
        }
    }

    #[test]
    fn a_clock_set_forward_by_a_week_moves_time_by_minutes_and_never_by_more() {
        let bounds = Bounds::new(WALL - SECOND, BOOT);
        assert_eq!(bounds.at(WALL, BOOT, WALL - SECOND), WALL);
        let mut seen = WALL;
        for passed in (0..3600).map(|n| n * SECOND) {
            seen = bounds.at(WALL + 7 * DAY + passed, BOOT + passed, seen);
            assert_eq!(seen, WALL + passed + SLACK);
        }
    }

    #[test]
    fn many_small_steps_forward_move_time_no_further_than_one() {
        let bounds = Bounds::new(WALL, BOOT);
        let mut seen = bounds.at(WALL, BOOT, WALL);
        for n in 0..1000 {
            seen = bounds.at(WALL + n * 60 * SECOND, BOOT + n, seen);
        }
        assert_eq!(seen, WALL + 999 + SLACK);
    }

    #[test]
    fn a_clock_that_is_set_right_again_is_followed_once_time_has_caught_up() {
        let bounds = Bounds::new(WALL, BOOT);
        bounds.at(WALL, BOOT, WALL);
        let seen = bounds.at(WALL + DAY, BOOT, WALL);
        assert_eq!(bounds.at(WALL, BOOT, seen), WALL + SLACK);
        for (after, ahead) in [(SLACK, SLACK / 2), (2 * SLACK, 0), (2 * SLACK + SECOND, 0)] {
            let now = bounds.at(WALL + after, BOOT + after, seen);
            assert_eq!(now, WALL + after + ahead);
        }
    }

    #[test]
    fn time_never_goes_back_behind_the_log_and_does_not_stand_still_while_the_clock_is_behind() {
        let ahead = WALL + 30 * DAY;
        let bounds = Bounds::new(ahead, BOOT);
        assert_eq!(bounds.at(WALL, BOOT, ahead), ahead);
        assert_eq!(bounds.at(WALL + DAY, BOOT + DAY, ahead), ahead + DAY / 2);
        // At half its pace the clock has caught up after twice the difference.
        let caught = 61 * DAY;
        assert_eq!(
            bounds.at(WALL + caught, BOOT + caught, ahead),
            WALL + caught
        );
    }

    #[test]
    fn a_machine_without_a_clock_of_its_own_is_believed_once_it_has_asked() {
        let bounds = Bounds::new(WALL - 2 * DAY, BOOT);
        assert_eq!(bounds.at(0, BOOT, WALL - 2 * DAY), WALL - 2 * DAY);
        let asked = BOOT + 10 * SECOND;
        assert_eq!(bounds.at(WALL, asked, WALL - 2 * DAY), WALL);
        assert!(bounds.believed.get().is_some_and(|at| at.leap));
        assert_eq!(bounds.at(WALL + DAY, asked, WALL), WALL + SLACK);
    }

    #[test]
    fn a_vault_that_was_off_overnight_has_not_been_off_for_long() {
        for (seen, leap) in [(WALL - 16 * 3600 * SECOND, false), (WALL - DAY, true)] {
            let bounds = Bounds::new(seen, BOOT);
            assert_eq!(bounds.at(WALL, BOOT, seen), WALL);
            let believed = bounds.believed.get().map(|at| at.leap);
            assert_eq!(believed, Some(leap), "{seen}");
        }
    }

    #[test]
    fn a_new_vault_goes_by_the_clock_of_the_moment_when_it_is_born() {
        let bounds = Bounds::new(0, BOOT);
        assert_eq!(bounds.at(7, BOOT, 0), 7);
        let born = BOOT + 3 * DAY;
        assert_eq!(bounds.at(WALL, born, 0), WALL);
        assert_eq!(bounds.at(WALL + 1, born + 1, WALL), WALL + 1);
        assert_eq!(bounds.at(WALL + DAY, born + 1, WALL), WALL + 1 + SLACK);
        assert!(bounds.believed.get().is_some_and(|at| !at.leap));
        // and has a pace of its own from then on
        let later = born + 30 * DAY;
        let then = bounds.at(WALL + 30 * DAY, later, WALL);
        assert_eq!(bounds.at(0, later + DAY, WALL), then + DAY / 2);
    }

    #[test]
    fn a_clock_that_is_set_back_after_a_month_does_not_stop_time_nor_take_it_back() {
        for logged in [true, false] {
            let bounds = Bounds::new(WALL, BOOT);
            let mut seen = WALL;
            for day in 0..=30 {
                let now = bounds.at(WALL + day * DAY, BOOT + day * DAY, seen);
                assert_eq!(now, WALL + day * DAY);
                seen = if logged { now } else { seen };
            }
            let (then, boot) = (WALL + 30 * DAY, BOOT + 30 * DAY);
            // every few milliseconds, as requests do: nothing is lost to rounding
            for passed in (0..10 * SECOND).step_by(3) {
                let now = bounds.at(WALL + passed, boot + passed, seen);
                assert_eq!(now, then + passed / 2, "{logged}");
                seen = if logged { now } else { seen };
            }
            let hour = 3600 * SECOND;
            assert_eq!(bounds.at(WALL + hour, boot + hour, seen), then + hour / 2);
        }
    }

    #[test]
    fn a_clock_that_is_set_to_next_year_days_after_a_start_moves_time_by_what_has_passed() {
        let behind = 3600 * SECOND;
        let bounds = Bounds::new(WALL, BOOT);
        assert_eq!(bounds.at(WALL - behind, BOOT, WALL), WALL);
        let passed = 3 * DAY;
        let mut seen = WALL + passed / 2;
        for more in [0, 1, 60 * SECOND, DAY] {
            let (boot, wall) = (BOOT + passed + more, WALL + 365 * DAY + more);
            seen = bounds.at(wall, boot, seen);
            assert!(seen <= WALL + passed + more + SLACK, "{more}");
            assert!(seen >= WALL + passed + more);
        }
        assert!(bounds.believed.get().is_some_and(|at| !at.leap));
    }

    #[test]
    fn what_another_leader_wrote_counts_however_far_it_is_ahead() {
        let bounds = Bounds::new(WALL, BOOT);
        bounds.at(WALL, BOOT, WALL);
        assert_eq!(bounds.at(WALL, BOOT, WALL + DAY), WALL + DAY);
    }
}
