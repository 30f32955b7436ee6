//! Logins by the thousand: shed at once, and reads go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::logins::{LOGIN, logs_in, open_with, text};
use crate::wire::{Wire, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_is_shed_at_once_and_reads_go_on() {
    let (daemon, wire) = open_with(&[]).await;
    daemon.ctl_with(&["set", "a/b"], b"value").ok();
    let flood = Arc::new(Wire::connect(&daemon, "").await);
    let body = |n: usize| logs_in(&format!("user{n}"), "another password");
    // Twice as many as there are places for, on as many processors as tests run on.
    let places = 7 * std::thread::available_parallelism()
        .map_or(1, usize::from)
        .div_ceil(2);
    // Each tries again until all is seen, so that places are wanted however quickly they come free.
    let seen = Arc::new(AtomicBool::new(false));
    let filling: Vec<_> = (0..2 * places)
        .map(|n| {
            let (flood, body, seen) = (Arc::clone(&flood), body(n), Arc::clone(&seen));
            tokio::spawn(async move {
                loop {
                    let answer = flood.call(LOGIN, body.clone()).await;
                    let shed = matches!(&answer, Err(refused) if refused.reason == "OVERLOADED");
                    if !shed || seen.load(Ordering::Relaxed) {
                        return answer;
                    }
                }
            })
        })
        .collect();
    let get = message("GetSecretRequest", &[("path", text("a/b"))]);
    let (mut shed, mut reads) = (Vec::new(), Vec::new());
    for n in 0..30 {
        let begun = Instant::now();
        let refused = flood.call(LOGIN, body(n)).await.expect_err("no session");
        if refused.reason == "OVERLOADED" {
            shed.push(begun.elapsed());
        }
        let begun = Instant::now();
        wire.call("/vault.v1.Secrets/GetSecret", get.clone())
            .await
            .expect("a read goes on");
        reads.push(begun.elapsed());
    }
    seen.store(true, Ordering::Relaxed);
    let mut compared = 0;
    for login in filling {
        let refused = login.await.expect("an answer").expect_err("no session");
        match refused.reason.as_str() {
            "OVERLOADED" => {}
            "LOGIN_FAILED" => compared += 1,
            other => panic!("{other}"),
        }
    }
    shed.sort_unstable();
    reads.sort_unstable();
    assert!(
        compared >= 1 && shed.len() > 10,
        "{compared}, {}",
        shed.len()
    );
    let (half, read) = (shed[shed.len() / 2], reads[reads.len() / 2]);
    println!(
        "{compared} compared, {} shed in {half:?}, reads in {read:?}",
        shed.len()
    );
    // Medians: other tests take their share of the machine.
    assert!(half < Duration::from_millis(50), "shed after {half:?}");
    assert!(read < Duration::from_millis(50), "reads took {read:?}");
}
