//! Which methods any node serves, held by reading what they call: none of them writes, or it would fail wherever the
//! node does not lead; and what writes nothing needs no other node.

use std::collections::{BTreeMap, BTreeSet};

use vault_proto::METHODS;

use crate::source::{Source, files};

/// What is about the node that is asked, and writes: where there is no vault yet there is no other node.
/// And a node that is opened names its region where it leads, and goes on without where it does not.
const BIRTH: [&str; 3] = [
    "/vault.v1.System/Init",
    "/vault.v1.System/ConfirmInit",
    "/vault.v1.System/Unseal",
];

/// What the node that leads has in hand, between steps of key holders of which the last one writes; what it alone knows of
/// the others; and the lead itself.
const IN_HAND: [&str; 6] = [
    "/vault.v1.Regions/CreateRegion",
    "/vault.v1.Cluster/ListNodes",
    "/vault.v1.Cluster/TransferLeader",
    "/vault.v1.System/StartRekey",
    "/vault.v1.System/CancelRekey",
    "/vault.v1.Root/CancelGenerateRoot",
];

/// That a session was used is written wherever that is counted; where it cannot be, the read goes to the leader.
const COUNTING: &str = "count";

/// From the name of a function to what all those of that name say.
fn functions(sources: &[Source]) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for source in sources {
        let code = source.code();
        for (at, _) in code.match_indices("fn ") {
            let name: String = code[at + 3..].chars().take_while(|c| is_name(*c)).collect();
            let Some(open) = code[at..].find('{').map(|open| at + open) else {
                continue;
            };
            // Without a body, the next brace is another's.
            if name.is_empty() || code[at..open].contains(";\n") {
                continue;
            }
            // Formatted code ends a function where its line begins.
            let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
            let indent: String = code[line..].chars().take_while(|c| *c == ' ').collect();
            let end = code[open..].find(&format!("\n{indent}}}"));
            let body = &code[open..end.map_or(code.len(), |end| open + end)];
            let body = body.split_whitespace().collect::<Vec<_>>().join(" ");
            let body = body.replace(" .", ".");
            found.entry(name).or_default().push_str(&body);
        }
    }
    found
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The names of what a text calls of any of these.
fn calls(text: &str, of: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for receiver in of {
        for (at, _) in text.match_indices(receiver) {
            let before = text[..at].chars().next_back();
            let name: String = text[at + receiver.len()..]
                .chars()
                .take_while(|c| is_name(*c))
                .collect();
            let after = text[at + receiver.len() + name.len()..].chars().next();
            if !before.is_some_and(is_name) && matches!(after, Some('(' | ':')) {
                found.insert(name);
            }
        }
    }
    found
}

/// Whether a function of the application comes to propose something.
fn writes(name: &str, functions: &BTreeMap<String, String>) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(name) = next.pop() {
        if name == COUNTING || !seen.insert(name.clone()) {
            continue;
        }
        let body = functions.get(&name).map_or("", String::as_str);
        if body.contains("proposer.run(") {
            return true;
        }
        next.extend(calls(body, &["self.", "app."]));
    }
    false
}

/// What the door has the application do for a method, in functions of its name.
fn acts(method: &str, door: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut name = String::new();
    for c in method.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    door.get(&name)
        .map(|body| calls(body, &["app."]))
        .unwrap_or_default()
}

#[test]
fn what_any_node_serves_writes_nothing_and_what_the_leader_serves_does() {
    let app = functions(&files("vaultd/src/app", ".rs"));
    let door = functions(&files("vaultd/src/door/grpc", ".rs"));
    let mut wrong = Vec::new();
    for method in METHODS {
        let path = method.path;
        let name = path.rsplit('/').next().expect("a name");
        let acts = acts(name, &door);
        assert!(!acts.is_empty(), "{path}: what does it do?");
        let proposes = acts.iter().any(|name| writes(name, &app));
        let elsewhere = proposes || IN_HAND.contains(&path);
        let wanted = !elsewhere || BIRTH.contains(&path);
        if method.local != wanted {
            wrong.push(format!("{path} calls {acts:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
