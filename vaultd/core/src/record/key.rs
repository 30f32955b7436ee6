//! Record keys: `kind ‖ tenant ‖ scope ‖ ids and tags`, never a name.
//!
//! The kind's high bit says that the record belongs to a guarded collection, and its high nibble
//! which: so the store can keep a generation per collection without knowing what any kind means.

use bytes::{BufMut, Bytes, BytesMut};

/// Longest key that the store accepts, in bytes.
pub const MAX_KEY_BYTES: usize = 255;

/// Bytes before the ids: kind, tenant (u32), scope (u16).
const HEADER: usize = 1 + 4 + 2;

/// What seals the records of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SealedBy {
    /// Nothing: every reader of the disk may know it.
    Clear,
    /// A wrapping key of its own.
    Own,
    /// A data key, which a record of another kind wraps.
    DataKey,
    /// A term of the keyring: a document, or a wrapped data key.
    Terms,
}

/// Declares the kinds, the list of all of them, and what seals each: no kind can be added without saying so,
/// because a term is destroyed once no record of any kind names it.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal, $sealed:ident;)*) => {
        /// What sort of record a key names. Numbers are on disk: never reuse or change one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $kind = $number,)*
        }

        impl Kind {
            /// Every kind there is, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            fn sealed_by(self) -> SealedBy {
                match self {
                    $(Self::$kind => SealedBy::$sealed,)*
                }
            }
        }
    };
}

kinds! {
    /// Unsealed headers: seal slots, the log signer's public key, incarnation, what regions are called.
    Header = 0x01, Clear;
    /// The region's keyring, under its wrapping key.
    Keyring = 0x02, Own;
    /// The next unreserved id.
    Ids = 0x03, Terms;
    /// Progress of the leader's background jobs.
    Job = 0x04, Terms;
    /// What the vault was bootstrapped from.
    Bootstrap = 0x05, Terms;
    /// `region` → public halves of the keys that its sessions are signed with.
    Signers = 0x06, Terms;
    /// The regions: their numbers and names.
    Regions = 0x07, Terms;
    /// `parent id ‖ index generation ‖ tag` → name and child ids.
    Entry = 0x10, Terms;
    /// A secret's head: labels, tags, retention.
    Secret = 0x11, Terms;
    /// `secret id ‖ version` → what is known of a version, without its value.
    Version = 0x12, Terms;
    /// `secret id ‖ version` → the value.
    Value = 0x13, DataKey;
    /// `secret id ‖ version` → the version's data key, wrapped for its regions.
    Wrap = 0x14, Terms;
    /// Deleted secrets, by time of destruction.
    Deleted = 0x15, Terms;
    /// Index of secrets by tag.
    Tag = 0x16, Terms;
    /// A folder's head: its parent and name.
    Folder = 0x17, Terms;
    /// What is due when: calendar, blinded time bucket, id.
    Due = 0x18, Terms;
    /// Sessions, by hash of their token.
    Session = 0x20, Terms;
    /// Outcomes of writes that have no head record, by ten-minute bucket.
    Outcome = 0x21, Terms;
    /// A user's password hash. Not guarded: it is made anew at login.
    Password = 0x22, Terms;
    /// Failed logins: `0 ‖ bucket` of all names from new places, `1 ‖ user id` from places known of him.
    Failures = 0x23, Terms;
    /// Password policies: 0 the vault's, else the group's id.
    PasswordPolicy = 0x24, Terms;
    /// `principal ‖ session`: whose sessions there are.
    Owned = 0x25, Terms;
    /// `accessor` → the session of that name.
    Accessor = 0x26, Terms;
    /// `service ‖ accessor` → a secret id, hashed. Not guarded: a login uses it up.
    SecretId = 0x27, Terms;
    /// A user's authenticators: names and states, no seeds.
    Factors = 0x30, Terms;
    /// `user ‖ authenticator` → its seed and the last code that it was accepted with.
    Authenticator = 0x31, Terms;
    /// A user's recovery codes, hashed.
    Recovery = 0x32, Terms;
    /// `user ‖ purpose` → a one-time code, hashed.
    OneTime = 0x33, Terms;
    /// Lookup hash of a code → a wrapped value that waits for it; the value lies under Value and Wrap.
    Wrapped = 0x40, Terms;
    /// Guarded: principals (users, groups, roles, policies, attachments share collection 8).
    Principal = 0x80, Terms;
    /// Guarded: `sort ‖ tag(name)` → whose name it is; the sort plus 128, with what the name looks like, too.
    Name = 0x81, Terms;
    /// Guarded: groups.
    Group = 0x82, Terms;
    /// Guarded: `group ‖ user`, for listing a group's members.
    Member = 0x83, Terms;
    /// Guarded: managed policies, without their texts.
    Policy = 0x84, Terms;
    /// Guarded: `policy ‖ version` → its text.
    PolicyText = 0x85, Terms;
    /// Guarded: `policy ‖ how ‖ holder`: to whom a policy is attached.
    Attached = 0x86, Terms;
    /// Guarded: `secret or folder ‖ id` → the policy that is attached to it.
    ResourcePolicy = 0x87, Terms;
    /// Guarded: issuers whose tokens are believed, and their keys.
    Issuer = 0x89, Terms;
    /// Guarded: what a program shows to be which service.
    Bound = 0x8A, Terms;
    /// Guarded: whose the one-time root is.
    OneTimeRoot = 0x8B, Terms;
    /// Guarded: `service ‖ uid`: as whose process a program is a service.
    ServiceUid = 0x8c, Terms;
    /// Guarded: `0 ‖ hash of a key` → the service that its holder is; `1 ‖ service ‖ hash`, for listing a service's keys.
    ServicePin = 0x8d, Terms;
}

