//! Second factors through the pipeline: what is accepted once, what is counted, what is recorded.

use std::sync::atomic::{AtomicUsize, Ordering};

use minicbor::{Decode, Encode};
use totp_rs::Builder;
use vault_core::access::Resource;
use vault_core::access::factor::Typed;
use vault_core::access::totp::{Code, Parameters};
use vault_core::crypto::envelope::Class;
use vault_core::crypto::secret::TokenSecret;
use vault_core::engine::identity::New;
use vault_core::name::{AuthenticatorName, UserName};
use vault_core::record::{Document, Key, Kind};

use super::super::transact::{Terms, Verdict};
use super::*;
use crate::clock::OsEntropy;

/// A session as it is stored, of a user who showed a password only.
#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    principal: u64,
    #[n(1)]
    accessor: String,
    #[n(2)]
    created_at: u64,
    #[n(3)]
    expires_at: Option<u64>,
    #[n(6)]
    incarnation: u64,
    #[n(7)]
    epoch: u64,
}

impl Document for Stored {
    const CLASS: Class = Class::Shared;
}

fn alice() -> Resource {
    Resource::User(UserName::try_from("alice").unwrap())
}

/// A session of that user's.
async fn session(world: &World, principal: u64) -> TokenText {
    let secret = TokenSecret::make(&mut OsEntropy);
    let hash = token::lookup_hash(&secret);
    let stored = world.app.proposer.run(Terms::default(), move |tx| {
        let session = Stored {
            principal,
            accessor: "forged".to_owned(),
            created_at: tx.now(),
            expires_at: Some(tx.now() + 3_600_000),
            incarnation: tx.incarnation(),
            epoch: 0,
        };
        tx.put(Key::new(Kind::Session, &[&hash]), &session).unwrap();
        (Verdict::Commit, Ok(()))
    });
    stored.await.unwrap();
    token::to_text(&secret)
}

/// A user, and a session of his.
pub(super) async fn user(world: &World) -> (u64, TokenText) {
    let admin = call("CreateIdentity", Some(&world.token));
    let made = world.app.create_identity(&admin, alice(), New::default());
    let id = made.await.unwrap().reply;
    (id, session(world, id).await)
}

/// What an authenticator shows so many steps ahead.
fn shows(secret: &str, ahead: i64) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = secret.chars().flat_map(|c| {
        let value = alphabet.find(c).unwrap();
        (0..5).rev().map(move |bit| (value >> bit) & 1)
    });
    let mut seed = Vec::new();
    while let Some(byte) = (0..8).try_fold(0_usize, |byte, _| Some((byte << 1) | bits.next()?)) {
        seed.push(u8::try_from(byte).unwrap());
    }
    let now = i64::try_from(Clock::default().wall_ms() / 1000).unwrap() + 30 * ahead;
    let totp = Builder::new()
        .with_step_duration(30)
        .with_skew(0)
        .with_secret(seed)
        .build_noncompliant();
    totp.generate(u64::try_from(now).unwrap()).to_string()
}

fn typed(text: &str) -> Typed {
    Typed::parse(text).unwrap()
}

async fn start(
    world: &World,
    token: &TokenText,
    name: &str,
    proof: Option<&str>,
) -> Result<Started> {
    let request = StartEnrolment {
        name: AuthenticatorName::try_from(name).unwrap(),
        parameters: Parameters::default(),
        issuer: "vault".to_owned(),
        typed: proof.map(typed),
    };
    let call = call("StartEnrolment", Some(token));
    Ok(world.app.start_enrolment(&call, request).await?.reply)
}

async fn elevate(world: &World, token: &TokenText, text: &str) -> Result<()> {
    let call = call("ElevateSession", Some(token));
    world
        .app
        .elevate_session(&call, typed(text))
        .await
        .map(drop)
}

/// An authenticator that counts; its seed, and recovery codes. Its first code was the one of a step ago.
async fn enrolled(world: &World, token: &TokenText) -> (String, Vec<String>) {
    let issue = call("IssueEnrolmentCode", Some(&world.token));
    let (code, _) = world
        .app
        .issue_enrolment_code(&issue, alice(), None)
        .await
        .unwrap()
        .reply;
    let started = start(world, token, "phone", Some(code.expose()))
        .await
        .unwrap();
    let secret = started.secret.expose().to_owned();
    let first = Code::parse(&shows(&secret, -1)).unwrap();
    let confirm = call("ConfirmEnrolment", Some(token));
    let done = world.app.confirm_enrolment(&confirm, first).await.unwrap();
    let codes = done.reply.recovery_codes.iter();
    (secret, codes.map(|code| code.expose().to_owned()).collect())
}

