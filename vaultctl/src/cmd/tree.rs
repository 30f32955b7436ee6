//! `vaultctl tree`

use std::collections::BTreeMap;

use serde_json::Value;
use vault_sdk::encode_path;
use vault_sdk::wire::{Entry, ListSecretsRequest};

use super::Outcome;
use super::ls::{Pages, to_json};
use super::paths::parse_folder;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::output::Shape;
use crate::table::{Lister, clean};

/// Show a folder and all below it as a tree
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder; without it, the root
    #[arg(value_name = "DIR", value_parser = parse_folder)]
    folder: Option<String>,

    /// So many levels
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let folder = self.folder.unwrap_or_default();
        let page = ListSecretsRequest {
            folder: folder.clone(),
            recursive: true,
            depth: self.depth.unwrap_or_default(),
            ..Default::default()
        };
        let drawn = matches!(ctl.output.shape()?, Shape::Table | Shape::Tsv);
        let mut lister = Lister::new(&ctl.output, &["path"]);
        let mut root = Branch::default();
        let mut pages = Pages::new(page, None);
        while let Some(entries) = pages.next(ctl, &vault).await? {
            for entry in entries {
                if drawn {
                    root.insert(below(&entry, &folder));
                } else {
                    lister.push(Vec::new(), || value(&entry))?;
                }
            }
        }
        if drawn {
            let top = if folder.is_empty() {
                "/".to_owned()
            } else {
                format!("{}/", encode_path(&folder))
            };
            ctl.output
                .line(&format!("{}{}", clean(&top), root.draw("")))?;
        } else {
            lister.finish("")?;
        }
        Ok(Exit::Ok)
    }
}

fn value(entry: &Entry) -> Value {
    to_json(entry)
}

/// The path under the folder that is shown.
fn below<'a>(entry: &'a Entry, folder: &str) -> &'a str {
    let rest = entry.path.strip_prefix(folder).unwrap_or(&entry.path);
    rest.strip_prefix('/').unwrap_or(rest)
}

/// A folder's children; a name can be a folder and a secret.
#[derive(Debug, Default)]
struct Branch(BTreeMap<String, (bool, Self)>);

impl Branch {
    fn insert(&mut self, path: &str) {
        match path.split_once('/') {
            Some((name, rest)) => {
                let (_, branch) = self.0.entry(name.to_owned()).or_default();
                if !rest.is_empty() {
                    branch.insert(rest);
                }
            }
            None if !path.is_empty() => self.0.entry(path.to_owned()).or_default().0 = true,
            None => {}
        }
    }

    fn draw(&self, indent: &str) -> String {
        let mut text = String::new();
        let mut lines = Vec::new();
        for (name, (secret, branch)) in &self.0 {
            let name = clean(&encode_path(name));
            if *secret {
                lines.push((name.clone(), None));
            }
            if !branch.0.is_empty() || !secret {
                lines.push((format!("{name}/"), Some(branch)));
            }
        }
        let last = lines.len().saturating_sub(1);
        for (position, (line, branch)) in lines.into_iter().enumerate() {
            let (corner, bar) = if position == last {
                ("└── ", "    ")
            } else {
                ("├── ", "│   ")
            };
            text.push('\n');
            text.push_str(indent);
            text.push_str(corner);
            text.push_str(&line);
            if let Some(branch) = branch {
                text.push_str(&branch.draw(&format!("{indent}{bar}")));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Branch;

    #[test]
    fn paths_become_a_tree() {
        let mut root = Branch::default();
        for path in ["db/a", "db/b/c", "db/b", "x", "empty/"] {
            root.insert(path);
        }
        let expected = "
├── db/
│   ├── a
│   ├── b
│   └── b/
│       └── c
├── empty/
└── x";
        assert_eq!(root.draw(""), expected);
    }
}
