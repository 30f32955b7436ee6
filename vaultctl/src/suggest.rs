//! "Did you mean": the nearest name that the caller may list anyway.

use std::time::Duration;

use vault_sdk::wire::{Entry, ListSecretsRequest};
use vault_sdk::{Vault, encode_path};

/// What may have been meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Suggestion {
    /// The path is a folder, and a secret was asked for.
    Folder,
    /// The path is a secret, and a folder was asked for.
    Secret,
    /// A reference that is a slip of the finger away.
    Near(String),
}

/// What a path that does not exist may have been meant to be.
pub(crate) async fn instead_of(vault: &Vault, path: &str) -> Option<Suggestion> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let page = ListSecretsRequest {
        folder: folder.to_owned(),
        page_size: 1000,
        ..Default::default()
    };
    let brief = vault.with_timeout(PATIENCE);
    let listing = brief.secrets().list(page).await.ok()?;
    let the_same = |entry: &&Entry| entry.path.trim_end_matches('/') == path;
    match listing.entries.iter().find(the_same) {
        Some(entry) if entry.folder => return Some(Suggestion::Folder),
        Some(_) => return Some(Suggestion::Secret),
        None => {}
    }
    let names = listing.entries.iter().map(|entry| entry.path.as_str());
    nearest(path, names).map(|near| Suggestion::Near(encode_path(near).into_owned()))
}

/// The one of the candidates that a slip of the finger away.
fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted_name = last_segment(wanted);
    let slips = |name: &str| strsim::osa_distance(wanted_name, last_segment(name));
    let (distance, near) = candidates.map(|name| (slips(name), name)).min()?;
    let allowed = (wanted_name.chars().count() / 3).clamp(1, 3);
    (distance <= allowed).then_some(near)
}

fn last_segment(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::nearest;

    fn near(wanted: &str) -> Option<&'static str> {
        nearest(
            wanted,
            ["db/password", "db/user", "db/replica/"].into_iter(),
        )
    }

    #[test]
    fn a_slip_is_recognised() {
        assert_eq!(near("db/pasword"), Some("db/password"));
        assert_eq!(near("db/usre"), Some("db/user"));
        assert_eq!(near("db/replca"), Some("db/replica/"));
    }

    #[test]
    fn something_else_is_not() {
        assert_eq!(near("db/certificate"), None);
        assert_eq!(near("db/x"), None);
        assert_eq!(nearest("a", std::iter::empty()), None);
    }
}
