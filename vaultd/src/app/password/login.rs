//! From a user and a password to a session: the order is that of `access::arrival`.

use std::sync::Arc;

use vault_core::access::arrival::{Brought, Outcome, Refusal, arrive, begin_login};
use vault_core::access::factor::Factor;
use vault_core::access::password::{Chosen, InUse, Password, PasswordHash};
use vault_core::access::totp::{Demand, Method};
use vault_core::access::{Login, Resource, TokenHash};
use vault_core::crypto::secret::{TokenSecret, TokenText};
use vault_core::crypto::token;
use vault_core::name::UserName;

use super::{Choice, Place, Right, refusal};
use crate::app::call::{Answer, Call};
use crate::app::error::Result;
use crate::app::notes::{Found, Notes};
use crate::app::{App, Oneself};
use crate::clock::OsEntropy;

/// What a login brings.
#[derive(Debug)]
pub struct PasswordLogin {
    /// Who it says he is.
    pub user: UserName,
    /// What shows it.
    pub password: Password,
    /// A second factor.
    pub code: Option<Factor>,
    /// Another password, where that one must be changed.
    pub new_password: Option<Password>,
    /// What the session shall be able to do.
    pub login: Login,
}

/// Somebody who is logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// Of the session.
    pub token: TokenText,
    /// What it is.
    pub oneself: Oneself,
    /// Recovery codes, if one was used.
    pub codes_left: Option<usize>,
    /// When the password must be changed, in milliseconds since the epoch.
    pub change_by: Option<u64>,
    /// What the demand for a second factor makes of it.
    pub demand: Demand,
}

/// What is known of somebody whose password was right.
type Known = Option<String>;

impl App {
    /// Logs a user in.
    ///
    /// # Errors
    /// `LOGIN_FAILED`, `LOGIN_LOCKED`, `OVERLOADED`; what else a right password takes; or as of any write.
    pub async fn login_password(
        &self,
        call: &Call,
        request: PasswordLogin,
    ) -> Result<Answer<LoggedIn>> {
        let mut entry = self.begin(call);
        let mut notes = Notes::default();
        notes.about(Resource::User(request.user.clone()).to_string());
        let may = self.may_answer(call, &mut entry).await.map(drop);
        let result = match may.and_then(|()| self.audit_ready()) {
            Ok(()) => self.log_in(call, request, &mut notes).await,
            Err(error) => Err(error),
        };
        self.describe(&mut entry, &notes);
        let finished = self.finish_act(entry, result, "a session was made", "log in again");
        let reply = finished.await?;
        Ok(self.answer(reply))
    }

    async fn log_in(
        &self,
        call: &Call,
        request: PasswordLogin,
        notes: &mut Notes,
    ) -> Result<LoggedIn> {
        let fits = request.login.check().map_err(Refusal::Login);
        fits.map_err(refusal::arrival)?;
        let _small_or_room = self.session_terms(request.login.size())?;
        let (place, network) = self.hashing_place(call)?;
        let name = request.user.clone();
        let begun = self
            .write_inside(move |tx| {
                let begun =
                    begin_login(tx, &name, network).map_err(crate::app::refusal::lockout)?;
                Ok((begun, true))
            })
            .await?;
        let password = Arc::new(request.password);
        let compared = self.compare(&place, begun, Arc::clone(&password)).await?;
        let mut right = compared.ok_or_else(refusal::failed)?;
        notes.actor = self
            .known(&right)?
            .map(|name| Found::of_name(NO_SESSION, name));
        let mut chosen = None;
        if let Some(new) = request.new_password {
            let (same, choice) = self.choose(&place, right, (new, true)).await?;
            right = same;
            let error = match choice {
                Choice::Chosen(fit) => {
                    chosen = Some(fit);
                    None
                }
                Choice::Unfit(unfit) => Some(refusal::unfit(&unfit)),
                Choice::Standing(standing) => Some(refusal::standing(standing)),
            };
            if let Some(error) = error {
                self.excuse(Arc::new(right.checked)).await;
                return Err(error);
            }
        }
        // ORDER: of nobody who is gone or disabled: the time would say that the password is right
        let known = notes.actor.is_some();
        let upgraded = if right.old && known && chosen.is_none() {
            // what does not succeed now is done at a login to come
            self.hash(&place, password).await.ok()
        } else {
            None
        };
        let shown = Shown {
            code: request.code,
            chosen,
            upgraded,
            login: request.login,
        };
        self.let_in(call, right, shown, notes).await
    }

