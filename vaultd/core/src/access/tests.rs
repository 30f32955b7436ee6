//! Sessions, narrowing and grants over the in-memory model.

mod narrowing;
mod restored;
mod sweeping;

use super::*;
use crate::{
    crypto::{
        entropy::Seeded,
        keyring::Keyring,
        secret::{RootKey, TokenSecret},
    },
    name::{FolderPath, SecretPath},
    record::{IdBlock, Mem, RecordError, Revision, Transaction, Tx},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

pub(super) struct World {
    pub(super) state: Mem,
    keys: Keyring,
    entropy: Seeded,
    ids: IdBlock,
    pub(super) now: u64,
    sequence: u64,
}

impl World {
    pub(super) fn new() -> Self {
        let mut entropy = Seeded::new(3);
        let root = RootKey::make(&mut entropy);
        let keys = Keyring::make(&root, [5; 16], &mut entropy, 1_000);
        let ids = IdBlock::new(1, 1000);
        Self {
            state: Mem::default(),
            keys,
            entropy,
            ids,
            now: 500 * HOUR,
            sequence: 0,
        }
    }

    fn token(&mut self) -> TokenHash {
        TokenHash::of(&TokenSecret::make(&mut self.entropy))
    }

    /// Evaluates, and returns the transaction without applying it.
    pub(super) fn evaluate<R>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> R) -> (R, Transaction) {
        let mut tx = Tx::new(&self.state, &self.keys, self.now, &mut self.ids);
        let reply = f(&mut tx);
        (
            reply,
            tx.into_changes()
                .seal(&self.keys, &mut self.entropy)
                .unwrap(),
        )
    }

    pub(super) fn apply(&mut self, transaction: &Transaction) -> bool {
        self.sequence += 1;
        self.state.apply(
            Revision {
                term: 1,
                sequence: self.sequence,
            },
            transaction,
        )
    }

    pub(super) fn run<R>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        let (reply, transaction) = self.evaluate(f);
        assert!(self.apply(&transaction));
        reply
    }

    fn administrator(&mut self) -> TokenHash {
        let token = self.token();
        self.run(|tx| create_administrator(tx, &token, "admin"))
            .unwrap();
        token
    }

    fn login(&mut self, from: &TokenHash, request: &Login) -> Result<TokenHash, LoginRefusal> {
        let token = self.token();
        self.run(|tx| {
            let caller = authenticate(tx, from, &Origin::local()).unwrap();
            let grant = authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
            login(tx, &caller, &grant, &token, request)
        })
        .map(|_| token)
    }

    fn may(&mut self, token: &TokenHash, action: Action, resource: Resource) -> bool {
        self.run(|tx| {
            authorise(
                &authenticate(tx, token, &Origin::local()).unwrap(),
                action,
                resource,
            )
            .is_ok()
        })
    }

    fn end(&mut self, token: &TokenHash) -> Result<bool, SessionRefusal> {
        self.run(|tx| {
            let caller = authenticate(tx, token, &Origin::local()).unwrap();
            logout(tx, &caller)
        })
    }

    fn is_known(&mut self, token: &TokenHash) -> bool {
        self.run(|tx| match authenticate(tx, token, &Origin::local()) {
            Ok(_) => true,
            Err(Unauthenticated::Token) => false,
            Err(Unauthenticated::Record(error)) => panic!("{error}"),
        })
    }
}

fn secret(path: &str) -> Resource {
    Resource::Secret(SecretPath::try_from(path).unwrap())
}

fn folder(path: &str) -> Resource {
    Resource::Folder(FolderPath::try_from(path).unwrap())
}

fn narrowed(actions: &[&str], under: Option<&str>) -> Login {
    Login {
        ttl: None,
        actions: actions
            .iter()
            .map(|text| ActionGlob::try_from(*text).unwrap())
            .collect(),
        under: under.map(|text| FolderPath::try_from(text).unwrap()),
        ..Login::default()
    }
}

#[test]
fn the_administrator_may_do_everything_and_does_not_expire() {
    let mut world = World::new();
    let token = world.administrator();
    world.now += 100_000 * HOUR;
    for action in Action::ALL {
        for resource in [secret("a/b"), folder(""), Resource::Own, Resource::System] {
            assert!(world.may(&token, *action, resource));
        }
    }
}

#[test]
fn unknown_expired_and_ended_tokens_are_one_answer() {
    let mut world = World::new();
    let admin = world.administrator();
    let stranger = world.token();
    assert!(!world.is_known(&stranger));
    let session = world
        .login(
            &admin,
            &Login {
                ttl: Some(MINUTE),
                ..Login::default()
            },
        )
        .unwrap();
    assert!(world.is_known(&session));
    world.now += MINUTE - 1;
    assert!(world.is_known(&session));
    world.now += 1;
    assert!(!world.is_known(&session));
    let session = world.login(&admin, &Login::default()).unwrap();
    assert!(world.end(&session).unwrap());
    assert!(!world.is_known(&session));
}

#[test]
fn the_initial_token_does_not_end_by_logging_out() {
    let mut world = World::new();
    let admin = world.administrator();
    assert!(!world.end(&admin).unwrap());
    assert!(world.is_known(&admin));
}

