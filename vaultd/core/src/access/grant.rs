//! Authorisation: from a caller, an action and a resource to a grant, or a denial.
//!
//! Default deny. The administrator may do everything; a narrowed session only its actions, and only
//! under its folder. Policies of other principals come in here.

use std::fmt;

use super::{Action, Caller};
use crate::name::{FolderPath, SecretPath};

/// What an action is done to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resource {
    /// One secret.
    Secret(SecretPath),
    /// A folder and all that lies below it.
    Folder(FolderPath),
    /// The caller's own: his sessions, random values made for him.
    Own,
    /// The node, the cluster, its keys and backups.
    System,
}

/// Proof that a caller may do one action to one resource, which it owns.
pub struct Grant {
    action: Action,
    resource: Resource,
    principal_id: u64,
    principal: Box<str>,
}

/// The caller may not.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{action}` on {resource} is not allowed")]
pub struct Denied {
    /// What was asked for.
    pub action: Action,
    /// On what.
    pub resource: Resource,
}

/// An engine was handed a grant for something else: a fault of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a grant for `{got}` was used for `{wanted}`")]
pub struct WrongGrant {
    got: Action,
    wanted: Action,
}

/// Decides. Run it in the transaction that acts: what [`super::authenticate`] read there are its checks.
///
/// # Errors
/// [`Denied`], whether or not the resource exists.
pub fn authorise(caller: &Caller, action: Action, resource: Resource) -> Result<Grant, Denied> {
    if caller.may(action, &resource) {
        Ok(Grant {
            action,
            resource,
            principal_id: caller.principal_id(),
            principal: caller.principal().into(),
        })
    } else {
        Err(Denied { action, resource })
    }
}

impl Grant {
    /// What was granted.
    pub fn action(&self) -> Action {
        self.action
    }

    /// On what.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Whom it was granted to, by name.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Whom it was granted to.
    pub(crate) fn principal_id(&self) -> u64 {
        self.principal_id
    }

    /// The secret that the action may be done to.
    pub(crate) fn secret(&self, wanted: Action) -> Result<&SecretPath, WrongGrant> {
        match &self.resource {
            Resource::Secret(path) if self.action == wanted => Ok(path),
            Resource::Secret(_) | Resource::Folder(_) | Resource::Own | Resource::System => {
                Err(self.wrong(wanted))
            }
        }
    }

    /// The folder that the action may be done to, with all below it.
    pub(crate) fn folder(&self, wanted: Action) -> Result<&FolderPath, WrongGrant> {
        match &self.resource {
            Resource::Folder(path) if self.action == wanted => Ok(path),
            Resource::Secret(_) | Resource::Folder(_) | Resource::Own | Resource::System => {
                Err(self.wrong(wanted))
            }
        }
    }

    fn wrong(&self, wanted: Action) -> WrongGrant {
        WrongGrant {
            got: self.action,
            wanted,
        }
    }
}

/// Paths stay out of logs, which carry ids.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("action", &self.action.name())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(path) => write!(f, "`{path}`"),
            Self::Folder(path) => write!(f, "`{path}/`"),
            Self::Own => f.write_str("the caller's own"),
            Self::System => f.write_str("the system"),
        }
    }
}
