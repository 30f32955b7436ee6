//! Names of principals, groups and policies: from a name to an id, each sort by itself.

use std::fmt;

use minicbor::{Decode, Encode};

use super::super::policy::PrincipalKind;
use crate::{
    crypto::{envelope::Class, ring::Term, secret::IndexKey, tag::index_tag},
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
    /// Where the name is written that is given now.
    pub(crate) fn key(tx: &Tx<'_>, sort: Sort, name: &str) -> Key {
        Self::under(tx.keys().index().active(), sort, name)
    }

    fn under(term: &Term<IndexKey>, sort: Sort, name: &str) -> Key {
        let tag = index_tag(term, sort.prefix(), name.as_bytes());
        Key::new(Kind::Name, &[&[sort as u8], &tag])
    }

    /// Takes the name away from whoever has it.
    pub(crate) fn take(tx: &mut Tx<'_>, sort: Sort, name: &str) {
        for term in tx.keys().index().iter() {
            tx.delete(Self::under(term, sort, name));
        }
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
