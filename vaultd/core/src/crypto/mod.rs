//! Cryptography: what is sealed under which key, and how keys are made, kept and shared out.
//!
//! ```text
//! shares | passphrase | key file | credential      share, passphrase, slots, unseal
//!   └ root key of a region                         slots
//!       └ wrapping key └ keyring                   keyring, ring
//!           ├ record keys → records                envelope
//!           └ KEKs → data keys → values            wrap, envelope
//! ```
//! Secret types are in [`secret`], one per role. Randomness comes in through [`entropy::Entropy`]; there
//! is no clock. Primitives are XChaCha20-Poly1305, HKDF and HMAC with SHA-256, Argon2id and Ed25519,
//! none of them written here; Shamir's sharing is.

mod bearer;
pub mod code;
pub mod entropy;
pub mod envelope;
pub mod join;
pub mod keyring;
pub mod mac;
pub mod pad;
pub mod passphrase;
pub mod ring;
pub mod secret;
pub mod secret_id;
pub mod shamir;
pub mod share;
pub mod sign;
pub mod signed;
pub mod slots;
pub(crate) mod stretch;
pub mod tag;
pub mod token;
pub mod typed;
pub mod unseal;
pub mod wrap;

mod text;
