//! Whom to believe, as administrators say it.

use vault_core::access::trust::{Issuer, Wanted};
use vault_core::access::{Action, Resource};
use vault_core::engine::identity::{self as engine, NewIssuer, Refusal, Trusted};
use vault_core::name::ServiceName;

use super::jwt::ALGORITHMS;
use super::key_sets::KeySetState;
use super::keys::Keys;
use crate::app::call::{Answer, Call};
use crate::app::error::Result;
use crate::app::{App, refusal};
use crate::outbound::NotAllowed;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
/// Longest `iss` and `aud`, and most audiences.
const MAX_TEXT: usize = 1_024;
const MAX_AUDIENCES: usize = 16;

/// What administrators call an issuer: as services are called.
pub type IssuerName = ServiceName;

impl App {
    /// Believes an issuer.
    ///
    /// # Errors
    /// When it cannot be believed as it is said, or as of any write.
    pub async fn create_trust(
        &self,
        call: &Call,
        name: IssuerName,
        new: NewIssuer,
    ) -> Result<Answer<()>> {
        let new = self.checked(new);
        let action = Action::TRUST_CREATE;
        self.change_identity(
            call,
            action,
            Resource::System,
            move |tx, caller, grant, proofs| {
                let new = new.as_ref().map_err(Unfit::refusal)?;
                engine::create_trust(tx, caller, grant, proofs, (name.as_str(), new))
            },
        )
        .await
    }

    /// Believes it by other keys or rules.
    ///
    /// # Errors
    /// As of [`App::create_trust`].
    pub async fn update_trust(
        &self,
        call: &Call,
        name: IssuerName,
        new: NewIssuer,
    ) -> Result<Answer<()>> {
        let new = self.checked(new);
        let action = Action::TRUST_UPDATE;
        self.change_identity(
            call,
            action,
            Resource::System,
            move |tx, caller, grant, proofs| {
                let new = new.as_ref().map_err(Unfit::refusal)?;
                engine::update_trust(tx, caller, grant, proofs, (name.as_str(), new))
            },
        )
        .await
    }

    /// All issuers that are believed.
    ///
    /// # Errors
    /// As of any read.
    pub async fn list_trusts(&self, call: &Call) -> Result<Answer<Vec<Told<Issuer>>>> {
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::TRUST_LIST, Resource::System)?;
            let all = engine::list_trusts(tx, &grant).map_err(refusal::identity)?;
            let told = all.into_iter().map(|(id, issuer)| Told {
                keys: self.told((id, &issuer)),
                what: issuer,
            });
            Ok(told.collect())
        })
        .await
    }

    /// One, with what is bound to it.
    ///
    /// # Errors
    /// As of any read.
    pub async fn describe_trust(
        &self,
        call: &Call,
        name: IssuerName,
    ) -> Result<Answer<Told<Trusted>>> {
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::TRUST_DESCRIBE, Resource::System)?;
            let found = engine::describe_trust(tx, &grant, name.as_str());
            let what = found.map_err(refusal::identity)?;
            let keys = self.told((what.id, &what.issuer));
            Ok(Told { what, keys })
        })
        .await
    }

    /// Believes it no more.
    ///
    /// # Errors
    /// As of any write.
    pub async fn delete_trust(&self, call: &Call, name: IssuerName) -> Result<Answer<()>> {
        let action = Action::TRUST_DELETE;
        self.change_identity(call, action, Resource::System, move |tx, _, grant, _| {
            engine::delete_trust(tx, grant, name.as_str())
        })
        .await
    }

    /// Binds a service to what tokens of an issuer say.
    ///
    /// # Errors
    /// As of any write; `BEYOND_OWN_RIGHTS` where the service may do what the caller may not.
    pub async fn bind_service(
        &self,
        call: &Call,
        (issuer, service): (IssuerName, ServiceName),
        wanted: Wanted,
    ) -> Result<Answer<bool>> {
        let (action, who) = (Action::SERVICE_BIND, Resource::Service(service));
        self.change_identity(call, action, who, move |tx, caller, grant, proofs| {
            engine::bind_service(tx, caller, grant, proofs, (issuer.as_str(), &wanted))
        })
        .await
    }

    /// Ends what binds a service to an issuer.
    ///
    /// # Errors
    /// As of any write.
    pub async fn unbind_service(
        &self,
        call: &Call,
        (issuer, service): (IssuerName, ServiceName),
    ) -> Result<Answer<bool>> {
        let (action, who) = (Action::SERVICE_UNBIND, Resource::Service(service));
        self.change_identity(call, action, who, move |tx, _, grant, _| {
            engine::unbind_service(tx, grant, issuer.as_str())
        })
        .await
    }
}

