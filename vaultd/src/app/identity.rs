//! The Identity service behind the door: users, services, roles, groups, and policies.
//!
//! What may hand out rights is run twice: once over what is there, to see which proofs it takes, and once in
//! the transaction, with the proofs. They are made on a thread of their own, one change's at a time, because one may
//! take a second.

use minicbor::{Decode, Encode};
use vault_core::access::policy::Warning;
use vault_core::access::{Action, Caller, Grant, Proofs, Resource, Sort};
use vault_core::engine::identity::{self as engine, Refusal};
use vault_core::name::{PolicyName, UserName};
use vault_core::record::{Tx, once};
use vault_proto::v1::Reason;

use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::notes::Notes;
use super::pipeline::Visit;
use super::secrets::Repeat;
use super::transact::{Terms, Verdict};
use super::{App, refusal};

/// Rounds of proofs, each of which may ask for the next, or leave something to it.
const ROUNDS: usize = 4;

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
                    .map_err(refusal::identity)?;
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

    /// Puts a user into a group, or takes him out of it; `false` if nothing changed.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn set_member(
        &self,
        call: &Call,
        group: Resource,
        (user, member): (UserName, bool),
    ) -> Result<Answer<bool>> {
        let action = if member {
            Action::GROUP_ADD_MEMBER
        } else {
            Action::GROUP_REMOVE_MEMBER
        };
        self.change_identity(call, action, group, move |tx, caller, grant, proofs| {
            if member {
                engine::add_member(tx, caller, grant, proofs, &user)
            } else {
                engine::remove_member(tx, caller, grant, proofs, &user)
            }
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

    /// A change that may hand out rights: with proofs that they lie within the caller's own. One that comes again is
    /// answered with what came of it first.
    pub(super) async fn change_identity<R, F>(
        &self,
        call: &Call,
        action: Action,
        resource: Resource,
        act: F,
    ) -> Result<Answer<R>>
    where
        R: Encode<()> + for<'b> Decode<'b, ()> + Send + 'static,
        F: Fn(&mut Tx<'_>, &Caller, &Grant, &mut Proofs) -> std::result::Result<R, Refusal>
            + Send
            + Sync
            + 'static,
    {
        let repeat = call.digest.and_then(|digest| Repeat::of(call, digest));
        let mut proofs = self.proofs(call, action, &resource, &act).await?;
        self.write(call, Terms::default(), move |visit, tx| {
            let grant = visit.grant(tx, action, resource.clone())?;
            let principal = visit.caller().principal_id();
            let once = repeat.map(|repeat| repeat.once(tx));
            if let Some(once) = &once
                && let Some(reply) = once::replay(tx, principal, once).map_err(refusal::replay)?
            {
                return Ok((Verdict::Commit, reply));
            }
            let reply = act(tx, visit.caller(), &grant, &mut proofs).map_err(refusal::identity)?;
            if let Some(once) = &once {
                once::remember(tx, principal, once, &reply).map_err(refusal::record)?;
            }
            Ok((Verdict::Commit, reply))
        })
        .await
    }

    /// The same, where the answer holds a secret that is shown once: nothing is remembered, a repeat issues another
    /// one, and the one before is good for nothing.
    pub(super) async fn issue<R, F>(
        &self,
        call: &Call,
        action: Action,
        resource: Resource,
        act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: Fn(&mut Tx<'_>, &Caller, &Grant, &mut Proofs) -> std::result::Result<R, Refusal>
            + Send
            + Sync
            + 'static,
    {
        self.change_identity_and(call, action, (resource, None), act)
            .await
    }

    /// The same, about something beside that the audit names too.
    pub(super) async fn change_identity_and<R, F>(
        &self,
        call: &Call,
        action: Action,
        (resource, beside): (Resource, Option<String>),
        act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: Fn(&mut Tx<'_>, &Caller, &Grant, &mut Proofs) -> std::result::Result<R, Refusal>
            + Send
            + Sync
            + 'static,
    {
        let mut proofs = self.proofs(call, action, &resource, &act).await?;
        self.write(call, Terms::default(), move |visit, tx| {
            let grant = visit.grant(tx, action, resource.clone())?;
            if let Some(beside) = &beside {
                visit.about(beside.clone());
            }
            let reply = act(tx, visit.caller(), &grant, &mut proofs).map_err(refusal::identity)?;
            Ok((Verdict::Commit, reply))
        })
        .await
    }

    /// The proofs that a change takes. What else stands in its way is for the change itself to say; that they were
    /// not had in time is recorded here.
    async fn proofs<R, F>(
        &self,
        call: &Call,
        action: Action,
        resource: &Resource,
        act: &F,
    ) -> Result<Proofs>
    where
        F: Fn(&mut Tx<'_>, &Caller, &Grant, &mut Proofs) -> std::result::Result<R, Refusal> + Sync,
    {
        let mut proofs = Proofs::default();
        for _ in 0..ROUNDS {
            let mut notes = Notes::default();
            let mut look = |visit: &mut Visit<'_>, tx: &mut Tx<'_>| {
                proofs.begin();
                let grant = visit.grant(tx, action, resource.clone())?;
                act(tx, visit.caller(), &grant, &mut proofs).map_err(refusal::identity)
            };
            let tried = self.read_counted(call, &mut notes, &mut look).await;
            drop(tried);
            if !proofs.wants() {
                return Ok(proofs);
            }
            let proving = self.proving.run(move |stop| {
                let further = proofs.prove(&|| stop.is_set());
                further.then_some(proofs).ok_or_else(too_long)
            });
            proofs = match proving.await {
                Ok(further) => further,
                Err(error) => return self.unproved(call, action, resource, error).await,
            };
        }
        if proofs.wants() {
            return self.unproved(call, action, resource, too_long()).await;
        }
        Ok(proofs)
    }

    /// Refuses a change whose proofs were not had in time; that is recorded.
    async fn unproved<R>(
        &self,
        call: &Call,
        action: Action,
        resource: &Resource,
        error: Error,
    ) -> Result<R> {
        let mut notes = Notes::default();
        notes.about(resource.to_string());
        notes.action = Some(action.name());
        let entry = self.begin(call);
        self.record(call, entry, &notes, Err(error)).await
    }
}

fn too_long() -> Error {
    Error::new(
        Reason::LimitReached,
        "it takes too long to prove that this hands out no more than the caller has; take smaller steps, or simpler policies",
    )
}

fn sort(who: &Resource) -> Sort {
    who.named().map_or(Sort::User, |(sort, _)| sort)
}
