//! The Identity service behind the door: users, services, roles, groups, and policies.

mod change;

use vault_core::access::policy::Warning;
use vault_core::access::{Action, Proofs, Resource, Sort};
use vault_core::engine::identity as engine;
use vault_core::name::{PolicyName, UserName};

use super::call::{Answer, Call};
use super::error::Result;
use super::transact::{Terms, Verdict};
use super::{App, refusal};

pub(super) use change::first;

/// A page of names.
#[derive(Debug)]
pub struct Names {
    /// In order.
    pub names: Vec<String>,
    /// There are names after the last.
    pub more: bool,
}

impl App {
    /// Makes somebody new.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn create_identity(
        &self,
        call: &Call,
        who: Resource,
        new: engine::New,
    ) -> Result<Answer<u64>> {
        let action = Action::create(sort(&who));
        self.change_identity(call, action, who, move |tx, caller, grant, proofs| {
            engine::create(tx, caller, grant, proofs, &new)
        })
        .await
    }

    /// All of somebody but his credentials.
    ///
    /// # Errors
    /// As the engine refuses, or as of any read.
    pub async fn describe_identity(
        &self,
        call: &Call,
        who: Resource,
    ) -> Result<Answer<engine::Described>> {
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::describe(sort(&who)), who.clone())?;
            engine::describe(tx, &grant).map_err(refusal::identity)
        })
        .await
    }

    /// Names of all of a sort.
    ///
    /// # Errors
    /// As of any read.
    pub async fn list_identities(
        &self,
        call: &Call,
        sort: Sort,
        (after, limit): (Option<&str>, usize),
    ) -> Result<Answer<Names>> {
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::list(sort), Resource::Every(sort))?;
            let (names, more) = match sort {
                Sort::Policy => engine::list_policies(tx, &grant, after, limit),
                Sort::User | Sort::Service | Sort::Role | Sort::Group => {
                    engine::list(tx, &grant, after, limit)
                }
            }
            .map_err(refusal::identity)?;
            Ok(Names { names, more })
        })
        .await
    }

    /// Changes what somebody is like.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn update_identity(
        &self,
        call: &Call,
        who: Resource,
        change: engine::Change,
    ) -> Result<Answer<()>> {
        let action = Action::update(sort(&who));
        if change.only_ends() {
            // it hands out nothing, and may be repeated: it comes to the same
            let terms = Terms {
                brake: true,
                ..Terms::default()
            };
            let ended = self.write(call, terms, move |visit, tx| {
                let grant = visit.grant(tx, action, who.clone())?;
                let proofs = &mut Proofs::default();
                engine::update(tx, visit.caller(), &grant, proofs, &change)
                    .map_err(|refused| visit.refuse_change(refused))?;
                Ok((Verdict::Commit, ()))
            });
            return ended.await;
        }
        self.change_identity(call, action, who, move |tx, caller, grant, proofs| {
            engine::update(tx, caller, grant, proofs, &change)
        })
        .await
    }

    /// Deletes somebody.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn delete_identity(&self, call: &Call, who: Resource) -> Result<Answer<()>> {
        let action = Action::delete(sort(&who));
        self.change_identity(call, action, who, engine::delete)
            .await
    }

    /// Attaches a managed policy; `false` if it was.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn attach_policy(
        &self,
        call: &Call,
        who: Resource,
        policy: PolicyName,
    ) -> Result<Answer<bool>> {
        let action = Action::attach(sort(&who));
        self.change_identity(call, action, who, move |tx, caller, grant, proofs| {
            engine::attach(tx, caller, grant, proofs, &policy)
        })
        .await
    }

    /// Detaches a managed policy; `false` if it was not attached.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn detach_policy(
        &self,
        call: &Call,
        who: Resource,
        policy: PolicyName,
    ) -> Result<Answer<bool>> {
        let action = Action::detach(sort(&who));
        self.change_identity(call, action, who, move |tx, caller, grant, proofs| {
            engine::detach(tx, caller, grant, proofs, &policy)
        })
        .await
    }

    /// Gives somebody a policy of his own.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn put_inline_policy(
        &self,
        call: &Call,
        who: Resource,
        (name, text): (PolicyName, String),
    ) -> Result<Answer<Vec<Warning>>> {
        let action = Action::attach(sort(&who));
        self.change_identity(call, action, who, move |tx, caller, grant, proofs| {
            engine::put_inline(tx, caller, grant, proofs, (&name, &text))
        })
        .await
    }

    /// Takes a policy of his own from somebody.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn delete_inline_policy(
        &self,
        call: &Call,
        who: Resource,
        name: PolicyName,
    ) -> Result<Answer<()>> {
        let action = Action::detach(sort(&who));
        self.change_identity(call, action, who, move |tx, caller, grant, proofs| {
            engine::delete_inline(tx, caller, grant, proofs, &name)
        })
        .await
    }

    /// Sets or lifts the most that somebody may ever do.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn set_boundary(
        &self,
        call: &Call,
        who: Resource,
        policy: Option<PolicyName>,
    ) -> Result<Answer<()>> {
        let action = Action::set_boundary(sort(&who));
        self.change_identity(call, action, who, move |tx, caller, grant, proofs| {
            engine::set_boundary(tx, caller, grant, proofs, policy.as_ref())
        })
        .await
    }

    /// Puts a user into a group, which takes the right to both, or takes him out of it; `false` if nothing changed.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn set_member(
        &self,
        call: &Call,
        group: Resource,
        (user, member): (UserName, bool),
    ) -> Result<Answer<bool>> {
        if member {
            let (action, both) = (Action::GROUP_ADD_MEMBER, [group, Resource::User(user)]);
            let added = self.change_identities(
                call,
                action,
                both,
                |tx, caller, [of_group, of_user], proofs| {
                    engine::add_member(tx, caller, [of_group, of_user], proofs)
                },
            );
            return added.await;
        }
        let action = Action::GROUP_REMOVE_MEMBER;
        self.change_identity(call, action, group, move |tx, caller, grant, proofs| {
            engine::remove_member(tx, caller, grant, proofs, &user)
        })
        .await
    }

    /// Makes a managed policy.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn create_policy(
        &self,
        call: &Call,
        name: PolicyName,
        (text, description): (String, String),
    ) -> Result<Answer<Vec<Warning>>> {
        let (action, policy) = (Action::POLICY_CREATE, Resource::Policy(name));
        self.change_identity(call, action, policy, move |tx, _, grant, _| {
            let created = engine::create_policy(tx, grant, (&text, &description));
            created.map(|(_, warnings)| warnings)
        })
        .await
    }

    /// A managed policy with the text of a version, or of the one in force.
    ///
    /// # Errors
    /// As the engine refuses, or as of any read.
    pub async fn describe_policy(
        &self,
        call: &Call,
        name: &PolicyName,
        version: Option<u64>,
    ) -> Result<Answer<engine::Policy>> {
        self.read(call, |visit, tx| {
            let policy = Resource::Policy(name.clone());
            let grant = visit.grant(tx, Action::POLICY_DESCRIBE, policy)?;
            engine::describe_policy(tx, &grant, version).map_err(refusal::identity)
        })
        .await
    }

    /// Changes a managed policy.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn update_policy(
        &self,
        call: &Call,
        name: PolicyName,
        change: engine::PolicyChange,
    ) -> Result<Answer<Vec<Warning>>> {
        let (action, policy) = (Action::POLICY_UPDATE, Resource::Policy(name));
        self.change_identity(call, action, policy, move |tx, caller, grant, proofs| {
            engine::update_policy(tx, caller, grant, proofs, &change)
        })
        .await
    }

    /// Deletes a managed policy.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn delete_policy(&self, call: &Call, name: PolicyName) -> Result<Answer<()>> {
        let (action, policy) = (Action::POLICY_DELETE, Resource::Policy(name));
        self.change_identity(call, action, policy, |tx, _, grant, _| {
            engine::delete_policy(tx, grant)
        })
        .await
    }
}

fn sort(who: &Resource) -> Sort {
    who.named().map_or(Sort::User, |(sort, _)| sort)
}
