//! Who may change second factors, and from when on one is demanded: pure functions.
//!
//! A stolen password must not enrol the thief. So a first authenticator takes a code from an administrator;
//! beside an active one such a code counts for nothing, whoever issued it. To take one away or to draw
//! recovery codes, a second factor must just have been shown (R-OTP-8).

use crate::access::{onetime::OneTimeHash, totp::Elevation};

/// How recently a session must have shown a second factor to change any, in milliseconds.
pub const FRESH: u64 = 10 * 60_000;

/// What is shown for the right to change a user's second factors.
#[derive(Debug)]
pub enum Proof<'a> {
    /// A one-time code of an administrator, which is spent by it.
    Code(&'a OneTimeHash),
    /// What the user's own session has shown.
    Session(&'a Elevation),
}

/// Why a proof does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// A password is not enough.
    #[error(
        "a password is not enough to change second factors: use a session with one, or ask an administrator for a one-time code to enrol"
    )]
    NoFactor,
    /// Too long ago.
    #[error("a second factor must have been shown within the last 10 minutes: show it again")]
    NotFresh,
    /// There is an authenticator that counts.
    #[error(
        "an authenticator counts already: add another from a session that has just shown it; if it is lost, an administrator resets it first"
    )]
    HasFactor,
}

/// Whether a proof suffices for a user with `active` authenticators that count, whose factors were last reset
/// then.
///
/// # Errors
/// When it does not.
pub fn allow(
    active: usize,
    reset_at: Option<u64>,
    proof: &Proof<'_>,
    now: u64,
) -> Result<(), NotAllowed> {
    match proof {
        Proof::Code(_) if active > 0 => Err(NotAllowed::HasFactor),
        Proof::Code(_) => Ok(()),
        Proof::Session(elevation) => {
            let shown = elevation.mfa_at().ok_or(NotAllowed::NoFactor)?;
            // What was shown before a reset may have been shown by the one whom it was to keep out.
            if reset_at.is_some_and(|reset| shown <= reset) {
                return Err(NotAllowed::NoFactor);
            }
            if elevation.is_fresh(now, FRESH) {
                Ok(())
            } else {
                Err(NotAllowed::NotFresh)
            }
        }
    }
}

/// What the demand for a second factor makes of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing: there is no demand, or he has one and shows it.
    Met,
    /// He has none, and gets in with a notice that he needs one by then.
    Notice {
        /// Milliseconds since the epoch.
        by: u64,
    },
    /// He has none, and gets in for nothing but enrolling.
    EnrolOnly,
}

/// From `deadline` on, nobody of whom a policy demands a second factor does without. Turning a policy on sets
/// one that gives everyone time, so that nobody is locked out by it.
pub fn demand(has_factor: bool, deadline: Option<u64>, now: u64) -> Demand {
    match deadline {
        Some(by) if !has_factor && now < by => Demand::Notice { by },
        Some(_) if !has_factor => Demand::EnrolOnly,
        Some(_) | None => Demand::Met,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Method;
    use super::*;
    use crate::{access::onetime, crypto::entropy::Seeded};

    const NOW: u64 = 1_000_000_000;

    #[test]
    fn what_suffices_for_an_enrolment_is_this_table() {
        let (_, code) = onetime::make(onetime::Purpose::Enrol, &mut Seeded::new(1));
        let shown = |ago: u64| Elevation::shown(NOW - ago, Method::Totp);
        let (fresh, last, stale) = (shown(0), shown(FRESH), shown(FRESH + 1));
        let (code, none) = (Proof::Code(&code), Proof::Session(&Elevation::NONE));
        let session = |elevation| Proof::Session(elevation);
        for (active, reset, proof, expected) in [
            (0, None, &code, Ok(())),
            (0, Some(NOW), &code, Ok(())),
            (1, None, &code, Err(NotAllowed::HasFactor)),
            (8, None, &code, Err(NotAllowed::HasFactor)),
            (0, None, &none, Err(NotAllowed::NoFactor)),
            (1, None, &none, Err(NotAllowed::NoFactor)),
            (0, None, &session(&fresh), Ok(())),
            (1, None, &session(&fresh), Ok(())),
            (1, None, &session(&last), Ok(())),
            (1, None, &session(&stale), Err(NotAllowed::NotFresh)),
            (0, None, &session(&stale), Err(NotAllowed::NotFresh)),
            (0, Some(NOW), &session(&fresh), Err(NotAllowed::NoFactor)),
            (0, Some(NOW - 1), &session(&fresh), Ok(())),
            (0, Some(NOW - 1), &session(&last), Err(NotAllowed::NoFactor)),
        ] {
            let got = allow(active, reset, proof, NOW);
            assert_eq!(got, expected, "{active} {reset:?} {proof:?}");
        }
    }

    #[test]
    fn a_demand_gives_time_and_then_bites_only_who_has_no_factor() {
        for now in [0, NOW, u64::MAX] {
            assert_eq!(demand(true, Some(NOW), now), Demand::Met);
            assert_eq!(demand(false, None, now), Demand::Met);
        }
        let before = demand(false, Some(NOW), NOW - 1);
        assert_eq!(before, Demand::Notice { by: NOW });
        assert_eq!(demand(false, Some(NOW), NOW), Demand::EnrolOnly);
    }
}