#[test]
fn a_session_lasts_from_a_minute_to_a_day_and_never_longer_than_its_parent() {
    let mut world = World::new();
    let admin = world.administrator();
    for ttl in [0, 1, MINUTE - 1, 24 * HOUR + 1, u64::MAX] {
        let refused = world.login(
            &admin,
            &Login {
                ttl: Some(ttl),
                ..Login::default()
            },
        );
        assert!(matches!(refused, Err(LoginRefusal::Ttl)), "{ttl}");
    }
    let end = |world: &mut World, token| {
        world.run(|tx| {
            authenticate(tx, &token, &Origin::local())
                .unwrap()
                .session()
                .expires_at()
                .unwrap()
        }) - world.now
    };
    let usual = world.login(&admin, &Login::default()).unwrap();
    assert_eq!(end(&mut world, usual), 12 * HOUR);
    let day = world
        .login(
            &admin,
            &Login {
                ttl: Some(24 * HOUR),
                ..Login::default()
            },
        )
        .unwrap();
    assert_eq!(end(&mut world, day), 24 * HOUR);
    let short = world
        .login(
            &admin,
            &Login {
                ttl: Some(HOUR),
                ..Login::default()
            },
        )
        .unwrap();
    let child = world
        .login(
            &short,
            &Login {
                ttl: Some(24 * HOUR),
                ..Login::default()
            },
        )
        .unwrap();
    assert_eq!(end(&mut world, child), HOUR);
}

#[test]
fn a_narrowed_session_has_only_its_actions_under_its_folder() {
    let mut world = World::new();
    let admin = world.administrator();
    let token = world
        .login(&admin, &narrowed(&["secret:*"], Some("prod/eu")))
        .unwrap();
    assert!(world.may(&token, Action::GET_VALUE, secret("prod/eu/db")));
    assert!(world.may(&token, Action::LIST, folder("prod/eu")));
    assert!(world.may(&token, Action::LIST, folder("prod/eu/sub")));
    for resource in ["prod/eu", "prod/eu2/db", "prod/db", "dev/prod/eu/db"] {
        assert!(
            !world.may(&token, Action::GET_VALUE, secret(resource)),
            "{resource}"
        );
    }
    for resource in ["", "prod", "prod/eu2", "dev"] {
        assert!(
            !world.may(&token, Action::LIST, folder(resource)),
            "{resource:?}"
        );
    }
    assert!(!world.may(&token, Action::SEAL, Resource::System));
    assert!(!world.may(&token, Action::LOGIN, Resource::Own));
    let reader = world
        .login(&admin, &narrowed(&["secret:GetValue"], None))
        .unwrap();
    assert!(world.may(&reader, Action::GET_VALUE, secret("anything")));
    assert!(!world.may(&reader, Action::DESCRIBE, secret("anything")));
    assert!(!world.may(&reader, Action::LIST, folder("")));
}

#[test]
fn a_session_under_a_folder_has_no_rights_over_the_system() {
    let mut world = World::new();
    let admin = world.administrator();
    let token = world.login(&admin, &narrowed(&[], Some("prod"))).unwrap();
    for action in Action::ALL {
        assert!(!world.may(&token, *action, Resource::System));
    }
    assert!(world.may(&token, Action::RANDOM, Resource::Own));
}

#[test]
fn only_who_may_list_a_folder_learns_what_is_not_in_it() {
    let mut world = World::new();
    let admin = world.administrator();
    let reader = world
        .login(&admin, &narrowed(&["secret:GetValue"], None))
        .unwrap();
    let lister = world
        .login(&admin, &narrowed(&["secret:*"], Some("a")))
        .unwrap();
    let sees = |world: &mut World, token, path| {
        let folder = SecretPath::try_from(path).unwrap().parent();
        world.run(|tx| {
            authenticate(tx, &token, &Origin::local())
                .unwrap()
                .may_list(&folder, &Facts::default())
        })
    };
    assert!(sees(&mut world, admin, "a/b"));
    assert!(!sees(&mut world, reader, "a/b"));
    assert!(
        sees(&mut world, lister, "a/b")
            && !sees(&mut world, lister, "b/a")
            && !sees(&mut world, lister, "a")
    );
}

#[test]
fn logging_in_takes_its_own_grant() {
    let mut world = World::new();
    let admin = world.administrator();
    let token = world.token();
    let refused = world.run(|tx| {
        let caller = authenticate(tx, &admin, &Origin::local()).unwrap();
        let grant = authorise(&caller, Action::RANDOM, Resource::Own).unwrap();
        login(tx, &caller, &grant, &token, &Login::default())
    });
    assert!(matches!(refused, Err(LoginRefusal::Grant)));
}

#[test]
fn a_grant_gives_its_path_for_its_action_only() {
    let mut world = World::new();
    let admin = world.administrator();
    let grant = world
        .run(|tx| {
            authorise(
                &authenticate(tx, &admin, &Origin::local()).unwrap(),
                Action::GET_VALUE,
                secret("a"),
            )
        })
        .unwrap();
    assert_eq!(grant.secret(Action::GET_VALUE).unwrap().as_str(), "a");
    assert!(grant.secret(Action::PUT_VALUE).is_err());
    assert!(grant.folder(Action::GET_VALUE).is_err());
}

#[test]
fn a_write_fails_when_the_session_ended_or_the_rights_changed_before_it_was_applied() {
    let mut world = World::new();
    let admin = world.administrator();
    let session = world.login(&admin, &Login::default()).unwrap();
    let write = |world: &mut World, session: TokenHash| {
        let token = world.token();
        world
            .evaluate(move |tx| {
                let caller = authenticate(tx, &session, &Origin::local()).unwrap();
                let grant = authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
                login(tx, &caller, &grant, &token, &Login::default()).unwrap();
            })
            .1
    };
    let late = write(&mut world, session);
    world.end(&session).unwrap();
    assert!(!world.apply(&late), "the session has ended");
    let late = write(&mut world, admin);
    world.administrator();
    assert!(!world.apply(&late), "principals have changed");
    let timely = write(&mut world, admin);
    assert!(timely.checks.len() <= 4);
    assert!(world.apply(&timely));
}
