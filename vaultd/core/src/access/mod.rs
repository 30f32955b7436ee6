//! Who calls, what he may do, and the proof that it was decided.
//!
//! A [`Caller`] is made only by [`authenticate`], a [`Grant`] only by [`authorise`]; a grant owns the
//! resource it was made for, and engines take their path from it. So reading B after authorising A
//! cannot be written. Everything read here becomes a check of the transaction: a write is bound to the
//! rights it was decided under.

mod absent;
mod action;
pub mod arrival;
mod assume;
mod caller;
mod certificate;
mod cover;
pub mod factor;
mod grant;
mod limits;
pub mod lockout;
mod login;
#[cfg(test)]
pub(crate) mod model;
pub mod onetime;
pub mod password;
pub mod policy;
pub(crate) mod principal;
pub mod program;
pub mod recovery;
pub mod region;
mod resource;
pub(crate) mod resource_policy;
mod root;
mod session;
mod sessions;
pub mod signed;
#[cfg(test)]
mod tests;
pub mod totp;
pub mod trust;
mod why;

pub use absent::Absent;
pub use action::{Action, ActionGlob, ActionGlobError};
pub use assume::{Assume, AssumeRefusal, Trust, assume};
pub use caller::{Caller, Origin, Unauthenticated, authenticate};
pub use certificate::{Certificate, KeyHash, Unfit};
pub(crate) use cover::Whose;
pub use cover::{Beyond, Exceeds, Proofs};
pub use grant::{Denied, Facts, Grant, WrongGrant, authorise, authorise_about};
pub use limits::{Limits, Places, PlacesError};
#[cfg(test)]
pub(crate) use login::begin_for_tests;
pub use login::{
    Entered, EntryRefusal, Keeping, Login, LoginRefusal, create_administrator, login, logout,
    sweep_sessions,
};
pub use principal::{Attachments, Group, ManagedPolicy, Principal, Rights, Sort, StoredPolicy};
pub use resource::Resource;
pub use resource_policy::ResourcePolicies;
pub use root::{
    RootRefusal, RootState, Successor, disable_root, find_successor, generate_root, root_state,
};
pub use session::{Assumed, Session, TokenHash};
pub(crate) use sessions::may_have_one;
pub use sessions::{
    Found, Listed, SessionPosition, SessionRefusal, count_use, find_session, list_sessions, renew,
    revoke, revoke_all, shown_session,
};
pub use signed::{Bearer, SignedId};
pub use why::Why;
