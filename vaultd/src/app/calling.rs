//! Who claims to call, from where, and what bounds him: the first step of every request.
//!
//! INVARIANT: nothing is done in a session whose uses are counted before this use was: [`Calling::visit`] refuses
//! it, the request is counted through the proposer, and only then run.

use std::net::IpAddr;
use std::sync::Arc;

use vault_core::access::{self, Bearer, Caller, Certificate, Origin};
use vault_core::record::Tx;
use vault_proto::Access;

use super::asked::Asked;
use super::audit::{Actor, Audit, Source};
use super::call::{Call, Counted};
use super::error::Result;
use super::notes::Notes;
use super::pipeline::Visit;
use super::transact::{Terms, Verdict};
use super::{App, refusal};

/// What a request says of its caller.
pub(super) struct Calling {
    token: Option<Bearer>,
    origin: Arc<Origin>,
    counted: Counted,
    /// `None` for what ends sessions: that is not refused for what they did before.
    audit: Option<Audit>,
    asked: Option<Asked>,
}

impl App {
    pub(super) fn calling(&self, call: &Call) -> Calling {
        let brake = BRAKES.contains(&call.method.path);
        Calling {
            token: call.token.clone(),
            origin: self.origin((call.source, call.certificate), call.user_agent.clone()),
            counted: call.counted.clone(),
            audit: (!brake).then(|| self.audit.clone()),
            asked: call.asked.clone(),
        }
    }

    /// Where a request comes from, as policies may ask.
    pub(super) fn origin(
        &self,
        (source, certificate): (Source, Option<Certificate>),
        user_agent: Option<Box<str>>,
    ) -> Arc<Origin> {
        Arc::new(Origin {
            source: address(source),
            secure: true,
            user_agent,
            certificate,
            region: Arc::clone(&self.settings.region),
            counted: false,
        })
    }

    /// Whether the call is one use of a session whose uses are counted, and was not counted yet.
    pub(super) fn is_to_be_counted(&self, call: &Call) -> bool {
        let by_session = matches!(call.method.access, Access::Granted | Access::Own);
        by_session
            && !call.counted.get()
            && self
                .caller(call)
                .is_some_and(|caller| caller.session().uses().is_some())
    }

    /// Counts the call as one use of its session: durably, before it does anything, and not while nothing that it
    /// does could be recorded.
    pub(super) async fn count(&self, call: &Call) -> Result<()> {
        self.audit_ready()?;
        // Uses are counted in a record, which is kept of those sessions only that are stored.
        let Some(Bearer::Stored(token)) = call.token else {
            return Err(refusal::token());
        };
        let origin = self.calling(call).origin();
        let count = move |tx: &mut Tx<'_>| match access::count_use(tx, &token, &origin) {
            Ok(()) => (Verdict::Commit, Ok(Ok(()))),
            Err(error) => (Verdict::Discard, Ok(Err(refusal::unauthenticated(error)))),
        };
        let (counted, settled) = self.proposer.run(Terms::default(), count).await?;
        self.confirm(settled.verdict, counted).await?;
        call.counted.set();
        Ok(())
    }
}

impl Calling {
    /// For a change that ends sessions and does nothing else.
    pub(super) fn braking(self) -> Self {
        Self {
            audit: None,
            ..self
        }
    }

    /// As policies may ask of it.
    pub(super) fn origin(&self) -> Arc<Origin> {
        if !self.counted.get() {
            return Arc::clone(&self.origin);
        }
        Arc::new(Origin {
            counted: true,
            ..(*self.origin).clone()
        })
    }

    /// Authenticates, then acts.
    pub(super) fn visit<R>(
        &self,
        tx: &mut Tx<'_>,
        notes: &mut Notes,
        act: &mut impl FnMut(&mut Visit<'_>, &mut Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let token = self.token.as_ref().ok_or_else(refusal::token)?;
        let caller = access::authenticate(tx, token, &self.origin());
        let caller = caller.map_err(refusal::unauthenticated)?;
        notes.by(&caller);
        notes.asked.clone_from(&self.asked);
        if let Some(audit) = &self.audit {
            afford(audit, &caller)?;
        }
        if caller.session().uses().is_some() && !self.counted.get() {
            notes.uncounted = true;
            return Err(refusal::token());
        }
        act(&mut Visit::new(caller, notes), tx)
    }
}

/// Refuses whoever has nothing left to pay a line of the audit with, before anything is done for him: of one who is
/// just logging in, his principal.
pub(super) fn afford(audit: &Audit, caller: &Caller) -> Result<()> {
    let affords = audit.affords(Actor {
        accessor: caller.session().accessor(),
        principal: caller.principal(),
        assumed_by: caller.assumed_by(),
    });
    affords.map_err(refusal::audit)
}

/// The address that a request comes from, as far as it comes from one.
fn address(source: Source) -> Option<IpAddr> {
    match source {
        Source::Tcp(address) => Some(address.ip().to_canonical()),
        Source::Unix { .. } | Source::Inside => None,
    }
}

/// What ends a session, or all of them; a change of an identity may be another ([`Terms::brake`]). What finds nothing to
/// end writes nothing, and its line is paid as any other's.
const BRAKES: [&str; 5] = [
    "/vault.v1.Auth/Logout",
    "/vault.v1.Root/DisableRoot",
    "/vault.v1.System/Seal",
    "/vault.v1.Sessions/RevokeSession",
    "/vault.v1.Sessions/RevokeSessions",
];
