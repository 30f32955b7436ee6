//! Memory and process hardening: what the vault asks of the kernel, and what the kernel answered.
//!
//! The one package where unsafe code may stand, each block with its reason. Where the safe wrappers of
//! `rustix` suffice there is none.
//!
//! | module | what lives there |
//! |---|---|
//! | [`harden`] | core dumps off, not traceable, no new privileges, locked memory, capabilities dropped |
//! | [`inherit`] | descriptors that came with the start are closed |
//! | [`helper`] | a process that works for another |
//! | [`boottime`] | time since the machine started |
//! | [`file`] | may this file be trusted, to hold a secret or to say what is done: owner, mode, kind |

mod boottime;
pub mod file;
pub mod harden;
pub mod helper;
pub mod inherit;

pub use boottime::boottime;
pub use file::{
    FileError, check_credential, check_private_dir, check_private_file, check_unshared_file,
};
pub use harden::{
    Capabilities, Finding, Memory, Report, effective_uid, harden, overflow_uid, raise_descriptors,
    refuse_root,
};
pub use helper::serve_parent;
pub use inherit::close_inherited;
