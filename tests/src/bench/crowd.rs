//! What other people cost: `GetSecret` with thousands of other users and their policies in the vault.

use super::Failure;
use super::client::Caller;
use super::load::{all, median};
use super::node::Serving;
use super::options::Options;
use super::reads::{echo, get};
use super::report::{Limit, Report};

/// Callers of each round.
const CALLERS: u32 = 64;

/// Measures a user's reads before and after the others came.
pub(super) async fn measure(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let node = Serving::start(None).await?;
    let root = node.root().await?;
    let caller = root.user().await?;
    super::reads::prepare(&caller).await?;
    let alone = of_the_echo(options, &caller).await?;

    let begun = std::time::Instant::now();
    let maker = root.clone();
    all(CALLERS, options.crowd, move |n| {
        let maker = maker.clone();
        async move {
            let resource = format!("secret:team-{n}/*");
            maker
                .principal(&format!("user:crowd-{n}"), "secret:GetValue", &resource)
                .await
        }
    })
    .await?;
    let took = begun.elapsed().as_secs_f64();
    let among = of_the_echo(options, &caller).await?;
    let crowd = options.crowd;
    report.add(
        &format!(
            "GetSecret 1 KiB, 64 callers, beside {crowd} users with a policy each: of without"
        ),
        among / alone,
        "x",
        Limit::AtLeast(0.95),
        &format!("{alone:.2} of the echo before, {among:.2} after; made in {took:.0} s"),
    );
    node.end().await
}

async fn of_the_echo(options: &Options, caller: &Caller) -> Result<f64, Failure> {
    get(caller, CALLERS, options.warm_up / 2).await?;
    let mut ratios = Vec::new();
    for _ in 0..options.rounds {
        let echo = echo(caller, CALLERS, options.round).await?;
        let get = get(caller, CALLERS, options.round).await?;
        ratios.push(get.rate / echo.rate);
    }
    Ok(median(ratios))
}
