//! What takes a processor for a while: one at a time, off the async threads, for seconds at most.
//!
//! Any authenticated caller may ask for it, so all of it together never takes more than one thread, however
//! many ask; what a change takes has a thread of its own, so that nobody keeps others from changing things by asking. Who waits too long for his turn is refused; what runs too long, or for nobody any more, is told
//! to stop and looks at that between its steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use vault_proto::v1::Reason;

use crate::app::error::{Error, Result};

/// How long one may wait for its turn.
const TURN: Duration = Duration::from_secs(4);
/// How long one may run until it is told to stop.
const RUN: Duration = Duration::from_secs(3);

/// The one turn that is taken.
#[derive(Debug)]
pub(in crate::app) struct Analyses {
    turns: Arc<Semaphore>,
    turn: Duration,
    run: Duration,
}

impl Default for Analyses {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(1)),
            turn: TURN,
            run: RUN,
        }
    }
}

/// Whether to go on.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(in crate::app) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Nobody waits any more.
struct StopWhenDropped(Stop);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Analyses {
    /// Runs what looks at [`Stop`] now and then.
    ///
    /// # Errors
    /// `OVERLOADED` when its turn does not come; what `work` says otherwise.
    pub(in crate::app) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Stop) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let turn = tokio::time::timeout(self.turn, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(|_| busy())?.map_err(Error::internal)?;
        let stop = Stop::default();
        let _guard = StopWhenDropped(stop.clone());
        let told = stop.clone();
        let mut working = tokio::task::spawn_blocking(move || {
            let done = work(&told);
            drop(turn);
            done
        });
        let in_time = tokio::time::timeout(self.run, &mut working).await;
        let done = if let Ok(done) = in_time {
            done
        } else {
            stop.0.store(true, Ordering::Relaxed);
            working.await
        };
        done.map_err(Error::internal)?
    }
}

fn busy() -> Error {
    Error::new(
        Reason::Overloaded,
        "policies are read and compared one at a time, and others are at it",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn who_waits_too_long_for_his_turn_is_refused_and_the_next_is_served() {
        let analyses = Arc::new(Analyses {
            turn: SHORT,
            ..Analyses::default()
        });
        let (go, gate) = mpsc::channel::<()>();
        let (began, at_work) = tokio::sync::oneshot::channel();
        let first = Arc::clone(&analyses);
        let first = tokio::spawn(async move {
            first
                .run(move |_| {
                    began.send(()).unwrap();
                    gate.recv().ok();
                    Ok(1)
                })
                .await
        });
        at_work.await.unwrap();
        let refused = analyses.run(|_| Ok(2)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Overloaded);
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), 1);
        assert_eq!(analyses.run(|_| Ok(3)).await.unwrap(), 3);
    }

    fn until_stopped(stop: &Stop) -> bool {
        while !stop.is_set() {
            std::thread::yield_now();
        }
        stop.is_set()
    }

    #[tokio::test]
    async fn what_runs_too_long_is_told_to_stop_and_what_it_has_is_the_answer() {
        let analyses = Analyses {
            run: SHORT,
            ..Analyses::default()
        };
        assert!(analyses.run(|stop| Ok(until_stopped(stop))).await.unwrap());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_makes_room() {
        let analyses = Arc::new(Analyses::default());
        let (began, at_work) = tokio::sync::oneshot::channel();
        let gone = Arc::clone(&analyses);
        let gone = tokio::spawn(async move {
            gone.run(move |stop| {
                began.send(()).unwrap();
                Ok(until_stopped(stop))
            })
            .await
        });
        at_work.await.unwrap();
        gone.abort();
        assert_eq!(analyses.run(|_| Ok(7)).await.unwrap(), 7);
    }
}
