//! Makes the next segment ahead of time, so that the flusher never waits for zeros to be written,
//! and waits when the disk is full.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::files::Spare;

/// Between attempts to make a segment on a full disk.
const RETRY: Duration = Duration::from_millis(200);

/// Starts the thread. It ends when the receiver is dropped or `stop` is set.
pub(super) fn start(
    dir: &Path,
    length: u64,
    stop: Arc<AtomicBool>,
) -> io::Result<(Receiver<Spare>, JoinHandle<()>)> {
    // No capacity: one spare waits in the thread's hands; the next is made when it is taken.
    let (sender, receiver) = sync_channel(0);
    let dir = PathBuf::from(dir);
    let thread = std::thread::Builder::new()
        .name("log-prepare".into())
        .spawn(move || run(&dir, length, &sender, &stop))?;
    Ok((receiver, thread))
}

fn run(dir: &Path, length: u64, spares: &SyncSender<Spare>, stop: &AtomicBool) {
    let mut number = 0_u64;
    while !stop.load(Relaxed) {
        let name = format!("spare-{number}");
        match Spare::make(dir, &name, length) {
            Ok(spare) => {
                number += 1;
                if spares.send(spare).is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no room for the next log segment; trying again");
                std::thread::park_timeout(RETRY);
            }
        }
    }
}
