//! Second factors: codes that change every thirty seconds (RFC 6238).
//!
//! Whoever checks a code does so after a right password only, counts every verdict but
//! [`Verdict::Accepted`] against the account (never the session or the authenticator), and commits the
//! transaction whatever the verdict is: what a wrong code taught is in it. On voters only, which alone open
//! the records of seeds. Deliberately absent: counting failures, ending sessions, asking policies.

mod code;
mod elevation;
mod enrol;
mod generate;
mod rules;
mod stored;
#[cfg(test)]
pub(super) mod tests;
mod track;
mod uri;
mod verify;

pub use code::{Code, CodeError, Digits};
pub use elevation::{Elevation, Method};
pub use enrol::{
    ConfirmRefusal, Confirmed, EnrolRefusal, Enrolment, MOST, RemoveRefusal, confirm, count_active,
    enrol, forget, list, remove, reset,
};
pub(super) use enrol::{may_change, stands_in};
pub use generate::{Algorithm, Parameters, STEP_SECONDS};
pub use rules::{Demand, FRESH, NotAllowed, Proof, allow, demand};
pub use stored::{Listed, State};
pub use track::Window;
pub use uri::{UriError, enrolment_uri, seed_text};
pub use verify::{Verdict, verify};
