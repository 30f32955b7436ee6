//! What requests take, without doing them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::metadata::MetadataMap;

use crate::call::REQUEST_ID;

/// Of a request.
pub(crate) const ASK: &str = "vault-needs";
/// Of its answer.
const ANSWER: &str = "vault-needs-bin";

/// An action that a request took a grant for, and on what, as policies call them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// As `secret:GetValue`.
    pub action: String,
    /// As `secret:db/password`.
    pub resource: String,
}

/// What was gathered of all requests of a [`Vault::asking`](crate::Vault::asking) and its clones.
#[derive(Clone, Default)]
pub struct Needs(Arc<Mutex<Gathered>>);

#[derive(Default)]
struct Gathered {
    needs: BTreeSet<Need>,
    /// There were more than an answer holds.
    cut: bool,
    /// The last answer said nothing: it is of a server that acts.
    acted: bool,
    answers: usize,
}

impl Needs {
    /// Everything so far, in order.
    pub fn all(&self) -> Vec<Need> {
        self.lock().needs.iter().cloned().collect()
    }

    /// Whether some are missing, because an answer had no room for them.
    pub fn cut(&self) -> bool {
        self.lock().cut
    }

    /// Whether the server answered so far, and each time as one that only tells: an older one would act.
    pub fn understood(&self) -> bool {
        let gathered = self.lock();
        gathered.answers > 0 && !gathered.acted
    }

    pub(crate) fn observe(&self, metadata: &MetadataMap) {
        if metadata.get(REQUEST_ID).is_none() {
            return; // no server said it
        }
        let mut gathered = self.lock();
        gathered.answers += 1;
        let told = metadata.get_bin(ANSWER);
        let Some(told) = told.and_then(|told| told.to_bytes().ok()) else {
            gathered.acted = true;
            return;
        };
        for line in String::from_utf8_lossy(&told).lines() {
            match line.split_once(' ') {
                Some((action, resource)) => {
                    gathered.needs.insert(Need {
                        action: action.to_owned(),
                        resource: resource.to_owned(),
                    });
                }
                None => gathered.cut = true,
            }
        }
    }

    /// What this guards is whole whenever it can be seen.
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Needs(..)")
    }
}
