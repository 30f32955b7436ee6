//! Policies as they are stored: the text, and what it was compiled to when the record was opened.

use std::sync::Arc;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::super::policy::{Compiled, Document, Kind as PolicyKind, PolicyError, Warning};
use crate::{
    crypto::envelope::Class,
    record::{self, Key, Kind},
};

/// A checked policy: compiled once for each revision of the record that it lies in.
#[derive(Clone, Debug)]
pub struct StoredPolicy {
    /// What decisions call it: `#42@3` if it is version 3 of a managed policy, `#43` if it is no other's.
    label: Box<str>,
    kind: PolicyKind,
    text: Box<str>,
    document: Arc<Document>,
    compiled: Arc<Compiled>,
}

impl StoredPolicy {
    /// Reads a text, and what of it its author may not mean.
    ///
    /// # Errors
    /// As of [`Document::parse`].
    pub fn parse(
        label: &str,
        text: &str,
        kind: PolicyKind,
    ) -> Result<(Self, Vec<Warning>), PolicyError> {
        let (document, warnings) = Document::parse(text, kind)?;
        Ok((Self::of(label, text, document), warnings))
    }

    /// Of a document whose principals are bound: it is stored as it is rendered.
    pub fn bound(label: &str, document: Document) -> Self {
        let text = document.to_string();
        Self::of(label, &text, document)
    }

    fn of(label: &str, text: &str, document: Document) -> Self {
        Self {
            label: label.into(),
            kind: document.kind(),
            text: text.into(),
            compiled: Arc::new(Compiled::new(label, &document)),
            document: Arc::new(document),
        }
    }

    /// As its author wrote it; principals of a policy that names some are bound.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    pub(crate) fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }
}

impl<C> Encode<C> for StoredPolicy {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.array(3)?.str(&self.label)?;
        self.kind.encode(e, context)?;
        e.str(&self.text)?.ok()
    }
}

/// Stored records are authenticated: what does not parse here was accepted by another release.
impl<'b, C> Decode<'b, C> for StoredPolicy {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(3) {
            return Err(decode::Error::message("a policy has three parts"));
        }
        let label = d.str()?;
        let kind = PolicyKind::decode(d, context)?;
        let text = d.str()?;
        Self::parse(label, text, kind)
            .map(|(policy, _)| policy)
            .map_err(|_| decode::Error::message("a stored policy does not parse"))
    }
}

/// A version's text as a record of its own.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct PolicyText(pub(crate) StoredPolicy);

impl record::Document for PolicyText {
    const CLASS: Class = Class::Shared;
}

impl PolicyText {
    pub(crate) fn key(policy: u64, version: u64) -> Key {
        Key::new(
            Kind::PolicyText,
            &[&policy.to_be_bytes(), &version.to_be_bytes()],
        )
    }
}

/// A policy that can be attached to many; without its texts.
#[derive(Clone, Debug, Default, Encode, Decode)]
pub struct ManagedPolicy {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) created_at: u64,
    #[n(2)]
    pub(crate) updated_at: u64,
    #[n(3)]
    pub(crate) description: String,
    /// The version that is in force.
    #[n(4)]
    pub(crate) version: u64,
    /// The newest number given.
    #[n(5)]
    pub(crate) latest: u64,
    /// Versions that are kept, with when each was made.
    #[n(6)]
    pub(crate) versions: std::collections::BTreeMap<u64, u64>,
    /// How often it is attached.
    #[n(7)]
    pub(crate) attachments: u64,
}

impl record::Document for ManagedPolicy {
    const CLASS: Class = Class::Shared;
}

impl ManagedPolicy {
    pub(crate) fn key(id: u64) -> Key {
        Key::new(Kind::Policy, &[&id.to_be_bytes()])
    }
}
