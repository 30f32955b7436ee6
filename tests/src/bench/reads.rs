//! `GetSecret` of 1 KiB from memory, against the echo and the empty call.

use vault_proto::v1::{GetSecretRequest, GetSecretResponse};

use super::Failure;
use super::client::Caller;
use super::echo::{ECHO, EMPTY};
use super::load::{Round, drive, median};
use super::options::Options;
use super::report::{Limit, Report};

/// Path of `GetSecret`.
pub(super) const GET: &str = "/vault.v1.Secrets/GetSecret";
/// As many secrets as callers, so that nobody is served by another's look-up.
const SECRETS: u32 = 64;

pub(super) async fn measure(
    options: &Options,
    caller: &Caller,
    report: &mut Report,
) -> Result<(), Failure> {
    prepare(caller).await?;
    for callers in [1, 16, 64] {
        row(options, caller, callers, report).await?;
    }
    Ok(())
}

/// Writes what is read.
pub(super) async fn prepare(caller: &Caller) -> Result<(), Failure> {
    for n in 0..SECRETS {
        caller.put(path(n), n.into()).await?;
    }
    Ok(())
}

async fn row(
    options: &Options,
    caller: &Caller,
    callers: u32,
    report: &mut Report,
) -> Result<(), Failure> {
    get(caller, callers, options.warm_up / 2).await?;
    echo(caller, callers, options.warm_up / 2).await?;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        rounds.push((
            echo(caller, callers, options.round).await?,
            get(caller, callers, options.round).await?,
            empty(caller, callers, options.round).await?,
        ));
    }
    let of = |pick: fn(&(Round, Round, Round)) -> f64| median(rounds.iter().map(pick));
    let ratio = of(|(echo, get, _)| get.rate / echo.rate);
    let tail = of(|(echo, get, _)| get.p99 / echo.p99);
    let detail = format!(
        "get {:.0}/s p50 {:.0} p99 {:.0} us; echo {:.0}/s p50 {:.0} p99 {:.0} us; empty {:.0}/s",
        of(|(_, get, _)| get.rate),
        of(|(_, get, _)| get.p50),
        of(|(_, get, _)| get.p99),
        of(|(echo, _, _)| echo.rate),
        of(|(echo, _, _)| echo.p50),
        of(|(echo, _, _)| echo.p99),
        of(|(_, _, empty)| empty.rate),
    );
    let (least, most) = match callers {
        1 => (Limit::AtLeast(0.85), Limit::None),
        64 => (Limit::AtLeast(0.75), Limit::AtMost(2.0)),
        _ => (Limit::None, Limit::None),
    };
    let who = plural(callers, "caller");
    report.add(
        &format!("GetSecret 1 KiB, {who}: of the echo"),
        ratio,
        "x",
        least,
        &detail,
    );
    report.add(
        &format!("GetSecret 1 KiB, {who}: p99 of the echo's"),
        tail,
        "x",
        most,
        "",
    );
    Ok(())
}

/// Reads by so many callers.
pub(super) async fn get(
    caller: &Caller,
    callers: u32,
    time: std::time::Duration,
) -> Result<Round, Failure> {
    let caller = caller.clone();
    drive(callers, time, move |n, _| {
        let caller = caller.clone();
        async move {
            let reply: GetSecretResponse = caller.call(GET, request(n)).await?;
            check(&reply)
        }
    })
    .await
}

/// Echo calls by so many callers.
pub(super) async fn echo(
    caller: &Caller,
    callers: u32,
    time: std::time::Duration,
) -> Result<Round, Failure> {
    let caller = caller.clone();
    drive(callers, time, move |n, _| {
        let caller = caller.clone();
        async move {
            let reply: GetSecretResponse = caller.call(ECHO, request(n)).await?;
            check(&reply)
        }
    })
    .await
}

async fn empty(caller: &Caller, callers: u32, time: std::time::Duration) -> Result<Round, Failure> {
    let caller = caller.clone();
    drive(callers, time, move |_, _| {
        let caller = caller.clone();
        async move { caller.call(EMPTY, ()).await }
    })
    .await
}

/// A reply without its kilobyte would be no reply.
pub(super) fn check(reply: &GetSecretResponse) -> Result<(), tonic::Status> {
    match reply.fields.get("value") {
        Some(value) if value.len() == 1024 => Ok(()),
        _ => Err(tonic::Status::data_loss("not the value")),
    }
}

fn request(n: u32) -> GetSecretRequest {
    GetSecretRequest {
        path: path(n),
        ..GetSecretRequest::default()
    }
}

fn path(n: u32) -> String {
    format!("bench/secret-{:02}", n % SECRETS)
}

/// `1 caller`, `16 callers`.
pub(super) fn plural(n: u32, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}
