//! Names: paths, fields, labels, tags, globs, each with one canonical form.
//!
//! A name is built once, at the edge, and refused otherwise, never repaired: so policy, look-up, index
//! and audit always speak of the same thing. Names of users and what belongs to them are lower-cased as RFC 8265 says. Fields are private; whoever holds a value holds a valid one.

mod alias;
mod character;
mod checked;
mod glob;
mod path;
mod region;
mod text;
mod user;

pub use alias::MixedScripts;
pub(crate) use alias::look;
pub(crate) use character::is_hidden;
pub use glob::{Glob, GlobError, Threads};
pub use path::{
    FolderPath, MAX_PATH_BYTES, MAX_SEGMENT_BYTES, MAX_SEGMENTS, PathError, SecretPath,
};
pub use region::{MAX_REGION_CHARACTERS, RegionName, RegionNameError};
pub use text::{
    AuthenticatorName, Description, FieldName, Label, MetaKey, MetaValue, NameError, Note, TagKey,
    TagValue,
};
pub(crate) use user::may_be_part;
pub use user::{
    GroupName, MAX_NAME_CHARACTERS, PolicyName, RoleName, ServiceName, UserName, UserNameError,
};
