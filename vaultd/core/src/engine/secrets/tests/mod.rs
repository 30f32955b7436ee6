//! The engine over the in-memory model, with a real keyring and an administrator's grants.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::{
    access::{self, Action, Grant, Resource, TokenHash},
    crypto::{
        entropy::Seeded,
        keyring::{Keyring, Role, Rotate},
        secret::{RootKey, TokenSecret},
    },
    name::{Description, FieldName, FolderPath, Label, SecretPath, TagKey, TagValue},
    record::{IdBlock, Mem, Revision, Transaction, Tx},
};

mod deletion;
mod destruction;
mod folders;
mod history;
mod huge;
mod labels;
mod listing;
mod model;
mod moving;
mod policies;
mod protection;
mod put_back;
mod retries;
mod selection;
mod values;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// A vault of one process.
struct World {
    state: Mem,
    keys: Keyring,
    entropy: Seeded,
    ids: IdBlock,
    now: u64,
    sequence: u64,
    token: TokenHash,
    /// Records that the last transaction wrote.
    rows: usize,
    /// Checks of the last transaction.
    checks: usize,
}

impl World {
    fn new() -> Self {
        let mut entropy = Seeded::new(11);
        let root = RootKey::make(&mut entropy);
        let keys = Keyring::make(&root, [5; 16], &mut entropy, 1_000);
        let token = TokenHash::of(&TokenSecret::make(&mut entropy));
        let (state, ids) = (Mem::default(), IdBlock::new(1, u64::MAX));
        let mut world = Self {
            state,
            keys,
            entropy,
            ids,
            now: 1000 * DAY,
            sequence: 0,
            token,
            rows: 0,
            checks: 0,
        };
        world
            .run(|tx| access::create_administrator(tx, &token, "admin"))
            .unwrap();
        world
    }

