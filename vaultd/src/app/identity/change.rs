//! A change that may hand out rights. It is run twice: once over what is there, to see which proofs it takes, and once in
//! the transaction, with the proofs. They are made on a thread of their own, one change's at a time, because one may
//! take a second.

use minicbor::{Decode, Encode};
use vault_core::access::{Action, Caller, Grant, Proofs, Resource};
use vault_core::engine::identity::Refusal;
use vault_core::record::{Tx, once, once::Once};
use vault_proto::v1::Reason;

use crate::app::call::{Answer, Call};
use crate::app::error::{Error, Result};
use crate::app::notes::Notes;
use crate::app::pipeline::Visit;
use crate::app::secrets::Repeat;
use crate::app::transact::{Terms, Verdict};
use crate::app::{App, refusal};

/// Rounds of proofs, each of which may ask for the next, or leave something to it.
const ROUNDS: usize = 4;

impl App {
    /// A change that may hand out rights: with proofs that they lie within the caller's own. One that comes again is
    /// answered with what came of it first.
    pub(in crate::app) async fn change_identity<R, F>(
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
        self.change_identities(call, action, [resource], of_one(act))
            .await
    }

    /// The same, with a right to each of several.
    pub(in crate::app) async fn change_identities<R, F, const N: usize>(
        &self,
        call: &Call,
        action: Action,
        resources: [Resource; N],
        act: F,
    ) -> Result<Answer<R>>
    where
        R: Encode<()> + for<'b> Decode<'b, ()> + Send + 'static,
        F: Fn(&mut Tx<'_>, &Caller, &[Grant; N], &mut Proofs) -> std::result::Result<R, Refusal>
            + Send
            + Sync
            + 'static,
    {
        let repeat = call.digest.and_then(|digest| Repeat::of(call, digest));
        let look = |visit: &mut Visit<'_>, tx: &mut Tx<'_>, proofs: &mut Proofs| {
            let grants = visit.grant_each(tx, action, &resources);
            if first::<R>(repeat, visit, tx)?.1.is_none() {
                act(tx, visit.caller(), &grants?, proofs).map_err(refusal::identity)?;
            }
            Ok(())
        };
        let mut proofs = self.proofs_of(call, (action, &resources), look).await?;
        self.write(call, Terms::default(), move |visit, tx| {
            let grants = visit.grant_each(tx, action, &resources);
            // Before the grant counts: the first try may have taken the right away, and is done.
            let (once, reply) = first(repeat, visit, tx)?;
            if let Some(reply) = reply {
                visit.repeats();
                return Ok((Verdict::Commit, reply));
            }
            let grants = grants?;
            let reply = act(tx, visit.caller(), &grants, &mut proofs)
                .map_err(|refused| visit.refuse_change(refused))?;
            if let Some(once) = &once {
                once.remember(tx, &reply)?;
            }
            Ok((Verdict::Commit, reply))
        })
        .await
    }

    /// The same, where the answer holds a secret that is shown once: nothing is remembered, a repeat issues another
    /// one, and the one before is good for nothing.
    pub(in crate::app) async fn issue<R, F>(
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
    pub(in crate::app) async fn change_identity_and<R, F>(
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
        let (resources, act) = ([resource], of_one(act));
        let proofs = self.proofs(call, action, &resources, &act).await?;
        self.change_proved(call, action, (resources, beside), proofs, act)
            .await
    }

    /// The same, once proofs were made.
    pub(in crate::app) async fn change_proved<R, F, const N: usize>(
        &self,
        call: &Call,
        action: Action,
        (resources, beside): ([Resource; N], Option<String>),
        mut proofs: Proofs,
        act: F,
    ) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: Fn(&mut Tx<'_>, &Caller, &[Grant; N], &mut Proofs) -> std::result::Result<R, Refusal>
            + Send
            + Sync
            + 'static,
    {
        self.write(call, Terms::default(), move |visit, tx| {
            let grants = visit.grant_each(tx, action, &resources)?;
            if let Some(beside) = &beside {
                visit.about(beside.clone());
            }
            let reply = act(tx, visit.caller(), &grants, &mut proofs)
                .map_err(|refused| visit.refuse_change(refused))?;
            Ok((Verdict::Commit, reply))
        })
        .await
    }

    /// The proofs that a change takes. What else stands in its way is for the change itself to say; that they were
    /// not had in time is recorded here.
    pub(in crate::app) async fn proofs<R, F, const N: usize>(
        &self,
        call: &Call,
        action: Action,
        resources: &[Resource; N],
        act: &F,
    ) -> Result<Proofs>
    where
        F: Fn(&mut Tx<'_>, &Caller, &[Grant; N], &mut Proofs) -> std::result::Result<R, Refusal>
            + Sync,
    {
        let look = |visit: &mut Visit<'_>, tx: &mut Tx<'_>, proofs: &mut Proofs| {
            let grants = visit.grant_each(tx, action, resources)?;
            let tried = act(tx, visit.caller(), &grants, proofs);
            tried.map(drop).map_err(refusal::identity)
        };
        self.proofs_of(call, (action, resources), look).await
    }

    /// The proofs that something takes which asks for grants of its own.
    pub(in crate::app) async fn proofs_of(
        &self,
        call: &Call,
        (action, resources): (Action, &[Resource]),
        look: impl Fn(&mut Visit<'_>, &mut Tx<'_>, &mut Proofs) -> Result<()>,
    ) -> Result<Proofs> {
        let mut proofs = Proofs::default();
        for _ in 0..ROUNDS {
            let mut notes = Notes::default();
            let mut once = |visit: &mut Visit<'_>, tx: &mut Tx<'_>| {
                proofs.begin();
                look(visit, tx, &mut proofs)
            };
            let tried = self.read_counted(call, &mut notes, &mut once).await;
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
                Err(error) => return self.unproved(call, action, resources, error).await,
            };
        }
        if proofs.wants() {
            return self.unproved(call, action, resources, too_long()).await;
        }
        Ok(proofs)
    }

    /// Refuses a change whose proofs were not had in time; that is recorded.
    async fn unproved<R>(
        &self,
        call: &Call,
        action: Action,
        resources: &[Resource],
        error: Error,
    ) -> Result<R> {
        let mut notes = Notes::default();
        for resource in resources {
            notes.about(resource.to_string());
        }
        notes.action = Some(action.name());
        let entry = self.begin(call);
        self.record(call, entry, &notes, Err(error)).await
    }
}

/// A request of somebody's, as it is known again.
pub(in crate::app) struct Known {
    principal: u64,
    once: Once,
}

impl Known {
    /// Keeps what came of it.
    pub(in crate::app) fn remember<R: Encode<()>>(&self, tx: &mut Tx<'_>, reply: &R) -> Result<()> {
        once::remember(tx, self.principal, &self.once, reply).map_err(refusal::record)
    }
}

/// What a request is known by, and its reply if it came before. To be asked before its grant counts.
pub(in crate::app) fn first<R: for<'b> Decode<'b, ()>>(
    repeat: Option<Repeat>,
    visit: &Visit<'_>,
    tx: &mut Tx<'_>,
) -> Result<(Option<Known>, Option<R>)> {
    let Some(repeat) = repeat else {
        return Ok((None, None));
    };
    let known = Known {
        principal: visit.caller().principal_id(),
        once: repeat.once(tx).map_err(refusal::record)?,
    };
    let reply = once::replay(tx, known.principal, &known.once).map_err(refusal::replay)?;
    Ok((Some(known), reply))
}

/// What takes one right, among what may take several.
fn of_one<R, F>(
    act: F,
) -> impl Fn(&mut Tx<'_>, &Caller, &[Grant; 1], &mut Proofs) -> std::result::Result<R, Refusal>
where
    F: Fn(&mut Tx<'_>, &Caller, &Grant, &mut Proofs) -> std::result::Result<R, Refusal>,
{
    move |tx, caller, [grant], proofs| act(tx, caller, grant, proofs)
}

fn too_long() -> Error {
    Error::new(
        Reason::LimitReached,
        "it takes too long to prove that this hands out no more than the caller has; take smaller steps, or simpler policies",
    )
}
