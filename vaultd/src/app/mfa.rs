//! The Mfa service behind the door: second factors of callers, and what administrators do to others'.
//!
//! A code that was wrong is refused, and the transaction that counts it is committed all the same.

use vault_core::access::factor::{self, Factor, Judged, Shown, Typed};
use vault_core::access::lockout::Source as Place;
use vault_core::access::onetime::{self, Purpose};
use vault_core::access::recovery::{Fresh, Left};
use vault_core::access::totp::{Code, Enrolment, Listed, Parameters, enrolment_uri, seed_text};
use vault_core::access::{Action, Caller, Resource};
use vault_core::crypto::secret::{EnrolmentUri, OneTimeCode, RecoveryCode, SeedText};
use vault_core::engine::identity as engine;
use vault_core::name::AuthenticatorName;
use vault_core::record::Tx;

use super::audit::Source;
use super::call::{Answer, Call};
use super::error::Result;
use super::pipeline::Visit;
use super::transact::{Terms, Verdict};
use super::{App, refusal};
use crate::clock::OsEntropy;

/// What is to be enrolled; see `StartEnrolmentRequest` in the proto.
#[derive(Debug)]
pub struct StartEnrolment {
    /// As its owner calls it.
    pub name: AuthenticatorName,
    /// What sort of codes it shows.
    pub parameters: Parameters,
    /// What the app shows beside the account.
    pub issuer: String,
    /// By what right, if by nothing that the session has shown.
    pub typed: Option<Typed>,
}

/// A seed that waits for its first code: to be shown once.
#[derive(Debug)]
pub struct Started {
    /// What is known of it.
    pub listed: Listed,
    /// For a picture.
    pub uri: EnrolmentUri,
    /// For typing.
    pub secret: SeedText,
}

/// An authenticator that counts from now on.
#[derive(Debug)]
pub struct ConfirmedEnrolment {
    /// What is known of it.
    pub listed: Listed,
    /// To be shown once; none if the user has some already.
    pub recovery_codes: Vec<RecoveryCode>,
}

/// What a user has.
#[derive(Debug)]
pub struct Authenticators {
    /// Oldest first.
    pub listed: Vec<Listed>,
    /// What is left of his recovery codes.
    pub recovery: Option<Left>,
}

impl App {
    /// Begins to enrol an authenticator of the caller's.
    ///
    /// # Errors
    /// As the core refuses, `CODE_WRONG` and `CODE_USED`, or as of any write.
    pub async fn start_enrolment(
        &self,
        call: &Call,
        request: StartEnrolment,
    ) -> Result<Answer<Started>> {
        let StartEnrolment {
            name,
            parameters,
            issuer,
            typed,
        } = request;
        let seed = parameters.make_seed(&mut OsEntropy);
        let secret = seed_text(&seed);
        let answer = self
            .judge(call, move |visit, tx, place| {
                visit.describe(typed.as_ref());
                let what = |user| Enrolment {
                    user,
                    name: &name,
                    parameters,
                    seed: &seed,
                };
                let caller = visit.caller();
                let started = factor::start(tx, caller, place, typed.as_ref(), what)?;
                started.then(|listed| {
                    let uri = enrolment_uri(&issuer, account(caller), &parameters, &seed)?;
                    Ok((listed, uri))
                })
            })
            .await?;
        Ok(answer.map(|(listed, uri)| Started {
            listed,
            uri,
            secret,
        }))
    }

    /// Lets the caller's new authenticator count.
    ///
    /// # Errors
    /// As the core refuses, `CODE_WRONG` and `CODE_USED`, or as of any write.
    pub async fn confirm_enrolment(
        &self,
        call: &Call,
        code: Code,
    ) -> Result<Answer<ConfirmedEnrolment>> {
        let answer = self
            .judge(call, move |visit, tx, place| {
                visit.showed("a first code");
                factor::confirm(tx, visit.caller(), place, &code, &mut OsEntropy)
            })
            .await?;
        Ok(answer.map(|(listed, fresh)| ConfirmedEnrolment {
            listed,
            recovery_codes: fresh.map(Fresh::into_codes).unwrap_or_default(),
        }))
    }

    /// The caller's authenticators.
    ///
    /// # Errors
    /// As of any read.
    pub async fn list_authenticators(&self, call: &Call) -> Result<Answer<Authenticators>> {
        self.read(call, |visit, tx| {
            let (listed, recovery) = factor::list(tx, visit.caller()).map_err(refusal::factor)?;
            Ok(Authenticators { listed, recovery })
        })
        .await
    }

