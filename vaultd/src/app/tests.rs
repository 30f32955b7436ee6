//! The application over a real store and a real raft node of one: born, sealed, unsealed, in use.

use std::path::Path;
use std::sync::Arc;

use vault_core::access::{Bearer, TokenHash};
use vault_core::crypto::secret::{Plaintext, SetupCode, Share, TokenText};
use vault_core::crypto::shamir::Split;
use vault_core::crypto::token;
use vault_core::engine::secrets::{Delete, Fields, Get, Operation, Put, Selector};
use vault_core::name::{FieldName, FolderPath, SecretPath};
use vault_proto::v1::Reason;

use super::audit::{Audit, AuditConfig, Source};
use super::*;
use crate::raft::{Node, NodeOptions, Timing};
use crate::store::{Fatal, Options, Store};

mod automatic;
mod backup;
mod budget;
mod ceremonies;
mod changes;
mod clocks;
mod mfa;
mod narrowing;
mod operations;
mod pins;
mod readings;
mod regions;
mod repeats;
mod replies;
mod restored;
mod rewrap;
mod rights;
mod root;
mod sessions;
mod strangers;
mod terms;
mod tokens;
mod verify;

struct World {
    app: Arc<App>,
    shares: Vec<Share>,
    token: TokenText,
}

fn options() -> Options {
    let mut options = Options::new([7; 16], Fatal::new(|_| std::process::abort()));
    options.segment_bytes = 1 << 20;
    options.reserve_bytes = 0;
    options
}

async fn open(dir: &Path) -> Arc<App> {
    open_on(dir, options()).await
}

async fn open_on(dir: &Path, options: Options) -> Arc<App> {
    let config = AuditConfig::in_directory(dir.join("audit"));
    let audit = || Audit::open(&config, 1, Arc::new(Clock::default()), &options.fatal).unwrap();
    start(dir, &options, audit, Default::default()).await
}

async fn open_with(dir: &Path, audit: impl FnOnce() -> Audit) -> Arc<App> {
    start(dir, &options(), audit, Default::default()).await
}

/// A node of another region over a state.
async fn open_in(dir: &Path, region: &str) -> Arc<App> {
    let (options, config) = (options(), AuditConfig::in_directory(dir.join("audit")));
    let audit = || Audit::open(&config, 1, Arc::new(Clock::default()), &options.fatal).unwrap();
    start_in(region, dir, &options, audit, Default::default()).await
}

async fn start(
    dir: &Path,
    options: &Options,
    audit: impl FnOnce() -> Audit,
    rotate: (Option<Duration>, Clock),
) -> Arc<App> {
    start_in("home", dir, options, audit, rotate).await
}

async fn start_in(
    region: &str,
    dir: &Path,
    options: &Options,
    audit: impl FnOnce() -> Audit,
    (rotate_after, clock): (Option<Duration>, Clock),
) -> Arc<App> {
    let store = Store::open(&dir.join("store"), options).unwrap();
    let node = Node::start(
        store.clone(),
        NodeOptions {
            id: 1,
            address: String::new(),
            key: None,
            timing: Timing::Region,
        },
        None,
    )
    .unwrap();
    let settings = Settings {
        node_id: 1,
        region: region.into(),
        data_dir: dir.to_path_buf(),
        automatic: Automatic {
            key_file: Some(dir.join("seal.key")),
            credential: None,
        },
        bootstrap: Some(dir.join("bootstrap.toml")).filter(|path| path.exists()),
        dev: false,
        rotate_after,
        reply_bytes: 33 << 20,
        blocked: Arc::default(),
        hash_cost: HashCost::DEFAULT,
        outbound: Outbound::none(),
        keys_max_age: Duration::from_hours(24),
        presence: None,
    };
    App::start(settings, store, node, audit(), clock)
        .await
        .unwrap()
}

fn call(path: &str, token: Option<&TokenText>) -> Call {
    let method = vault_proto::METHODS
        .iter()
        .find(|method| method.path.ends_with(path))
        .unwrap();
    let token = token.map(bearer);
    Call {
        method,
        source: Source::Inside,
        certificate: None,
        token,
        user_agent: None,
        request_id: [1; 16],
        repeatable: false,
        digest: None,
        seen: None,
        counted: Counted::default(),
        asked: None,
    }
}

