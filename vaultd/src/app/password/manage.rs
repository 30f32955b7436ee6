//! What administrators do: resetting, unlocking, the policy.

use std::sync::Arc;

use vault_core::access::onetime::{self, Purpose};
use vault_core::access::password::{InUse, Password, PasswordHash, Policy};
use vault_core::access::{Action, Caller, Grant, Proofs, Resource};
use vault_core::crypto::secret::OneTimeCode;
use vault_core::engine::identity::{self as engine, PasswordPolicy};
use vault_core::name::UserName;
use vault_core::record::Tx;

use crate::app::call::{Answer, Call};
use crate::app::error::{Error, Result};
use crate::app::notes::Notes;
use crate::app::pipeline::Visit;
use crate::app::transact::{Terms, Verdict};
use crate::app::{App, refusal};
use crate::clock::OsEntropy;

/// A password for one login, at which another must be chosen.
#[derive(Debug)]
pub struct OneTimePassword {
    /// Its text, which is in this reply and nowhere else.
    pub text: OneTimeCode,
    /// Milliseconds since the epoch.
    pub until: u64,
}

/// The password policy as people write it, and what is unwise in it.
#[derive(Debug)]
pub struct PasswordRules {
    /// JSON; empty of a group that has none.
    pub document: String,
    /// For people.
    pub advice: Vec<String>,
    /// Of the vault's, when it is read: groups that have their own.
    pub groups: Vec<String>,
    /// How many passwords this node's list blocks, if it has one.
    pub blocklist: Option<u64>,
    /// How many passwords are not hashed as this node hashes new ones.
    pub old_hashes: u64,
}

impl App {
    /// Gives a user a one-time password, made here.
    ///
    /// # Errors
    /// `BEYOND_OWN_RIGHTS` where he may do what the caller may not; as the engine refuses, or as of any write.
    pub async fn reset_password(
        &self,
        call: &Call,
        user: UserName,
        ttl: Option<u64>,
    ) -> Result<Answer<OneTimePassword>> {
        let (action, who) = (Action::USER_RESET_PASSWORD, [Resource::User(user)]);
        let may = move |tx: &mut Tx<'_>, by: &Caller, [of]: &[Grant; 1], proofs: &mut Proofs| {
            engine::may_reset_password(tx, by, of, proofs, ttl)
        };
        // ORDER: nothing is hashed for who may not ask for it, nor for a user of whom he may not
        let mut proofs = self.proofs(call, action, &who, &may).await?;
        let mut entry = self.begin(call);
        entry.withdrawable();
        let mut notes = Notes::default();
        let mut ask = |visit: &mut Visit<'_>, tx: &mut Tx<'_>| {
            let grants = visit.grant_each(tx, action, &who)?;
            may(tx, visit.caller(), &grants, &mut proofs)
                .map_err(|refused| visit.refuse_change(refused))?;
            Ok(visit.caller().principal_id())
        };
        let may = match self.may_answer(call, &mut entry).await.map(drop) {
            Ok(()) => self.read_counted(call, &mut notes, &mut ask).await,
            Err(error) => Err(error),
        };
        self.describe(&mut entry, &notes);
        let drawn = match may {
            Ok(by) => self.draw(by).await,
            Err(error) => Err(error),
        };
        let (text, hash) = match drawn {
            Ok(drawn) => drawn,
            Err(error) => return self.finish(entry, Err(error)).await,
        };
        entry.superseded();
        let answer = self
            .change_proved(
                call,
                action,
                (who, None),
                proofs,
                move |tx, caller, [grant], proofs| {
                    engine::reset_password(tx, caller, grant, proofs, (&hash, ttl))
                },
            )
            .await?;
        Ok(answer.map(|until| OneTimePassword { text, until }))
    }

    /// Makes a one-time password: one at a time for whoever asks, who takes no more than one place from logins.
    async fn draw(&self, by: u64) -> Result<(OneTimeCode, PasswordHash)> {
        let _turn = self.passwords.draws.turn(by)?;
        // no login: it takes no try from those of its network
        let place = self.passwords.pool.place()?;
        let (text, _) = onetime::make(Purpose::Reset, &mut OsEntropy);
        // EXPOSE: to be hashed; the text goes into the reply
        let password = Password::try_from(text.expose()).map_err(Error::internal)?;
        let hash = self.hash(&place, Arc::new(password)).await?;
        Ok((text, hash))
    }

    /// Lets a user's attempts to log in begin again.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn unlock_user(&self, call: &Call, user: UserName) -> Result<Answer<()>> {
        let (action, user) = (Action::USER_UNLOCK, Resource::User(user));
        self.change_identity(call, action, user, engine::unlock)
            .await
    }

    /// What passwords must be like: all (`Resource::System`), or a group's beyond that.
    ///
    /// # Errors
    /// As the engine refuses, or as of any read.
    pub async fn password_policy(
        &self,
        call: &Call,
        of: Resource,
    ) -> Result<Answer<PasswordRules>> {
        let (blocklist, cost) = (self.settings.blocked.entries(), self.settings.hash_cost);
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::PASSWORD_DESCRIBE_POLICY, of.clone())?;
            let policy = engine::password_policy(tx, &grant).map_err(refusal::identity)?;
            let in_use = InUse::load(tx).map_err(refusal::record)?;
            Ok(rules(&policy, (blocklist, in_use.others(cost))))
        })
        .await
    }

    /// Says what passwords must be like; none: the default, or nothing of a group's own.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn put_password_policy(
        &self,
        call: &Call,
        (of, policy): (Resource, Option<Policy>),
    ) -> Result<Answer<PasswordRules>> {
        let (blocklist, cost) = (self.settings.blocked.entries(), self.settings.hash_cost);
        self.write(call, Terms::default(), move |visit, tx| {
            let grant = visit.grant(tx, Action::PASSWORD_PUT_POLICY, of.clone())?;
            engine::put_password_policy(tx, visit.caller(), &grant, policy.as_ref())
                .map_err(refusal::identity)?;
            let now = if of == Resource::System {
                PasswordPolicy::Vault(policy.clone().unwrap_or_default(), Vec::new())
            } else {
                PasswordPolicy::Group(policy.clone())
            };
            let in_use = InUse::load(tx).map_err(refusal::record)?;
            Ok((
                Verdict::Commit,
                rules(&now, (blocklist, in_use.others(cost))),
            ))
        })
        .await
    }
}

fn rules(policy: &PasswordPolicy, (blocklist, old_hashes): (Option<u64>, u64)) -> PasswordRules {
    let (document, advice, groups) = match policy {
        PasswordPolicy::Vault(policy, groups) => {
            (policy.to_json(), policy.advice(), groups.clone())
        }
        PasswordPolicy::Group(Some(policy)) => {
            (policy.to_group_json(), policy.group_advice(), Vec::new())
        }
        PasswordPolicy::Group(None) => (String::new(), Vec::new(), Vec::new()),
    };
    PasswordRules {
        document,
        advice: advice.iter().map(ToString::to_string).collect(),
        groups,
        blocklist,
        old_hashes,
    }
}
