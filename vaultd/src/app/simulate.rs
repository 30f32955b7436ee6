//! Who may do what, before anybody tries: by the very function that decides requests.
//!
//! Of himself anybody may ask. What is decided of others is told to whoever has `policy:Simulate` for the resource.

use std::sync::Arc;

use vault_core::access::policy::Tags;
use vault_core::access::{
    Absent, Action, Assume, Caller, Facts, Origin, Resource, Sort, Trust, Why,
};
use vault_core::engine::{self, identity};
use vault_core::record::Tx;

use super::call::{Answer, Call};
use super::cursor::{Cursors, Paging};
use super::error::Result;
use super::{App, explain, refusal};

/// What would be decided of a request.
#[derive(Debug)]
pub struct Simulated {
    /// Whose request it is.
    pub who: String,
    /// Whether it would go on.
    pub allowed: bool,
    /// What that rests on, as far as the caller may know.
    pub why: Option<String>,
}

/// A page of those who may.
#[derive(Debug)]
pub struct Capable {
    /// As policies name them.
    pub who: Vec<String>,
    /// Sealed: where the next page goes on; empty when there are no more.
    pub next: String,
}

impl App {
    /// What would be decided of a request of the caller's own, made as this call is.
    ///
    /// # Errors
    /// As of any read.
    pub async fn can(
        &self,
        call: &Call,
        action: Action,
        resource: Resource,
    ) -> Result<Answer<Simulated>> {
        self.read(call, |visit, tx| {
            let caller = visit.caller();
            let tags = tags_of(tx, (action, &resource), caller.asks_resource_tags())?;
            let trust = trust_of(tx, action, &resource)?;
            let session = Assume::default().session_name(caller);
            let decided = caller.decide(action, &resource, &about(&tags, trust.as_ref(), &session));
            let who = caller.principal().to_owned();
            Ok(simulated(tx, caller, &resource, who, &decided))
        })
        .await
    }

    /// What would be decided of a request of somebody else's, in a session that has just begun. To one who may not
    /// describe him, somebody who is not there looks like one who has nothing.
    ///
    /// # Errors
    /// When there is nobody of that name, to one who may describe him; or as of any read.
    pub async fn simulate(
        &self,
        call: &Call,
        whose: Resource,
        action: Action,
        resource: Resource,
    ) -> Result<Answer<Simulated>> {
        let origin = self.no_known_place();
        self.read(call, |visit, tx| {
            visit.grant(tx, Action::POLICY_SIMULATE, resource.clone())?;
            let (sort, name) = whose.named().unwrap_or((Sort::User, ""));
            let absent = match Absent::of(tx, (sort, name), &origin).map_err(refusal::record)? {
                None if !may_describe(visit.caller(), sort, &whose) => {
                    Absent::nobody(tx, (sort, name), &origin)
                }
                found => found,
            };
            let absent = absent.ok_or_else(|| {
                refusal::identity(identity::Refusal::NotFound(sort, name.to_owned()))
            })?;
            let tags = tags_of(tx, (action, &resource), absent.asks_resource_tags())?;
            let (trust, session) = (trust_of(tx, action, &resource)?, absent.session_name());
            let decided = absent.decide(action, &resource, &about(&tags, trust.as_ref(), &session));
            let who = format!("{sort}:{name}");
            Ok(simulated(tx, visit.caller(), &resource, who, &decided))
        })
        .await
    }

    /// Who would be allowed it: of a page of all, in the order of sort and name.
    ///
    /// # Errors
    /// `CURSOR_INVALID`, or as of any read.
    pub async fn who_can(
        &self,
        call: &Call,
        (action, resource): (Action, Resource),
        paging: &Paging,
    ) -> Result<Answer<Capable>> {
        let origin = self.no_known_place();
        let incarnation = self.store.applied().incarnation;
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::POLICY_SIMULATE, resource.clone())?;
            let cursors = Cursors::of(visit.caller(), incarnation, paging);
            let after = cursors.open(tx, paging, position)?;
            let after = after.as_ref().map(|(sort, name)| (*sort, &**name));
            let (all, more) =
                identity::everybody(tx, &grant, after, paging.size).map_err(refusal::identity)?;
            let tags = tags_of(tx, (action, &resource), true)?;
            let trust = trust_of(tx, action, &resource)?;
            let mut who = Vec::new();
            for (sort, name) in &all {
                let absent = Absent::of(tx, (*sort, name), &origin).map_err(refusal::record)?;
                let may = absent.map(|one| {
                    let session = one.session_name();
                    one.decide(action, &resource, &about(&tags, trust.as_ref(), &session))
                });
                if may.is_some_and(|decided| decided.is_ok()) {
                    who.push(format!("{sort}:{name}"));
                }
            }
            // Of who was looked at and may not, nothing is told.
            let last = all.last().filter(|_| more);
            let next = last.map(|(sort, name)| cursors.seal(tx, &to_position(*sort, name)));
            Ok(Capable {
                who,
                next: next.unwrap_or_default(),
            })
        })
        .await
    }

    /// Of a request that nobody made.
    fn no_known_place(&self) -> Arc<Origin> {
        Arc::new(Origin {
            source: None,
            secure: true,
            user_agent: None,
            certificate: None,
            counted: false,
            region: Arc::clone(&self.settings.region),
        })
    }
}

/// Whether the caller may know that somebody is there.
fn may_describe(caller: &Caller, sort: Sort, whose: &Resource) -> bool {
    let action = Action::describe(sort);
    caller.decide(action, whose, &Facts::default()).is_ok()
}

/// Where a page of [`App::who_can`] ended.
fn to_position(sort: Sort, name: &str) -> Vec<u8> {
    [&[sort as u8], name.as_bytes()].concat()
}

fn position(bytes: &[u8]) -> Option<(Sort, Box<str>)> {
    let (first, name) = bytes.split_first()?;
    let sorts = [Sort::User, Sort::Service, Sort::Role];
    let sort = sorts.into_iter().find(|sort| *sort as u8 == *first)?;
    Some((sort, std::str::from_utf8(name).ok()?.into()))
}

/// The tags that decisions about a resource may depend on: where it is about what was deleted, those of the newest that
/// had the path.
fn tags_of(tx: &mut Tx<'_>, (action, resource): (Action, &Resource), asked: bool) -> Result<Tags> {
    let (Resource::Secret(path), true) = (resource, asked) else {
        return Ok(Tags::new());
    };
    let tags = match action {
        Action::RESTORE | Action::DESTROY => engine::secrets::tags_of_deleted(tx, path, None),
        _ => engine::secrets::tags_of(tx, path),
    };
    tags.map_err(refusal::record)
}

/// Of a role that is to be assumed, whom it trusts.
fn trust_of(tx: &mut Tx<'_>, action: Action, resource: &Resource) -> Result<Option<Trust>> {
    if let (Resource::Role(role), true) = (resource, Trust::decides(action)) {
        return Trust::of(tx, role).map(Some).map_err(refusal::record);
    }
    Ok(None)
}

fn about<'a>(tags: &'a Tags, trust: Option<&'a Trust>, session: &'a str) -> Facts<'a> {
    Facts {
        resource_tags: tags,
        ..trust.map_or_else(Facts::default, |trust| trust.facts(session))
    }
}

fn simulated(
    tx: &mut Tx<'_>,
    caller: &Caller,
    resource: &Resource,
    who: String,
    decided: &std::result::Result<Why, Why>,
) -> Simulated {
    Simulated {
        who,
        allowed: decided.is_ok(),
        why: explain::why(tx, caller, resource, decided),
    }
}
