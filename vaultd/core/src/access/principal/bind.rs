//! Documents that name principals: stored by id, shown by name. Who is made under a name of before is not meant.

use std::cell::RefCell;

use super::{Principal, Sort, StoredPolicy, named};
use crate::{
    access::policy::{Document, PrincipalKind},
    record::{RecordError, Tx},
};

/// Why a document's principals are not bound.
#[derive(Debug)]
pub(crate) enum NotBound {
    /// Nobody bears the name, as `user:alice`.
    Unknown(Box<str>),
    Record(RecordError),
}

/// A document's principals, from names to ids.
pub(crate) fn bind(tx: &mut Tx<'_>, document: Document) -> Result<Document, NotBound> {
    let mut failed = None;
    let lookup = RefCell::new((tx, &mut failed));
    let bound = document.bind(|kind, name| {
        let (tx, failed) = &mut *lookup.borrow_mut();
        let sort = Sort::of(kind)?;
        named(tx, sort, name).unwrap_or_else(|error| {
            **failed = Some(error);
            None
        })
    });
    match failed {
        Some(error) => Err(NotBound::Record(error)),
        None => bound.map_err(NotBound::Unknown),
    }
}

/// A stored document for people to read: by names again.
pub(crate) fn shown(tx: &mut Tx<'_>, policy: &StoredPolicy) -> String {
    let lookup = RefCell::new(tx);
    let unbound = Document::clone(policy.document()).unbind(|kind, id| {
        let found = lookup.borrow_mut().see::<Principal>(&Principal::key(id));
        let found = found.ok().flatten();
        found
            .filter(|found| found.kind == kind && kind != PrincipalKind::Root)
            .map(|found| found.name.as_str().into())
    });
    unbound.to_string()
}
