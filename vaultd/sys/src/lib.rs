//! Memory and process hardening: what the vault asks of the kernel, and what the kernel answered.
//!
//! The one package where unsafe code may stand, each block with its reason. At present the safe
//! wrappers of `rustix` suffice and there is none.
//!
//! | module | what lives there |
//! |---|---|
//! | [`harden`] | core dumps off, not traceable, no new privileges, locked memory, capabilities dropped |
//! | [`file`] | may this file be trusted to hold a secret: owner, mode, kind |

pub mod file;
pub mod harden;

pub use file::{FileError, check_private_dir, check_private_file};
pub use harden::{
    Capabilities, Finding, Memory, Report, effective_uid, harden, raise_descriptors, refuse_root,
};
