//! Random histories against a model that is a few maps.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Put(usize, u8, bool),
    Delete(usize, bool),
    Restore(usize, usize),
    Move(usize, usize),
    MoveFolder(usize, usize),
    Copy(usize, usize),
    Label(usize, u64),
    DeleteFolder(usize),
    Later(u64),
}

const PATHS: [&str; 7] = ["a", "a/b", "a/b/c", "a/d", "e", "e/a", "e/b/c"];
const FOLDERS: [&str; 5] = ["a", "a/b", "e", "x", "x/y"];

/// Versions by number, and which is current.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    versions: Vec<u8>,
    current: u64,
}

impl Model {
    fn value(&self) -> String {
        let at = usize::try_from(self.current).unwrap() - 1;
        self.versions[at].to_string()
    }
}

#[derive(Default)]
struct Deleted {
    path: String,
    at: u64,
    order: usize,
    secret: Model,
}

fn step() -> impl Strategy<Value = Step> {
    let path = 0..PATHS.len();
    prop_oneof![
        6 => (path.clone(), any::<u8>(), any::<bool>()).prop_map(|(p, v, c)| Step::Put(p, v, c)),
        3 => (path.clone(), any::<bool>()).prop_map(|(p, now)| Step::Delete(p, now)),
        3 => (path.clone(), path.clone()).prop_map(|(p, to)| Step::Restore(p, to)),
        2 => (path.clone(), path.clone()).prop_map(|(p, to)| Step::Move(p, to)),
        2 => (0..FOLDERS.len(), 0..FOLDERS.len()).prop_map(|(p, to)| Step::MoveFolder(p, to)),
        2 => (path.clone(), path.clone()).prop_map(|(p, to)| Step::Copy(p, to)),
        2 => (path, 0..5u64).prop_map(|(p, v)| Step::Label(p, v)),
        1 => (0..FOLDERS.len()).prop_map(Step::DeleteFolder),
        1 => (1..5 * DAY).prop_map(Step::Later),
    ]
}

#[derive(Default)]
struct Expected {
    living: BTreeMap<String, Model>,
    deleted: Vec<Deleted>,
    deletions: usize,
}

impl Expected {
    fn delete(&mut self, path: &str, at: u64) {
        let secret = self.living.remove(path).unwrap();
        self.deletions += 1;
        self.deleted.push(Deleted {
            path: path.to_owned(),
            at,
            order: self.deletions,
            secret,
        });
    }

    fn below(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{folder}/");
        self.living
            .keys()
            .filter(|path| path.starts_with(&prefix))
            .cloned()
            .collect()
    }
}

fn take(world: &mut World, expected: &mut Expected, step: &Step) {
    match step {
        Step::Put(path, value, current) => {
            put_step(world, expected, PATHS[*path], *value, *current);
        }
        Step::Delete(path, now) => delete_step(world, expected, PATHS[*path], *now),
        Step::Restore(path, to) => restore_step(world, expected, PATHS[*path], PATHS[*to]),
        Step::Move(from, to) => move_step(world, expected, PATHS[*from], PATHS[*to]),
        Step::MoveFolder(from, to) => {
            move_folder_step(world, expected, FOLDERS[*from], FOLDERS[*to]);
        }
        Step::Copy(from, to) => copy_step(world, expected, PATHS[*from], PATHS[*to]),
        Step::Label(path, version) => label_step(world, expected, PATHS[*path], *version),
        Step::DeleteFolder(folder) => delete_folder_step(world, expected, FOLDERS[*folder]),
        Step::Later(time) => {
            world.now += time;
            world.sweep();
            let now = world.now;
            expected
                .deleted
                .retain(|deleted| deleted.at + 7 * DAY > now);
        }
    }
}

fn put_step(world: &mut World, expected: &mut Expected, path: &str, value: u8, current: bool) {
    let labels = if current {
        Vec::new()
    } else {
        vec![Label::pending()]
    };
    let fields = fields(&[("value", &value.to_string())]);
    let reply = world
        .put_with(
            path,
            &Put {
                fields,
                labels,
                ..Put::default()
            },
        )
        .unwrap();
    let model = expected.living.entry(path.to_owned()).or_default();
    assert_eq!(
        (reply.created, reply.previous),
        (model.versions.is_empty(), model.current)
    );
    model.versions.push(value);
    assert_eq!(reply.version, model.versions.len() as u64);
    if current || model.current == 0 {
        model.current = reply.version;
    }
}

