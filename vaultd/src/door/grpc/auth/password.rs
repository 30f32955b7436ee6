//! Parsing of what people log in with. What was sent is wiped once it is read.

use vault_core::access::factor::{Factor, Typed};
use vault_core::access::password::{Password, Policy};
use vault_core::access::totp::Demand;
use vault_core::access::{Login, Resource};
use vault_proto::v1::{
    ChangePasswordRequest, LoginPasswordRequest, PasswordPolicy, PutPasswordPolicyRequest, Reason,
};
use zeroize::Zeroizing;

use super::narrowing;
use crate::app::{Error, PasswordChange, PasswordLogin, PasswordRules, Result};
use crate::door::grpc::parse::{bad_code, typed};
use crate::door::grpc::{convert, parse};

pub(super) fn logging_in(request: LoginPasswordRequest) -> Result<PasswordLogin> {
    let (given, new, code) = (
        Zeroizing::new(request.password),
        Zeroizing::new(request.new_password),
        Zeroizing::new(request.code),
    );
    let (actions, under) = narrowing(&request.actions, &request.under)?;
    Ok(PasswordLogin {
        user: parse::user_name(&request.user)?,
        password: password(&given)?,
        code: factor(&code)?,
        new_password: Some(&new)
            .filter(|new| !new.is_empty())
            .map(|new| new_password(new))
            .transpose()?,
        login: Login {
            ttl: convert::milliseconds("ttl", request.ttl)?,
            actions,
            under,
            limits: parse::limits(request.limits)?,
        },
    })
}

pub(super) fn changing(request: ChangePasswordRequest) -> Result<PasswordChange> {
    let (old, new, code) = (
        Zeroizing::new(request.old_password),
        Zeroizing::new(request.new_password),
        Zeroizing::new(request.code),
    );
    Ok(PasswordChange {
        old: password(&old)?,
        new: new_password(&new)?,
        code: factor(&code)?,
    })
}

/// A second factor, if there is one.
fn factor(code: &str) -> Result<Option<Factor>> {
    let typed = typed(code)?;
    typed.map(Typed::factor).transpose().map_err(bad_code)
}

/// What is nobody's password, whatever anybody's is.
fn password(text: &str) -> Result<Password> {
    Password::try_from(text).map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
}

fn new_password(text: &str) -> Result<Password> {
    Password::try_from(text).map_err(|error| {
        let message = format!("the new password is refused: {error}");
        Error::new(Reason::PasswordRefused, message)
    })
}

/// Whose policy: a group's, or the vault's.
pub(super) fn rules_of(group: &str) -> Result<Resource> {
    if group.is_empty() {
        return Ok(Resource::System);
    }
    parse::group(group)
}

/// No document is the default policy, or none.
pub(super) fn rules(request: &PutPasswordPolicyRequest) -> Result<(Resource, Option<Policy>)> {
    let of = rules_of(&request.group)?;
    if request.document.is_empty() {
        return Ok((of, None));
    }
    let read = if of == Resource::System {
        Policy::from_json(&request.document)
    } else {
        Policy::from_group_json(&request.document)
    };
    let policy = read.map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))?;
    Ok((of, Some(policy)))
}

/// The end of a respite.
pub(super) fn enrol_by(demand: Demand) -> Option<u64> {
    match demand {
        Demand::Notice { by } => Some(by),
        Demand::Met | Demand::EnrolOnly => None,
    }
}

pub(super) fn rules_text(rules: PasswordRules) -> PasswordPolicy {
    PasswordPolicy {
        document: rules.document,
        advice: rules.advice,
        groups: rules.groups,
        blocklist: rules.blocklist,
        old_hashes: rules.old_hashes,
    }
}
