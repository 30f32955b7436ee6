//! Sessions through the pipeline: roles, revocation, counted uses, places.

use vault_core::access::policy::Tags;
use vault_core::access::{Assume, Limits, Places, Resource};
use vault_core::engine::identity::New;
use vault_core::name::{PolicyName, RoleName, UserName};

use super::super::sessions::AssumeRequest;
use super::*;

async fn opened(dir: &Path) -> World {
    let world = born(dir).await;
    unseal(&world).await;
    let admin = call("PutSecret", Some(&world.token));
    world
        .app
        .put_secret(&admin, put("team/a", b"1"))
        .await
        .unwrap();
    world
}

pub(super) fn role(name: &str) -> Resource {
    Resource::Role(RoleName::try_from(name).unwrap())
}

/// A role that `who` may assume, and that may do that to everything.
pub(super) async fn make_role(world: &World, name: &str, who: &str, action: &str) {
    let trust = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {who}, "Action": "role:Assume"}}}}"#
    );
    let new = New {
        trust: Some(trust),
        ..New::default()
    };
    let create = call("CreateIdentity", Some(&world.token));
    world
        .app
        .create_identity(&create, role(name), new)
        .await
        .unwrap();
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": {action}, "Resource": "*"}}}}"#
    );
    let policy = (PolicyName::try_from("own").unwrap(), text);
    let attach = call("PutInlinePolicy", Some(&world.token));
    world
        .app
        .put_inline_policy(&attach, role(name), policy)
        .await
        .unwrap();
}

pub(super) async fn assume(
    world: &World,
    token: &TokenText,
    name: &str,
    terms: Assume,
) -> Result<(TokenText, Oneself)> {
    let request = AssumeRequest {
        role: RoleName::try_from(name).unwrap(),
        terms,
    };
    let assumed = call("AssumeRole", Some(token));
    Ok(world.app.assume_role(&assumed, request).await?.reply)
}

pub(super) async fn login(world: &World, token: &TokenText, limits: Limits) -> Result<TokenText> {
    let login = LoginRequest {
        limits,
        ..LoginRequest::default()
    };
    let answer = world.app.login(&call("Login", Some(token)), login).await?;
    Ok(answer.reply.0)
}

async fn read(world: &World, token: &TokenText) -> Result<()> {
    let get_secret = call("GetSecret", Some(token));
    let answer = world
        .app
        .get_secret(&get_secret, &path("team/a"), &get())
        .await;
    answer.map(drop)
}

fn reason<T>(result: Result<T>) -> Reason {
    result.map(drop).unwrap_err().reason()
}

pub(super) fn page(cursor: &str, size: usize) -> Paging {
    Paging {
        size,
        cursor: cursor.to_owned(),
        query: [7; 32],
    }
}

