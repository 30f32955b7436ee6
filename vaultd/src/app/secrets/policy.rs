//! Policies of secrets and folders behind the door. What one hands out is proved first, as of any policy.

use vault_core::access::policy::Warning;
use vault_core::access::{Action, Grant, Proofs, Resource};
use vault_core::engine::secrets::{self as engine, Refusal, ShownPolicy};
use vault_core::record::Tx;

use super::{Repeat, Target};
use crate::app::App;
use crate::app::call::{Answer, Call};
use crate::app::error::Result;
use crate::app::identity::first;
use crate::app::pipeline::Visit;
use crate::app::transact::{Terms, Verdict};

impl Target {
    pub(super) fn resource(&self) -> Resource {
        match self {
            Self::Secret(path) => Resource::Secret(path.clone()),
            Self::Folder(path) => Resource::Folder(path.clone()),
        }
    }
}

impl App {
    /// The policy of a secret or folder.
    ///
    /// # Errors
    /// As the engine refuses, or as of any read.
    pub async fn resource_policy(
        &self,
        call: &Call,
        target: &Target,
    ) -> Result<Answer<ShownPolicy>> {
        let action = Action::GET_RESOURCE_POLICY;
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, action, target.resource())?;
            engine::describe_policy(tx, &grant).map_err(|error| visit.told(error, action, target))
        })
        .await
    }

    /// Gives a secret or folder a policy, or another one.
    ///
    /// # Errors
    /// As the engine refuses, `DISK_FULL`, or as of any write.
    pub async fn put_resource_policy(
        &self,
        call: &Call,
        target: Target,
        text: String,
    ) -> Result<Answer<Vec<Warning>>> {
        if let Err(error) = self.may_grow() {
            return self.refused(call, error).await;
        }
        let action = Action::PUT_RESOURCE_POLICY;
        self.change_policy(call, action, target, move |visit, tx, grant, proofs| {
            engine::put_policy(tx, visit.caller(), grant, proofs, &text)
        })
        .await
    }

    /// Takes its policy from a secret or folder.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn delete_resource_policy(&self, call: &Call, target: Target) -> Result<Answer<()>> {
        let action = Action::DELETE_RESOURCE_POLICY;
        self.change_policy(call, action, target, |visit, tx, grant, proofs| {
            engine::delete_policy(tx, visit.caller(), grant, proofs)
        })
        .await
    }

    async fn change_policy<R, F>(
        &self,
        call: &Call,
        action: Action,
        target: Target,
        act: F,
    ) -> Result<Answer<R>>
    where
        R: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + Send + 'static,
        F: Fn(&Visit<'_>, &mut Tx<'_>, &Grant, &mut Proofs) -> std::result::Result<R, Refusal>
            + Send
            + Sync
            + 'static,
    {
        let repeat = call.digest.and_then(|digest| Repeat::of(call, digest));
        let look = |visit: &mut Visit<'_>, tx: &mut Tx<'_>, proofs: &mut Proofs| {
            let grant = visit.grant(tx, action, target.resource());
            if first::<R>(repeat, visit, tx)?.1.is_none() {
                let done = act(visit, tx, &grant?, proofs);
                done.map_err(|error| visit.told(error, action, &target))?;
            }
            Ok(())
        };
        let resource = target.resource();
        let mut proofs = self
            .proofs_of(call, (action, std::slice::from_ref(&resource)), look)
            .await?;
        self.write(call, Terms::default(), move |visit, tx| {
            let grant = visit.grant(tx, action, target.resource());
            // Before the grant counts: the policy that was taken away may have been what gave it.
            let (known, reply) = first(repeat, visit, tx)?;
            if let Some(reply) = reply {
                visit.repeats();
                return Ok((Verdict::Commit, reply));
            }
            let done = act(visit, tx, &grant?, &mut proofs);
            let reply = done.map_err(|error| visit.told(error, action, &target))?;
            if let Some(known) = &known {
                known.remember(tx, &reply)?;
            }
            Ok((Verdict::Commit, reply))
        })
        .await
    }
}

impl Visit<'_> {
    /// A refusal about a secret or a folder.
    fn told(
        &mut self,
        refusal: Refusal,
        action: Action,
        target: &Target,
    ) -> crate::app::error::Error {
        match target {
            Target::Secret(path) => self.refuse(refusal, action, path),
            Target::Folder(path) => self.refuse_folder(refusal, action, path),
        }
    }

    /// Sees to it that what goes along from one place to another may be handed out there: where any policy does, that
    /// takes the right to set policies there.
    pub(super) fn carry(
        &mut self,
        tx: &mut Tx<'_>,
        proofs: &mut Proofs,
        moved: engine::Moved,
        (from, to): (&Target, &Target),
    ) -> Result<()> {
        let (old, new) = (from.resource(), to.resource());
        if !engine::carries(self.caller(), moved, &old) {
            return Ok(());
        }
        let action = Action::PUT_RESOURCE_POLICY;
        let grant = self.grant_beside(tx, action, new)?;
        engine::carry(tx, self.caller(), &grant, proofs, (moved, &old))
            .map_err(|error| self.told(error, action, to))
    }
}
