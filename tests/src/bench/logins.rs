//! Logins of programs by the token of an issuer: with a session that is signed, and with one that is stored.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tonic::Status;
use vault_proto::v1::{
    BindServiceRequest, BindServiceResponse, BoundClaim, CreateTrustRequest, CreateTrustResponse,
    LoginResponse, LoginTokenRequest, LogoutRequest, LogoutResponse, SessionLimits, TrustedIssuer,
};

use super::Failure;
use super::client::Caller;
use super::load::{Round, all, drive, median};
use super::node::Serving;
use super::options::Options;
use super::report::{Limit, Report};
use crate::Issuer;

/// Services that log in, so that none of them has more sessions than it may.
const SERVICES: u32 = 64;
/// Callers of each round.
const CALLERS: u32 = 16;
/// Live sessions of one service.
const LIVE: u32 = 400;

pub(super) async fn measure(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let node = Serving::start(None).await?;
    let root = node.root().await?;
    let programs = Programs::make(&root).await?;
    rates(options, &node, &programs, report).await?;
    reads(options, &programs, report).await?;
    crowded(options, &programs, report).await?;
    node.end().await
}

/// Services that are bound to an issuer, with a token of each.
#[derive(Clone)]
struct Programs {
    caller: Caller,
    tokens: std::sync::Arc<Vec<String>>,
}

impl Programs {
    async fn make(root: &Caller) -> Result<Self, Failure> {
        let issuer = Issuer::make();
        let _made: CreateTrustResponse = root
            .call(
                "/vault.v1.Trust/CreateTrust",
                CreateTrustRequest {
                    name: "bench".to_owned(),
                    issuer: Some(TrustedIssuer {
                        issuer: "https://bench.test".to_owned(),
                        audiences: vec!["vault".to_owned()],
                        jwks: issuer.jwks().to_string(),
                        ..TrustedIssuer::default()
                    }),
                },
            )
            .await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut tokens = Vec::new();
        // One more: whose live sessions are many.
        for n in 0..=SERVICES {
            let (service, subject) = (format!("service:till-{n}"), format!("till-{n}"));
            root.principal(&service, "secret:*", "secret:*").await?;
            let _bound: BindServiceResponse = root
                .call(
                    "/vault.v1.Trust/BindService",
                    BindServiceRequest {
                        trust: "bench".to_owned(),
                        service,
                        claims: vec![BoundClaim {
                            name: "sub".to_owned(),
                            pattern: subject.clone(),
                        }],
                    },
                )
                .await?;
            tokens.push(issuer.token(&json!({
                "iss": "https://bench.test", "aud": "vault", "sub": subject,
                "iat": now, "exp": now + 3600,
            })));
        }
        Ok(Self {
            caller: root.without_token(),
            tokens: tokens.into(),
        })
    }

    async fn log_in(&self, n: u32, signed: bool) -> Result<String, Status> {
        let reply: LoginResponse = self
            .caller
            .call(
                "/vault.v1.Trust/LoginToken",
                LoginTokenRequest {
                    service: format!("till-{n}"),
                    jwt: self.tokens.get(n as usize).cloned().unwrap_or_default(),
                    limits: Some(SessionLimits {
                        signed,
                        ..SessionLimits::default()
                    }),
                    ..LoginTokenRequest::default()
                },
            )
            .await?;
        let prefix = if signed { "vlg_" } else { "vlt_" };
        if reply.token.starts_with(prefix) {
            Ok(reply.token)
        } else {
            Err(Status::data_loss("not the session that was asked for"))
        }
    }

    async fn log_out(&self, token: &str) -> Result<(), Failure> {
        let session = self.caller.with_token(token)?;
        let _ended: LogoutResponse = session
            .call("/vault.v1.Auth/Logout", LogoutRequest {})
            .await?;
        Ok(())
    }

    async fn round(&self, signed: bool, time: std::time::Duration) -> Result<Round, Failure> {
        let programs = self.clone();
        drive(CALLERS, time, move |n, count| {
            let programs = programs.clone();
            let turn = u32::try_from(count % u64::from(SERVICES)).unwrap_or_default();
            async move {
                let service = (n + turn * CALLERS) % SERVICES;
                programs.log_in(service, signed).await.map(drop)
            }
        })
        .await
    }
}