impl App {
    fn told(&self, (id, issuer): (u64, &Issuer)) -> Option<KeySetState> {
        let fetched = issuer.jwks_url.is_some();
        fetched.then(|| self.key_sets.state((id, issuer.generation)))
    }

    /// What is stored of an issuer is what tokens can be checked by, on this node at least.
    fn checked(&self, new: NewIssuer) -> std::result::Result<NewIssuer, Unfit> {
        let new = sound(new).map_err(Unfit::Wrong)?;
        let Some(url) = &new.jwks_url else {
            let keys = Keys::parse(&new.jwks);
            let refused = |error| Unfit::Wrong(format!("the keys are refused: {error}").into());
            return keys.map(|_| new).map_err(refused);
        };
        if !new.jwks.is_empty() {
            let message = "keys are given, or where to fetch them: not both";
            return Err(Unfit::Wrong(message.into()));
        }
        match self.outbound().check(url) {
            Ok(_) => Ok(new),
            Err(NotAllowed::Url(error)) => Err(Unfit::Wrong(
                format!("the address of the keys: {error}").into(),
            )),
            Err(error @ NotAllowed::Elsewhere(_)) => {
                Err(Unfit::Destination(error.to_string().into()))
            }
        }
    }
}

/// Something, and what this node knows of keys that are fetched.
#[derive(Debug)]
pub struct Told<T> {
    /// What.
    pub what: T,
    /// `None`: its keys are stored.
    pub keys: Option<KeySetState>,
}

/// Why an issuer cannot be believed as it is said.
#[derive(Debug)]
enum Unfit {
    Wrong(Box<str>),
    Destination(Box<str>),
}

impl Unfit {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Wrong(why) => Refusal::Issuer(why.clone()),
            Self::Destination(why) => Refusal::Destination(why.clone()),
        }
    }
}

/// But for its keys.
fn sound(mut new: NewIssuer) -> std::result::Result<NewIssuer, Box<str>> {
    let invalid = |message: String| Box::<str>::from(message);
    let fit = |text: &str| {
        (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c == ' ')
    };
    if !fit(&new.issuer) {
        return Err(invalid(
            "an issuer is named to the letter, as its tokens have it in `iss`".into(),
        ));
    }
    let audiences = &new.audiences;
    if audiences.is_empty() || audiences.len() > MAX_AUDIENCES || !audiences.iter().all(|a| fit(a))
    {
        let message = format!(
            "1 to {MAX_AUDIENCES} audiences are named, as tokens for this vault have them in `aud`: without one, \
             a token that was made for another program would do"
        );
        return Err(invalid(message));
    }
    for algorithm in &new.algorithms {
        if !ALGORITHMS.iter().any(|(known, _)| known == algorithm) {
            let known: Vec<_> = ALGORITHMS.iter().map(|(name, _)| *name).collect();
            let message = format!("signatures are made with one of {}", known.join(", "));
            return Err(invalid(message));
        }
    }
    if new.max_age == 0 {
        new.max_age = DAY;
    }
    if !(MINUTE..=30 * DAY).contains(&new.max_age) {
        return Err(invalid("a token may be a minute to 30 days old".into()));
    }
    Ok(new)
}
