//! Every method is guarded, and the table of methods and reasons changes only on purpose.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use prost_reflect::DescriptorPool;
use vault_proto::{Access, DESCRIPTORS, METHODS};

use crate::golden;

pub fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTORS).expect("the descriptors of the API")
}

#[test]
fn every_method_of_every_service_is_in_the_table() {
    let pool = pool();
    let mut wire = BTreeSet::new();
    for service in pool.services() {
        for method in service.methods() {
            wire.insert(format!("/{}/{}", service.full_name(), method.name()));
        }
    }
    let table: BTreeSet<String> = METHODS.iter().map(|m| m.path.to_owned()).collect();
    assert_eq!(wire, table);
    assert_eq!(table.len(), METHODS.len(), "a method is twice in the table");
}

#[test]
fn every_method_names_an_action_or_another_way_of_being_guarded() {
    for method in METHODS {
        let named = !method.action.is_empty();
        assert_eq!(method.access == Access::Granted, named, "{}", method.path);
        for action in method.actions {
            let (service, verb) = action.split_once(':').expect("service:Verb");
            assert!(
                service.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{}",
                method.path
            );
            assert!(
                verb.starts_with(|c: char| c.is_ascii_uppercase()),
                "{}",
                method.path
            );
            assert!(
                verb.bytes().all(|b| b.is_ascii_alphabetic()),
                "{}",
                method.path
            );
        }
    }
}

#[test]
fn the_actions_of_the_wire_are_those_that_can_be_granted() {
    let wire: BTreeSet<&str> = METHODS
        .iter()
        .flat_map(|m| m.actions.iter().copied())
        .collect();
    let known: BTreeSet<&str> = vault_core::access::Action::ALL
        .iter()
        .map(|a| a.name())
        .collect();
    assert_eq!(wire, known);
}

#[test]
fn the_guard_of_no_method_changes_unseen() {
    let mut table = String::new();
    for method in METHODS {
        let guard = match method.access {
            Access::Granted => method.action.to_owned(),
            other => format!("{other:?}"),
        };
        let place = if method.local { "any node" } else { "leader" };
        let _ = writeln!(table, "{:<40} {place:<8} {guard}", method.path);
    }
    golden::check("methods.txt", &table);
}

#[test]
fn reasons_keep_their_names_and_numbers() {
    let pool = pool();
    let reasons = pool.get_enum_by_name("vault.v1.Reason").expect("Reason");
    let mut table = String::new();
    for value in reasons.values() {
        let _ = writeln!(table, "{:>4} {}", value.number(), value.name());
    }
    golden::check("reasons.txt", &table);
}
