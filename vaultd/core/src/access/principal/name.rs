//! Names of principals, groups and policies: from a name to an id, each sort by itself.

use std::fmt;

use minicbor::{Decode, Encode};

use super::super::policy::PrincipalKind;
use crate::{
    crypto::{envelope::Class, ring::Term, secret::IndexKey, tag::index_tag},
    name::{MixedScripts, look},
    record::{Document, Key, Kind, RecordError, Tx},
};

/// What a name is of. Names of different sorts never meet. Numbers are on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sort {
    /// A person.
    User = 1,
    /// A program.
    Service = 2,
    /// A role.
    Role = 3,
    /// A group of users.
    Group = 4,
    /// A managed policy.
    Policy = 5,
}

/// Whose a name is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Named {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) id: u64,
    /// What it looks like, as the tables had it when it was given.
    #[n(2)]
    pub(crate) look: Option<Box<str>>,
}

/// Beside a sort: what lies here is not the name but its look.
const LOOK: u8 = 0x80;

/// Why a name is not given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotGiven {
    #[error(transparent)]
    Mixed(#[from] MixedScripts),
    /// This one looks the same.
    #[error("it looks like `{0}`")]
    Taken(String),
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Document for Named {
    const CLASS: Class = Class::Shared;
}

impl Sort {
    /// What resources of the sort begin with in policies.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Role => "role",
            Self::Group => "group",
            Self::Policy => "policy",
        }
    }

    /// Of a principal; the root identity has no name that could be looked up.
    pub fn of(kind: PrincipalKind) -> Option<Self> {
        match kind {
            PrincipalKind::Root => None,
            PrincipalKind::User => Some(Self::User),
            PrincipalKind::Service => Some(Self::Service),
            PrincipalKind::Role => Some(Self::Role),
        }
    }

    /// Keys of all names of the sort begin with this.
    pub(crate) fn all(self) -> Key {
        Key::new(Kind::Name, &[&[self as u8]])
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix())
    }
}

impl Named {
    fn under(term: &Term<IndexKey>, sort: Sort, name: &str) -> Key {
        let tag = index_tag(term, sort.prefix(), name.as_bytes());
        Key::new(Kind::Name, &[&[sort as u8], &tag])
    }

    /// Gives a name that nobody of the sort has; who has one that looks like it keeps it from being given.
    pub(crate) fn give(tx: &mut Tx<'_>, sort: Sort, name: &str, id: u64) -> Result<(), NotGiven> {
        let look = look(name)?;
        for key in Self::looking(tx, sort, &look) {
            if let Some(other) = tx.see::<Self>(&key)? {
                return Err(NotGiven::Taken(other.name.clone()));
            }
        }
        let term = tx.keys().index().active();
        let keys = [
            Self::under(term, sort, name),
            Self::as_look(term, sort, &look),
        ];
        let named = Self {
            name: name.to_owned(),
            id,
            look: Some(look),
        };
        for key in keys {
            tx.put(key, &named)?;
        }
        Ok(())
    }

    /// Takes the name away from whoever has it, and its look with it.
    pub(crate) fn take(tx: &mut Tx<'_>, sort: Sort, name: &str) -> Result<(), RecordError> {
        let terms = tx.keys().index().iter();
        let keys: Vec<Key> = terms.map(|term| Self::under(term, sort, name)).collect();
        // What it looked like then: tables of looks change.
        let mut looked = look(name).ok();
        for key in keys {
            let kept = tx.see::<Self>(&key)?;
            looked = kept.and_then(|kept| kept.look.clone()).or(looked);
            tx.delete(key);
        }
        // A name of before looks were kept has none, and may look like one that was given since.
        for key in looked.map_or_else(Vec::new, |look| Self::looking(tx, sort, &look)) {
            if tx.see::<Self>(&key)?.is_some_and(|kept| kept.name == name) {
                tx.delete(key);
            }
        }
        Ok(())
    }

    fn as_look(term: &Term<IndexKey>, sort: Sort, look: &str) -> Key {
        let tag = index_tag(term, sort.prefix(), look.as_bytes());
        Key::new(Kind::Name, &[&[sort as u8 | LOOK], &tag])
    }

    fn looking(tx: &Tx<'_>, sort: Sort, look: &str) -> Vec<Key> {
        let terms = tx.keys().index().iter();
        terms.map(|term| Self::as_look(term, sort, look)).collect()
    }
}

/// Whose name that is, in its canonical form.
pub(crate) fn named(tx: &mut Tx<'_>, sort: Sort, name: &str) -> Result<Option<u64>, RecordError> {
    for term in tx.keys().index().iter() {
        let key = Named::under(term, sort, name);
        if let Some(found) = tx.see::<Named>(&key)? {
            return if found.name == name {
                Ok(Some(found.id))
            } else {
                Err(RecordError::Damaged(key))
            };
        }
    }
    Ok(None)
}
