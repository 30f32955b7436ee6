//! What is known of an authenticator's clock, and which codes count.
//!
//! ```text
//! looked at   steps now-2 ..= now+2
//! accepted    drift-w ..= drift+w from now, within those, w = 0 or 1: at most 90 seconds of life
//! once        only a step after the last accepted one                          RFC 6238 §5.2, R-OTP-1
//! drift       learnt from the codes of two steps in a row, never from one      RFC 4226 §7.4, R-OTP-6
//! ```
//! A code that is right for a step that is looked at but not accepted is answered as a wrong one, and
//! remembered: the code of the step right after it is then accepted, and moves the drift. Nobody is told
//! which it was: a code of the near future would be worth waiting for.
//!
//! A restore brings back what was remembered when the backup was made, and with it steps that were used up
//! since. That is let be, unlike codes that live for days: a step is too old for any code two steps later, so
//! it takes a backup and its restore within the life of one code, and the password beside it.

use minicbor::{Decode, Encode};

/// Steps from the server's time beyond which no code is looked at.
const REACH: i64 = 2;

/// How many steps before and after the expected one are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// None: 30 seconds of life, for who keeps good time.
    Exact,
    /// One each: 90 seconds of life.
    #[default]
    OneStep,
}

impl Window {
    const fn steps(self) -> i64 {
        match self {
            Self::Exact => 0,
            Self::OneStep => 1,
        }
    }
}

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Track {
    /// The step of the last code that was accepted.
    #[n(0)]
    last: Option<u64>,
    /// How many steps the authenticator's clock is ahead.
    #[n(1)]
    drift: i8,
    /// The step of a right code that was not accepted.
    #[n(2)]
    early: Option<u64>,
}

/// What a code was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Right: remember this, in the same transaction.
    Accepted(Track),
    /// To be answered as wrong; remember this.
    Noted(Track),
    /// Of a step that is used up.
    Used,
    /// Of no step that is looked at.
    Wrong,
}

/// The steps that are looked at.
pub(super) fn reach(now: u64) -> std::ops::RangeInclusive<u64> {
    let reach = REACH.unsigned_abs();
    now.saturating_sub(reach)..=now.saturating_add(reach)
}

impl Track {
    /// Judges a code by the steps of [`reach`] that show it: nearly always one or none.
    pub(super) fn judge(&self, now: u64, steps: &[u64], window: Window) -> Judged {
        let fresh = |step: &u64| self.last.is_none_or(|last| *step > last);
        // The latest, so that it uses up as much as it can.
        let latest = |accepts: &dyn Fn(u64) -> bool| {
            let steps = steps.iter().copied().filter(fresh);
            steps.filter(|step| accepts(*step)).max()
        };
        let expected = latest(&|step| self.expects(offset(now, step), window));
        let second = latest(&|step| {
            self.early
                .is_some_and(|early| early.checked_add(1) == Some(step))
        });
        if let Some(step) = expected {
            Judged::Accepted(Self::after(step, self.drift))
        } else if let Some((step, drift)) = second.and_then(|step| Some((step, drift(now, step)?)))
        {
            Judged::Accepted(Self::after(step, drift))
        } else if let Some(step) = latest(&|_| true) {
            Judged::Noted(Self {
                early: Some(step),
                ..self.clone()
            })
        } else if steps.is_empty() {
            Judged::Wrong
        } else {
            Judged::Used
        }
    }

    fn expects(&self, offset: i64, window: Window) -> bool {
        let drift = i64::from(self.drift);
        (offset - drift).abs() <= window.steps() && offset.abs() <= REACH
    }

    fn after(step: u64, drift: i8) -> Self {
        Self {
            last: Some(step),
            drift,
            early: None,
        }
    }
}

/// How many steps a step is ahead of the server's; out of reach when that is no number.
fn offset(now: u64, step: u64) -> i64 {
    step.checked_signed_diff(now).unwrap_or(i64::MAX / 2)
}

