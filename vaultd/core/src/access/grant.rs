//! Authorisation: from a caller, an action and a resource to a grant, or a denial that says why.
//!
//! Default deny. First what the session is narrowed to, then every policy that has a say, in IAM's order
//! ([`super::policy::evaluate`]). The root identity is bound by no policy; what is the caller's own he may do
//! unless a policy denies it. What is done to a folder with all below it must be allowed for all below it.

use std::fmt;
use std::sync::Arc;

use super::{
    Action, Caller, Resource, ResourcePolicies, Why,
    policy::{
        self, Certainty, Compiled, Context, Decision, Layer, Layers, PrincipalKind, Request,
        ResourceLayer, Tags, Who, resource_name,
    },
    root,
};
use crate::name::{FolderPath, SecretPath};

/// Proof that a caller may do one action to one resource, which it owns.
pub struct Grant {
    action: Action,
    resource: Resource,
    principal_id: u64,
    principal: Box<str>,
    by: Box<str>,
}

/// What the resource itself has to say, and what the request says of it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Of a role, its trust policy: it must allow. Policies of secrets and folders are the caller's to know.
    pub trust: Option<&'a [Arc<Compiled>]>,
    /// `vault:ResourceTag/…`
    pub resource_tags: &'a Tags,
    /// `vault:RequestTag/…`
    pub request_tags: &'a Tags,
    /// `vault:RoleSessionName`, of a request to assume a role.
    pub role_session_name: Option<&'a str>,
}

static NO_TAGS: Tags = Tags::new();

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            trust: None,
            resource_tags: &NO_TAGS,
            request_tags: &NO_TAGS,
            role_session_name: None,
        }
    }
}

/// The caller may not.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{action}` on {resource} is not allowed")]
pub struct Denied {
    /// What was asked for.
    pub action: Action,
    /// On what.
    pub resource: Resource,
    /// What decided; not for everybody to know.
    pub why: Why,
}

/// An engine was handed a grant for something else: a fault of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a grant for `{got}` was used for `{wanted}`")]
pub struct WrongGrant {
    got: Action,
    wanted: Action,
}

/// Decides about what has no policies or tags of its own. Run it in the transaction that acts: what
/// [`super::authenticate`] read there are its checks.
///
/// # Errors
/// [`Denied`], whether or not the resource exists.
pub fn authorise(caller: &Caller, action: Action, resource: Resource) -> Result<Grant, Denied> {
    authorise_about(caller, action, resource, &Facts::default())
}

/// Decides, with what is known of the resource.
///
/// # Errors
/// [`Denied`], whether or not the resource exists.
pub fn authorise_about(
    caller: &Caller,
    action: Action,
    resource: Resource,
    facts: &Facts<'_>,
) -> Result<Grant, Denied> {
    match caller.decide(action, &resource, facts) {
        Ok(why) => Ok(Grant {
            action,
            resource,
            principal_id: caller.principal_id(),
            principal: caller.principal().into(),
            by: why.to_string().into(),
        }),
        Err(why) => Err(Denied {
            action,
            resource,
            why,
        }),
    }
}

impl Caller {
    /// Whether he may see that something lies in a folder, or that nothing does.
    pub fn may_list(&self, folder: &FolderPath, facts: &Facts<'_>) -> bool {
        let folder = Resource::Folder(folder.clone());
        self.decide(Action::LIST, &folder, facts).is_ok()
    }

    /// What is decided of a request, and by what.
    ///
    /// # Errors
    /// Why it is denied.
    pub fn decide(
        &self,
        action: Action,
        resource: &Resource,
        facts: &Facts<'_>,
    ) -> Result<Why, Why> {
        self.decide_among(self.resource_policies(), action, resource, facts)
    }

