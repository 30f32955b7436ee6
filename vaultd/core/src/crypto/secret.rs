//! Secret types, one per role, so that a KEK where a data key belongs does not compile.
//!
//! They lie on the heap, so that a move leaves no copy behind, never grow, and are zeroed when dropped.
//! None has `Clone`, `Display`, `PartialEq`, `Deref` or a serialisation; `Debug` prints the role only.
//! Bytes come out through `expose`, and each call says in an `EXPOSE` line where they go.
//!
//! What is missing is missing for good:
//! ```compile_fail,E0599
//! fn copy(key: &vault_core::crypto::secret::Kek) { let _ = key.clone().expose().len(); }
//! fn _owned(key: vault_core::crypto::secret::Kek) -> vault_core::crypto::secret::Kek { Clone::clone(&key) }
//! ```
//! ```compile_fail,E0277
//! fn print(key: &vault_core::crypto::secret::Kek) { println!("{key}"); }
//! ```
//! ```compile_fail,E0369
//! use vault_core::crypto::secret::Plaintext;
//! fn compare(a: &Plaintext, b: &Plaintext) -> bool { a == b }
//! ```
//! ```compile_fail,E0614
//! use vault_core::crypto::secret::Plaintext;
//! fn deref(plain: &Plaintext) -> usize { (**plain).len() }
//! ```
//! ```compile_fail,E0308
//! use vault_core::crypto::secret::{Dek, Kek};
//! fn mix(kek: Kek) -> Dek { kek }
//! ```

use std::convert::Infallible;
use std::fmt;

use bytes::Bytes;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::entropy::Entropy;

/// Bytes of every key.
pub const KEY_BYTES: usize = 32;

/// A slice that should have been a key is not 32 bytes long.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has 32 bytes, not {0}")]
pub struct WrongLength(pub usize);

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        pub struct $name(Box<Zeroizing<[u8; KEY_BYTES]>>);

        impl $name {
            /// Draws a fresh one.
            pub fn make(entropy: &mut dyn Entropy) -> Self {
                let Ok(key) = Self::fill_with(|bytes| {
                    entropy.fill(bytes);
                    Ok::<_, Infallible>(())
                });
                key
            }

            /// Takes a copy of the bytes.
            ///
            /// # Errors
            /// When they are not exactly 32.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, WrongLength> {
                let bytes: &[u8; KEY_BYTES] =
                    bytes.try_into().map_err(|_| WrongLength(bytes.len()))?;
                Self::fill_with(|key| {
                    *key = *bytes;
                    Ok(())
                })
            }

            /// Lets `fill` write the bytes in place; they are dropped when it fails.
            pub(crate) fn fill_with<E>(
                fill: impl FnOnce(&mut [u8; KEY_BYTES]) -> Result<(), E>,
            ) -> Result<Self, E> {
                let mut key = Box::new(Zeroizing::new([0; KEY_BYTES]));
                fill(&mut key)?;
                Ok(Self(key))
            }

            /// The bytes; say in an `EXPOSE` line where they go.
            pub fn expose(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }

            /// Whether two are the same, in constant time.
            pub fn ct_eq(&self, other: &Self) -> bool {
                self.0.ct_eq(other.0.as_slice()).into()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+};
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        pub struct $name(Zeroizing<Box<str>>);

        impl $name {
            /// Takes a copy of the text.
            pub fn copy_of(text: &str) -> Self {
                Self(Zeroizing::new(text.into()))
            }

            /// The text; say in an `EXPOSE` line where it goes.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            /// Copies the text and wipes the string with its spare capacity.
            fn from(mut text: String) -> Self {
                let copy = Self::copy_of(&text);
                text.zeroize();
                copy
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+};
}

keys! {
    /// A region's root key: opens the wrapping key, and nothing else.
    RootKey
    /// Seals the keyring, so that it is re-sealed online without the root key.
    WrappingKey
    /// Seals records of one class.
    RecordKey
    /// Keys the tags of directory and index entries.
    IndexKey
    /// A region's key-encryption key: wraps data keys.
    Kek
    /// A data key: seals one version of one value.
    Dek
    /// Keys the HMACs that stand for values in the audit log.
    AuditKey
    /// An Ed25519 seed: signs log entries.
    LogSigningKey
    /// Wraps the root key in a seal slot: shared out, derived from a passphrase, or read from a file.
    SealKey
    /// The random part of a bearer token.
    TokenSecret
    /// The random part of a code that opens a wrapped value.
    UnwrapCode
    /// Seals a wrapped value: derived from its code, and nowhere else.
    UnwrapKey
    /// The random part of what a program proves itself with.
    SecretId
    /// The random part of an invitation to a node.
    JoinSecret
}

texts! {
    /// What a human types to unseal.
    Passphrase
    /// One share of a seal, printable.
    Share
    /// A bearer token as its holder sees it.
    TokenText
    /// The code that opens a wrapped value, as it is handed over.
    UnwrapCodeText
    /// A secret id as it is handed over.
    SecretIdText
    /// An invitation to a node as it is handed over.
    JoinText
    /// The one-time code that lets a vault be initialised over the network.
    SetupCode
    /// An authenticator's seed with what an app needs beside it: shown once.
    EnrolmentUri
    /// An authenticator's seed as it is typed: shown once.
    SeedText
    /// What gets someone in who has lost his authenticator, as he sees it.
    RecoveryCode
    /// What an administrator hands to someone, for one purpose, as he sees it.
    OneTimeCode
}

