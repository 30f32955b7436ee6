//! Users, services, roles and groups, and which policies they have.
//!
//! Operations take what they are about from a [`crate::access::Grant`], and prove by [`crate::access::Proofs`]
//! that whatever rights they hand out lie within the caller's. What takes a limit away (a Deny, a boundary)
//! wants all rights, because nobody can say what it held off.

mod attach;
mod create;
mod credential;
mod describe;
mod factors;
mod member;
mod policy;
mod program;
mod reach;
mod refusal;
mod remove;
mod target;
#[cfg(test)]
mod tests;
mod trust;
mod update;

pub use attach::{attach, delete_inline, detach, put_inline, set_boundary};
pub use create::{New, create};
pub use credential::{
    PasswordPolicy, may_reset_password, password_policy, put_password_policy, reset_password,
    unlock,
};
pub use describe::{Described, Inline, describe, everybody, list};
pub use factors::{issue_enrolment_code, reset_factors};
pub use member::{add_member, remove_member};
pub use policy::{
    Policy, PolicyChange, create_policy, delete_policy, describe_policy, list_policies,
    policy_called, update_policy,
};
pub use program::{
    add_pin, allow_uid, issue_secret_id, list_pins, list_secret_ids, list_uids, remove_pin,
    remove_uid, revoke_secret_id,
};
pub use refusal::Refusal;
pub use remove::delete;
pub use target::hand_over;
pub use trust::{
    BoundService, NewIssuer, Trusted, bind_service, create_trust, delete_trust, describe_trust,
    list_trusts, unbind_service, update_trust,
};
pub use update::{Change, update};
