//! Wrapped values: left, handed out to whoever brings the code, looked after by their creator.

use vault_core::access::{Action, Resource};
use vault_core::crypto::code;
use vault_core::crypto::secret::{Plaintext, UnwrapCode, UnwrapCodeText};
use vault_core::engine::secrets::{self, Fields, Get};
use vault_core::engine::sharing::{self as engine, Accessor, Claim, Info, Refusal, Share};
use vault_core::name::SecretPath;
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::pipeline::Visit;
use super::transact::{Terms, Verdict};
use super::{App, refusal};
use crate::clock::OsEntropy;

/// What is to be wrapped.
#[derive(Debug)]
pub enum SharedSource {
    /// A value of its own.
    Fields(Fields),
    /// What a secret holds now.
    Secret(SecretPath, Get),
}

/// A share as a door hands it over.
#[derive(Debug)]
pub struct ShareRequest {
    /// What.
    pub source: SharedSource,
    /// For how long.
    pub share: Share,
    /// Bytes of the request, for the queue's bound.
    pub bytes: usize,
}

/// A value that was handed out.
#[derive(Debug)]
pub struct Unwrapped {
    /// What it is.
    pub fields: Fields,
    /// Who left it, and when.
    pub info: Info,
}

impl App {
    /// Leaves a value for whoever brings the code, which is in this reply and nowhere else.
    ///
    /// # Errors
    /// As the engines refuse, `DISK_FULL`, or as of any write.
    pub async fn share(
        &self,
        call: &Call,
        request: ShareRequest,
    ) -> Result<Answer<(UnwrapCodeText, Info)>> {
        if let Err(error) = self.may_grow() {
            return self.refused(call, error).await;
        }
        let ShareRequest {
            source,
            share,
            bytes,
        } = request;
        let terms = Terms {
            bytes,
            ..Terms::default()
        };
        let code = UnwrapCode::make(&mut OsEntropy);
        let text = code::to_text(&code);
        let answer = self
            .write(call, terms, move |visit, tx| {
                let grant = visit.grant(tx, Action::SHARE, Resource::Own)?;
                let value = value(visit, tx, &source)?;
                let wrapped = engine::wrap(tx.keys(), &code, &value, &mut OsEntropy);
                let info = engine::share(tx, visit.caller(), &grant, wrapped, &share);
                let info = info.map_err(refused)?;
                visit.about(named(&info.accessor));
                Ok((Verdict::Commit, info))
            })
            .await?;
        Ok(answer.map(|info| (text, info)))
    }

    /// Hands a value out to a claim. Nobody is asked who he is: he has the code.
    ///
    /// # Errors
    /// `WRAPPED_NOT_FOUND`, or as of any write.
    pub async fn unwrap_value(
        &self,
        call: &Call,
        code: UnwrapCode,
        claim: Claim,
    ) -> Result<Answer<Unwrapped>> {
        self.write_by_proof(call, Terms::default(), move |notes, tx| {
            // Of a code that was used before, too: its creator may want to know who came second.
            notes.about(named(&Accessor::of(&code)));
            let engine::Unwrapped { value, info } =
                engine::unwrap(tx, &code, &claim).map_err(refused)?;
            let (_, fields) = secrets::decode_fields(value).map_err(Error::internal)?;
            Ok((Verdict::Commit, Unwrapped { fields, info }))
        })
        .await
    }

    /// What is known of a value that the caller left.
    ///
    /// # Errors
    /// `WRAPPED_NOT_FOUND`, or as of any read.
    pub async fn look_up_share(&self, call: &Call, accessor: &Accessor) -> Result<Answer<Info>> {
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::SHARE_LOOKUP, Resource::Own)?;
            visit.about(named(accessor));
            engine::look_up(tx, &grant, accessor).map_err(refused)
        })
        .await
    }

    /// Takes back a value that the caller left.
    ///
    /// # Errors
    /// `WRAPPED_NOT_FOUND`, or as of any write.
    pub async fn revoke_share(&self, call: &Call, accessor: Accessor) -> Result<Answer<Info>> {
        self.write(call, Terms::default(), move |visit, tx| {
            let grant = visit.grant(tx, Action::SHARE_REVOKE, Resource::Own)?;
            visit.about(named(&accessor));
            let info = engine::revoke(tx, &grant, &accessor).map_err(refused)?;
            Ok((Verdict::Commit, info))
        })
        .await
    }
}

/// What is wrapped. Whoever shares a secret must be granted its value.
fn value(visit: &mut Visit<'_>, tx: &mut Tx<'_>, source: &SharedSource) -> Result<Plaintext> {
    match source {
        SharedSource::Fields(fields) => Ok(secrets::encode_fields(tx.now(), fields)),
        SharedSource::Secret(path, get) => {
            let grant = visit.grant(tx, Action::GET_VALUE, Resource::Secret(path.clone()))?;
            let value = secrets::get(tx, &grant, get)
                .map_err(|refusal| visit.refuse(refusal, Action::GET_VALUE, path))?;
            visit.touched(value.version);
            Ok(secrets::encode_fields(value.created_at, &value.fields))
        }
    }
}

/// How the audit names a wrapped value.
fn named(accessor: &Accessor) -> String {
    format!("share:{accessor}")
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Ttl => Error::new(Reason::RequestInvalid, refusal.to_string()),
        Refusal::Unknown => nothing_there(),
        Refusal::Grant(_) => Error::internal(refusal),
        Refusal::Record(error) => refusal::record(error),
    }
}

/// One answer for every cause.
fn nothing_there() -> Error {
    Error::new(
        Reason::WrappedNotFound,
        "nothing is waiting there: it was handed out, taken back or has expired, or never was",
    )
}
