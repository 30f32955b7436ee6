//! Parsing of names: users, services, roles, groups, policies.

use prost_types::Duration;
use vault_core::access::{Limits, Places, Resource, Sort};
use vault_core::engine::identity::{Change, New};
use vault_core::name::{
    Description, GroupName, PolicyName, RegionName, RoleName, ServiceName, UserName, UserNameError,
};
use vault_proto::v1::{CreateIdentityRequest, Reason, SessionLimits, UpdateIdentityRequest};

use super::{PAGE, PAGE_MAX, shown};
use crate::app::{Error, Result};
use crate::door::grpc::convert;

/// Bounds of a role's longest session, in milliseconds.
const SESSION: std::ops::RangeInclusive<u64> = 900_000..=43_200_000;

/// `user:alice`, as policies name him.
pub(in crate::door::grpc) fn who(text: &str) -> Result<Resource> {
    let (kind, name) = text.split_once(':').ok_or_else(|| unknown_sort(text))?;
    match sort(kind)? {
        Sort::User => UserName::try_from(name).map(Resource::User),
        Sort::Service => ServiceName::try_from(name).map(Resource::Service),
        Sort::Role => RoleName::try_from(name).map(Resource::Role),
        Sort::Group => GroupName::try_from(name).map(Resource::Group),
        Sort::Policy => return Err(unknown_sort(text)),
    }
    .map_err(|error| bad_name(text, error))
}

/// The same in its canonical form.
pub(in crate::door::grpc) fn who_text(who: &Resource) -> String {
    who.named()
        .map(|(sort, name)| format!("{sort}:{name}"))
        .unwrap_or_default()
}

/// A group, with or without `group:`.
pub(in crate::door::grpc) fn group(text: &str) -> Result<Resource> {
    let name = text.strip_prefix("group:").unwrap_or(text);
    let group = GroupName::try_from(name).map(Resource::Group);
    group.map_err(|error| bad_name(text, error))
}

/// A user, with or without `user:`.
pub(in crate::door::grpc) fn user_name(text: &str) -> Result<UserName> {
    let name = text.strip_prefix("user:").unwrap_or(text);
    UserName::try_from(name).map_err(|error| bad_name(text, error))
}

/// A service, with or without `service:`.
pub(in crate::door::grpc) fn service_name(text: &str) -> Result<ServiceName> {
    let name = text.strip_prefix("service:").unwrap_or(text);
    ServiceName::try_from(name).map_err(|error| bad_name(text, error))
}

/// A policy, with or without `policy:`.
pub(in crate::door::grpc) fn policy_name(text: &str) -> Result<PolicyName> {
    let name = text.strip_prefix("policy:").unwrap_or(text);
    PolicyName::try_from(name).map_err(|error| bad_name(text, error))
}

pub(in crate::door::grpc) fn region_name(text: &str) -> Result<RegionName> {
    RegionName::try_from(text)
        .map_err(|error| Error::new(Reason::NameInvalid, format!("region: {error}")))
}

/// A name of a sort that is plain from where it stands.
pub(in crate::door::grpc) fn name<'a, T>(text: &'a str) -> Result<T>
where
    T: TryFrom<&'a str, Error = UserNameError>,
{
    T::try_from(text).map_err(|error| bad_name(text, error))
}

/// From where something can be used; nothing named: from everywhere.
pub(in crate::door::grpc) fn places(texts: &[String]) -> Result<Option<Places>> {
    let places = (!texts.is_empty()).then(|| Places::parse(texts));
    let places = places.transpose();
    places.map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
}

/// How a session is held in.
pub(in crate::door::grpc) fn limits(limits: Option<SessionLimits>) -> Result<Limits> {
    let limits = limits.unwrap_or_default();
    Ok(Limits {
        idle: convert::milliseconds("idle", limits.idle)?,
        uses: limits.uses.map(u64::from),
        places: places(&limits.places)?,
        signed: limits.signed,
    })
}

/// What an action is done to, as policies name it; a folder ends in `/`.
pub(in crate::door::grpc) fn resource(text: &str) -> Result<Resource> {
    let none = || {
        Error::new(
            Reason::RequestInvalid,
            format!(
                "`{}` is no resource: write `secret:db/password`, `secret:db/`, `user:alice`, `policy:` or the like",
                shown(text)
            ),
        )
    };
    Ok(match text.split_once(':').ok_or_else(none)? {
        ("secret", path) if path.is_empty() || path.ends_with('/') => {
            Resource::Folder(super::folder_path(path)?)
        }
        ("secret", path) => Resource::Secret(super::secret_path(path)?),
        ("caller", "self") => Resource::Own,
        ("system", "vault") => Resource::System,
        ("policy", "") => Resource::Every(Sort::Policy),
        ("policy", name) => Resource::Policy(policy_name(name)?),
        (kind, "") => Resource::Every(sort(kind)?),
        _ => who(text)?,
    })
}

/// What can be created and listed by name.
pub(in crate::door::grpc) fn sort(text: &str) -> Result<Sort> {
    [Sort::User, Sort::Service, Sort::Role, Sort::Group]
        .into_iter()
        .find(|sort| sort.prefix() == text)
        .ok_or_else(|| unknown_sort(text))
}

/// A description.
pub(in crate::door::grpc) fn about(text: String) -> Result<String> {
    super::text::<Description>("description", &text)?;
    Ok(text)
}

/// A role's longest session, in milliseconds; 0: the default.
pub(in crate::door::grpc) fn longest_session(duration: Option<Duration>) -> Result<Option<u64>> {
    let longest = convert::milliseconds("longest_session", duration)?;
    match longest {
        Some(longest) if longest != 0 && !SESSION.contains(&longest) => Err(Error::new(
            Reason::RequestInvalid,
            "`longest_session` is 15 minutes to 12 hours, or 0 for the default",
        )),
        longest => Ok(longest),
    }
}

/// How many names a page has.
pub(in crate::door::grpc) fn page_size(size: u32) -> Result<usize> {
    let size = if size == 0 { PAGE } else { size };
    if size > PAGE_MAX {
        return Err(super::page_too_large(size));
    }
    Ok(usize::try_from(size).unwrap_or_default())
}

/// What somebody new is like.
pub(in crate::door::grpc) fn new_identity(request: CreateIdentityRequest) -> Result<New> {
    Ok(New {
        description: about(request.description)?,
        tags: super::tags(&request.tags)?,
        trust: Some(request.trust_policy).filter(|text| !text.is_empty()),
        longest_session: longest_session(request.longest_session)?.unwrap_or_default(),
    })
}

/// What is to be otherwise with somebody.
pub(in crate::door::grpc) fn identity_change(request: UpdateIdentityRequest) -> Result<Change> {
    let remove = request.remove_tags.iter().map(|tag| super::tag_key(tag));
    Ok(Change {
        description: request.description.map(about).transpose()?,
        set_tags: super::tags(&request.set_tags)?,
        remove_tags: remove.collect::<Result<_>>()?,
        disabled: request.disabled,
        trust: request.trust_policy,
        longest_session: longest_session(request.longest_session)?,
        most_secret_ids: request.most_secret_ids.map(u64::from),
        end_sessions: request.end_sessions,
    })
}

fn unknown_sort(text: &str) -> Error {
    Error::new(
        Reason::NameInvalid,
        format!(
            "`{}` is nobody: write `user:…`, `service:…`, `role:…` or `group:…`",
            shown(text)
        ),
    )
}

fn bad_name(text: &str, error: UserNameError) -> Error {
    Error::new(
        Reason::NameInvalid,
        format!("the name `{}` is refused: {error}", shown(text)),
    )
}