/// Logins of both kinds in alternating rounds, and what those that are signed make the log do.
async fn rates(
    options: &Options,
    node: &Serving,
    programs: &Programs,
    report: &mut Report,
) -> Result<(), Failure> {
    programs.round(true, options.warm_up / 2).await?;
    programs.round(false, options.warm_up / 4).await?;
    let (mut rounds, mut costs) = (Vec::new(), Vec::new());
    let (mut written, mut made) = (0, 0);
    // Half a round each: so many sessions are stored only as their services may have.
    for _ in 0..options.rounds {
        let before = node.store.log_stats().entries;
        let signed = programs.round(true, options.round / 2).await?;
        written += node.store.log_stats().entries - before;
        made += signed.calls;
        let before = node.store.log_stats();
        let stored = programs.round(false, options.round / 2).await?;
        let after = node.store.log_stats();
        let each = |count: u64| count as f64 / stored.calls.max(1) as f64;
        rounds.push((signed, stored));
        costs.push((
            each(after.entries - before.entries),
            each(after.bytes - before.bytes),
        ));
    }
    let of = |pick: fn(&(Round, Round)) -> f64| median(rounds.iter().map(pick));
    let cost = |pick: fn(&(f64, f64)) -> f64| median(costs.iter().map(pick));
    report.add(
        "logins by JWT with a signed session, 16 callers",
        of(|(signed, _)| signed.rate),
        "/s",
        Limit::None,
        &format!(
            "p50 {:.0} p99 {:.0} us, its verification included",
            of(|(signed, _)| signed.p50),
            of(|(signed, _)| signed.p99),
        ),
    );
    report.add(
        "... entries of the log per login",
        written as f64 / made.max(1) as f64,
        "",
        Limit::AtMost(0.0),
        &format!("{written} in {made}"),
    );
    report.add(
        "logins by JWT with a stored session, 16 callers",
        of(|(_, stored)| stored.rate),
        "/s",
        Limit::None,
        &format!(
            "p50 {:.0} p99 {:.0} us; {:.3} entries and {:.0} bytes of log each",
            of(|(_, stored)| stored.p50),
            of(|(_, stored)| stored.p99),
            cost(|(entries, _)| *entries),
            cost(|(_, bytes)| *bytes),
        ),
    );
    Ok(())
}

/// What it costs to bring a signature in place of a token that is looked up.
async fn reads(options: &Options, programs: &Programs, report: &mut Report) -> Result<(), Failure> {
    let stored = programs.log_in(0, false).await?;
    let signed = programs.log_in(0, true).await?;
    let stored = programs.caller.with_token(&stored)?;
    let signed = programs.caller.with_token(&signed)?;
    super::reads::prepare(&stored).await?;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let one = super::reads::get(&stored, CALLERS, options.round / 2).await?;
        let other = super::reads::get(&signed, CALLERS, options.round / 2).await?;
        rounds.push((one, other));
    }
    let of = |pick: fn(&(Round, Round)) -> f64| median(rounds.iter().map(pick));
    report.add(
        "GetSecret, 16 callers, signed session: of a stored one",
        of(|(stored, signed)| signed.rate / stored.rate),
        "x",
        Limit::None,
        &format!(
            "stored p50 {:.0} us, signed {:.0} us",
            of(|(stored, _)| stored.p50),
            of(|(_, signed)| signed.p50),
        ),
    );
    Ok(())
}

/// A login of a service that has many sessions, beside one of a service that has few.
async fn crowded(
    options: &Options,
    programs: &Programs,
    report: &mut Report,
) -> Result<(), Failure> {
    let making = programs.clone();
    all(CALLERS, LIVE, move |_| {
        let making = making.clone();
        async move { making.log_in(SERVICES, false).await.map(drop) }
    })
    .await?;
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..40 * options.rounds {
        for (service, times) in [(0, &mut few), (SERVICES, &mut many)] {
            let begun = std::time::Instant::now();
            let token = programs.log_in(service, false).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e6);
            programs.log_out(&token).await?;
        }
    }
    let (few, many) = (median(few), median(many));
    report.add(
        "a stored login beside 400 sessions: of beside few",
        many / few,
        "x",
        Limit::None,
        &format!("1 caller, {few:.0} and {many:.0} us"),
    );
    Ok(())
}