fn delete_step(world: &mut World, expected: &mut Expected, path: &str, now: bool) {
    let outcome = world.delete(path, now.then_some(0));
    assert_eq!(outcome.is_ok(), expected.living.contains_key(path));
    match (outcome.is_ok(), now) {
        (true, true) => drop(expected.living.remove(path)),
        (true, false) => expected.delete(path, world.now),
        (false, _) => {}
    }
}

fn move_step(world: &mut World, expected: &mut Expected, from: &str, to: &str) {
    let moves = expected.living.contains_key(from) && !expected.living.contains_key(to);
    assert_eq!(world.move_secret(from, to).is_ok(), moves);
    if moves {
        let secret = expected.living.remove(from).unwrap();
        expected.living.insert(to.to_owned(), secret);
    }
}

fn move_folder_step(world: &mut World, expected: &mut Expected, from: &str, to: &str) {
    let into_itself = to == from || to.starts_with(&format!("{from}/"));
    let (below, free) = (expected.below(from), expected.below(to).is_empty());
    let moves = !below.is_empty() && free && !into_itself;
    assert_eq!(world.move_folder(from, to).is_ok(), moves, "{from} {to}");
    for path in below.iter().filter(|_| moves) {
        let secret = expected.living.remove(path).unwrap();
        expected
            .living
            .insert(format!("{to}{}", path.strip_prefix(from).unwrap()), secret);
    }
}

fn copy_step(world: &mut World, expected: &mut Expected, from: &str, to: &str) {
    let copies = expected.living.contains_key(from) && !expected.living.contains_key(to);
    assert_eq!(world.copy(from, to, false).is_ok(), copies);
    if copies {
        let secret = expected.living[from].clone();
        expected.living.insert(to.to_owned(), secret);
    }
}

fn label_step(world: &mut World, expected: &mut Expected, path: &str, version: u64) {
    let outcome = world.set_label(path, "current", version, None);
    let there = |model: &&mut Model| version > 0 && version <= model.versions.len() as u64;
    let model = expected.living.get_mut(path).filter(there);
    assert_eq!(outcome.is_ok(), model.is_some());
    if let Some(model) = model {
        model.current = version;
    }
}

fn delete_folder_step(world: &mut World, expected: &mut Expected, folder: &str) {
    let below = expected.below(folder);
    let grant = world.below(Action::DELETE, folder);
    let outcome = world.run(|tx| delete_folder(tx, &grant, None, &Delete::default()));
    assert_eq!(outcome.is_ok(), !below.is_empty());
    for path in below {
        expected.delete(&path, world.now);
    }
}

fn restore_step(world: &mut World, expected: &mut Expected, path: &str, to: &str) {
    let candidates = expected
        .deleted
        .iter()
        .enumerate()
        .filter(|(_, deleted)| deleted.path == path);
    let newest = candidates
        .max_by_key(|(_, deleted)| (deleted.at, deleted.order))
        .map(|(at, _)| at);
    let restores = newest.is_some() && !expected.living.contains_key(to);
    let outcome = world.restore(path, None, (path != to).then_some(to));
    if let Some(at) = newest.filter(|_| restores) {
        // Of deletions in one millisecond any is the newest: take the model from what came back.
        let reply = outcome.unwrap();
        let value = world.value(to).unwrap();
        let same = |deleted: &Deleted| {
            deleted.path == path
                && deleted.at == expected.deleted[at].at
                && deleted.secret.versions.len() as u64 == reply.latest_version
                && deleted.secret.value() == value
        };
        let came = expected
            .deleted
            .iter()
            .position(same)
            .expect("one of the newest deletions came back");
        let deleted = expected.deleted.remove(came);
        expected.living.insert(to.to_owned(), deleted.secret);
    } else {
        assert!(outcome.is_err());
    }
}

fn compare(world: &mut World, expected: &Expected) {
    let mut listed = world.list_all("");
    listed.sort();
    assert_eq!(listed, expected.living.keys().cloned().collect::<Vec<_>>());
    for (path, model) in &expected.living {
        for (number, value) in (1..).zip(&model.versions) {
            assert_eq!(world.version(path, number).unwrap(), value.to_string());
        }
        assert_eq!(world.labels(path)["current"], model.current);
    }
    assert_eq!(world.deleted("").len(), expected.deleted.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_history_agrees_with_the_model(steps in proptest::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        let empty = world.records();
        let mut expected = Expected::default();
        for step in &steps {
            take(&mut world, &mut expected, step);
            compare(&mut world, &expected);
        }
        // And when all is gone, nothing is left but the sweeper's cursor.
        for path in world.list_all("") {
            world.delete(&path, None).unwrap();
        }
        world.now += 40 * DAY;
        world.sweep();
        prop_assert!(world.records() <= empty + 1);
    }
}
