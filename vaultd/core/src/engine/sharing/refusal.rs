//! Why nothing is wrapped, shown or handed out.

use crate::{access::WrongGrant, record::RecordError};

/// The reason.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Under a minute or over a week.
    #[error("a wrapped value waits from a minute to seven days")]
    Ttl,
    /// Never there, handed out, taken back, expired, or somebody else's: one answer for all.
    #[error("nothing is waiting there")]
    Unknown,
    /// A fault of the program.
    #[error(transparent)]
    Grant(#[from] WrongGrant),
    /// The store or the keyring failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}
