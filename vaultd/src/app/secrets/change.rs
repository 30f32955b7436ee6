//! Writes of the Secrets service: new versions, labels, metadata.

use std::collections::BTreeMap;

use vault_core::access::{Action, Resource};
use vault_core::engine::random::Policy;
use vault_core::engine::secrets::{self as engine, PutReply};
use vault_core::name::{FieldName, Label, SecretPath};

use super::{Repeat, generate};
use crate::app::call::{Answer, Call};
use crate::app::error::Result;
use crate::app::transact::{Terms, Verdict};
use crate::app::{App, refusal};

/// A put as a door hands it over.
#[derive(Debug)]
pub struct PutRequest {
    /// Where.
    pub path: SecretPath,
    /// What.
    pub put: engine::Put,
    /// Fields that the node makes.
    pub generate: Vec<(FieldName, Policy)>,
    /// Check everything, write nothing.
    pub dry_run: bool,
    /// Bytes of the request, for the queue's bound.
    pub bytes: usize,
    /// Digest of the request's body.
    pub digest: [u8; 32],
}

impl App {
    /// Makes a new version.
    ///
    /// # Errors
    /// As the engine refuses, `DISK_FULL`, or as of any write.
    pub async fn put_secret(
        &self,
        call: &Call,
        mut request: PutRequest,
    ) -> Result<Answer<PutReply>> {
        let repeat = Repeat::of(call, request.digest);
        let prepared = self.may_grow().and_then(|()| {
            for (field, policy) in std::mem::take(&mut request.generate) {
                let value = generate(&policy)?;
                request
                    .put
                    .fields
                    .insert(field, value.into_bytes())
                    .map_err(|refused| {
                        refusal::secrets(refused, &Resource::Secret(request.path.clone()))
                    })?;
            }
            Ok(())
        });
        if let Err(error) = prepared {
            return self.refused(call, error).await;
        }
        let PutRequest {
            path,
            put,
            dry_run,
            bytes,
            ..
        } = request;
        let verdict = if dry_run {
            Verdict::Discard
        } else {
            Verdict::Commit
        };
        let terms = Terms {
            bytes,
            ..Terms::default()
        };
        self.write_secret(
            call,
            terms,
            Action::PUT_VALUE,
            path,
            move |visit, tx, grant| {
                let once = repeat.map(|repeat| repeat.once(tx)).transpose()?;
                let reply = engine::put(tx, grant, once.as_ref(), &put)?;
                visit.touched(reply.version);
                Ok((verdict, reply))
            },
        )
        .await
    }

    /// Changes what is known of a secret, beside its values.
    ///
    /// # Errors
    /// As the engine refuses, `DISK_FULL`, or as of any write.
    pub async fn update_secret(
        &self,
        call: &Call,
        path: SecretPath,
        update: engine::Update,
        digest: [u8; 32],
    ) -> Result<Answer<engine::Meta>> {
        if let Err(error) = self.may_grow() {
            return self.refused(call, error).await;
        }
        let repeat = Repeat::of(call, digest);
        self.write_secret(
            call,
            Terms::default(),
            Action::UPDATE,
            path,
            move |_, tx, grant| {
                let once = repeat.map(|repeat| repeat.once(tx)).transpose()?;
                engine::update(tx, grant, once.as_ref(), &update)
                    .map(|meta| (Verdict::Commit, meta))
            },
        )
        .await
    }

    /// Moves a label to a version.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn set_label(
        &self,
        call: &Call,
        path: SecretPath,
        label: engine::SetLabel,
        digest: [u8; 32],
    ) -> Result<Answer<BTreeMap<Label, u64>>> {
        let repeat = Repeat::of(call, digest);
        self.write_secret(
            call,
            Terms::default(),
            Action::LABEL,
            path,
            move |visit, tx, grant| {
                let once = repeat.map(|repeat| repeat.once(tx)).transpose()?;
                let labels = engine::set_label(tx, grant, once.as_ref(), &label)?;
                visit.touched(label.version);
                Ok((Verdict::Commit, labels))
            },
        )
        .await
    }

    /// Takes a label away.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn remove_label(
        &self,
        call: &Call,
        path: SecretPath,
        label: engine::RemoveLabel,
        digest: [u8; 32],
    ) -> Result<Answer<BTreeMap<Label, u64>>> {
        let repeat = Repeat::of(call, digest);
        self.write_secret(
            call,
            Terms::default(),
            Action::LABEL,
            path,
            move |_, tx, grant| {
                let once = repeat.map(|repeat| repeat.once(tx)).transpose()?;
                engine::remove_label(tx, grant, once.as_ref(), &label)
                    .map(|labels| (Verdict::Commit, labels))
            },
        )
        .await
    }

    /// Copies a secret, with its history unless `drop_history`.
    ///
    /// # Errors
    /// As the engine refuses, `DISK_FULL`, or as of any write.
    pub async fn copy_secret(
        &self,
        call: &Call,
        source: SecretPath,
        destination: SecretPath,
        drop_history: bool,
        digest: [u8; 32],
    ) -> Result<Answer<engine::CopyReply>> {
        if let Err(error) = self.may_grow() {
            return self.refused(call, error).await;
        }
        let repeat = Repeat::of(call, digest);
        self.write(call, Terms::default(), move |visit, tx| {
            let from = visit.grant(tx, Action::GET_VALUE, Resource::Secret(source.clone()))?;
            let to = visit.grant(tx, Action::PUT_VALUE, Resource::Secret(destination.clone()))?;
            let once = repeat.map(|repeat| repeat.once(tx)).transpose();
            let once = once.map_err(refusal::record)?;
            engine::copy(tx, &from, &to, once.as_ref(), drop_history)
                .map(|reply| (Verdict::Commit, reply))
                .map_err(|refusal| visit.refuse(refusal, Action::GET_VALUE, &source))
        })
        .await
    }
}
