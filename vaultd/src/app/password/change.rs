//! A user changes his own password.

use std::sync::Arc;

use vault_core::access::arrival::{begin_change, change_password};
use vault_core::access::factor::Factor;
use vault_core::access::password::Password;
use vault_core::access::{Bearer, Caller, authenticate};
use vault_core::record::Tx;

use super::{Choice, refusal};
use crate::app::App;
use crate::app::call::{Answer, Call};
use crate::app::error::{Error, Result};
use crate::app::notes::Notes;

/// What a change brings.
#[derive(Debug)]
pub struct PasswordChange {
    /// The one in use.
    pub old: Password,
    /// Another.
    pub new: Password,
    /// A second factor, where the session has not just shown it.
    pub code: Option<Factor>,
}

impl App {
    /// Puts a new password in place of the caller's old one, and ends his other sessions.
    ///
    /// # Errors
    /// As of a login with the old one; `PASSWORD_REFUSED`; `SECOND_FACTOR_NEEDED`; `POLICY_DENIED` where it is not his
    /// to change.
    pub async fn change_password(&self, call: &Call, change: PasswordChange) -> Result<Answer<()>> {
        let mut entry = self.begin(call);
        let mut notes = Notes::default();
        let may = self.may_answer(call, &mut entry).await.map(drop);
        let result = match may.and_then(|()| self.audit_ready()) {
            Ok(()) => self.change(call, change, &mut notes).await,
            Err(error) => Err(error),
        };
        self.describe(&mut entry, &notes);
        let next = "log in with the new one";
        let finished = self.finish_act(entry, result, "the password was changed", next);
        finished.await?;
        Ok(self.answer(()))
    }

    async fn change(
        &self,
        call: &Call,
        PasswordChange { old, new, code }: PasswordChange,
        notes: &mut Notes,
    ) -> Result<()> {
        let token = call.token.clone().ok_or_else(crate::app::refusal::token)?;
        // ORDER: who it is, before anything of his is counted or takes a place
        self.read_counted(call, notes, &mut |_, _| Ok(())).await?;
        call.may_act()?;
        let (place, network) = self.hashing_place(call)?;
        let (as_caller, coded) = (self.as_caller(call, token.clone()), code.is_some());
        let begun = self
            .write_inside(move |tx| {
                let caller = as_caller(tx)?;
                let begun =
                    begin_change(tx, &caller, (network, coded)).map_err(refusal::arrival)?;
                Ok((begun, true))
            })
            .await?;
        let compared = self.compare(&place, begun, Arc::new(old)).await?;
        let right = compared.ok_or_else(wrong)?;
        let (right, choice) = self.choose(&place, right, (new, false)).await?;
        let checked = Arc::new(right.checked);
        let error = match choice {
            Choice::Chosen(chosen) => {
                let as_caller = self.as_caller(call, token);
                let checked = Arc::clone(&checked);
                let changed = self.write_inside(move |tx| {
                    let caller = as_caller(tx)?;
                    match change_password(tx, &caller, &checked, (&chosen, code.as_ref())) {
                        Ok(changed) => Ok((Ok(changed), true)),
                        Err(refusal) => Ok((Err(refusal), false)),
                    }
                });
                match changed.await? {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(wants)) => return Err(refusal::wants(wants)),
                    Err(refused) if refused.is_no_guess(coded) => refusal::arrival(refused),
                    Err(refused) => return Err(refusal::arrival(refused)),
                }
            }
            Choice::Unfit(unfit) => refusal::unfit(&unfit),
            Choice::Standing(standing) => refusal::standing(standing),
        };
        self.excuse(checked).await;
        Err(error)
    }

    fn as_caller(
        &self,
        call: &Call,
        token: Bearer,
    ) -> impl Fn(&mut Tx<'_>) -> Result<Caller> + Send + 'static {
        let origin = self.calling(call).origin();
        move |tx| authenticate(tx, &token, &origin).map_err(crate::app::refusal::unauthenticated)
    }
}

/// To one who is logged in: no secret that the user exists.
fn wrong() -> Error {
    Error::new(
        vault_proto::v1::Reason::LoginFailed,
        "the old password is wrong",
    )
}
