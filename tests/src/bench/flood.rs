//! Ten times as many logins with passwords as there is hashing for: how soon they are turned away, and what that does to
//! reads.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tonic::{Code, Status};
use vault_proto::v1::{LoginPasswordRequest, LoginPasswordResponse};

use super::Failure;
use super::client::Caller;
use super::load::{Round, drive, median};
use super::node::Serving;
use super::options::Options;
use super::report::{Limit, Report};

/// Who reads meanwhile: as many as leave the processors time to breathe.
const READERS: u32 = 4;
/// How many times what is hashed.
const TIMES: f64 = 10.0;
/// In microseconds: what reads may take longer, beside twice as long.
const GRACE: f64 = 5_000.0;

pub(super) async fn measure(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let node = Serving::start(None).await?;
    let reader = node.caller().await?;
    super::reads::prepare(&reader).await?;
    let crowd = Crowd::make(&node).await?;
    let capacity = crowd.capacity(options.warm_up + options.round).await?;
    super::reads::get(&reader, READERS, options.warm_up / 2).await?;
    let (mut shed, mut ratios) = (Vec::new(), Vec::new());
    let (mut alone, mut among, mut let_in) = (Vec::new(), Vec::new(), 0);
    // A flood takes a while to fill the queue.
    let time = options.round * 2;
    for _ in 0..options.rounds {
        let quiet = super::reads::get(&reader, READERS, time).await?;
        let flood = crowd.flood(capacity * TIMES, time);
        let reads = super::reads::get(&reader, READERS, time);
        let (flood, reads) = tokio::join!(flood, reads);
        let (flood, reads) = (flood?, reads?);
        shed.extend(flood.shed);
        let_in += flood.let_in;
        ratios.push(reads.p99 / (2.0 * quiet.p99 + GRACE));
        alone.push(quiet.p99);
        among.push(reads.p99);
    }
    let turned_away = Round::of(shed, time * u32::try_from(options.rounds)?);
    let of_limit = |time: f64| time / 50_000.0;
    report.add(
        "ten times as many passwords: p50 until shed, of 50 ms",
        of_limit(turned_away.p50),
        "x",
        Limit::AtMost(1.0),
        &format!(
            "{:.0} us; {capacity:.1}/s are hashed, {let_in} were let in and {} turned away",
            turned_away.p50, turned_away.calls
        ),
    );
    report.add(
        "... p99 until shed, of 50 ms",
        of_limit(turned_away.p99),
        "x",
        Limit::AtMost(1.0),
        &format!("{:.0} us", turned_away.p99),
    );
    report.add(
        "... p99 of GetSecret meanwhile: of twice its own + 5 ms",
        median(ratios),
        "x",
        Limit::AtMost(1.0),
        &format!(
            "{:.0} us without, {:.0} us with",
            median(alone),
            median(among)
        ),
    );
    node.end().await
}

/// People with passwords, who log in from many places.
struct Crowd {
    people: Vec<Arc<(Caller, String, String)>>,
    /// Logins that are in hand at once at most, by what the pool takes.
    places: usize,
}

/// What became of a flood.
struct Flooded {
    shed: Vec<Duration>,
    let_in: u64,
}

impl Crowd {
    async fn make(node: &Serving) -> Result<Self, Failure> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let places = 7 * processors.div_ceil(2);
        let root = node.root().await?;
        let mut people = Vec::new();
        // As many as keep each below what one source may try.
        for n in 0..u8::try_from((4 * places).clamp(32, 250))? {
            let own = node.stranger(IpAddr::from([127, 0, 1, n + 1])).await?;
            let name = format!("person-{n}");
            let (_, password) = root.person(&name, &own).await?;
            people.push(Arc::new((own, name, password)));
        }
        Ok(Self { people, places })
    }

    /// Passwords that are checked in a second, with two waiting for each thread that checks.
    async fn capacity(&self, time: Duration) -> Result<f64, Failure> {
        let people = self.people.clone();
        let callers = u32::try_from((3 * self.places / 7).min(people.len()))?;
        let round = drive(callers, time, move |n, _| {
            let person = people.get(n as usize).cloned();
            async move {
                let person = person.ok_or_else(|| Status::internal("nobody"))?;
                log_in(&person).await
            }
        });
        Ok(round.await?.rate)
    }

    /// So many logins a second, whether or not those before have ended.
    async fn flood(&self, rate: f64, time: Duration) -> Result<Flooded, Failure> {
        let mut due = tokio::time::interval(Duration::from_secs_f64(1.0 / rate.max(1.0)));
        due.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut tasks = JoinSet::new();
        let begun = Instant::now();
        let mut turns = self.people.iter().cycle();
        while begun.elapsed() < time {
            due.tick().await;
            let Some(person) = turns.next().map(Arc::clone) else {
                return Err("nobody logs in".into());
            };
            tasks.spawn(async move {
                let sent = Instant::now();
                let answer = log_in(&person).await;
                (answer, sent.elapsed())
            });
        }
        let mut flooded = Flooded {
            shed: Vec::new(),
            let_in: 0,
        };
        while let Some(ended) = tasks.join_next().await {
            match ended? {
                (Ok(()), _) => flooded.let_in += 1,
                (Err(status), took) if status.code() == Code::ResourceExhausted => {
                    flooded.shed.push(took);
                }
                (Err(status), _) => return Err(status.into()),
            }
        }
        Ok(flooded)
    }
}

async fn log_in(person: &(Caller, String, String)) -> Result<(), Status> {
    let (caller, name, password) = person;
    let reply: LoginPasswordResponse = caller
        .call(
            "/vault.v1.Auth/LoginPassword",
            LoginPasswordRequest {
                user: name.clone(),
                password: password.clone(),
                ..LoginPasswordRequest::default()
            },
        )
        .await?;
    if reply.token.is_empty() {
        return Err(Status::data_loss("no session"));
    }
    Ok(())
}
