//! One direction of one connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Link, Shared};

/// Chunks on their way at a time.
const FLIGHT: usize = 256;
const CHUNK: usize = 64 << 10;

/// Something, and when it arrives at the earliest.
type Parcel = (Instant, Vec<u8>);

/// Until one side ends, and what was on its way has arrived.
pub(super) async fn run(
    reads: OwnedReadHalf,
    writes: OwnedWriteHalf,
    link: watch::Receiver<Link>,
    counts: &Arc<Shared>,
) {
    let (sender, parcels) = mpsc::channel(FLIGHT);
    tokio::join!(
        take(reads, sender, link.clone(), counts),
        give(writes, parcels, link),
    );
}

async fn take(
    mut reads: OwnedReadHalf,
    parcels: mpsc::Sender<Parcel>,
    link: watch::Receiver<Link>,
    counts: &Arc<Shared>,
) {
    let mut due = Instant::now();
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = reads.read(&mut chunk).await {
        let now = *link.borrow();
        if now.cut {
            counts.held.fetch_add(1, Ordering::Relaxed);
        }
        let delay = now.delay + jitter(now.jitter);
        if !delay.is_zero() {
            counts.late.fetch_add(1, Ordering::Relaxed);
        }
        due = due.max(Instant::now() + delay);
        let bytes = chunk.get(..length).unwrap_or_default().to_vec();
        if parcels.send((due, bytes)).await.is_err() {
            return;
        }
    }
}

async fn give(
    mut writes: OwnedWriteHalf,
    mut parcels: mpsc::Receiver<Parcel>,
    mut link: watch::Receiver<Link>,
) {
    while let Some((due, bytes)) = parcels.recv().await {
        sleep_until(due).await;
        // The sender is the net's, which outlives its connections or ends with them.
        if link.wait_for(|link| !link.cut).await.is_err() || writes.write_all(&bytes).await.is_err()
        {
            return;
        }
    }
    // The end of a connection does not cross a cut link either.
    if link.wait_for(|link| !link.cut).await.is_ok() {
        // It may be gone already.
        let _closed = writes.shutdown().await;
    }
}

/// Up to this much.
fn jitter(most: Duration) -> Duration {
    let mut random = [0; 4];
    if most.is_zero() || getrandom::fill(&mut random).is_err() {
        return Duration::ZERO;
    }
    most.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}
