//! Whether the time of a login that fails tells who exists (R-SC-2): of a user with another password, of one who is
//! disabled, and of a name that nobody has, in random order, at the cheapest hash that is allowed.

use std::net::IpAddr;
use std::time::Instant;

use tonic::Status;
use vault_proto::v1::{
    LoginPasswordRequest, LoginPasswordResponse, PasswordPolicy, PutPasswordPolicyRequest,
    UpdateIdentityRequest, UpdateIdentityResponse,
};
use vaultd::app::HashCost;

use super::Failure;
use super::client::Caller;
use super::load::median;
use super::node::Serving;
use super::options::Options;
use super::report::{Limit, Report};

/// What a login may be of, and its name in the report; the last is compared with.
const SORTS: [&str; 3] = ["a user's", "a disabled user's", "an unknown name's"];
/// Orders in which one login of each sort may come.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];
/// Logins of one name: fewer than lock it by the policy below, whatever share a bucket.
const OF_A_NAME: usize = 25;
/// Logins from one address: fewer than one may try at once.
const FROM_AN_ADDRESS: usize = 48;
/// One login of each sort, and one before each to lock it.
const OF_A_ROUND: usize = 6;
/// As many as may be tried without a wait.
const POLICY: &str = r#"{"LockoutThreshold": 100}"#;
/// Whatever was tried once is locked.
const STRICT: &str = r#"{"LockoutThreshold": 1, "LockoutDelaySeconds": 3600}"#;
const FAILED: &str = "LOGIN_FAILED";
const LOCKED: &str = "LOGIN_LOCKED";

/// Measures logins that fail and are compared, and logins that are locked out and are not.
pub(super) async fn measure(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let cost = HashCost::new(19 << 10, 2, 1)?;
    let node = Serving::start_at(None, cost).await?;
    let root = node.root().await?;
    put_policy(&root, POLICY).await?;
    let names = options.logins.div_ceil(OF_A_NAME);
    prepare(&root, names).await?;
    let mut strangers = Strangers::new(&node);
    // the first logins warm up
    let mut times = Default::default();
    rounds(&mut strangers, (names, 1), FAILED, &mut times).await?;
    times = Default::default();
    let each = OF_A_NAME - 1;
    rounds(&mut strangers, (names, each), FAILED, &mut times).await?;
    tell(report, ("a login that fails", 1.02), &times);
    put_policy(&root, STRICT).await?;
    times = Default::default();
    rounds(&mut strangers, (names, each), LOCKED, &mut times).await?;
    // no hash is computed, so what is left is seen: 20 us of half a millisecond
    tell(report, ("a login that is locked out", 1.04), &times);
    node.end().await
}

async fn put_policy(root: &Caller, document: &str) -> Result<(), Failure> {
    let request = PutPasswordPolicyRequest {
        document: document.to_owned(),
        ..PutPasswordPolicyRequest::default()
    };
    let _put: PasswordPolicy = root
        .call("/vault.v1.Auth/PutPasswordPolicy", request)
        .await?;
    Ok(())
}

/// Users with passwords, half of them disabled. Nobody has the third sort of name.
async fn prepare(root: &Caller, names: usize) -> Result<(), Failure> {
    for at in 0..names {
        for sort in 0..2 {
            let user = name(sort, at);
            let who = format!("user:{user}");
            root.principal(&who, "secret:*", "secret:*").await?;
            root.reset(&user).await?;
            if sort == 1 {
                let request = UpdateIdentityRequest {
                    who,
                    disabled: Some(true),
                    ..UpdateIdentityRequest::default()
                };
                let _disabled: UpdateIdentityResponse = root
                    .call("/vault.v1.Identity/UpdateIdentity", request)
                    .await?;
            }
        }
    }
    Ok(())
}

/// All of one length.
fn name(sort: usize, at: usize) -> String {
    format!("somebody-{sort}-{at:04}")
}

