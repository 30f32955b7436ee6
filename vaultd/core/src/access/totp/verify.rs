//! Checking a code against all of a user's authenticators, and using it up.

use super::{
    Code, Window,
    generate::STEP_SECONDS,
    stored::{Authenticator, Factors},
    track::{Judged, reach},
};
use crate::record::{RecordError, Tx};

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Right, and used up when the transaction is applied: not before, so nothing may be given for it before.
    Accepted {
        /// Whose it was.
        authenticator: u64,
    },
    /// It was right once. Of no worth to whoever sent it, so it may be told.
    Used,
    /// Not of this user's authenticators, or of no step that is accepted.
    Wrong,
}

/// Checks a code and uses it up.
///
/// # Errors
/// When the store fails.
pub fn verify(
    tx: &mut Tx<'_>,
    user: u64,
    code: &Code,
    window: Window,
) -> Result<Verdict, RecordError> {
    let factors = Factors::of(tx, user)?;
    let now = step(tx);
    let (mut accepted, mut noted, mut spent) = (None, Vec::new(), false);
    // All are looked at, so that time does not tell which one it was.
    for listed in factors.active() {
        let found = Authenticator::of(tx, user, listed)?;
        let steps = listed.parameters.steps(&found.seed, code, reach(now));
        let seed = found.seed;
        match found.track.judge(now, &steps, window) {
            Judged::Accepted(track) if accepted.is_none() => {
                accepted = Some((listed.id, Authenticator { seed, track }));
            }
            Judged::Noted(track) if track != found.track => {
                noted.push((listed.id, Authenticator { seed, track }));
            }
            Judged::Used => spent = true,
            Judged::Accepted(_) | Judged::Noted(_) | Judged::Wrong => {}
        }
    }
    if let Some((id, after)) = accepted {
        after.put(tx, user, id)?;
        return Ok(Verdict::Accepted { authenticator: id });
    }
    for (id, after) in noted {
        after.put(tx, user, id)?;
    }
    Ok(if spent { Verdict::Used } else { Verdict::Wrong })
}

/// The server's step.
pub(super) fn step(tx: &Tx<'_>) -> u64 {
    tx.now() / 1000 / STEP_SECONDS
}
