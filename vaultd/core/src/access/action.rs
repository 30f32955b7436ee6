//! What can be done: the vocabulary of rights, and patterns over it.
//!
//! The names are those of the `action` option in `proto/vault/v1`; a structure test compares the two.

use std::fmt;

use super::Sort;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// Something that a caller may be granted, by the name that policies and errors use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Action(&'static str);

/// Declares the actions and the list of all of them.
macro_rules! actions {
    ($($(#[$doc:meta])* $constant:ident = $name:literal;)*) => {
        impl Action {
            $($(#[$doc])* pub const $constant: Self = Self($name);)*

            /// Every action there is.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];
        }
    };
}

actions! {
    /// Read a secret's value.
    GET_VALUE = "secret:GetValue";
    /// Make a new version of a secret, or a new secret.
    PUT_VALUE = "secret:PutValue";
    /// Read what is known of a secret but its value.
    DESCRIBE = "secret:Describe";
    /// Change description, tags, metadata, retention.
    UPDATE = "secret:Update";
    /// See what lies in a folder.
    LIST = "secret:List";
    /// Move and remove labels.
    LABEL = "secret:Label";
    /// Delete, with seven days for recovery at least.
    DELETE = "secret:Delete";
    /// Bring a deleted secret back.
    RESTORE = "secret:Restore";
    /// End a version or a deleted secret beyond recovery.
    DESTROY = "secret:Destroy";
    /// Move a secret or a folder.
    MOVE = "secret:Move";
    /// See the policy of a secret or folder.
    GET_RESOURCE_POLICY = "secret:GetResourcePolicy";
    /// Give a secret or folder a policy, or another one.
    PUT_RESOURCE_POLICY = "secret:PutResourcePolicy";
    /// Take its policy from a secret or folder.
    DELETE_RESOURCE_POLICY = "secret:DeleteResourcePolicy";
    /// Make random values.
    RANDOM = "random:Generate";
    /// Make a user.
    USER_CREATE = "user:Create";
    /// See a user.
    USER_DESCRIBE = "user:Describe";
    /// See who there is.
    USER_LIST = "user:List";
    /// Change, disable or enable a user, and end his sessions.
    USER_UPDATE = "user:Update";
    /// Delete a user.
    USER_DELETE = "user:Delete";
    /// Give a user policies.
    USER_ATTACH = "user:AttachPolicy";
    /// Take policies from a user.
    USER_DETACH = "user:DetachPolicy";
    /// Set or lift the most that a user may ever do.
    USER_SET_BOUNDARY = "user:SetBoundary";
    /// Give a user a one-time password.
    USER_RESET_PASSWORD = "user:ResetPassword";
    /// Forget a user's failed logins.
    USER_UNLOCK = "user:Unlock";
    /// See what passwords must be like.
    PASSWORD_DESCRIBE_POLICY = "password:DescribePolicy";
    /// Say what passwords must be like, and when failed logins lock.
    PASSWORD_PUT_POLICY = "password:PutPolicy";
    /// Give a user the code that enrols a first authenticator.
    USER_ISSUE_ENROLMENT_CODE = "user:IssueEnrolmentCode";
    /// Take all second factors from a user.
    USER_RESET_MFA = "user:ResetMfa";
    /// Make a service.
    SERVICE_CREATE = "service:Create";
    /// See a service.
    SERVICE_DESCRIBE = "service:Describe";
    /// See which services there are.
    SERVICE_LIST = "service:List";
    /// Change, disable or enable a service, and end its sessions.
    SERVICE_UPDATE = "service:Update";
    /// Delete a service.
    SERVICE_DELETE = "service:Delete";
    /// Give a service policies.
    SERVICE_ATTACH = "service:AttachPolicy";
    /// Take policies from a service.
    SERVICE_DETACH = "service:DetachPolicy";
    /// Set or lift the most that a service may ever do.
    SERVICE_SET_BOUNDARY = "service:SetBoundary";
    /// Give a program a secret id, which proves that it is a service.
    SERVICE_ISSUE_SECRET_ID = "service:IssueSecretId";
    /// Take a secret id back from a service.
    SERVICE_REVOKE_SECRET_ID = "service:RevokeSecretId";
    /// Let processes of a uid be a service.
    SERVICE_ALLOW_UID = "service:AllowUid";
    /// Take a uid from a service.
    SERVICE_REMOVE_UID = "service:RemoveUid";
    /// Say by whose word, or with which key, a program logs in as a service.
    SERVICE_BIND = "service:Bind";
    /// Take that back.
    SERVICE_UNBIND = "service:Unbind";
    /// Believe an issuer of tokens.
    TRUST_CREATE = "trust:Create";
    /// See an issuer that is believed, and for which services.
    TRUST_DESCRIBE = "trust:Describe";
    /// See which issuers are believed.
    TRUST_LIST = "trust:List";
    /// Believe an issuer by other keys or rules.
    TRUST_UPDATE = "trust:Update";
    /// Believe an issuer no more.
    TRUST_DELETE = "trust:Delete";
    /// Make a role.
    ROLE_CREATE = "role:Create";
    /// See a role.
    ROLE_DESCRIBE = "role:Describe";
    /// See which roles there are.
    ROLE_LIST = "role:List";
    /// Change a role and who may assume it, and end its sessions.
    ROLE_UPDATE = "role:Update";
    /// Delete a role.
    ROLE_DELETE = "role:Delete";
    /// Give a role policies.
    ROLE_ATTACH = "role:AttachPolicy";
    /// Take policies from a role.
    ROLE_DETACH = "role:DetachPolicy";
    /// Set or lift the most that a role may ever do.
    ROLE_SET_BOUNDARY = "role:SetBoundary";
    /// Take a role's rights on.
    ROLE_ASSUME = "role:Assume";
    /// Give the session of a role tags.
    ROLE_TAG_SESSION = "role:TagSession";
    /// Make a group.
    GROUP_CREATE = "group:Create";
    /// See a group and who is in it.
    GROUP_DESCRIBE = "group:Describe";
    /// See which groups there are.
    GROUP_LIST = "group:List";
    /// Change a group.
    GROUP_UPDATE = "group:Update";
    /// Delete a group.
    GROUP_DELETE = "group:Delete";
    /// Give a group policies.
    GROUP_ATTACH = "group:AttachPolicy";
    /// Take policies from a group.
    GROUP_DETACH = "group:DetachPolicy";
    /// Put a user into a group.
    GROUP_ADD_MEMBER = "group:AddMember";
    /// Take a user out of a group.
    GROUP_REMOVE_MEMBER = "group:RemoveMember";
    /// Make a policy.
    POLICY_CREATE = "policy:Create";
    /// See a policy, and which of its statements denied a request.
    POLICY_DESCRIBE = "policy:Describe";
    /// See which policies there are.
    POLICY_LIST = "policy:List";
    /// Give a policy another text.
    POLICY_UPDATE = "policy:Update";
    /// Delete a policy.
    POLICY_DELETE = "policy:Delete";
    /// See what others may do with a resource, and who may do something with it.
    POLICY_SIMULATE = "policy:Simulate";
    /// Leave a value for whoever brings the code.
    SHARE = "share:Create";
    /// See whether a value that one left has been handed out.
    SHARE_LOOKUP = "share:Lookup";
    /// Take back a value that one left.
    SHARE_REVOKE = "share:Revoke";
    /// Exchange a token for a session.
    LOGIN = "auth:Login";
    /// See the sessions of somebody.
    SESSION_LIST = "session:List";
    /// End the sessions of somebody.
    SESSION_REVOKE = "session:Revoke";
    /// Seal the node.
    SEAL = "system:Seal";
    /// Replace the seals.
    REKEY = "system:Rekey";
    /// See whether the root identity can still call.
    ROOT_DESCRIBE = "root:Describe";
    /// End the root identity that `init` made.
    ROOT_DISABLE = "root:Disable";
    /// See which regions there are.
    REGION_LIST = "region:List";
    /// Add a region, and be shown what opens it.
    REGION_CREATE = "region:Create";
    /// Call a region something else.
    REGION_UPDATE = "region:Update";
    /// Write a region's keyring no more.
    REGION_REVOKE = "region:Revoke";
    /// Start new terms of keys.
    KEYRING_ROTATE = "keyring:Rotate";
    /// See the terms of keys.
    KEYRING_DESCRIBE = "keyring:Describe";
    /// Invite a node to ask to join.
    CLUSTER_INVITE = "cluster:Invite";
    /// See the nodes.
    CLUSTER_LIST = "cluster:List";
    /// Take a candidate in, or send it away.
    CLUSTER_APPROVE = "cluster:Approve";
    /// Give a node a vote.
    CLUSTER_PROMOTE = "cluster:Promote";
    /// Take a node's vote.
    CLUSTER_DEMOTE = "cluster:Demote";
    /// Take a node off.
    CLUSTER_REMOVE = "cluster:Remove";
    /// Say where a node has moved.
    CLUSTER_MOVE = "cluster:Move";
    /// Hand the lead over.
    CLUSTER_TRANSFER = "cluster:Transfer";
    /// Make a backup.
    BACKUP_CREATE = "backup:Create";
    /// Check a backup.
    BACKUP_VERIFY = "backup:Verify";
    /// Read the audit trail.
    AUDIT_READ = "audit:Read";
    /// Check the audit trail.
    AUDIT_VERIFY = "audit:Verify";
}

impl Action {
    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// The action of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.0 == name)
    }
}

/// The same verb, of every sort of identity. A verb that a sort does not have is none that anybody is granted for it.
macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident: $user:ident $service:ident $role:ident $group:ident $policy:ident;)*) => {
        impl Action {
            $($(#[$doc])* pub const fn $name(sort: Sort) -> Self {
                match sort {
                    Sort::User => Self::$user,
                    Sort::Service => Self::$service,
                    Sort::Role => Self::$role,
                    Sort::Group => Self::$group,
                    Sort::Policy => Self::$policy,
                }
            })*
        }
    };
}

