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

/// What a login of someone of whom a policy demands a second factor comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// He has one, and shows it.
    Show,
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
pub fn demand(active: usize, deadline: u64, now: u64) -> Demand {
    if active > 0 {
        Demand::Show
    } else if now < deadline {
        Demand::Notice { by: deadline }
    } else {
        Demand::EnrolOnly
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
            assert_eq!(demand(1, NOW, now), Demand::Show);
        }
        assert_eq!(demand(0, NOW, NOW - 1), Demand::Notice { by: NOW });
        assert_eq!(demand(0, NOW, NOW), Demand::EnrolOnly);
    }
}
