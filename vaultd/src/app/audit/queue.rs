//! The queue into the writer: a list behind a lock that is held for a push or a swap, and a wake only
//! when the writer sleeps. The writer takes all that has gathered at once.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Work for one thread, from many.
#[derive(Debug)]
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    filled: Condvar,
    limit: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Inner<T> {
    waiting: Vec<T>,
    /// What the jobs that wait weigh.
    weight: usize,
    asleep: bool,
    poked: bool,
    closed: bool,
}

/// What the writer was woken by.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// There is work.
    Work,
    /// There was none for as long as it was willing to wait, or it was poked.
    Idle,
    /// There will be none any more.
    Closed,
}

impl<T> Queue<T> {
    /// For so many jobs, and so many bytes of them.
    pub(super) fn new(limit: usize, bytes: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                waiting: Vec::new(),
                weight: 0,
                asleep: false,
                poked: false,
                closed: false,
            }),
            filled: Condvar::new(),
            limit,
            bytes,
        }
    }

    /// Whether there was room for a job of that many bytes.
    pub(super) fn push(&self, job: T, bytes: usize) -> bool {
        let mut inner = self.lock();
        let weight = inner.weight.saturating_add(bytes);
        if inner.waiting.len() >= self.limit || weight > self.bytes || inner.closed {
            return false;
        }
        inner.weight = weight;
        inner.waiting.push(job);
        let wake = std::mem::take(&mut inner.asleep);
        drop(inner);
        if wake {
            self.filled.notify_one();
        }
        true
    }

    /// Lets the writer look after itself, without work.
    pub(super) fn poke(&self) {
        let mut inner = self.lock();
        inner.poked = true;
        let wake = std::mem::take(&mut inner.asleep);
        drop(inner);
        if wake {
            self.filled.notify_one();
        }
    }

    /// Moves all that waits into `out`, which is empty; waits for it if there is nothing.
    pub(super) fn take(&self, out: &mut Vec<T>, patience: Duration) -> Woken {
        let mut inner = self.lock();
        let empty =
            |inner: &mut Inner<T>| inner.waiting.is_empty() && !inner.closed && !inner.poked;
        if empty(&mut inner) {
            inner.asleep = true;
            inner = match self.filled.wait_timeout_while(inner, patience, empty) {
                Ok((inner, _)) => inner,
                Err(poisoned) => poisoned.into_inner().0,
            };
            inner.asleep = false;
        }
        inner.poked = false;
        inner.weight = 0;
        std::mem::swap(&mut inner.waiting, out);
        if !out.is_empty() {
            Woken::Work
        } else if inner.closed {
            Woken::Closed
        } else {
            Woken::Idle
        }
    }

    /// Nothing more is accepted; what waits is still taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        match self.inner.lock() {
            Ok(inner) => inner,
            // A push is whole or was not begun.
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_gathered_is_taken_at_once_and_in_order() {
        let queue = Queue::new(10, 100);
        let mut out = Vec::new();
        assert_eq!(queue.take(&mut out, Duration::ZERO), Woken::Idle);
        for job in 0..3 {
            assert!(queue.push(job, 1));
        }
        assert_eq!(queue.take(&mut out, Duration::ZERO), Woken::Work);
        assert_eq!(out, [0, 1, 2]);
    }

    #[test]
    fn a_full_or_closed_queue_takes_nothing_more_and_loses_nothing() {
        let queue = Queue::new(2, 100);
        assert!(queue.push(1, 1) && queue.push(2, 1));
        assert!(!queue.push(3, 1));
        queue.close();
        let mut out = Vec::new();
        assert_eq!(queue.take(&mut out, Duration::MAX), Woken::Work);
        assert_eq!(out, [1, 2]);
        out.clear();
        assert_eq!(queue.take(&mut out, Duration::MAX), Woken::Closed);
        assert!(!queue.push(4, 1));
    }

    #[test]
    fn a_queue_is_full_by_bytes_too_and_empty_once_they_are_taken() {
        let queue = Queue::new(10, 100);
        assert!(!queue.push(0, 101));
        assert!(queue.push(1, 60));
        assert!(!queue.push(2, 41));
        assert!(!queue.push(2, usize::MAX));
        assert!(queue.push(3, 40));
        let mut out = Vec::new();
        assert_eq!(queue.take(&mut out, Duration::ZERO), Woken::Work);
        assert_eq!(out, [1, 3]);
        assert!(queue.push(4, 100));
    }

    #[test]
    fn a_poke_ends_one_wait_and_only_one() {
        let queue = Queue::<u8>::new(1, 100);
        let mut out = Vec::new();
        queue.poke();
        queue.poke();
        assert_eq!(queue.take(&mut out, Duration::MAX), Woken::Idle);
        assert_eq!(queue.take(&mut out, Duration::from_millis(1)), Woken::Idle);
        assert!(queue.push(1, 1));
        queue.poke();
        assert_eq!(queue.take(&mut out, Duration::MAX), Woken::Work);
    }

    #[test]
    fn a_sleeping_writer_is_woken() {
        let queue = Queue::new(2, 100);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut out = Vec::new();
                let woken = queue.take(&mut out, Duration::from_mins(1));
                (woken, out)
            });
            assert!(queue.push(7, 1));
            assert_eq!(writer.join().unwrap(), (Woken::Work, vec![7]));
        });
    }
}
