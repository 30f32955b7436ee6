//! Which methods any node serves, held by reading what they call: none of them writes, or it would fail wherever the
//! node does not lead; and what writes nothing needs no other node.

use std::collections::{BTreeMap, BTreeSet};

use vault_proto::METHODS;

use crate::source::{Source, files};

/// What is about the node that is asked, and writes: where there is no vault yet there is no other node.
const BIRTH: [&str; 2] = ["/vault.v1.System/Init", "/vault.v1.System/ConfirmInit"];

/// Steps of key holders that write at their end only, by a way that is not read here.
const CEREMONIES: [&str; 0] = [];

/// That a session was used is written wherever that is counted; where it cannot be, the read goes to the leader.
const COUNTING: &str = "count";

/// From the name of a function to what all those of that name say.
fn functions(sources: &[Source]) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for source in sources {
        let code = source.code();
        for (at, _) in code.match_indices("fn ") {
            let name: String = code[at + 3..].chars().take_while(|c| is_name(*c)).collect();
            let Some(open) = code[at..].find(['{', ';']).map(|open| at + open) else {
                continue;
            };
            if name.is_empty() || !code[open..].starts_with('{') {
                continue;
            }
            let mut depth = 0;
            let end = code[open..].find(|c| {
                depth += match c {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                depth == 0
            });
            let body = &code[open..open + end.expect("an end")];
            let body: String = body.split_whitespace().collect();
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

/// What the door has the application do for each method.
fn acts() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut acts: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for source in files("vaultd/src/door/grpc", ".rs") {
        for part in source.product().split("    async fn ") {
            let text: String = part.split_whitespace().collect();
            for method in METHODS {
                if text.contains(&format!("\"{}\"", method.path)) {
                    let called = calls(&text, &["app."]);
                    acts.entry(method.path).or_default().extend(called);
                }
            }
        }
    }
    acts
}

#[test]
fn what_any_node_serves_writes_nothing_and_what_the_leader_serves_does() {
    let functions = functions(&files("vaultd/src/app", ".rs"));
    let acts = acts();
    for method in METHODS {
        let path = method.path;
        let acts = acts.get(path).filter(|acts| !acts.is_empty());
        let acts = acts.unwrap_or_else(|| panic!("{path}: what does it do?"));
        let proposes = acts.iter().any(|name| writes(name, &functions));
        if BIRTH.contains(&path) {
            assert!(method.local, "{path}");
        } else if !CEREMONIES.contains(&path) {
            assert_eq!(proposes, !method.local, "{path} calls {acts:?}");
        }
    }
}
