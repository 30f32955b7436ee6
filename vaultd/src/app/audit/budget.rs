//! How much of the audit one caller may fill: bytes a second, with a burst of ten minutes' worth.
//!
//! Lines of authenticated requests are never left out, so whoever may call can make lines. Without a bound one
//! stolen token would rotate away what everyone did, or fill the disk, in minutes. A session has the rate;
//! all sessions of one principal together have four times as much, because a session can make others. What
//! goes beyond is refused and counted. What has been done already is recorded all the same, and paid off later.
//!
//! A purse is one number: when it will be full again. It is empty while that is further off than the burst.

use std::collections::BTreeMap;
use std::time::Duration;

/// Who pays for a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payer<'a> {
    pub(super) accessor: &'a str,
    pub(super) principal: &'a str,
}

/// All purses that are not full.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes a second of one session.
    rate: u64,
    sessions: Purses,
    principals: Purses,
}

impl Budget {
    pub(super) fn new(rate: u64) -> Self {
        Self {
            rate,
            sessions: Purses::default(),
            principals: Purses::default(),
        }
    }

    /// Pays for a line. Where there is not enough, pays only for what `must` be recorded. Says whether it paid.
    pub(super) fn pay(&mut self, now: Duration, payer: Payer<'_>, bytes: u64, must: bool) -> bool {
        let cost = |rate: u64| {
            let nanos = bytes.saturating_mul(1_000_000_000) / rate.max(1);
            Duration::from_nanos(nanos)
        };
        let (one, all) = (cost(self.rate), cost(self.rate.saturating_mul(SESSIONS)));
        let has = self.sessions.has(now, payer.accessor, one)
            && self.principals.has(now, payer.principal, all);
        if has || must {
            self.sessions.take(now, payer.accessor, one);
            self.principals.take(now, payer.principal, all);
        }
        has || must
    }

    /// When both purses of this caller hold something again; not later than `now` if they do.
    pub(super) fn again(&self, now: Duration, payer: Payer<'_>) -> Duration {
        let session = self.sessions.full(now, payer.accessor);
        let principal = self.principals.full(now, payer.principal);
        session.max(principal).saturating_sub(BURST)
    }
}

#[derive(Debug, Default)]
struct Purses {
    /// When each will be full again.
    full: BTreeMap<String, Duration>,
    /// How many there were after the last look for full ones.
    kept: usize,
}

impl Purses {
    fn full(&self, now: Duration, owner: &str) -> Duration {
        self.full.get(owner).map_or(now, |full| (*full).max(now))
    }

    fn has(&self, now: Duration, owner: &str, cost: Duration) -> bool {
        self.full(now, owner) + cost <= now + BURST
    }

    fn take(&mut self, now: Duration, owner: &str, cost: Duration) {
        if let Some(full) = self.full.get_mut(owner) {
            *full = (*full).max(now) + cost;
            return;
        }
        if self.full.len() >= 2 * self.kept + PURSES {
            self.full.retain(|_, full| *full > now);
            self.kept = self.full.len();
        }
        self.full.insert(owner.to_owned(), now + cost);
    }
}

/// How long a caller may fill the audit faster than the rate, at once, before it is refused.
const BURST: Duration = Duration::from_mins(10);
/// Sessions' worth that one principal has.
const SESSIONS: u64 = 4;
/// Purses between two looks for full ones.
const PURSES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1000;

    fn of<'a>(accessor: &'a str, principal: &'a str) -> Payer<'a> {
        Payer {
            accessor,
            principal,
        }
    }

    fn lines(budget: &mut Budget, now: Duration, payer: Payer<'_>) -> u64 {
        (0..1_000_000)
            .take_while(|_| budget.pay(now, payer, 100, false))
            .count() as u64
    }

    #[test]
    fn a_session_has_its_burst_and_then_its_rate() {
        let mut budget = Budget::new(RATE);
        let me = of("a", "p");
        assert_eq!(lines(&mut budget, Duration::ZERO, me), 6000);
        assert_eq!(lines(&mut budget, Duration::from_secs(3), me), 30);
        let later = Duration::from_hours(9);
        assert_eq!(lines(&mut budget, later, me), 6000);
    }

    #[test]
    fn many_sessions_of_one_principal_have_four_times_as_much_and_others_their_own() {
        let mut budget = Budget::new(RATE);
        let now = Duration::ZERO;
        let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let all: u64 = names
            .iter()
            .map(|name| lines(&mut budget, now, of(name, "p")))
            .sum();
        assert_eq!(all, 24_000);
        assert_eq!(lines(&mut budget, now, of("x", "q")), 6000);
    }

    #[test]
    fn what_must_be_recorded_is_paid_off_before_anything_else() {
        let mut budget = Budget::new(RATE);
        let me = of("a", "p");
        let now = Duration::from_secs(1);
        assert!(budget.again(now, me) <= now);
        assert!(budget.pay(now, me, 610_000, true));
        assert!(!budget.pay(now, me, 1, false));
        let again = budget.again(now, me);
        assert_eq!(again, now + Duration::from_secs(10));
        assert!(!budget.pay(again, me, 1, false));
        assert!(budget.pay(again + Duration::from_millis(1), me, 1, false));
    }

    #[test]
    fn purses_that_are_full_are_forgotten_and_others_are_not() {
        let mut budget = Budget::new(RATE);
        assert_eq!(lines(&mut budget, Duration::ZERO, of("a", "p")), 6000);
        for n in 0..100_000 {
            let now = Duration::from_millis(n);
            budget.pay(now, of(&n.to_string(), "q"), 1, true);
        }
        assert!(budget.sessions.full.len() <= 2 * PURSES);
        assert!(budget.sessions.full.contains_key("a"));
    }
}
