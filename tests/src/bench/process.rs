//! Whole processes: a daemon's memory and start, reads that its caches do not hold, and `vaultctl get`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use vault_proto::v1::{GetSecretRequest, GetSecretResponse};

use super::Failure;
use super::client::Caller;
use super::daemon::Daemon;
use super::load::{all, drive, median};
use super::options::Options;
use super::reads::{GET, check};
use super::report::{Limit, Report};

/// Secrets in one folder.
const FOLDER: u32 = 500;
/// What the aims for memory and start are about.
const MANY: u32 = 100_000;

pub(super) async fn measure(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let mut daemon = Daemon::new()?;
    let caller = daemon.start().await?;
    let token = daemon.init(&caller).await?;
    let caller = caller.with_token(&token)?;
    caller.put("cli/secret".to_owned(), 0x2020_2020).await?;
    memory(&daemon, report, "idle, open", Limit::AtMost(25.0))?;

    let begun = Instant::now();
    fill(&caller, options.secrets).await?;
    let rate = f64::from(options.secrets) / begun.elapsed().as_secs_f64();
    let many = if options.secrets >= MANY {
        (Limit::AtMost(80.0), Limit::AtMost(1000.0))
    } else {
        (Limit::None, Limit::None)
    };
    let name = format!("after writing {} secrets of 1 KiB", options.secrets);
    memory(&daemon, report, &name, many.0)?;
    report.add(
        "their first versions: puts per second",
        rate,
        "/s",
        Limit::None,
        "64 writers",
    );
    drop(caller);
    daemon.stop()?;

    let begun = Instant::now();
    let caller = daemon.start().await?.with_token(&token)?;
    first_answer(&caller).await?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let name = format!("start to first answer, {} secrets", options.secrets);
    report.add(
        &name,
        took,
        "ms",
        many.1,
        "key-file seal, process start and TLS included",
    );
    memory(&daemon, report, "started again", many.0)?;
    cold(&caller, options, report).await?;
    memory(&daemon, report, "after reading them", many.0)?;

    let mut times = Vec::new();
    for _ in 0..21 {
        times.push(daemon.vaultctl_get("cli/secret")?.as_secs_f64() * 1e3);
    }
    report.add(
        "vaultctl get, whole process",
        median(times),
        "ms",
        Limit::AtMost(30.0),
        "over TLS",
    );
    daemon.stop()
}

fn memory(daemon: &Daemon, report: &mut Report, when: &str, limit: Limit) -> Result<(), Failure> {
    let (all, private) = daemon.memory()?;
    let detail = format!("{private:.1} MiB of it not file pages");
    report.add(
        &format!("resident memory, {when}"),
        all,
        "MiB",
        limit,
        &detail,
    );
    Ok(())
}

async fn fill(caller: &Caller, secrets: u32) -> Result<(), Failure> {
    let caller = caller.clone();
    all(64, secrets, move |n| {
        let caller = caller.clone();
        async move { caller.put(path(n), n.into()).await }
    })
    .await
}

async fn first_answer(caller: &Caller) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut tries = tokio::time::interval(Duration::from_millis(1));
    loop {
        tries.tick().await;
        match get(caller, 0).await {
            Ok(()) => return Ok(()),
            Err(error) if begun.elapsed() > Duration::from_secs(60) => return Err(error.into()),
            Err(_) => {}
        }
    }
}

/// Each secret once, in an order that no cache can use.
async fn cold(caller: &Caller, options: &Options, report: &mut Report) -> Result<(), Failure> {
    let (secrets, next) = (options.secrets, Arc::new(AtomicU32::new(0)));
    for callers in [1, 16] {
        let (caller, next) = (caller.clone(), Arc::clone(&next));
        let round = drive(callers, options.round * 2, move |_, _| {
            // A step that shares no factor with the number of secrets comes by all of them.
            let n = next.fetch_add(1, Ordering::Relaxed).wrapping_mul(7919) % secrets;
            let caller = caller.clone();
            async move { get(&caller, n).await }
        })
        .await?;
        let name = format!("cold reads, {}", super::reads::plural(callers, "caller"));
        let detail = format!("p50 {:.0} p99 {:.0} us", round.p50, round.p99);
        report.add(&name, round.rate, "/s", Limit::None, &detail);
    }
    Ok(())
}

async fn get(caller: &Caller, n: u32) -> Result<(), tonic::Status> {
    let request = GetSecretRequest {
        path: path(n),
        ..GetSecretRequest::default()
    };
    let reply: GetSecretResponse = caller.call(GET, request).await?;
    check(&reply)
}

fn path(n: u32) -> String {
    format!("team-{:03}/secret-{:03}", n / FOLDER, n % FOLDER)
}
