//! What is known of a request when it is decided. Everything that can be known is not optional here.

use std::{collections::BTreeMap, net::IpAddr};

use super::{document::PrincipalKind, key::Key, template::Resolve, value::ONE};
use crate::{
    access::Action,
    name::{TagKey, TagValue},
};

/// Tags of a principal, a resource or a request.
pub type Tags = BTreeMap<TagKey, TagValue>;

/// One request, to be decided.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is to be done.
    pub action: Action,
    /// To what: its text by [`super::resource_name`].
    pub resource: &'a str,
    /// By whom.
    pub who: Who<'a>,
    /// What conditions may ask.
    pub context: Context<'a>,
}

/// Who calls, by what is never used again for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Who<'a> {
    /// What he is: of an assumed role, [`PrincipalKind::Role`].
    pub kind: PrincipalKind,
    /// The principal; of an assumed role, the role.
    pub id: u64,
    /// The session's name, if a role is assumed.
    pub session: Option<&'a str>,
}

/// The values of the condition keys. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// `vault:PrincipalName`
    pub principal_name: &'a str,
    /// `vault:RoleSessionName`: of a request to assume a role, the name that it asks for; of others none is given
    /// here, and it is that of the role's session that calls.
    pub role_session_name: Option<&'a str>,
    /// `vault:PrincipalTag/…`
    pub principal_tags: &'a Tags,
    /// `vault:ResourceTag/…`: none of a resource that does not exist.
    pub resource_tags: &'a Tags,
    /// `vault:RequestTag/…`, and their names as `vault:TagKeys`.
    pub request_tags: &'a Tags,
    /// `vault:SourceIp`: none over the Unix socket.
    pub source: Option<IpAddr>,
    /// `vault:SecureTransport`
    pub secure: bool,
    /// `vault:UserAgent`: none that the client did not give.
    pub user_agent: Option<&'a str>,
    /// `vault:CurrentTime`: the leader's in a write, this node's in a read.
    pub now: u64,
    /// `vault:TokenIssueTime`
    pub token_issued: u64,
    /// When a second factor was last proven: `vault:MultiFactorAuthPresent` and `vault:MultiFactorAuthAge`.
    pub second_factor: Option<u64>,
    /// `vault:RequestedRegion`: this node's, unless the request names another.
    pub requested_region: &'a str,
    /// `vault:NodeRegion`
    pub node_region: &'a str,
}

/// The value of a key in a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fact<'a> {
    Absent,
    Text(&'a str),
    Names(&'a Tags),
    Number(i128),
    Date(i64),
    Flag(bool),
    Address(IpAddr),
}

impl<'a> Request<'a> {
    pub(super) fn fact(&self, key: &Key) -> Fact<'a> {
        let context = &self.context;
        match key {
            Key::SourceIp => context.source.map_or(Fact::Absent, Fact::Address),
            Key::MultiFactorAuthPresent => Fact::Flag(context.second_factor.is_some()),
            Key::MultiFactorAuthAge => context.second_factor.map_or(Fact::Absent, |proven| {
                let age = context.now.saturating_sub(proven);
                Fact::Number(i128::from(age) * (ONE / 1000))
            }),
            Key::CurrentTime => Fact::Date(moment(context.now)),
            Key::TokenIssueTime => Fact::Date(moment(context.token_issued)),
            Key::SecureTransport => Fact::Flag(context.secure),
            Key::TagKeys if context.request_tags.is_empty() => Fact::Absent,
            Key::TagKeys => Fact::Names(context.request_tags),
            Key::PrincipalName
            | Key::PrincipalType
            | Key::RoleSessionName
            | Key::PrincipalTag(_)
            | Key::ResourceTag(_)
            | Key::RequestTag(_)
            | Key::RequestedRegion
            | Key::NodeRegion
            | Key::UserAgent => self.text(key).map_or(Fact::Absent, Fact::Text),
        }
    }

    fn text(&self, key: &Key) -> Option<&'a str> {
        let context = &self.context;
        let tag = |tags: &'a Tags, tag| tags.get(tag).map(TagValue::as_str);
        match key {
            Key::PrincipalName => Some(context.principal_name),
            Key::PrincipalType => Some(self.who.kind.name()),
            Key::RoleSessionName => context.role_session_name.or(self.who.session),
            Key::PrincipalTag(name) => tag(context.principal_tags, name),
            Key::ResourceTag(name) => tag(context.resource_tags, name),
            Key::RequestTag(name) => tag(context.request_tags, name),
            Key::RequestedRegion => Some(context.requested_region),
            Key::NodeRegion => Some(context.node_region),
            Key::UserAgent => context.user_agent,
            Key::SourceIp
            | Key::MultiFactorAuthPresent
            | Key::MultiFactorAuthAge
            | Key::CurrentTime
            | Key::TagKeys
            | Key::SecureTransport
            | Key::TokenIssueTime => None,
        }
    }
}

fn moment(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

impl Resolve for Request<'_> {
    fn resolve(&self, key: &Key) -> Option<&str> {
        self.text(key)
    }
}