fn uses(uses: u64) -> Limits {
    Limits {
        uses: Some(uses),
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_parallel_uses_of_a_token_for_one_exactly_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(opened(dir.path()).await);
    for writes in [false, true] {
        let token = Arc::new(login(&world, &world.token, uses(1)).await.unwrap());
        let tries = (0..50).map(|_| {
            let (world, token) = (Arc::clone(&world), Arc::clone(&token));
            tokio::spawn(async move {
                if writes {
                    let put_secret = call("PutSecret", Some(&token));
                    world
                        .app
                        .put_secret(&put_secret, put("team/b", b"2"))
                        .await
                        .map(drop)
                } else {
                    read(&world, &token).await
                }
            })
        });
        let mut succeeded = 0;
        for tried in tries.collect::<Vec<_>>() {
            match tried.await.unwrap() {
                Ok(()) => succeeded += 1,
                Err(error) => assert_eq!(error.reason(), Reason::TokenInvalid),
            }
        }
        assert_eq!(succeeded, 1, "writes: {writes}");
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_request_is_a_use_and_so_is_one_that_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    let token = login(&world, &world.token, uses(5)).await.unwrap();
    let left = |session: Oneself| session.session.uses();
    let who = call("WhoAmI", Some(&token));
    let first = world.app.who_am_i(&who).await.unwrap().reply;
    assert_eq!(left(first), Some(4));
    let get_secret = call("GetSecret", Some(&token));
    let missing = world
        .app
        .get_secret(&get_secret, &path("none"), &get())
        .await;
    assert_eq!(reason(missing), Reason::SecretNotFound);
    let again = login(&world, &token, Limits::default()).await;
    assert_eq!(reason(again), Reason::RequestInvalid);
    // what takes proofs is one use too
    let new = New::default();
    let alice = Resource::User(UserName::try_from("alice").unwrap());
    let create = call("CreateIdentity", Some(&token));
    world
        .app
        .create_identity(&create, alice, new)
        .await
        .unwrap();
    let status = call("GetKeyringStatus", Some(&token));
    world.app.keyring_status(&status).await.unwrap();
    assert_eq!(reason(read(&world, &token).await), Reason::TokenInvalid);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_opens_nothing_from_elsewhere_to_the_door_or_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    let limits = Limits {
        places: Some(Places::parse(&["192.0.2.0/24"]).unwrap()),
        ..Limits::default()
    };
    let token = login(&world, &world.token, limits).await.unwrap();
    let hash = TokenHash::of(&token::parse(token.expose()).unwrap());
    let unix = Source::Unix {
        uid: 0,
        gid: 0,
        pid: 1,
    };
    let tcp = |text: &str| Source::Tcp(text.parse().unwrap());
    for (source, good) in [
        (tcp("192.0.2.9:1"), true),
        (tcp("[::ffff:192.0.2.9]:1"), true),
        (tcp("192.0.3.9:1"), false),
        (tcp("127.0.0.1:1"), false),
        (unix, false),
        (Source::Inside, false),
    ] {
        assert_eq!(world.app.is_live(&hash, (source, None)), good, "{source:?}");
        let call = Call {
            source,
            ..call("GetSecret", Some(&token))
        };
        let read = world.app.get_secret(&call, &path("team/a"), &get()).await;
        match read {
            Ok(_) => assert!(good, "{source:?}"),
            Err(error) => assert_eq!((error.reason(), good), (Reason::TokenInvalid, false)),
        }
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_assumed_by_whom_it_trusts_and_its_revocation_binds_the_next_request() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    make_role(
        &world,
        "first",
        r#""*""#,
        r#"["secret:GetValue", "session:List"]"#,
    )
    .await;
    make_role(
        &world,
        "second",
        r#"{"Vault": "role:first"}"#,
        r#""secret:GetValue""#,
    )
    .await;
    make_role(&world, "third", r#"{"Vault": "role:second"}"#, r#""*""#).await;
    let (first, session) = assume(&world, &world.token, "first", Assume::default())
        .await
        .unwrap();
    assert_eq!(session.principal, "role:first/administrator");
    assert_eq!(session.assumed_by.as_deref(), Some("administrator"));
    let wrong = assume(&world, &first, "third", Assume::default()).await;
    assert_eq!(reason(wrong), Reason::PolicyDenied);
    let none = assume(&world, &first, "none", Assume::default()).await;
    assert_eq!(reason(none), Reason::PolicyDenied);
    let none = assume(&world, &world.token, "none", Assume::default()).await;
    assert_eq!(reason(none), Reason::IdentityNotFound);
    let tagged = Assume {
        tags: Tags::from([("a".try_into().unwrap(), "b".try_into().unwrap())]),
        ..Assume::default()
    };
    let tagged = assume(&world, &first, "second", tagged).await;
    assert_eq!(reason(tagged), Reason::PolicyDenied);
    let (second, _) = assume(&world, &first, "second", Assume::default())
        .await
        .unwrap();
    read(&world, &second).await.unwrap();
    let put_secret = call("PutSecret", Some(&second));
    let put_secret = world.app.put_secret(&put_secret, put("team/a", b"2")).await;
    assert_eq!(reason(put_secret), Reason::PolicyDenied);
    let foreign = call("RevokeSessions", Some(&second));
    let foreign = world.app.revoke_sessions(&foreign, role("first")).await;
    assert_eq!(reason(foreign), Reason::PolicyDenied);

    let revoke = call("RevokeSessions", Some(&world.token));
    world
        .app
        .revoke_sessions(&revoke, role("first"))
        .await
        .unwrap();
    assert_eq!(reason(read(&world, &first).await), Reason::TokenInvalid);
    assert_eq!(reason(read(&world, &second).await), Reason::TokenInvalid);
    read(&world, &world.token).await.unwrap();
    assume(&world, &world.token, "first", Assume::default())
        .await
        .unwrap();
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_accessor_looks_as_one_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    make_role(&world, "small", r#""*""#, r#""secret:GetValue""#).await;
    let (small, _) = assume(&world, &world.token, "small", Assume::default())
        .await
        .unwrap();
    let other = login(&world, &world.token, Limits::default())
        .await
        .unwrap();
    let who = world
        .app
        .who_am_i(&call("WhoAmI", Some(&other)))
        .await
        .unwrap();
    let accessor = who.reply.session.accessor().to_owned();
    let end = |token: &TokenText, accessor: &str| {
        let call = call("RevokeSession", Some(token));
        let (app, accessor) = (Arc::clone(&world.app), accessor.to_owned());
        async move { app.revoke_session(&call, accessor).await.map(drop) }
    };
    let foreign = end(&small, &accessor).await.unwrap_err();
    let missing = end(&small, &"0".repeat(20)).await.unwrap_err();
    assert_eq!(foreign.reason(), Reason::SessionNotFound);
    assert_eq!(foreign.to_string(), missing.to_string());
    read(&world, &other).await.unwrap();

    let list = call("ListSessions", Some(&world.token));
    let listed = world
        .app
        .list_sessions(&list, None, &page("", 100))
        .await
        .unwrap();
    assert_eq!(listed.reply.0.len(), 3);
    let list = call("ListSessions", Some(&small));
    let listed = world
        .app
        .list_sessions(&list, None, &page("", 100))
        .await
        .unwrap();
    assert_eq!(listed.reply.0.len(), 1, "its own");
    let list = world
        .app
        .list_sessions(&list, Some(role("small")), &page("", 100))
        .await;
    assert_eq!(reason(list), Reason::PolicyDenied);

    end(&world.token, &accessor).await.unwrap();
    assert_eq!(reason(read(&world, &other).await), Reason::TokenInvalid);
    assert_eq!(
        reason(end(&world.token, &accessor).await),
        Reason::SessionNotFound
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_session_with_an_idle_life_is_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    let idle = Limits {
        idle: Some(60_000),
        ..Limits::default()
    };
    let token = login(&world, &world.token, idle).await.unwrap();
    let renew = call("RenewSession", Some(&token));
    let renewed = world.app.renew_session(&renew).await.unwrap().reply.session;
    assert!(renewed.expires_at() < renewed.ends_at());
    let renew = call("RenewSession", Some(&world.token));
    assert_eq!(
        reason(world.app.renew_session(&renew).await),
        Reason::RequestInvalid
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_roles_session_names_who_assumed_it_by_whatever_name() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = budget::tight(dir.path()).await;
    make_role(&world, "first", r#""*""#, r#""session:List""#).await;
    let named = |name: &str| Assume {
        name: Some(name.try_into().unwrap()),
        ..Assume::default()
    };
    let root = fake.lines().pop().unwrap()["principal"].clone();
    let (token, session) = assume(&world, &world.token, "first", named("else"))
        .await
        .unwrap();
    let line = fake.lines().pop().unwrap();
    assert_eq!(line["principal"], root);
    assert_eq!(line["made"], session.session.accessor());
    assert_eq!(line["resources"].as_array().unwrap().len(), 2);
    world
        .app
        .who_am_i(&call("WhoAmI", Some(&token)))
        .await
        .unwrap();
    let line = fake.lines().pop().unwrap();
    assert_ne!(line["principal"], root);
    assert_eq!(line["assumed_by"], root);
    assert_eq!(line["accessor"], session.session.accessor());

    let mut answered = 0;
    for n in 0..1000 {
        match assume(&world, &world.token, "first", named(&format!("n{n}"))).await {
            Ok((token, _)) => answered += budget::exhaust(&world, &token).await.0,
            Err(error) => {
                assert_eq!(error.reason(), Reason::Overloaded);
                break;
            }
        }
    }
    assert!(answered < 200, "{answered}");
    world.app.shut_down().await;
}
