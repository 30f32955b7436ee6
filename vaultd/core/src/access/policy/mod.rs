//! The language of policies: documents in IAM's JSON, what they decide, and what can be proven of them.
//!
//! Pure functions over texts and requests. Where documents are stored, to whom they are attached and how
//! a request comes to its tags is for others.
//!
//! | file | what it knows |
//! |---|---|
//! | `json`, `error` | text to tree, with the place of everything |
//! | `document`, `parse`, `render` | tree to document and back |
//! | `template`, `resource` | wildcards and variables; what resources are called |
//! | `key`, `operator`, `value`, `condition`, `request` | conditions, and what they ask |

mod condition;
mod document;
mod error;
mod json;
mod key;
mod operator;
mod parse;
mod render;
mod request;
mod resource;
mod template;
mod value;
mod verdict;

pub use document::{Document, Effect, Kind, PrincipalKind, Statement};
pub use error::PolicyError;
pub use request::{Context, Request, Tags, Who};
pub use resource::resource_name;
