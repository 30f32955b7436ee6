//! What holds of a user's password at a moment: his policies, and whether he has a second factor.

use std::sync::Arc;

use crate::access::{
    Principal,
    password::{Credential, Factors, Policy, Standing},
    policy::PrincipalKind,
    totp::{self, Demand},
};
use crate::record::{RecordError, Tx};

/// What holds of a user's password now.
#[derive(Debug)]
pub struct Situation {
    pub(super) principal: Arc<Principal>,
    /// The vault's policy, and his groups'.
    pub policy: Policy,
    /// Whether his logins take a code, too.
    pub factors: Factors,
}

impl Situation {
    /// Of a user; none where he is gone or disabled.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(tx: &mut Tx<'_>, user: u64) -> Result<Option<Self>, RecordError> {
        let principal = tx.see::<Principal>(&Principal::key(user))?;
        let enabled = |principal: &Arc<Principal>| {
            principal.kind == PrincipalKind::User && !principal.disabled
        };
        let Some(principal) = principal.filter(enabled) else {
            return Ok(None);
        };
        let policy = Policy::load_for(tx, &principal.groups)?;
        let factors = if totp::count_active(tx, user)? > 0 {
            Factors::WithMfa
        } else {
            Factors::Alone
        };
        Ok(Some(Self {
            principal,
            policy,
            factors,
        }))
    }

    /// What the demand for a second factor makes of his login.
    pub(in crate::access) fn demand(&self, now: u64) -> Demand {
        let has = self.factors == Factors::WithMfa;
        totp::demand(has, self.policy.mfa_required_from(), now)
    }

    /// What his right password is good for now.
    pub fn standing(&self, tx: &Tx<'_>, credential: &Credential) -> Standing {
        credential.standing(tx, &self.policy, self.factors)
    }

    /// His name, in its canonical form.
    pub fn name(&self) -> &str {
        &self.principal.name
    }

    /// As people and audit name him.
    pub fn shown(&self) -> String {
        self.principal.shown()
    }
}