fn drift(now: u64, step: u64) -> Option<i8> {
    let offset = offset(now, step);
    (offset.abs() <= REACH).then(|| i8::try_from(offset).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1000;

    fn track(last: Option<u64>, drift: i8) -> Track {
        Track {
            last,
            drift,
            early: None,
        }
    }

    fn judge(track: &Track, now: u64, step: u64) -> Judged {
        let steps: Vec<u64> = reach(now).filter(|shown| *shown == step).collect();
        track.judge(now, &steps, Window::OneStep)
    }

    fn accepted(judged: Judged) -> Track {
        match judged {
            Judged::Accepted(track) => track,
            Judged::Noted(_) | Judged::Used | Judged::Wrong => panic!("not accepted"),
        }
    }

    fn noted(judged: Judged) -> Track {
        match judged {
            Judged::Noted(track) => track,
            Judged::Accepted(_) | Judged::Used | Judged::Wrong => panic!("not noted"),
        }
    }

    #[test]
    fn the_window_is_one_step_each_way_or_none() {
        for step in NOW - 5..=NOW + 5 {
            let near = step.abs_diff(NOW);
            let judged = judge(&track(None, 0), NOW, step);
            assert_eq!(matches!(judged, Judged::Accepted(_)), near <= 1, "{step}");
            let steps: Vec<u64> = reach(NOW).filter(|shown| *shown == step).collect();
            let judged = track(None, 0).judge(NOW, &steps, Window::Exact);
            assert_eq!(matches!(judged, Judged::Accepted(_)), near == 0, "{step}");
        }
    }

    #[test]
    fn a_step_and_all_before_it_are_used_up() {
        let used = accepted(judge(&track(None, 0), NOW, NOW));
        assert_eq!(judge(&used, NOW, NOW), Judged::Used);
        assert_eq!(judge(&used, NOW, NOW - 1), Judged::Used);
        assert_eq!(judge(&used, NOW + 1, NOW), Judged::Used);
        let next = accepted(judge(&used, NOW, NOW + 1));
        assert_eq!(judge(&next, NOW + 1, NOW + 1), Judged::Used);
    }

    #[test]
    fn one_code_out_of_the_window_is_never_accepted_and_moves_nothing() {
        for step in [NOW - 2, NOW + 2] {
            let after = noted(judge(&track(None, 0), NOW, step));
            assert_eq!((after.last, after.drift), (None, 0));
            assert_eq!(noted(judge(&after, NOW, step)), after, "the same again");
        }
        for step in [NOW - 3, NOW + 3] {
            assert_eq!(judge(&track(None, 0), NOW, step), Judged::Wrong);
        }
    }

    #[test]
    fn two_steps_in_a_row_out_of_the_window_move_the_drift() {
        for ahead in [-2_i8, 2] {
            let first = NOW.saturating_add_signed(ahead.into());
            let early = noted(judge(&track(None, 0), NOW, first));
            let moved = accepted(judge(&early, NOW + 1, first + 1));
            assert_eq!(moved, track(Some(first + 1), ahead));
            assert_eq!(judge(&moved, NOW + 1, first + 1), Judged::Used);
            let before = judge(&moved, NOW + 1, first);
            assert!(matches!(before, Judged::Used | Judged::Wrong));
            accepted(judge(&moved, NOW + 2, first + 2));
        }
    }

    #[test]
    fn two_codes_that_are_not_in_a_row_move_nothing() {
        let early = noted(judge(&track(None, 0), NOW, NOW + 2));
        let other = noted(judge(&early, NOW + 2, NOW + 4));
        assert_eq!(other.drift, 0);
        let back = noted(judge(&early, NOW + 3, NOW + 1));
        assert_eq!(back.drift, 0);
        assert_eq!(judge(&early, NOW + 20, NOW + 3), Judged::Wrong, "too late");
    }

    #[test]
    fn a_drift_shifts_the_window_and_never_stretches_it() {
        for drift in -2..=2_i8 {
            let all = (NOW - 6..=NOW + 6).filter(|step| {
                matches!(judge(&track(None, drift), NOW, *step), Judged::Accepted(_))
            });
            let all: Vec<u64> = all.collect();
            assert!(all.len() <= 3, "{drift}: {all:?}");
            assert!(
                all.iter().all(|step| step.abs_diff(NOW) <= 2),
                "{drift}: {all:?}"
            );
        }
    }

    #[test]
    fn a_clock_that_was_set_right_is_learnt_back() {
        let ahead = track(Some(NOW - 50), 2);
        let early = noted(judge(&ahead, NOW, NOW));
        let moved = accepted(judge(&early, NOW + 1, NOW + 1));
        assert_eq!(moved.drift, 0);
    }

    #[test]
    fn of_two_steps_with_one_code_the_later_is_used_up() {
        let both = track(None, 0).judge(NOW, &[NOW - 1, NOW + 1], Window::OneStep);
        assert_eq!(accepted(both).last, Some(NOW + 1));
        let used = track(Some(NOW), 0).judge(NOW, &[NOW - 1, NOW + 1], Window::OneStep);
        assert_eq!(accepted(used).last, Some(NOW + 1));
    }

    #[test]
    fn the_beginning_and_the_end_of_time_are_no_panic() {
        for now in [0, 1, u64::MAX - 1, u64::MAX] {
            for step in reach(now) {
                judge(&track(None, 0), now, step);
                judge(&track(Some(step), -2), now, step);
            }
            track(None, 0).judge(0, &[u64::MAX], Window::OneStep);
        }
    }
}
