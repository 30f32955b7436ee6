//! The keys that conditions may ask for, the type of each, and whether a request always has it.

use std::fmt;

use super::operator::Family;
use crate::name::TagKey;

/// What a condition or a variable asks of the request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    SourceIp,
    MultiFactorAuthPresent,
    MultiFactorAuthAge,
    CurrentTime,
    PrincipalName,
    PrincipalType,
    RoleSessionName,
    PrincipalTag(TagKey),
    ResourceTag(TagKey),
    RequestTag(TagKey),
    TagKeys,
    RequestedRegion,
    NodeRegion,
    SecureTransport,
    TokenIssueTime,
    UserAgent,
}

/// What values a key has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Text,
    /// Text of a tag, which may stand for anything.
    Tag,
    Number,
    Date,
    Flag,
    Address,
}

/// Keys without a tag's name, as documents write them.
static PLAIN: [(&str, Key); 13] = [
    ("SourceIp", Key::SourceIp),
    ("MultiFactorAuthPresent", Key::MultiFactorAuthPresent),
    ("MultiFactorAuthAge", Key::MultiFactorAuthAge),
    ("CurrentTime", Key::CurrentTime),
    ("PrincipalName", Key::PrincipalName),
    ("PrincipalType", Key::PrincipalType),
    ("RoleSessionName", Key::RoleSessionName),
    ("TagKeys", Key::TagKeys),
    ("RequestedRegion", Key::RequestedRegion),
    ("NodeRegion", Key::NodeRegion),
    ("SecureTransport", Key::SecureTransport),
    ("TokenIssueTime", Key::TokenIssueTime),
    ("UserAgent", Key::UserAgent),
];

/// Why a text is not a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("is not a condition key")]
    Unknown,
    #[error("has no valid name of a tag after `/`")]
    Tag,
}

impl Key {
    /// The key that a document means: `vault:` or `aws:`, then a name of which case does not matter.
    pub(super) fn from_name(name: &str) -> Result<Self, KeyError> {
        let (prefix, name) = name.split_once(':').ok_or(KeyError::Unknown)?;
        if !prefix.eq_ignore_ascii_case("vault") && !prefix.eq_ignore_ascii_case("aws") {
            return Err(KeyError::Unknown);
        }
        let Some((tagged, tag)) = name.split_once('/') else {
            let known = PLAIN
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            return known.map(|(_, key)| key.clone()).ok_or(KeyError::Unknown);
        };
        let is = |known: &str| tagged.eq_ignore_ascii_case(known);
        let make: fn(TagKey) -> Self = if is("PrincipalTag") {
            Self::PrincipalTag
        } else if is("ResourceTag") {
            Self::ResourceTag
        } else if is("RequestTag") {
            Self::RequestTag
        } else {
            return Err(KeyError::Unknown);
        };
        TagKey::try_from(tag).map(make).map_err(|_| KeyError::Tag)
    }

    /// The type of its values.
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::SourceIp => Type::Address,
            Self::MultiFactorAuthPresent | Self::SecureTransport => Type::Flag,
            Self::MultiFactorAuthAge => Type::Number,
            Self::CurrentTime | Self::TokenIssueTime => Type::Date,
            Self::PrincipalTag(_) | Self::ResourceTag(_) | Self::RequestTag(_) => Type::Tag,
            Self::PrincipalName
            | Self::PrincipalType
            | Self::RoleSessionName
            | Self::TagKeys
            | Self::RequestedRegion
            | Self::NodeRegion
            | Self::UserAgent => Type::Text,
        }
    }

    /// Whether every request has it.
    pub(super) fn is_always_present(&self) -> bool {
        match self {
            Self::MultiFactorAuthPresent
            | Self::CurrentTime
            | Self::PrincipalName
            | Self::PrincipalType
            | Self::RequestedRegion
            | Self::NodeRegion
            | Self::SecureTransport
            | Self::TokenIssueTime => true,
            // Over the Unix socket there is no address; without a second factor no age of one; without a role no
            // session of one.
            Self::SourceIp
            | Self::RoleSessionName
            | Self::MultiFactorAuthAge
            | Self::PrincipalTag(_)
            | Self::ResourceTag(_)
            | Self::RequestTag(_)
            | Self::TagKeys
            | Self::UserAgent => false,
        }
    }

    /// Whether it has several values.
    pub(super) fn is_set(&self) -> bool {
        *self == Self::TagKeys
    }

    /// Whether `${…}` may name it: it has one value, and that is a text.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self.kind(), Type::Text | Type::Tag) && !self.is_set()
    }
}

impl Type {
    /// Whether an operator of the family can compare such values.
    pub(super) fn takes(self, family: Family) -> bool {
        match self {
            Self::Tag => true,
            Self::Text => matches!(family, Family::Text | Family::Arn | Family::Null),
            Self::Number => matches!(family, Family::Number | Family::Null),
            Self::Date => matches!(family, Family::Date | Family::Null),
            Self::Flag => matches!(family, Family::Flag | Family::Null),
            Self::Address => matches!(family, Family::Net | Family::Null),
        }
    }

    /// Which operators to use instead.
    pub(super) fn operators(self) -> &'static str {
        match self {
            Self::Tag => "any",
            Self::Text => "String… or Arn…",
            Self::Number => "Numeric…",
            Self::Date => "Date…",
            Self::Flag => "Bool",
            Self::Address => "IpAddress or NotIpAddress",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("vault:")?;
        let plain = PLAIN.iter().find(|(_, key)| key == self);
        f.write_str(plain.map_or("", |(name, _)| name))?;
        if let Self::PrincipalTag(tag) = self {
            write!(f, "PrincipalTag/{tag}")?;
        }
        if let Self::ResourceTag(tag) = self {
            write!(f, "ResourceTag/{tag}")?;
        }
        if let Self::RequestTag(tag) = self {
            write!(f, "RequestTag/{tag}")?;
        }
        Ok(())
    }
}