    fn evaluate<R>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> R) -> (R, Transaction) {
        let mut tx = Tx::new(&self.state, &self.keys, self.now, &mut self.ids);
        let reply = f(&mut tx);
        (
            reply,
            tx.into_changes()
                .seal(&self.keys, &mut self.entropy)
                .unwrap(),
        )
    }

    /// Runs and applies, when it was not refused.
    fn run<R, E>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> Result<R, E>) -> Result<R, E> {
        let (reply, transaction) = self.evaluate(f);
        if reply.is_ok() {
            self.sequence += 1;
            (self.rows, self.checks) = (transaction.writes.len(), transaction.checks.len());
            assert!(
                self.rows <= Transaction::MAX_WRITES
                    && transaction.size() <= Transaction::MAX_BYTES
            );
            assert!(self.state.apply(
                Revision {
                    term: 1,
                    sequence: self.sequence
                },
                &transaction
            ));
        }
        reply
    }

    fn grant(&mut self, action: Action, resource: Resource) -> Grant {
        let token = self.token;
        let caller = self
            .evaluate(|tx| access::authenticate(tx, &token, &access::Origin::local()).unwrap())
            .0;
        access::authorise(&caller, action, resource).unwrap()
    }

    fn on(&mut self, action: Action, path: &str) -> Grant {
        self.grant(action, Resource::Secret(at(path)))
    }

    fn below(&mut self, action: Action, path: &str) -> Grant {
        self.grant(
            action,
            Resource::Folder(FolderPath::try_from(path).unwrap()),
        )
    }

    fn put_with(&mut self, path: &str, request: &Put) -> Result<PutReply, Refusal> {
        let grant = self.on(Action::PUT_VALUE, path);
        self.run(|tx| put(tx, &grant, None, request))
    }

    /// Puts the single field `value`.
    fn put(&mut self, path: &str, value: &str) -> PutReply {
        self.put_with(
            path,
            &Put {
                fields: fields(&[("value", value)]),
                ..Put::default()
            },
        )
        .unwrap()
    }

    /// Puts one version for each number.
    fn put_each(&mut self, path: &str, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.put(path, &number.to_string());
        }
    }

    fn get_with(&mut self, path: &str, request: &Get) -> Result<Value, Refusal> {
        let grant = self.on(Action::GET_VALUE, path);
        self.run(|tx| get(tx, &grant, request))
    }

    /// All fields of a version, as text.
    fn read(
        &mut self,
        path: &str,
        selector: Selector,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let value = self.get_with(
            path,
            &Get {
                selector,
                fields: Vec::new(),
            },
        )?;
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(value
            .fields
            .into_iter()
            .map(|(name, bytes)| (name.to_string(), text(bytes)))
            .collect())
    }

    /// The field `value` of the current version.
    fn value(&mut self, path: &str) -> Result<String, Refusal> {
        Ok(self
            .read(path, Selector::default())?
            .remove("value")
            .unwrap())
    }

    fn version(&mut self, path: &str, version: u64) -> Result<String, Refusal> {
        let selector = Selector {
            version: Some(version),
            label: None,
        };
        Ok(self.read(path, selector)?.remove("value").unwrap())
    }

    fn describe(&mut self, path: &str) -> Result<Meta, Refusal> {
        let grant = self.on(Action::DESCRIBE, path);
        self.run(|tx| describe(tx, &grant))
    }

    fn labels(&mut self, path: &str) -> BTreeMap<String, u64> {
        self.describe(path)
            .unwrap()
            .labels
            .into_iter()
            .map(|(label, at)| (label.to_string(), at))
            .collect()
    }

    fn set_label(
        &mut self,
        path: &str,
        label: &str,
        version: u64,
        if_at: Option<u64>,
    ) -> Result<(), Refusal> {
        let grant = self.on(Action::LABEL, path);
        let request = SetLabel {
            label: self::label(label),
            version,
            if_at,
        };
        self.run(|tx| set_label(tx, &grant, None, &request))
            .map(|_| ())
    }

    fn delete(&mut self, path: &str, window: Option<u64>) -> Result<Deleted, Refusal> {
        let grant = self.on(Action::DELETE, path);
        let request = Delete {
            window,
            if_version: None,
        };
        self.run(|tx| delete(tx, &grant, None, &request))
            .map(|mut reply| reply.deleted.pop().unwrap())
    }

    fn restore(
        &mut self,
        path: &str,
        id: Option<u64>,
        new: Option<&str>,
    ) -> Result<RestoreReply, Refusal> {
        let grant = self.on(Action::RESTORE, path);
        let to = new.map(|new| RestoreTo {
            read: self.on(Action::GET_VALUE, path),
            write: self.on(Action::PUT_VALUE, new),
        });
        let request = Restore { id, to };
        self.run(|tx| restore(tx, &grant, None, &request))
    }

    fn copy(&mut self, from: &str, to: &str, drop_history: bool) -> Result<CopyReply, Refusal> {
        let (from, to) = (
            self.on(Action::GET_VALUE, from),
            self.on(Action::PUT_VALUE, to),
        );
        self.run(|tx| copy(tx, &from, &to, None, drop_history))
    }

    fn move_secret(&mut self, from: &str, to: &str) -> Result<(), Refusal> {
        let moving = Moving {
            from: self.on(Action::MOVE, from),
            read: self.on(Action::GET_VALUE, from),
            to: self.on(Action::PUT_VALUE, to),
        };
        self.run(|tx| move_secret(tx, &moving, None))
    }

    fn move_folder(&mut self, from: &str, to: &str) -> Result<(), Refusal> {
        let moving = Moving {
            from: self.below(Action::MOVE, from),
            read: self.below(Action::GET_VALUE, from),
            to: self.below(Action::PUT_VALUE, to),
        };
        self.run(|tx| move_folder(tx, &moving, None))
    }

    /// Every page of a listing.
    fn list_with(
        &mut self,
        folder: &str,
        recursive: bool,
        depth: usize,
        size: usize,
    ) -> Result<Vec<Listed>, Refusal> {
        let grant = self.below(Action::LIST, folder);
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = PageRequest {
                size,
                after: after.take(),
            };
            let listing = self.run(|tx| {
                list(
                    tx,
                    &grant,
                    &|_| true,
                    &List {
                        recursive,
                        depth,
                        page,
                    },
                )
            })?;
            assert!(listing.entries.len() <= size.max(1));
            all.extend(listing.entries);
            match listing.next {
                Some(next) => after = Some(Position::from_bytes(&next.to_bytes()).unwrap()),
                None => return Ok(all),
            }
        }
    }

    fn list(&mut self, folder: &str) -> Vec<String> {
        paths(self.list_with(folder, false, 0, 1000).unwrap())
    }

    fn list_all(&mut self, folder: &str) -> Vec<String> {
        paths(self.list_with(folder, true, 0, 1000).unwrap())
    }

    fn deleted(&mut self, folder: &str) -> Vec<Deleted> {
        let grant = self.below(Action::LIST, folder);
        self.run(|tx| list_deleted(tx, &grant, &|_| true, &PageRequest::default()))
            .unwrap()
            .items
    }

    /// Runs every sweeper until it has nothing to do.
    fn sweep(&mut self) {
        while self.run(|tx| sweep_deleted(tx, 0, 10)).unwrap() {}
        while self.run(|tx| sweep_outcomes(tx, 10)).unwrap() {}
    }

    fn records(&self) -> usize {
        self.state.records().count()
    }
}

fn at(path: &str) -> SecretPath {
    path.try_into().unwrap()
}

fn label(text: &str) -> Label {
    text.try_into().unwrap()
}

fn field(text: &str) -> FieldName {
    text.try_into().unwrap()
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in pairs {
        fields
            .insert(field(name), Bytes::copy_from_slice(value.as_bytes()))
            .unwrap();
    }
    fields
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<TagKey, TagValue> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).try_into().unwrap(), (*value).try_into().unwrap()))
        .collect()
}

fn paths(listed: Vec<Listed>) -> Vec<String> {
    listed.into_iter().map(|listed| listed.path).collect()
}

fn description(text: &str) -> Description {
    text.try_into().unwrap()
}

fn named(label: &str) -> Selector {
    Selector {
        version: None,
        label: Some(self::label(label)),
    }
}