/// Logs each name of each sort in so often, in random order; all must come to `reason`.
async fn rounds(
    strangers: &mut Strangers<'_>,
    (names, each): (usize, usize),
    reason: &str,
    times: &mut [Vec<f64>; 3],
) -> Result<(), Failure> {
    for _ in 0..each {
        for at in 0..names {
            let took = loop {
                let caller = strangers.caller().await?;
                if let Some(took) = round(&caller, at, reason).await? {
                    break took;
                }
                // addresses share what they may try by chance: another one has more left
                strangers.move_on();
            };
            for (times, took) in times.iter_mut().zip(took) {
                times.push(took);
            }
        }
    }
    Ok(())
}

/// One login of each sort, in random order, in microseconds; none where the address may try no more.
async fn round(caller: &Caller, at: usize, reason: &str) -> Result<Option<[f64; 3]>, Failure> {
    let mut drawn = [0];
    getrandom::fill(&mut drawn)?;
    let mut took = [0.0; 3];
    for sort in ORDERS[usize::from(drawn[0]) % ORDERS.len()] {
        if reason == LOCKED {
            // of another network it is not locked yet
            let _counted = log_in(caller, name(sort, at)).await?;
        }
        let (refused, time) = log_in(caller, name(sort, at)).await?;
        let details = String::from_utf8_lossy(refused.details()).into_owned();
        if details.contains("OVERLOADED") {
            return Ok(None);
        }
        if !details.contains(reason) {
            return Err(format!("{reason} was expected: {refused}").into());
        }
        took[sort] = time;
    }
    Ok(Some(took))
}

/// How a login is refused, and after how many microseconds.
async fn log_in(caller: &Caller, user: String) -> Result<(Status, f64), Failure> {
    let request = LoginPasswordRequest {
        user,
        password: "nobody has this password".to_owned(),
        ..LoginPasswordRequest::default()
    };
    let begun = Instant::now();
    let login = caller.call("/vault.v1.Auth/LoginPassword", request).await;
    let took = begun.elapsed().as_secs_f64() * 1e6;
    match login {
        Ok(LoginPasswordResponse { .. }) => Err("it logged in".into()),
        Err(status) => Ok((status, took)),
    }
}

/// A ratio of medians for each sort, and in words the difference and its share of what times spread anyway.
fn tell(report: &mut Report, (what, ratio_at_most): (&str, f64), times: &[Vec<f64>; 3]) {
    let [medians, quarters] = [0.5, 0.25].map(|share| {
        let at = |times: &Vec<f64>| {
            let mut times = times.clone();
            times.sort_by(f64::total_cmp);
            times[(times.len() as f64 * share) as usize]
        };
        times.each_ref().map(at)
    });
    let [.., nobody] = medians;
    for (sort, median) in medians.iter().enumerate().take(2) {
        let pairs = times[sort].iter().zip(&times[2]);
        let apart = self::median(pairs.map(|(one, other)| one - other));
        let detail = format!(
            "medians {median:.0} and {nobody:.0} us, of pairs {apart:+.0} us apart; a quarter below {:.0} us",
            quarters[2]
        );
        let name = format!("{what}, {} of {}", SORTS[sort], SORTS[2]);
        let ratio = (median / nobody).max(nobody / median);
        report.add(&name, ratio, "", Limit::AtMost(ratio_at_most), &detail);
    }
}

/// Connections from one address of this machine after the other: each may try so often.
struct Strangers<'a> {
    node: &'a Serving,
    made: u32,
    caller: Option<Caller>,
    tries: usize,
}

impl<'a> Strangers<'a> {
    fn new(node: &'a Serving) -> Self {
        Self {
            node,
            made: 0,
            caller: None,
            tries: 0,
        }
    }

    /// The next is another address.
    fn move_on(&mut self) {
        (self.caller, self.tries) = (None, 0);
    }

    /// For one login of each sort.
    async fn caller(&mut self) -> Result<Caller, Failure> {
        if self.tries == FROM_AN_ADDRESS {
            self.move_on();
        }
        self.tries += OF_A_ROUND;
        if let Some(caller) = &self.caller {
            return Ok(caller.clone());
        }
        self.made += 1;
        let [.., a, b, c] = self.made.to_be_bytes();
        let from = IpAddr::from([127, a, b, c]);
        let caller = self.node.stranger(from).await?;
        Ok(self.caller.insert(caller).clone())
    }
}
