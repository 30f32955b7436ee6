//! What actions are done to.

use std::fmt;

use super::Sort;
use crate::name::{FolderPath, GroupName, PolicyName, RoleName, SecretPath, ServiceName, UserName};

/// What an action is done to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resource {
    /// One secret.
    Secret(SecretPath),
    /// A folder and all that lies below it.
    Folder(FolderPath),
    /// A user, who may not exist.
    User(UserName),
    /// A program's identity, which may not exist.
    Service(ServiceName),
    /// A role, which may not exist.
    Role(RoleName),
    /// A group, which may not exist.
    Group(GroupName),
    /// A managed policy, which may not exist.
    Policy(PolicyName),
    /// All of a sort, for lists of them.
    Every(Sort),
    /// The caller's own: his sessions, random values made for him.
    Own,
    /// The node, the cluster, its keys and backups.
    System,
}

impl Resource {
    /// Sort and name, of what has them.
    pub fn named(&self) -> Option<(Sort, &str)> {
        match self {
            Self::User(name) => Some((Sort::User, name.as_str())),
            Self::Service(name) => Some((Sort::Service, name.as_str())),
            Self::Role(name) => Some((Sort::Role, name.as_str())),
            Self::Group(name) => Some((Sort::Group, name.as_str())),
            Self::Policy(name) => Some((Sort::Policy, name.as_str())),
            Self::Secret(_) | Self::Folder(_) | Self::Every(_) | Self::Own | Self::System => None,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(path) => write!(f, "`{path}`"),
            Self::Folder(path) => write!(f, "`{path}/`"),
            Self::Every(sort) => write!(f, "`{sort}:`"),
            Self::Own => f.write_str("the caller's own"),
            Self::System => f.write_str("the system"),
            Self::User(_) | Self::Service(_) | Self::Role(_) | Self::Group(_) | Self::Policy(_) => {
                let (sort, name) = self.named().unwrap_or((Sort::User, ""));
                write!(f, "`{sort}:{name}`")
            }
        }
    }
}
