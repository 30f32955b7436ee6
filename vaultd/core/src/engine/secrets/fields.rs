//! The fields of a version, and how they lie in its value record.
//!
//! ```text
//! value = CBOR [created at (ms), {field: bytes, …}]       fields in order
//! ```
//! The bytes of all fields live in buffers that are wiped; they are sliced, not copied, on the way out.

use std::collections::BTreeMap;

use bytes::Bytes;
use minicbor::{Decoder, Encoder};

use super::Refusal;
use crate::{crypto::secret::Plaintext, name::FieldName};

/// Most fields of a version.
pub const MAX_FIELDS: usize = 256;
/// Most bytes of all fields of a version together.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

const TOO_MANY: Refusal = Refusal::TooLarge("a version has at most 256 fields");
const TOO_LONG: Refusal = Refusal::TooLarge("the fields of a version have at most 1 MiB together");

/// Named values. Prints neither.
#[derive(Default)]
pub struct Fields {
    map: BTreeMap<FieldName, Bytes>,
    size: usize,
}

impl Fields {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a field.
    ///
    /// # Errors
    /// Over 256 fields or 1 MiB.
    pub fn insert(&mut self, name: FieldName, value: Bytes) -> Result<(), Refusal> {
        let replaced = self.map.get(&name).map(Bytes::len);
        if replaced.is_none() && self.map.len() >= MAX_FIELDS {
            return Err(TOO_MANY);
        }
        let size = self.size - replaced.unwrap_or(0) + value.len();
        if size > MAX_VALUE_BYTES {
            return Err(TOO_LONG);
        }
        self.size = size;
        self.map.insert(name, value);
        Ok(())
    }

    /// One field's bytes.
    pub fn get(&self, name: &FieldName) -> Option<&Bytes> {
        self.map.get(name)
    }

    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &FieldName> {
        self.map.keys()
    }

    /// Names and bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldName, &Bytes)> {
        self.map.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Bytes of all fields together.
    pub fn size(&self) -> usize {
        self.size
    }

    pub(super) fn remove(&mut self, name: &FieldName) -> Result<(), Refusal> {
        let gone = self
            .map
            .remove(name)
            .ok_or_else(|| Refusal::FieldNotFound(name.clone()))?;
        self.size -= gone.len();
        Ok(())
    }

    /// Only these; all if none are named.
    pub(super) fn only(mut self, names: &[FieldName]) -> Result<Self, Refusal> {
        if names.is_empty() {
            return Ok(self);
        }
        let mut some = Self::new();
        for name in names {
            match self.map.remove(name) {
                Some(value) => some.insert(name.clone(), value)?,
                None if some.get(name).is_some() => {}
                None => return Err(Refusal::FieldNotFound(name.clone())),
            }
        }
        Ok(some)
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fields({})", self.map.len())
    }
}

impl IntoIterator for Fields {
    type Item = (FieldName, Bytes);
    type IntoIter = std::collections::btree_map::IntoIter<FieldName, Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.into_iter()
    }
}

/// Fields as a value record holds them, with when they were made.
pub fn encode(created_at: u64, fields: &Fields) -> Plaintext {
    let names: usize = fields.names().map(|name| name.as_str().len()).sum();
    // Room for every header at its longest, so that the buffer never grows and leaves a copy behind.
    let mut bytes = Vec::with_capacity(16 + fields.size() + names + 16 * fields.len());
    let mut encoder = Encoder::new(&mut bytes);
    let mut write = || {
        encoder
            .array(2)?
            .u64(created_at)?
            .map(fields.len() as u64)?;
        fields.iter().try_for_each(|(name, value)| {
            encoder.str(name.as_str())?.bytes(value)?;
            Ok(())
        })
    };
    // Encoding into memory cannot fail.
    let _infallible: Result<(), minicbor::encode::Error<std::convert::Infallible>> = write();
    Plaintext::from(bytes)
}

/// From a value record's content: when it was made, and its fields as slices of it.
///
/// # Errors
/// When [`encode`] did not write it.
pub fn decode(plain: Plaintext) -> Result<(u64, Fields), minicbor::decode::Error> {
    let bytes = plain.into_bytes();
    let mut decoder = Decoder::new(&bytes);
    decoder.array()?;
    let created_at = decoder.u64()?;
    let count = decoder.map()?.unwrap_or(0);
    let mut fields = Fields::new();
    for _ in 0..count {
        let name: FieldName = decoder.decode()?;
        let value = bytes.slice_ref(decoder.bytes()?);
        fields.size += value.len();
        fields.map.insert(name, value);
    }
    Ok((created_at, fields))
}
