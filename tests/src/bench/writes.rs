//! Durable `PutSecret` of 1 KiB: against the echo, and what one put makes the disk do.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use vaultd::store::{LogStats, Store};

use super::Failure;
use super::client::Caller;
use super::load::{Round, drive, median};
use super::node::Serving;
use super::options::Options;
use super::reads::{echo, plural};
use super::report::{Limit, Report};

pub(super) async fn measure(
    options: &Options,
    node: &Serving,
    caller: &Caller,
    report: &mut Report,
) -> Result<(), Failure> {
    for writers in [1, 16, 64] {
        row(options, node, caller, writers, report).await?;
    }
    rows_per_put(node, caller, report).await
}

/// The same with a disk whose syncs take a millisecond more.
pub(super) async fn measure_slow_syncs(
    options: &Options,
    report: &mut Report,
) -> Result<(), Failure> {
    let node = Serving::start(Some(Duration::from_millis(1))).await?;
    let caller = node.caller().await?;
    for writers in [1, 64] {
        put(&caller, writers, options.warm_up).await?;
        let (round, cost) = counted(&node.store, put(&caller, writers, options.round * 2)).await?;
        let limit = if writers == 64 {
            Limit::AtMost(0.1)
        } else {
            Limit::None
        };
        report.add(
            &format!(
                "with 1 ms on each sync, {}: fsyncs per put",
                plural(writers, "writer")
            ),
            cost.syncs,
            "",
            limit,
            &format!("{:.0} puts/s, p50 {:.0} us", round.rate, round.p50),
        );
    }
    node.end().await
}

async fn row(
    options: &Options,
    node: &Serving,
    caller: &Caller,
    writers: u32,
    report: &mut Report,
) -> Result<(), Failure> {
    put(caller, writers, options.warm_up).await?;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let echo = echo(caller, writers, options.round).await?;
        let (put, cost) = counted(&node.store, put(caller, writers, options.round)).await?;
        rounds.push((echo, put, cost, sync_time(node.dir())?));
    }
    let of = |pick: fn(&(Round, Round, Cost, f64)) -> f64| median(rounds.iter().map(pick));
    let detail = format!(
        "put {:.0}/s p50 {:.0} p99 {:.0} us; echo {:.0}/s p50 {:.0} us; fsync {:.0} us",
        of(|(_, put, _, _)| put.rate),
        of(|(_, put, _, _)| put.p50),
        of(|(_, put, _, _)| put.p99),
        of(|(echo, _, _, _)| echo.rate),
        of(|(echo, _, _, _)| echo.p50),
        of(|(_, _, _, sync)| *sync),
    );
    let who = plural(writers, "writer");
    let ratio = of(|(echo, put, _, _)| put.rate / echo.rate);
    let limit = if writers == 64 {
        Limit::AtLeast(0.25)
    } else {
        Limit::None
    };
    report.add(
        &format!("PutSecret 1 KiB, {who}: of the echo"),
        ratio,
        "x",
        limit,
        &detail,
    );
    let cost = format!(
        "{:.3} batches and {:.0} bytes of log per put",
        of(|(_, _, cost, _)| cost.entries),
        of(|(_, _, cost, _)| cost.bytes),
    );
    let syncs = of(|(_, _, cost, _)| cost.syncs);
    report.add(
        &format!("PutSecret 1 KiB, {who}: fsyncs per put"),
        syncs,
        "",
        Limit::None,
        &cost,
    );
    if writers == 1 {
        let times = of(|(echo, put, _, sync)| put.p50 / (sync + echo.p50));
        let name = "PutSecret 1 KiB, 1 writer: of one fsync and one echo";
        report.add(name, times, "x", Limit::AtMost(2.0), "");
    }
    Ok(())
}

/// What a secret's first version adds to the state.
async fn rows_per_put(node: &Serving, caller: &Caller, report: &mut Report) -> Result<(), Failure> {
    const PUTS: u32 = 256;
    let before = node.store.rows();
    for n in 0..PUTS {
        caller.put(format!("new/secret-{n}"), n.into()).await?;
    }
    let rows = (node.store.rows() - before) as f64 / f64::from(PUTS);
    report.add(
        "PutSecret of a new secret: rows added",
        rows,
        "",
        Limit::None,
        "",
    );
    Ok(())
}

async fn put(caller: &Caller, writers: u32, time: Duration) -> Result<Round, Failure> {
    let caller = caller.clone();
    drive(writers, time, move |n, count| {
        let caller = caller.clone();
        async move { caller.put(format!("put/secret-{n:02}"), count).await }
    })
    .await
}

/// What the log did, per put.
#[derive(Clone, Copy, Debug)]
struct Cost {
    syncs: f64,
    entries: f64,
    bytes: f64,
}

async fn counted(
    store: &Store,
    round: impl Future<Output = Result<Round, Failure>>,
) -> Result<(Round, Cost), Failure> {
    let before = store.log_stats();
    let round = round.await?;
    let after = store.log_stats();
    let each = |count: fn(&LogStats) -> u64| {
        (count(&after) - count(&before)) as f64 / round.calls.max(1) as f64
    };
    let cost = Cost {
        syncs: each(|stats| stats.syncs),
        entries: each(|stats| stats.entries),
        bytes: each(|stats| stats.bytes),
    };
    Ok((round, cost))
}

/// Microseconds that this disk takes to append 2 KiB durably.
fn sync_time(dir: &Path) -> Result<f64, Failure> {
    let path = dir.join("sync-probe");
    let mut file = File::create(&path)?;
    // As the log does it: into space that is there already.
    file.write_all(&[0; 256 << 10])?;
    file.sync_all()?;
    std::io::Seek::rewind(&mut file)?;
    let mut times = Vec::new();
    for _ in 0..64 {
        let begun = Instant::now();
        file.write_all(&[1; 2048])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    std::fs::remove_file(path)?;
    Ok(median(times))
}
