//! A net between the nodes of a cluster, that can be cut: each node is reached through a port of the proxy's.
//!
//! Who connects is told by the process that holds the other end of the connection, so that each direction between two
//! nodes is a link of its own. What a cut link is given is held back and not thrown away: TCP repeats what is lost, and
//! the other side learns nothing of the cut but silence.

mod pump;
mod whose;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a direction between two nodes is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Nothing arrives.
    pub cut: bool,
    /// What arrives does so after this,
    pub delay: Duration,
    /// and up to this, never out of order.
    pub jitter: Duration,
}

/// From one node to another, by number.
type Way = (usize, usize);

#[derive(Debug, Default)]
struct Shared {
    targets: Mutex<HashMap<usize, SocketAddr>>,
    processes: Mutex<HashMap<u32, usize>>,
    links: Mutex<HashMap<Way, watch::Sender<Link>>>,
    held: AtomicU64,
    late: AtomicU64,
    strangers: AtomicU64,
}

/// The net. Needs a runtime around it while it is made; what it started ends with that.
#[derive(Clone, Debug, Default)]
pub struct Net(Arc<Shared>);

impl Net {
    /// Listens for what goes to a node. Where.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn listen(&self, to: usize) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let net = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let net = net.clone();
                tokio::spawn(async move { net.carry((stream, from), address, to).await });
            }
        });
        Ok(address)
    }

    /// Where a node really listens.
    pub fn target(&self, node: usize, address: SocketAddr) {
        held(&self.0.targets).insert(node, address);
    }

    /// Which process a node is now.
    pub fn process(&self, node: usize, id: u32) {
        let mut processes = held(&self.0.processes);
        processes.retain(|_, of| *of != node);
        processes.insert(id, node);
    }

    /// Makes a link so, from now on.
    pub fn set(&self, from: usize, to: usize, link: Link) {
        self.link((from, to), |sender| sender.send_replace(link));
    }

    /// Cuts every link between a node and the others, both ways.
    pub fn isolate(&self, node: usize, all: usize) {
        let cut = Link {
            cut: true,
            ..Link::default()
        };
        for other in (0..all).filter(|other| *other != node) {
            self.set(node, other, cut);
            self.set(other, node, cut);
        }
    }

    /// All links are as they were.
    pub fn heal(&self) {
        for sender in held(&self.0.links).values() {
            sender.send_replace(Link::default());
        }
    }

    /// How often something came to a cut link, and to one with a delay: a cut that nobody noticed was none.
    pub fn noticed(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.0.held), of(&self.0.late))
    }

    /// Connections of processes that are no node.
    pub fn strangers(&self) -> u64 {
        self.0.strangers.load(Ordering::Relaxed)
    }

    fn link<T>(&self, way: Way, with: impl FnOnce(&watch::Sender<Link>) -> T) -> T {
        let mut links = held(&self.0.links);
        with(
            links
                .entry(way)
                .or_insert_with(|| watch::Sender::new(Link::default())),
        )
    }

    async fn carry(&self, (near, who): (TcpStream, SocketAddr), here: SocketAddr, to: usize) {
        let processes = held(&self.0.processes).clone();
        let found = tokio::task::spawn_blocking(move || whose::find(&processes, who, here));
        let Some(from) = found.await.ok().flatten() else {
            self.0.strangers.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let target = held(&self.0.targets).get(&to).copied();
        let Some(target) = target else { return };
        let Ok(far) = TcpStream::connect(target).await else {
            return;
        };
        for stream in [&near, &far] {
            if stream.set_nodelay(true).is_err() {
                return;
            }
        }
        let (there, back) = [(from, to), (to, from)]
            .map(|way| self.link(way, watch::Sender::subscribe))
            .into();
        let (near_reads, near_writes) = near.into_split();
        let (far_reads, far_writes) = far.into_split();
        let counts = &self.0;
        tokio::join!(
            pump::run(near_reads, far_writes, there, counts),
            pump::run(far_reads, near_writes, back, counts),
        );
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
