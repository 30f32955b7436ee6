//! Where the terms stand of the keys that records are under: the active one of each, and the older ones.

use vault_core::crypto::keyring::{Keyring, Role};
use vault_core::crypto::ring::{Ring, Term};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Older,
    Active,
}

/// Where a term stands in the keyring, if it is there.
pub(super) fn stands(keyring: &Keyring, role: Role, term: u32) -> Option<Stand> {
    fn of<K>(ring: &Ring<K>, term: u32) -> Option<Stand> {
        ring.get(term)?;
        Some(if ring.active().number() == term {
            Stand::Active
        } else {
            Stand::Older
        })
    }
    match role {
        Role::Voter => of(keyring.voter()?, term),
        Role::Shared => of(keyring.shared(), term),
        Role::Kek(region) => of(keyring.kek(region)?, term),
        Role::Index | Role::LogSigning | Role::Audit => None,
    }
}

/// The older terms of the keys that records are under.
pub(super) fn older(keyring: &Keyring) -> impl Iterator<Item = (Role, u32)> {
    let keks = keyring
        .keks()
        .flat_map(|(region, ring)| names(Role::Kek(region), ring));
    let voter = keyring.voter().into_iter();
    voter
        .flat_map(|ring| names(Role::Voter, ring))
        .chain(names(Role::Shared, keyring.shared()))
        .chain(keks)
}

pub(super) fn names<K>(role: Role, ring: &Ring<K>) -> impl Iterator<Item = (Role, u32)> {
    let active = ring.active().number();
    let older = ring.iter().map(Term::number);
    older
        .filter(move |term| *term != active)
        .map(move |term| (role, term))
}
