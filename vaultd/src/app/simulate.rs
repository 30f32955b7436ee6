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
    /// The last that was looked at, if there are more.
    pub next: Option<String>,
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
            let tags = tags_of(tx, &resource, caller.asks_resource_tags())?;
            let trust = trust_of(tx, action, &resource)?;
            let session = Assume::default().session_name(caller);
            let decided = caller.decide(action, &resource, &about(&tags, trust.as_ref(), &session));
            let who = caller.principal().to_owned();
            Ok(simulated(tx, caller, who, &decided))
        })
        .await
    }

    /// What would be decided of a request of somebody else's, in a session that has just begun.
    ///
    /// # Errors
    /// When there is nobody of that name, or as of any read.
    pub async fn simulate(
        &self,
        call: &Call,
        (sort, name): (Sort, &str),
        action: Action,
        resource: Resource,
    ) -> Result<Answer<Simulated>> {
        let origin = self.no_known_place();
        self.read(call, |visit, tx| {
            visit.grant(tx, Action::POLICY_SIMULATE, resource.clone())?;
            let absent = Absent::of(tx, (sort, name), &origin).map_err(refusal::record)?;
            let absent = absent.ok_or_else(|| {
                refusal::identity(identity::Refusal::NotFound(sort, name.to_owned()))
            })?;
            let tags = tags_of(tx, &resource, absent.asks_resource_tags())?;
            let (trust, session) = (trust_of(tx, action, &resource)?, absent.session_name());
            let decided = absent.decide(action, &resource, &about(&tags, trust.as_ref(), &session));
            let who = format!("{sort}:{name}");
            Ok(simulated(tx, visit.caller(), who, &decided))
        })
        .await
    }

    /// Who would be allowed it: of up to so many that come after one in the order of sort and name.
    ///
    /// # Errors
    /// As of any read.
    pub async fn who_can(
        &self,
        call: &Call,
        (action, resource): (Action, Resource),
        after: Option<(Sort, &str)>,
        limit: usize,
    ) -> Result<Answer<Capable>> {
        let origin = self.no_known_place();
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::POLICY_SIMULATE, resource.clone())?;
            let (all, more) =
                identity::everybody(tx, &grant, after, limit).map_err(refusal::identity)?;
            let tags = tags_of(tx, &resource, true)?;
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
            let last = all.last().map(|(sort, name)| format!("{sort}:{name}"));
            Ok(Capable {
                who,
                next: last.filter(|_| more),
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

/// The tags that decisions about a resource may depend on.
fn tags_of(tx: &mut Tx<'_>, resource: &Resource, asked: bool) -> Result<Tags> {
    if let (Resource::Secret(path), true) = (resource, asked) {
        return engine::secrets::tags_of(tx, path).map_err(refusal::record);
    }
    Ok(Tags::new())
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
    who: String,
    decided: &std::result::Result<Why, Why>,
) -> Simulated {
    Simulated {
        who,
        allowed: decided.is_ok(),
        why: explain::why(tx, caller, decided),
    }
}