    /// The same, were these the policies of all secrets and folders.
    pub(super) fn decide_among(
        &self,
        resources: &ResourcePolicies,
        action: Action,
        resource: &Resource,
        facts: &Facts<'_>,
    ) -> Result<Why, Why> {
        if self.session.only_enrols() {
            return Err(Why::Enrolling);
        }
        if !self.is_within(action, resource) {
            return Err(Why::Narrowed);
        }
        let rights = &*self.rights;
        if rights.kind == PrincipalKind::Root {
            return Ok(match &*rights.name {
                root::ONE_TIME => Why::OneTimeRoot,
                _ => Why::Root,
            });
        }
        let session: Option<Vec<Arc<Compiled>>> = self.session.policies.as_ref().map(|policies| {
            let compiled = policies.iter().map(|policy| Arc::clone(policy.compiled()));
            compiled.collect()
        });
        let over = resources.over(resource);
        let layers = Layers {
            identity: &rights.identity,
            resource: match facts.trust {
                Some(trust) => ResourceLayer::Trust(trust),
                None => ResourceLayer::Policies(&over),
            },
            boundary: rights.boundary.as_deref(),
            session: session.as_deref(),
        };
        let text = resource_name(resource);
        let request = self.request(action, &text, facts);
        if action == Action::RESTORE || action == Action::DESTROY {
            resources.deny_of_deleted(&request)?;
        }
        match policy::evaluate(&layers, &request) {
            Decision::Allowed(by) => {
                let below = matches!(resource, Resource::Folder(_)) && action != Action::LIST;
                if below && !resources.allow_below(&layers, &request) {
                    return Err(Why::Below);
                }
                Ok(Why::statement(&by, Certainty::Applies))
            }
            Decision::Denied(by, certainty) => {
                // Whoever made the session wrote its policies: of what he may not do anyway, they must not tell him by
                // denying it which tags it has, nor that it is there.
                let others = Layers {
                    session: None,
                    ..layers
                };
                let told = by.layer == Layer::Session && *resource != Resource::Own;
                match policy::evaluate(&others, &request) {
                    Decision::NotAllowed(layer) if told => Err(Why::Missing(layer)),
                    Decision::NotAllowed(_) | Decision::Allowed(_) | Decision::Denied(..) => {
                        Err(Why::statement(&by, certainty))
                    }
                }
            }
            Decision::NotAllowed(_) if *resource == Resource::Own => Ok(Why::Own),
            Decision::NotAllowed(layer) => Err(Why::Missing(layer)),
        }
    }

    fn request<'a>(&'a self, action: Action, resource: &'a str, facts: &Facts<'a>) -> Request<'a> {
        let (rights, session, origin) = (&*self.rights, &*self.session, &*self.origin);
        let tags = self.tags.as_ref().unwrap_or(&rights.tags);
        Request {
            action,
            resource,
            who: Who {
                kind: rights.kind,
                id: rights.id,
                session: session.role.as_ref().map(|assumed| assumed.name.as_str()),
            },
            context: Context {
                principal_name: &rights.name,
                role_session_name: facts.role_session_name,
                principal_tags: tags,
                resource_tags: facts.resource_tags,
                request_tags: facts.request_tags,
                source: origin.source,
                secure: origin.secure,
                user_agent: origin.user_agent.as_deref(),
                now: self.now,
                token_issued: session.created_at,
                second_factor: session.elevation.mfa_at(),
                requested_region: &origin.region,
                node_region: &origin.region,
            },
        }
    }

    /// Whether the session was narrowed to leave this in.
    fn is_within(&self, action: Action, resource: &Resource) -> bool {
        let session = &self.session;
        let acts = session
            .actions
            .as_ref()
            .is_none_or(|globs| globs.iter().any(|glob| glob.matches(action)));
        let there = session.under.as_ref().is_none_or(|under| match resource {
            Resource::Secret(path) => under.contains(path),
            Resource::Folder(path) => under.covers(path),
            Resource::Own => true,
            Resource::User(_)
            | Resource::Service(_)
            | Resource::Role(_)
            | Resource::Group(_)
            | Resource::Policy(_)
            | Resource::Every(_)
            | Resource::System => false,
        });
        acts && there
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

    /// What allowed it.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Whom it was granted to.
    pub(crate) fn principal_id(&self) -> u64 {
        self.principal_id
    }

    /// The resource, if the action is the one that was granted.
    pub(crate) fn about(&self, wanted: Action) -> Result<&Resource, WrongGrant> {
        if self.action == wanted {
            Ok(&self.resource)
        } else {
            Err(self.wrong(wanted))
        }
    }

    /// The secret that the action may be done to.
    pub(crate) fn secret(&self, wanted: Action) -> Result<&SecretPath, WrongGrant> {
        let Resource::Secret(path) = self.about(wanted)? else {
            return Err(self.wrong(wanted));
        };
        Ok(path)
    }

    /// The folder that the action may be done to, with all below it.
    pub(crate) fn folder(&self, wanted: Action) -> Result<&FolderPath, WrongGrant> {
        let Resource::Folder(path) = self.about(wanted)? else {
            return Err(self.wrong(wanted));
        };
        Ok(path)
    }

    /// Sort and name of what the action may be done to.
    pub(crate) fn named(&self, wanted: Action) -> Result<(super::Sort, &str), WrongGrant> {
        self.about(wanted)?
            .named()
            .ok_or_else(|| self.wrong(wanted))
    }

    /// That the action may be done to node and cluster.
    pub(crate) fn system(&self, wanted: Action) -> Result<(), WrongGrant> {
        if *self.about(wanted)? == Resource::System {
            Ok(())
        } else {
            Err(self.wrong(wanted))
        }
    }

    /// That the action may be done to what is the caller's own.
    pub(crate) fn own(&self, wanted: Action) -> Result<(), WrongGrant> {
        if self.action == wanted && self.resource == Resource::Own {
            Ok(())
        } else {
            Err(self.wrong(wanted))
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
