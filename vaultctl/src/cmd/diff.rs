//! `vaultctl diff`

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use similar::{ChangeTag, TextDiff};
use vault_sdk::{Reference, Secret, Selector, Value};

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::clean;
use crate::view;

/// Compare two versions, or two secrets
///
/// With one PATH, its current version is compared with PATH@previous; with PATH@A, with version A.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name[@version|@label]
    #[arg(value_name = "PATH")]
    from: Reference,

    /// What to compare it with
    #[arg(value_name = "PATH")]
    to: Option<Reference>,

    /// Show values
    #[arg(long)]
    reveal: bool,

    /// End with 20 when they differ
    #[arg(long)]
    exit_code: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let (from, to) = self.pair();
        let mut read = vault
            .secrets()
            .get_many([from.clone(), to.clone()])
            .await?
            .into_iter();
        let (Some(first), Some(second)) = (read.next(), read.next()) else {
            return Err(Failure::internal(
                "two secrets were asked for, and fewer came",
            ));
        };
        let first = match first {
            Ok(secret) => secret,
            Err(error) => return Err(ctl.about(&vault, &from.path, error).await),
        };
        let second = match second {
            Ok(secret) => secret,
            Err(error) => return Err(ctl.about(&vault, &to.path, error).await),
        };
        let changes = changes(&first, &second);
        if ctl.output.is_json() {
            ctl.output.json(&self.to_json(&first, &second, &changes))?;
        } else if changes.is_empty() {
            ctl.output.note("they are the same");
        } else {
            let name = |secret: &Secret| {
                let selector = Some(Selector::Version(secret.version));
                Reference {
                    path: secret.path.clone(),
                    field: None,
                    selector,
                }
                .to_string()
            };
            ctl.output
                .line(&format!("--- {}\n+++ {}", name(&first), name(&second)))?;
            for change in &changes {
                ctl.output.line(&self.lines(change))?;
            }
        }
        Ok(if self.exit_code && !changes.is_empty() {
            Exit::No
        } else {
            Exit::Ok
        })
    }

    /// Older first.
    fn pair(&self) -> (Reference, Reference) {
        match (&self.to, &self.from.selector) {
            (Some(to), _) => (self.from.clone(), to.clone()),
            (None, Some(_)) => (
                self.from.clone(),
                Reference {
                    selector: None,
                    ..self.from.clone()
                },
            ),
            (None, None) => {
                let previous = Some(Selector::Label("previous".to_owned()));
                (
                    Reference {
                        selector: previous,
                        ..self.from.clone()
                    },
                    self.from.clone(),
                )
            }
        }
    }

    fn lines(&self, change: &Change<'_>) -> String {
        let Change { field, from, to } = change;
        if !self.reveal {
            return format!("{} {field}", change.sign());
        }
        // EXPOSE: stdout, because --reveal was given
        let text = |value: Option<&Value>| value.map(|v| view::cell(v, true)).unwrap_or_default();
        let (from, to) = (text(*from), text(*to));
        let diff = TextDiff::from_lines(&from, &to);
        let mut lines = vec![format!("{} {field}", change.sign())];
        for part in diff.iter_all_changes() {
            let sign = match part.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!(
                "  {sign}{}",
                clean(part.value().trim_end_matches('\n'))
            ));
        }
        lines.join("\n")
    }

    fn to_json(&self, first: &Secret, second: &Secret, changes: &[Change<'_>]) -> Json {
        let side = |secret: &Secret| json!({ "path": secret.path, "version": secret.version });
        let shown = |value: Option<&Value>| value.map(|value| view::cell(value, true));
        let change = |change: &Change<'_>| {
            let mut object = json!({ "field": change.field, "change": change.word() });
            if let (Some(map), true) = (object.as_object_mut(), self.reveal) {
                map.insert("from".to_owned(), json!(shown(change.from)));
                map.insert("to".to_owned(), json!(shown(change.to)));
            }
            object
        };
        json!({
            "from": side(first),
            "to": side(second),
            "changes": changes.iter().map(change).collect::<Vec<_>>(),
        })
    }
}

/// A field that is not the same on both sides.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) field: &'a str,
    from: Option<&'a Value>,
    to: Option<&'a Value>,
}

impl Change<'_> {
    pub(crate) fn sign(&self) -> char {
        match (self.from, self.to) {
            (None, _) => '+',
            (_, None) => '-',
            (Some(_), Some(_)) => '~',
        }
    }

    fn word(&self) -> &'static str {
        match (self.from, self.to) {
            (None, _) => "added",
            (_, None) => "removed",
            (Some(_), Some(_)) => "changed",
        }
    }
}

/// The fields that differ, by name.
pub(crate) fn changes<'a>(first: &'a Secret, second: &'a Secret) -> Vec<Change<'a>> {
    let names: BTreeSet<_> = first.fields.keys().chain(second.fields.keys()).collect();
    let change = |field: &'a String| {
        let (from, to) = (first.fields.get(field), second.fields.get(field));
        let same = matches!((from, to), (Some(a), Some(b)) if a.same(b));
        (!same).then_some(Change {
            field: field.as_str(),
            from,
            to,
        })
    };
    names.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use vault_sdk::{Secret, Value};

    use super::changes;

    fn secret(fields: &[(&str, &str)]) -> Secret {
        let fields = fields
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::new(v.as_bytes())));
        let fields = fields.collect();
        Secret {
            path: "p".into(),
            version: 1,
            fields,
            created_at: None,
            labels: Vec::new(),
        }
    }

    #[test]
    fn added_removed_and_changed_fields_are_told_apart() {
        let (a, b) = (
            secret(&[("x", "1"), ("y", "1"), ("z", "1")]),
            secret(&[("x", "1"), ("y", "2"), ("n", "1")]),
        );
        let found: Vec<_> = changes(&a, &b)
            .iter()
            .map(|c| format!("{}{}", c.sign(), c.field))
            .collect();
        assert_eq!(found, ["+n", "~y", "-z"]);
        assert!(changes(&a, &a).is_empty());
    }
}
