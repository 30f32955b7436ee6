//! What deciding costs: evaluations per second of a caller with many policies attached, on one core.

use std::hint::black_box;
use std::time::{Duration, Instant};

use vault_core::access::policy::measure::Measured;

use super::Failure;
use super::load::median;
use super::options::Options;
use super::report::{Limit, Report};

/// Evaluations between two looks at the clock.
const BATCH: u32 = 64;

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<(), Failure> {
    for policies in [1, 100, 1_000] {
        let caller = Measured::new(policies)?;
        rate(&caller, options.warm_up)?;
        let rounds = (0..options.rounds).map(|_| rate(&caller, options.round));
        let rates = rounds.collect::<Result<Vec<_>, _>>()?;
        report.add(
            &format!("policy evaluations, {policies} policies attached"),
            median(rates),
            "/s",
            Limit::None,
            "one core, the last of them allows",
        );
    }
    Ok(())
}

fn rate(caller: &Measured, time: Duration) -> Result<f64, Failure> {
    let (begun, mut done) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        for _ in 0..BATCH {
            if !black_box(caller).evaluate() {
                return Err("a request that is allowed was not".into());
            }
        }
        done += BATCH;
    }
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}
