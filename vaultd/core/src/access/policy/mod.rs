//! The language of policies: documents in IAM's JSON, what they decide, and what can be proven of them.
//!
//! Pure functions over texts and requests. Where documents are stored, to whom they are attached and how
//! a request comes to its tags is for others.
//!
//! | file | what it knows |
//! |---|---|
//! | `json`, `error` | text to tree, with the place of everything |
//! | `document`, `parse`, `render` | tree to document and back |
//! | `template`, `resource`, `form` | wildcards and variables; what resources are called; one form of each name |
//! | `warning` | what a document says and its author may not mean |
//! | `compiled`, `evaluate` | policies ready to decide, and the order of layers |
//! | `below` | whether what is allowed for a folder's name is so for all below it |
//! | `placed` | what a document means where it is attached to a secret or a folder |
//! | `analysis` | what a new document allows beyond an old one; what changed |
//! | `apart` | what a document may mean for one principal and not for another |
//! | `rehearsal` | documents tried against requests that nobody made |
//! | `key`, `operator`, `value`, `condition`, `request` | conditions, and what they ask |

mod analysis;
mod apart;
mod below;
mod compiled;
mod condition;
mod document;
mod error;
mod evaluate;
mod form;
mod json;
mod key;
pub mod measure;
mod operator;
mod parse;
mod placed;
pub mod rehearsal;
mod render;
mod request;
mod resource;
mod template;
mod value;
mod verdict;
mod warning;

#[cfg(test)]
mod tests;

pub use analysis::{Change, Example, NewAccess, check_no_new_access, diff};
pub(super) use apart::Whoever;
pub(crate) use apart::Whom;
pub use below::{allows_below, denied_below};
pub use compiled::Compiled;
pub use document::{Document, Effect, Kind, PrincipalKind, Statement};
pub use error::PolicyError;
pub use evaluate::{Certainty, Deciding, Decision, Layer, Layers, ResourceLayer, evaluate};
pub use request::{Context, Request, Tags, Who};
pub use resource::resource_name;
pub(super) use value::date;
pub(super) use value::{Net, NetError};
pub use warning::{Code, Warning};
