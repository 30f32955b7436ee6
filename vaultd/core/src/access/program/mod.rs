//! Logging in as a service: whatever proves that a program is one comes to a session in the same way.
//!
//! ```text
//! prove     what was brought → Proven, or Refusal::Wrong      one answer, and the same reads, for whatever is wrong
//! enter     Proven → a session                                in the same transaction, decided as any login is
//! ```
//! | module | what proves it |
//! |---|---|
//! | [`secret_id`] | a secret id, which an administrator issued |
//! | [`peer`] | the uid of the process at the other end of the Unix socket |
//! | [`pin`] | the key of the client certificate of a TLS connection |
//!
//! A [`Proven`] is made by the modules of this one and by nobody else. It names a service by its id, so nothing that
//! proved a service of before proves the one that has its name now.

pub mod peer;
pub mod pin;
pub mod secret_id;

use std::sync::Arc;

use super::{
    Denied, Entered, EntryRefusal, Keeping, Login, LoginRefusal, Origin, Sort, Unfit,
    lockout::NOBODY,
    login::{Proof, enter_as},
    principal::named,
    session::{Holder, credential},
};
use crate::{
    name::ServiceName,
    record::{RecordError, Tx},
};

/// A service that a program has proved to be.
#[derive(Debug)]
#[must_use]
pub struct Proven {
    service: u64,
    by: String,
    /// When what proved it ends, in milliseconds since the epoch: so does a session that is bound to it, or signed.
    until: Option<u64>,
    /// Who alone may use the session.
    holder: Option<Holder>,
}

impl Proven {
    /// By what it was proved, for the audit: words and accessors, never a name or a secret.
    pub fn by(&self) -> &str {
        &self.by
    }
}

/// Why a program is not logged in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such service, it is disabled, or what was brought does not prove it, or not any more, or not from
    /// there: one answer for all.
    #[error("the service, or what was brought to prove it, is wrong")]
    Wrong,
    /// Nobody logs in with such a certificate, whether or not its key is anybody's.
    #[error(transparent)]
    Certificate(Unfit),
    /// It is proved, and a policy keeps it from logging in so.
    #[error(transparent)]
    Denied(Box<Denied>),
    /// It is proved, and the session cannot be like that.
    #[error(transparent)]
    Login(LoginRefusal),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<EntryRefusal> for Refusal {
    fn from(refusal: EntryRefusal) -> Self {
        match refusal {
            EntryRefusal::Nobody => Self::Wrong,
            EntryRefusal::Denied(denied) => Self::Denied(denied),
            EntryRefusal::Login(LoginRefusal::Record(error)) => Self::Record(error),
            EntryRefusal::Login(refusal) => Self::Login(refusal),
        }
    }
}

/// The service of a name, or [`NOBODY`]: what is looked up of it is looked up either way.
fn called(tx: &mut Tx<'_>, name: &ServiceName) -> Result<u64, RecordError> {
    let service = named(tx, Sort::Service, name.as_str())?;
    Ok(service.unwrap_or(NOBODY))
}

/// Makes the session of a service that was proved in this transaction.
///
/// # Errors
/// When it is gone or disabled, a policy keeps it from logging in, or the session cannot be like that.
pub fn enter(
    tx: &mut Tx<'_>,
    proven: &Proven,
    origin: &Arc<Origin>,
    keeping: &Keeping<'_>,
    login: &Login,
) -> Result<Entered, Refusal> {
    let proof = Proof {
        service: proven.service,
        by: proven.by(),
        credential: credential(proven.service, proven.by()),
        until: proven.until,
        holder: proven.holder,
    };
    Ok(enter_as(tx, origin, keeping, &proof, login)?)
}
