//! The benchmark: what a request costs beside an echo on the same server, and what a daemon costs at rest.
//!
//! | module | what it measures |
//! |---|---|
//! | [`reads`] | `GetSecret` against the echo |
//! | [`crowd`] | the same beside 10,000 users and policies |
//! | [`writes`] | `PutSecret` against the echo, rows and syncs per put |
//! | [`policies`] | decisions of the policy engine |
//! | [`logins`] | logins of programs, signed and stored |
//! | [`flood`] | ten times as many passwords as can be hashed, and reads meanwhile |
//! | [`timing`] | whether the time of a login that fails tells who exists |
//! | [`process`] | memory, start and cold reads of a daemon in a process of its own; `vaultctl get` |
//!
//! Ratios are of alternating rounds in one process, so that they hold on a busy machine too: of five
//! rounds the median counts.

mod client;
mod crowd;
mod daemon;
mod echo;
mod flood;
mod load;
mod logins;
mod node;
mod options;
mod policies;
mod process;
mod reads;
mod report;
mod timing;
mod writes;

use options::Options;
use report::Report;

/// Anything that goes wrong here is told and ends the benchmark.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures and prints; whether all limits were met, where that was asked for.
///
/// # Errors
/// When something cannot be measured.
pub fn run(arguments: impl Iterator<Item = String>) -> Result<bool, Failure> {
    let options = Options::parse(arguments)?;
    let mut report = Report::new(&options);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if options.wants("reads") || options.wants("writes") {
            let node = node::Serving::start(None).await?;
            let caller = node.caller().await?;
            if options.wants("reads") {
                reads::measure(&options, &caller, &mut report).await?;
            }
            if options.wants("writes") {
                writes::measure(&options, &node, &caller, &mut report).await?;
            }
            node.end().await?;
        }
        if options.wants("crowd") {
            crowd::measure(&options, &mut report).await?;
        }
        if options.wants("logins") {
            logins::measure(&options, &mut report).await?;
            flood::measure(&options, &mut report).await?;
        }
        if options.wants("writes") {
            writes::measure_slow_syncs(&options, &mut report).await?;
        }
        if options.wants("policies") {
            policies::measure(&options, &mut report)?;
        }
        if options.wants("timing") {
            timing::measure(&options, &mut report).await?;
        }
        if options.wants("process") {
            process::measure(&options, &mut report).await?;
        }
        Ok::<(), Failure>(())
    })?;
    report.print();
    Ok(!options.assert || report.all_met())
}