/// An opened value or record.
pub struct Plaintext(Wiped);

/// The seed of an authenticator: who has it computes every code.
pub struct Seed(Wiped);

impl Seed {
    /// Draws a fresh one of `length` bytes.
    pub(crate) fn make(length: usize, entropy: &mut dyn Entropy) -> Self {
        let mut bytes = Wiped(vec![0; length].into_boxed_slice());
        entropy.fill(&mut bytes.0);
        Self(bytes)
    }

    /// Takes a copy of the bytes.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self(Wiped(bytes.into()))
    }

    /// The bytes; say in an `EXPOSE` line where they go.
    pub fn expose(&self) -> &[u8] {
        &self.0.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// Bytes that are zeroed on drop. `Zeroizing<Box<[u8]>>` does the same a byte at a time, which takes
/// longer than opening the envelope did.
struct Wiped(Box<[u8]>);

impl Drop for Wiped {
    fn drop(&mut self) {
        let bytes: &mut [u8] = &mut self.0;
        bytes.zeroize();
    }
}

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Plaintext {
    /// Takes a copy of the bytes.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self(Wiped(bytes.into()))
    }

    /// Lets `fill` write `length` bytes in place; they are dropped when it fails.
    pub(crate) fn fill_with<E>(
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = Wiped(vec![0; length].into_boxed_slice());
        fill(&mut bytes.0)?;
        Ok(Self(bytes))
    }

    /// The bytes; say in an `EXPOSE` line where they go.
    pub fn expose(&self) -> &[u8] {
        &self.0.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// Whether two are the same, in constant time for equal lengths.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.0.ct_eq(&other.0.0).into()
    }

    /// Hands the bytes, uncopied, to a reply or a decoder; they are zeroed when the last slice drops.
    ///
    /// From here on the type no longer guards them: `Bytes` prints and compares.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self.0)
    }
}

impl From<Vec<u8>> for Plaintext {
    /// Takes the bytes; a vector with spare capacity is copied and wiped.
    fn from(mut bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(Wiped(bytes.into_boxed_slice()));
        }
        let copy = Self::copy_of(&bytes);
        bytes.zeroize();
        copy
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Seeded;
    use super::*;

    /// Fails to compile when a type has one of the traits: the two blanket impls become ambiguous.
    macro_rules! lacks {
        ($($secret:ident)+) => {$(
            lacks!($secret: Clone, fmt::Display, PartialEq, Default, std::ops::Deref, std::hash::Hash);
            lacks!($secret: AsRef<[u8]>, AsRef<str>, Into<Vec<u8>>, Into<String>, minicbor::Encode<()>);
        )+};
        ($secret:ident: $($missing:path),+) => {$(
            const _: fn() = || {
                trait Ambiguous<A> {
                    fn item() {}
                }
                impl<T: ?Sized> Ambiguous<()> for T {}
                struct Has;
                impl<T: ?Sized + $missing> Ambiguous<Has> for T {}
                <$secret as Ambiguous<_>>::item();
            };
        )+};
    }

    lacks! {
        RootKey WrappingKey RecordKey IndexKey Kek Dek AuditKey LogSigningKey SealKey TokenSecret
        UnwrapCode UnwrapKey UnwrapCodeText SecretId SecretIdText JoinSecret JoinText Passphrase Share TokenText SetupCode EnrolmentUri SeedText RecoveryCode OneTimeCode Plaintext Seed
    }

    #[test]
    fn debug_prints_the_role_and_nothing_else() {
        let mut entropy = Seeded::new(1);
        assert_eq!(format!("{:?}", Kek::make(&mut entropy)), "Kek(..)");
        assert_eq!(
            format!("{:#?}", Plaintext::copy_of(b"canary")),
            "Plaintext(..)"
        );
        assert_eq!(format!("{:?}", Share::copy_of("canary")), "Share(..)");
        assert_eq!(format!("{:?}", Seed::copy_of(b"canary")), "Seed(..)");
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for length in (0..100).filter(|length| *length != KEY_BYTES) {
            let error = SealKey::from_slice(&vec![7; length]).unwrap_err();
            assert_eq!(error, WrongLength(length));
        }
        let key = SealKey::from_slice(&[7; 32]).unwrap();
        assert_eq!(key.expose(), &[7; 32]);
    }

    #[test]
    fn keys_are_fresh_and_compare_by_content() {
        let mut entropy = Seeded::new(2);
        let (first, second) = (Dek::make(&mut entropy), Dek::make(&mut entropy));
        assert!(!first.ct_eq(&second));
        assert!(first.ct_eq(&Dek::from_slice(first.expose()).unwrap()));
    }

    #[test]
    fn plaintext_takes_vectors_with_and_without_spare_capacity() {
        let mut spare = Vec::with_capacity(64);
        spare.extend_from_slice(b"value");
        let exact = b"value".to_vec();
        let (spare, exact) = (Plaintext::from(spare), Plaintext::from(exact));
        assert!(spare.ct_eq(&exact));
        assert_eq!(spare.len(), 5);
        assert!(!spare.ct_eq(&Plaintext::copy_of(b"valuE")));
        assert!(!spare.ct_eq(&Plaintext::copy_of(b"valu")));
        assert_eq!(spare.into_bytes(), b"value".as_slice());
        assert!(Plaintext::copy_of(b"").is_empty());
    }
}
