//! Requests that are only asked about: what they take, without doing them.
//!
//! Such a request is authenticated, authorised and evaluated like any other, and recorded as what it is; nothing of it
//! is written, and no operation begins. Whoever asks learns the actions and resources that a denial tells him of anyway,
//! whether or not it was one. Where what a request is about follows from something else than itself (the user behind a
//! session's accessor), it is told only if it was granted.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vault_core::access::policy::resource_name;
use vault_core::access::{Action, Resource};
use vault_proto::v1::Reason;

use super::call::Call;
use super::error::{Error, Result};

/// What grants were asked for, in one request.
#[derive(Clone, Default)]
pub struct Asked(Arc<Mutex<BTreeSet<(&'static str, String)>>>);

impl Asked {
    /// Everything, as policies call it: action and resource.
    pub fn all(&self) -> BTreeSet<(&'static str, String)> {
        self.lock().clone()
    }

    pub(super) fn note(&self, action: Action, resource: &Resource) {
        let mut all = self.lock();
        for name in names(action, resource) {
            all.insert((action.name(), name));
        }
    }

    /// Of what was denied, and is not for the caller to know.
    pub(super) fn forget(&self, action: Action, resource: &Resource) {
        let mut all = self.lock();
        for name in names(action, resource) {
            all.remove(&(action.name(), name));
        }
    }

    /// What this guards is whole whenever it can be seen.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(&'static str, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Goes on unless it is only asked what the call takes: for what does something else than [`App::settle`] writes.
    ///
    /// [`App::settle`]: super::App::settle
    pub(super) fn may_act(&self) -> Result<()> {
        match self.asked {
            Some(_) => Err(Error::new(
                Reason::RequestInvalid,
                "it was only asked what this takes: nothing was done",
            )),
            None => Ok(()),
        }
    }
}

/// What a grant is for: a folder with all below it takes both, but to see what is in it.
fn names(action: Action, resource: &Resource) -> Vec<String> {
    let name = resource_name(resource).to_string();
    let below = matches!(resource, Resource::Folder(_)) && action != Action::LIST;
    if below {
        vec![format!("{name}*"), name]
    } else {
        vec![name]
    }
}

/// Names stay out of logs.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked(..)")
    }
}