verbs! {
    /// `…:Create`
    create: USER_CREATE SERVICE_CREATE ROLE_CREATE GROUP_CREATE POLICY_CREATE;
    /// `…:Describe`
    describe: USER_DESCRIBE SERVICE_DESCRIBE ROLE_DESCRIBE GROUP_DESCRIBE POLICY_DESCRIBE;
    /// `…:List`
    list: USER_LIST SERVICE_LIST ROLE_LIST GROUP_LIST POLICY_LIST;
    /// `…:Update`
    update: USER_UPDATE SERVICE_UPDATE ROLE_UPDATE GROUP_UPDATE POLICY_UPDATE;
    /// `…:Delete`
    delete: USER_DELETE SERVICE_DELETE ROLE_DELETE GROUP_DELETE POLICY_DELETE;
    /// `…:AttachPolicy`
    attach: USER_ATTACH SERVICE_ATTACH ROLE_ATTACH GROUP_ATTACH POLICY_UPDATE;
    /// `…:DetachPolicy`
    detach: USER_DETACH SERVICE_DETACH ROLE_DETACH GROUP_DETACH POLICY_UPDATE;
    /// `…:SetBoundary`
    set_boundary: USER_SET_BOUNDARY SERVICE_SET_BOUNDARY ROLE_SET_BOUNDARY GROUP_UPDATE POLICY_UPDATE;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An action's name, or the beginning of one and `*`: `secret:GetValue`, `secret:*`, `*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ActionGlob(Box<str>);

/// Why a text is not a pattern for actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pattern for actions is the name of one, or the beginning of a name and `*`")]
pub struct ActionGlobError;

impl ActionGlob {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the action is among those meant.
    pub fn matches(&self, action: Action) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => action.0.starts_with(beginning),
            None => action.0 == &*self.0,
        }
    }

    /// Both: one of the two, as patterns of this shape lie within each other or apart.
    pub(super) fn intersect(&self, other: &Self) -> Option<Self> {
        if self.covers(other) {
            Some(other.clone())
        } else {
            other.covers(self).then(|| self.clone())
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => other
                .0
                .strip_suffix('*')
                .unwrap_or(&other.0)
                .starts_with(beginning),
            None => self.0 == other.0,
        }
    }
}

impl TryFrom<&str> for ActionGlob {
    type Error = ActionGlobError;

    fn try_from(text: &str) -> Result<Self, ActionGlobError> {
        let glob = Self(text.into());
        let known = Action::ALL.iter().any(|action| glob.matches(*action));
        if known {
            Ok(glob)
        } else {
            Err(ActionGlobError)
        }
    }
}

impl fmt::Display for ActionGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> Encode<C> for ActionGlob {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

/// Stored sessions are authenticated: what was accepted once is read back as it is.
impl<'b, C> Decode<'b, C> for ActionGlob {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.str().map(|text| Self(text.into()))
    }
}

#[cfg(test)]
mod tests;
