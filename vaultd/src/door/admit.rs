//! How many connections may be open: in all, and from one source. Counts the requests of a source, too.
//!
//! A source is an IPv4 address, an IPv6 network of 64 bits (what one subscriber gets), or a local user.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use super::conn::Transport;

/// The count of open connections.
#[derive(Debug)]
pub struct Admissions {
    total: usize,
    per_source: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_source: BTreeMap<Source, Held>,
}

/// What one source has open.
#[derive(Debug, Default)]
struct Held {
    connections: usize,
    requests: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    V4([u8; 4]),
    V6([u16; 4]),
    User(u32),
}

impl From<&Transport> for Source {
    fn from(transport: &Transport) -> Self {
        match transport {
            Transport::Unix { uid, .. } => Self::User(*uid),
            Transport::Tcp(address) => match address.ip().to_canonical() {
                IpAddr::V4(ip) => Self::V4(ip.octets()),
                IpAddr::V6(ip) => {
                    let [a, b, c, d, ..] = ip.segments();
                    Self::V6([a, b, c, d])
                }
            },
        }
    }
}

/// The right to hold one connection open, until dropped.
#[derive(Debug)]
#[must_use]
pub struct Admission {
    of: Arc<Admissions>,
    source: Source,
    requests: Arc<AtomicUsize>,
}

impl Admission {
    /// The count of requests in flight on all connections of this source.
    pub(super) fn requests(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.requests)
    }
}

impl Admissions {
    /// With these bounds.
    pub fn new(total: usize, per_source: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            per_source,
            open: Mutex::default(),
        })
    }

    /// Admits one more connection from there; `None` at a bound.
    pub fn admit(self: &Arc<Self>, transport: &Transport) -> Option<Admission> {
        let source = Source::from(transport);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let from_there = open
            .by_source
            .get(&source)
            .map_or(0, |held| held.connections);
        if open.total >= self.total || from_there >= self.per_source {
            return None;
        }
        open.total += 1;
        let held = open.by_source.entry(source).or_default();
        held.connections += 1;
        Some(Admission {
            of: Arc::clone(self),
            source,
            requests: Arc::clone(&held.requests),
        })
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.of.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        let Some(held) = open.by_source.get_mut(&self.source) else {
            return;
        };
        held.connections = held.connections.saturating_sub(1);
        if held.connections == 0 {
            open.by_source.remove(&self.source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(address: &str) -> Transport {
        Transport::Tcp(address.parse().expect("address"))
    }

    #[test]
    fn one_source_cannot_take_everything() {
        let admissions = Admissions::new(3, 2);
        let first = admissions.admit(&tcp("10.0.0.1:1")).expect("first");
        let _second = admissions.admit(&tcp("10.0.0.1:2")).expect("second");
        assert!(admissions.admit(&tcp("10.0.0.1:3")).is_none());
        let _other = admissions.admit(&tcp("10.0.0.2:1")).expect("other");
        assert!(
            admissions.admit(&tcp("10.0.0.3:1")).is_none(),
            "the total is reached"
        );
        drop(first);
        assert_eq!(admissions.open(), 2);
        let _again = admissions.admit(&tcp("10.0.0.1:4")).expect("room again");
    }

    #[test]
    fn addresses_of_one_subscriber_are_one_source() {
        let admissions = Admissions::new(9, 1);
        let _a = admissions
            .admit(&tcp("[2001:db8:1:2::1]:1"))
            .expect("first");
        assert!(admissions.admit(&tcp("[2001:db8:1:2:ffff::9]:1")).is_none());
        let _b = admissions
            .admit(&tcp("[2001:db8:1:3::1]:1"))
            .expect("another network");
        let _c = admissions.admit(&tcp("10.0.0.1:1")).expect("v4");
        assert!(
            admissions.admit(&tcp("[::ffff:10.0.0.1]:1")).is_none(),
            "the same, mapped"
        );
    }

    #[test]
    fn local_users_are_sources_too_and_nothing_is_left_behind() {
        let admissions = Admissions::new(9, 1);
        let unix = |uid| Transport::Unix {
            uid,
            gid: 0,
            pid: None,
        };
        let held = admissions.admit(&unix(7)).expect("first");
        assert!(admissions.admit(&unix(7)).is_none());
        drop(held);
        assert_eq!(admissions.open(), 0);
        assert!(admissions.open.lock().expect("lock").by_source.is_empty());
    }
}