/// What the audit log says, all lines of it.
fn audited(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("audit/audit.jsonl")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_requests_with_one_code_at_the_same_instant_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let (id, token) = user(&world).await;
    let (secret, codes) = enrolled(&world, &token).await;
    let world = Arc::new(world);
    // Each from a network of its own, whose bucket of tries is full.
    for (uid, code) in [(1, shows(&secret, 0)), (2, codes[0].clone())] {
        // Sessions of their own, so that nothing but the code is shared.
        let mut sessions = Vec::new();
        for _ in 0..50 {
            sessions.push(session(&world, id).await);
        }
        let right = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(tokio::sync::Barrier::new(sessions.len()));
        let mut tasks = tokio::task::JoinSet::new();
        for token in sessions {
            let (world, code) = (Arc::clone(&world), code.clone());
            let (right, gate) = (Arc::clone(&right), Arc::clone(&gate));
            tasks.spawn(async move {
                gate.wait().await;
                let mut call = call("ElevateSession", Some(&token));
                call.source = Source::Unix {
                    uid,
                    gid: 7,
                    pid: 1,
                };
                match world.app.elevate_session(&call, typed(&code)).await {
                    Ok(_) => {
                        right.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => assert!(
                        matches!(
                            error.reason(),
                            Reason::CodeUsed | Reason::CodeWrong | Reason::LoginLocked
                        ),
                        "{error}"
                    ),
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(right.load(Ordering::Relaxed), 1);
        // What was counted meanwhile is not for the next round.
        let unlock = world.app.proposer.run(Terms::default(), move |tx| {
            let name = UserName::try_from("alice").unwrap();
            vault_core::access::lockout::unlock(tx, &name, Some(id)).unwrap();
            (Verdict::Commit, Ok(()))
        });
        unlock.await.unwrap();
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_is_refused_counted_and_recorded_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let (id, token) = user(&world).await;
    let none = elevate(&world, &token, "123456").await.unwrap_err();
    assert_eq!(none.reason(), Reason::NoSecondFactor);
    let (secret, codes) = enrolled(&world, &token).await;
    let used = elevate(&world, &token, &shows(&secret, -1))
        .await
        .unwrap_err();
    assert_eq!(
        (used.reason(), used.kind()),
        (Reason::CodeUsed, crate::app::Kind::Unauthenticated)
    );
    let mut reasons = Vec::new();
    for ahead in [-40, 40, 50, 60, 70, 80] {
        // Another session each time: they are counted together.
        let session = session(&world, id).await;
        let wrong = elevate(&world, &session, &shows(&secret, ahead)).await;
        let wrong = wrong.unwrap_err();
        reasons.push(wrong.reason());
        assert!(!wrong.to_string().contains(&shows(&secret, ahead)));
    }
    assert_eq!(reasons[0], Reason::CodeWrong);
    assert_eq!(reasons[5], Reason::LoginLocked);
    let locked = elevate(&world, &token, &shows(&secret, 0))
        .await
        .unwrap_err();
    assert_eq!(locked.reason(), Reason::LoginLocked);
    let wait = locked
        .facts()
        .iter()
        .find(|(name, _)| *name == "retry_after_seconds");
    let (_, seconds) = wait.unwrap();
    assert!(
        locked
            .to_string()
            .contains(&format!("wait {seconds} seconds"))
    );
    let log = audited(dir.path());
    assert!(log.contains("CODE_WRONG") && log.contains("LOGIN_LOCKED"));
    assert!(
        log.contains(r#""unauthenticated""#),
        "it is a failed authentication"
    );
    for hidden in [&secret, &codes[0], &shows(&secret, 0), &shows(&secret, -1)] {
        assert!(
            !log.contains(hidden.as_str()),
            "the audit log tells a secret"
        );
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_alone_enrols_nothing_and_a_reset_ends_what_was_open() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let (id, token) = user(&world).await;
    let alone = start(&world, &token, "thiefs", None).await.unwrap_err();
    assert_eq!(alone.reason(), Reason::SecondFactorNeeded);
    enrolled(&world, &token).await;
    let stolen = session(&world, id).await;
    let alone = start(&world, &stolen, "thiefs", None).await.unwrap_err();
    assert_eq!(alone.reason(), Reason::SecondFactorNeeded);
    let renew = call("NewRecoveryCodes", Some(&stolen));
    let alone = world
        .app
        .new_recovery_codes(&renew, None)
        .await
        .unwrap_err();
    assert_eq!(alone.reason(), Reason::SecondFactorNeeded);
    let issue = call("IssueEnrolmentCode", Some(&stolen));
    let own = world.app.issue_enrolment_code(&issue, alice(), None).await;
    assert_eq!(own.unwrap_err().reason(), Reason::PolicyDenied);
    let reset = call("ResetMfa", Some(&stolen));
    let own = world.app.reset_mfa(&reset, alice()).await.unwrap_err();
    assert_eq!(own.reason(), Reason::PolicyDenied);
    // The initial token has no second factors, and needs none for others'.
    let root = start(&world, &world.token, "x", None).await.unwrap_err();
    assert_eq!(root.reason(), Reason::OwnSessionNeeded);
    let reset = call("ResetMfa", Some(&world.token));
    let removed = world.app.reset_mfa(&reset, alice()).await.unwrap();
    assert_eq!(removed.reply, 1);
    for ended in [&token, &stolen] {
        let list = call("ListAuthenticators", Some(ended));
        let gone = world.app.list_authenticators(&list).await.unwrap_err();
        assert_eq!(gone.reason(), Reason::TokenInvalid);
    }
    let log = audited(dir.path());
    let line = log.lines().find(|line| line.contains("user:ResetMfa"));
    assert!(line.is_some(), "a reset has a line of its own");
    world.app.shut_down().await;
}