impl Kind {
    /// Kinds whose records are documents under the shared or the voter record key, or wrapped data keys: what a
    /// new term of the keyring touches.
    pub fn under_terms() -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|kind| kind.sealed_by() == SealedBy::Terms)
    }
}

/// An ordered, opaque record key of 7 to [`MAX_KEY_BYTES`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Bytes);

/// Why bytes are not a key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a record key has 7 to 255 bytes, this one has {0}")]
pub struct KeyError(pub usize);

impl Key {
    /// A key of tenant 0, scope 0.
    pub fn new(kind: Kind, ids: &[&[u8]]) -> Self {
        Self::in_scope(kind, 0, 0, ids)
    }

    /// A key of any tenant and scope. Callers pass ids and tags, whose lengths are fixed by the kind.
    pub fn in_scope(kind: Kind, tenant: u32, scope: u16, ids: &[&[u8]]) -> Self {
        let mut key =
            BytesMut::with_capacity(HEADER + ids.iter().map(|id| id.len()).sum::<usize>());
        key.put_u8(kind as u8);
        key.put_u32(tenant);
        key.put_u16(scope);
        for id in ids {
            key.put_slice(id);
        }
        debug_assert!(
            key.len() <= MAX_KEY_BYTES,
            "record keys are built from fixed-length ids"
        );
        Self(key.freeze())
    }

    /// Takes stored or received bytes.
    ///
    /// # Errors
    /// When they are shorter than a key's header or longer than [`MAX_KEY_BYTES`].
    pub fn from_bytes(bytes: Bytes) -> Result<Self, KeyError> {
        if (HEADER..=MAX_KEY_BYTES).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(KeyError(bytes.len()))
        }
    }

    /// The bytes, in the order the store keeps.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, shared.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// What follows kind, tenant and scope.
    pub fn ids(&self) -> &[u8] {
        self.0.get(HEADER..).unwrap_or_default()
    }

    /// The tenant that the record belongs to; 0 is the only one so far.
    pub fn tenant(&self) -> u32 {
        self.array(1).map_or(0, u32::from_be_bytes)
    }

    /// The scope that the record belongs to; 0 is all regions, and the only one so far.
    pub fn scope(&self) -> u16 {
        self.array(5).map_or(0, u16::from_be_bytes)
    }

    /// The key of another kind with the same tenant, scope and ids.
    #[must_use]
    pub fn sibling(&self, kind: Kind) -> Self {
        Self::in_scope(kind, self.tenant(), self.scope(), &[self.ids()])
    }

    /// The first byte, which says what sort of record this is.
    pub fn kind_byte(&self) -> u8 {
        self.0.first().copied().unwrap_or_default()
    }

    /// The guarded collection that the key belongs to, if any.
    pub fn collection(&self) -> Option<u8> {
        self.0
            .first()
            .filter(|kind| **kind & 0x80 != 0)
            .map(|kind| kind >> 4)
    }
}

impl Key {
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at + N)?.try_into().ok()
    }
}

/// Keys are ordered, compared and hashed as their bytes.
impl std::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