    /// Makes the session, or says what is lacking.
    async fn let_in(
        &self,
        call: &Call,
        right: Right,
        shown: Shown,
        notes: &mut Notes,
    ) -> Result<LoggedIn> {
        let secret = TokenSecret::make(&mut OsEntropy);
        let (hash, origin) = (TokenHash::of(&secret), self.calling(call).origin());
        let (checked, coded) = (Arc::new(right.checked), shown.code.is_some());
        let anew = shown.upgraded.is_some();
        let arriving = Arc::clone(&checked);
        let outcome = self
            .write_inside(move |tx| {
                let brought = Brought {
                    login: &shown.login,
                    token: &hash,
                    code: shown.code.as_ref(),
                    chosen: shown.chosen.as_ref(),
                    upgraded: shown.upgraded.as_ref(),
                };
                match arrive(tx, &arriving, &origin, &brought) {
                    Ok(outcome) => Ok((Ok(outcome), true)),
                    Err(refusal) => Ok((Err(refusal), false)),
                }
            })
            .await?;
        let arrival = match outcome {
            Ok(Outcome::In(arrival)) => arrival,
            Ok(Outcome::Wants(wants)) => return Err(refusal::wants(wants)),
            Err(error) => {
                if let Refusal::Denied(denied) = &error {
                    notes.denied = Some(denied.why.to_string());
                }
                if error.is_no_guess(coded) {
                    self.excuse(checked).await;
                }
                return Err(refusal::arrival(error));
            }
        };
        notes.by(&arrival.caller);
        notes.granted = Some(match arrival.demand {
            Demand::Met | Demand::Notice { .. } => by(arrival.method).to_owned(),
            Demand::EnrolOnly => "password, to enrol a second factor only".to_owned(),
        });
        if anew && let Some(granted) = &mut notes.granted {
            granted.push_str(", hashed anew");
        }
        Ok(LoggedIn {
            token: token::to_text(&secret),
            oneself: Oneself::of(&arrival.caller, arrival.session),
            codes_left: arrival.codes_left,
            change_by: arrival.change_by,
            demand: arrival.demand,
        })
    }

    /// Whose right password it is: for the audit, which tells him from a stranger.
    fn known(&self, right: &Right) -> Result<Known> {
        self.look(|tx| {
            let situation = vault_core::access::arrival::Situation::of(tx, right.checked.user())?;
            Ok(situation.map(|situation| situation.shown()))
        })
    }

    pub(super) async fn hash(
        &self,
        place: &Place,
        password: Arc<Password>,
    ) -> Result<PasswordHash> {
        let hasher = Arc::clone(&self.passwords.hasher);
        let in_use = self.look(InUse::load)?;
        let made = place.run(hasher.memory_kib(&in_use), move || {
            hasher.hash(&password, &in_use, &mut OsEntropy)
        });
        made.await?.map_err(refusal::no_memory)
    }
}

/// What is brought beside a password that was right.
struct Shown {
    code: Option<Factor>,
    chosen: Option<Chosen>,
    upgraded: Option<PasswordHash>,
    login: Login,
}

/// What the audit says that a session was made by.
fn by(method: Option<Method>) -> &'static str {
    match method {
        None => "password",
        Some(Method::Totp) => "password and code",
        Some(Method::RecoveryCode) => "password and recovery code",
        Some(Method::Certificate) => "password and certificate",
    }
}

/// In place of an accessor, of somebody who has no session yet.
const NO_SESSION: &str = "none";