    /// Removes one of the caller's authenticators; returns how many that count are left.
    ///
    /// # Errors
    /// As the core refuses, `CODE_WRONG` and `CODE_USED`, or as of any write.
    pub async fn remove_authenticator(
        &self,
        call: &Call,
        id: u64,
        typed: Option<Typed>,
    ) -> Result<Answer<usize>> {
        self.judge(call, move |visit, tx, place| {
            visit.describe(typed.as_ref());
            factor::remove(tx, visit.caller(), place, typed.as_ref(), id)
        })
        .await
    }

    /// Draws the caller new recovery codes.
    ///
    /// # Errors
    /// As the core refuses, `CODE_WRONG` and `CODE_USED`, or as of any write.
    pub async fn new_recovery_codes(
        &self,
        call: &Call,
        typed: Option<Typed>,
    ) -> Result<Answer<Vec<RecoveryCode>>> {
        let answer = self
            .judge(call, move |visit, tx, place| {
                visit.describe(typed.as_ref());
                let caller = visit.caller();
                factor::renew(tx, caller, place, typed.as_ref(), &mut OsEntropy)
            })
            .await?;
        Ok(answer.map(Fresh::into_codes))
    }

    /// Notes in the caller's session that a second factor was shown now.
    ///
    /// # Errors
    /// As the core refuses, `CODE_WRONG` and `CODE_USED`, or as of any write.
    pub async fn elevate_session(&self, call: &Call, typed: Typed) -> Result<Answer<Shown>> {
        self.judge(call, move |visit, tx, place| {
            visit.describe(Some(&typed));
            factor::elevate(tx, visit.caller(), place, &typed)
        })
        .await
    }

    /// A code that enrols a first authenticator of somebody else, and when it ends.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn issue_enrolment_code(
        &self,
        call: &Call,
        user: Resource,
        ttl_ms: Option<u64>,
    ) -> Result<Answer<(OneTimeCode, u64)>> {
        let (code, hash) = onetime::make(Purpose::Enrol, &mut OsEntropy);
        let action = Action::USER_ISSUE_ENROLMENT_CODE;
        let answer = self
            .issue(call, action, user, move |tx, caller, grant, proofs| {
                engine::issue_enrolment_code(tx, caller, grant, proofs, (&hash, ttl_ms))
            })
            .await?;
        Ok(answer.map(|end| (code, end)))
    }

    /// Takes all second factors from somebody else, and ends his sessions.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn reset_mfa(&self, call: &Call, user: Resource) -> Result<Answer<usize>> {
        self.change_identity(call, Action::USER_RESET_MFA, user, engine::reset_factors)
            .await
    }

    /// A write that hangs on what was typed, and is committed whatever that was.
    async fn judge<R, F>(&self, call: &Call, mut act: F) -> Result<Answer<R>>
    where
        R: Send + 'static,
        F: FnMut(
                &mut Visit<'_>,
                &mut Tx<'_>,
                Place,
            ) -> std::result::Result<Judged<R>, factor::Refusal>
            + Send
            + 'static,
    {
        let place = place(&call.source);
        // Who has none left is told so as who he is, and recorded.
        let admitted = self.admit_guess(call).is_ok();
        self.settle(call, Terms::default(), move |visit, tx| {
            if !admitted {
                return Err(super::password::too_often());
            }
            let judged = act(visit, tx, place).map_err(refusal::factor)?;
            Ok((Verdict::Commit, reply(judged)))
        })
        .await
    }
}

impl Visit<'_> {
    /// Says in the audit line by what a second factor was shown.
    fn describe(&mut self, typed: Option<&Typed>) {
        self.showed(match typed {
            Some(Typed::Factor(Factor::Code(_))) => "a code",
            Some(Typed::Factor(Factor::Recovery(_))) => "a recovery code",
            Some(Typed::OneTime(_)) => "a one-time code",
            None => "shown before",
        });
    }
}

fn reply<R>(judged: Judged<R>) -> Result<R> {
    match judged {
        Judged::Right(reply) => Ok(reply),
        Judged::Used => Err(refusal::code(true)),
        Judged::Wrong => Err(refusal::code(false)),
    }
}

/// Where what is typed is counted.
fn place(source: &Source) -> Place {
    match source {
        Source::Tcp(address) => Place::of_address(address.ip()),
        Source::Unix { uid, .. } => Place::of_uid(*uid),
        Source::Inside => Place::of_uid(u32::MAX),
    }
}

/// The user's name, without what kind of principal it is.
fn account(caller: &Caller) -> &str {
    let shown = caller.principal();
    shown.split_once(':').map_or(shown, |(_, name)| name)
}