/// As a door reads it.
fn bearer(text: &TokenText) -> Bearer {
    let signed = Bearer::signed(text.expose());
    signed.unwrap_or_else(|_| TokenHash::of(&token::parse(text.expose()).unwrap()).into())
}

async fn born(dir: &Path) -> World {
    born_in(open(dir).await).await
}

async fn born_in(app: Arc<App>) -> World {
    born_with(app, SealChoice::Shamir(Split::new(2, 3).unwrap())).await
}

async fn born_with(app: Arc<App>, seal: SealChoice) -> World {
    let request = InitRequest {
        seal,
        setup_code: SetupCode::copy_of(""),
    };
    let born = app.init(&call("/Init", None), request).await.unwrap().reply;
    let confirm = ConfirmInitRequest {
        ceremony: born.ceremony.to_string(),
        setup_code: SetupCode::copy_of(""),
    };
    app.confirm_init(&call("ConfirmInit", None), confirm)
        .await
        .unwrap();
    World {
        app,
        shares: born.shares,
        token: born.token,
    }
}

async fn unseal(world: &World) {
    for share in world.shares.iter().take(2) {
        let input = KeyInput::Share(Share::copy_of(share.expose()));
        world
            .app
            .unseal(&call("Unseal", None), input)
            .await
            .unwrap();
    }
}

fn path(text: &str) -> SecretPath {
    SecretPath::try_from(text).unwrap()
}

fn put(text: &str, value: &[u8]) -> PutRequest {
    let mut fields = Fields::new();
    fields
        .insert(FieldName::value(), Plaintext::copy_of(value).into_bytes())
        .unwrap();
    let put = Put {
        fields,
        replace: false,
        remove_fields: vec![],
        if_version: None,
        labels: vec![],
        note: "".try_into().unwrap(),
        description: None,
        tags: std::collections::BTreeMap::new(),
        operation: Operation::Put,
    };
    PutRequest {
        path: path(text),
        put,
        generate: vec![],
        dry_run: false,
        bytes: value.len(),
        digest: [0; 32],
    }
}

fn get() -> Get {
    Get {
        selector: Selector {
            version: None,
            label: None,
        },
        fields: vec![],
    }
}

async fn value(world: &World, text: &str) -> Result<Vec<u8>> {
    let get_secret = call("GetSecret", Some(&world.token));
    let answer = world.app.get_secret(&get_secret, &path(text), &get()).await;
    let answer = answer?;
    Ok(answer
        .reply
        .fields
        .get(&FieldName::value())
        .unwrap()
        .to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_born_sealed_and_keeps_what_it_is_given_through_seal_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    let put_call = call("PutSecret", Some(&world.token));
    let refused = world
        .app
        .put_secret(&put_call, put("db/password", b"x"))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::Sealed);
    unseal(&world).await;
    let written = world
        .app
        .put_secret(&put_call, put("db/password", b"hunter2"))
        .await
        .unwrap();
    assert_eq!((written.reply.version, written.reply.created), (1, true));
    assert_eq!(value(&world, "db/password").await.unwrap(), b"hunter2");
    world
        .app
        .seal(&call("Seal", Some(&world.token)))
        .await
        .unwrap();
    assert_eq!(
        value(&world, "db/password").await.unwrap_err().reason(),
        Reason::Sealed
    );
    unseal(&world).await;
    assert_eq!(value(&world, "db/password").await.unwrap(), b"hunter2");
    let World { app, shares, token } = world;
    app.shut_down().await;
    while Arc::strong_count(&app) > 1 {
        tokio::task::yield_now().await;
    }
    drop(app);
    let world = World {
        app: open(dir.path()).await,
        shares,
        token,
    };
    assert_eq!(world.app.seal_status(), SealStatus::Sealed);
    unseal(&world).await;
    assert_eq!(value(&world, "db/password").await.unwrap(), b"hunter2");
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_each_get_a_version_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let writers = (0..64_u8).map(|n| {
        let (app, call) = (
            Arc::clone(&world.app),
            call("PutSecret", Some(&world.token)),
        );
        tokio::spawn(async move {
            app.put_secret(&call, put("hot/secret", &[n]))
                .await
                .unwrap()
                .reply
                .version
        })
    });
    let mut versions = Vec::new();
    for writer in writers {
        versions.push(writer.await.unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=64).collect::<Vec<_>>());
    world.app.shut_down().await;
}
