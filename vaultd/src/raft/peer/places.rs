//! How much of the peers' port one source, or one key, may hold at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Places: so many in all, and so many of each.
#[derive(Debug)]
pub(super) struct Places<K: Ord + Copy> {
    total: usize,
    each: usize,
    held: Mutex<BTreeMap<K, usize>>,
}

/// A place, until dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Place<K: Ord + Copy> {
    of: Arc<Places<K>>,
    whose: K,
}

impl<K: Ord + Copy> Places<K> {
    pub(super) fn new(total: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            each,
            held: Mutex::default(),
        })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<K, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more for that one; `None` at a bound.
    pub(super) fn take(self: &Arc<Self>, whose: K) -> Option<Place<K>> {
        let mut held = self.held();
        let all: usize = held.values().sum();
        let own = held.get(&whose).copied().unwrap_or_default();
        if all >= self.total || own >= self.each {
            return None;
        }
        held.insert(whose, own + 1);
        Some(Place {
            of: Arc::clone(self),
            whose,
        })
    }
}

impl<K: Ord + Copy> Drop for Place<K> {
    fn drop(&mut self) {
        let mut held = self.of.held();
        let left = held.get(&self.whose).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            held.remove(&self.whose);
        } else {
            held.insert(self.whose, left);
        }
    }
}

/// Where somebody is, as far as one subscriber has it: an IPv4 address, or an IPv6 network of 64 bits.
pub(super) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_takes_its_places_and_no_more_and_leaves_nothing_behind() {
        let places = Places::new(3, 2);
        let at = |text: &str| source(text.parse().unwrap());
        let first = places.take(at("2001:db8:1:2::1")).unwrap();
        let second = places.take(at("2001:db8:1:2:ffff::9")).unwrap();
        assert!(places.take(at("2001:db8:1:2::3")).is_none());
        let third = places.take(at("10.0.0.1")).unwrap();
        assert!(places.take(at("10.0.0.2")).is_none(), "the total");
        drop(second);
        let fourth = places.take(at("::ffff:10.0.0.1")).unwrap();
        drop((first, third, fourth));
        assert!(places.held().is_empty());
    }
}
