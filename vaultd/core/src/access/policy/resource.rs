//! What policies call the things that requests are about: one canonical text for each.
//!
//! | resource | text |
//! |---|---|
//! | a secret | `secret:db/password` |
//! | a folder | `secret:db/`, the root `secret:`: what all texts of its secrets and folders begin with |
//! | a user, and so for other names | `user:alice`, `service:ci`, `role:deploy`, `group:ops`, `policy:readers` |
//! | all users, and so for other sorts | `user:`: what a list of them asks for; `user:*` means it |
//! | the caller's own | `caller:self` |
//! | node, cluster, keys, backups | `system:vault` |
//!
//! No secret's path ends in `/`, so the text of a folder is none of a secret; and `secret:db/*` means the
//! folder `db` with all in it, listings included, without a second word.

use super::{
    super::Resource,
    form::{self, FormError},
    template::{Piece, Template, TemplateError, Variables, Wildcards},
};
use crate::name::{FolderPath, PathError, SecretPath};

/// The kinds of resources. A kind may be named by policies before anything of the kind exists.
pub(super) const KINDS: [&str; 9] = [
    "secret", "user", "group", "role", "service", "policy", "session", "caller", "system",
];

/// Those that are called by a name, of which there is one form.
const NAMED: [&str; 5] = ["user", "group", "role", "service", "policy"];

/// Longest pattern, in bytes.
const MAX_BYTES: usize = 2048;

/// The canonical text of a resource.
pub fn resource_name(resource: &Resource) -> Box<str> {
    match resource {
        Resource::Secret(path) => format!("secret:{path}").into(),
        Resource::Folder(path) if path.is_root() => "secret:".into(),
        Resource::Folder(path) => format!("secret:{path}/").into(),
        Resource::Every(sort) => format!("{sort}:").into(),
        Resource::User(_)
        | Resource::Service(_)
        | Resource::Role(_)
        | Resource::Group(_)
        | Resource::Policy(_) => match resource.named() {
            Some((sort, name)) => format!("{sort}:{name}").into(),
            None => "".into(),
        },
        Resource::Own => "caller:self".into(),
        Resource::System => "system:vault".into(),
    }
}

/// Whether the text of a secret or a folder is a folder's.
pub(super) fn is_folder(text: &str) -> bool {
    text.ends_with('/') || text == "secret:"
}

/// Why a text is not a pattern for resources.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum ResourceError {
    #[error("a resource is `kind:path`, or `*`")]
    NoKind,
    #[error("`{0}` is no kind of resource; there are {kinds}", kinds = KINDS.join(", "))]
    Kind(String),
    #[error("the kind of a resource is written out: only `*` alone is of every kind")]
    WildKind,
    #[error("a resource has at most {MAX_BYTES} bytes")]
    TooLong,
    #[error("it {0}")]
    Form(#[from] FormError),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The pattern that a document writes.
pub(super) fn parse(text: &str, variables: Variables) -> Result<Template, ResourceError> {
    if text.len() > MAX_BYTES {
        return Err(ResourceError::TooLong);
    }
    form::text(text)?;
    if text != "*" {
        let (kind, rest) = text.split_once(':').ok_or(ResourceError::NoKind)?;
        if kind.contains(['*', '?', '$']) {
            return Err(ResourceError::WildKind);
        }
        if !KINDS.contains(&kind) {
            return Err(ResourceError::Kind(kind.to_owned()));
        }
        if NAMED.contains(&kind) {
            form::name(&Template::parse(rest, Wildcards::On, variables)?)?;
        }
    }
    Ok(Template::parse(text, Wildcards::On, variables)?)
}

/// Why a text is not the name of one resource.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NamedError {
    #[error(transparent)]
    Pattern(#[from] ResourceError),
    #[error("a request is about one resource: write no wildcard")]
    Wildcard,
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("there is only `{0}`")]
    Only(&'static str),
}

/// The one resource that a text names.
pub(super) fn named(text: &str) -> Result<Box<str>, NamedError> {
    if text.contains(['*', '?']) {
        return Err(NamedError::Wildcard);
    }
    parse(text, Variables::Off)?;
    let only = |name: &'static str| {
        if text == name {
            Ok(name.into())
        } else {
            Err(NamedError::Only(name))
        }
    };
    match text.split_once(':') {
        Some(("secret", path)) => Ok(match path.strip_suffix('/') {
            None if path.is_empty() => resource_name(&Resource::Folder(FolderPath::root())),
            None => resource_name(&Resource::Secret(SecretPath::try_from(path)?)),
            Some("") => return Err(PathError::Empty.into()),
            Some(folder) => resource_name(&Resource::Folder(FolderPath::try_from(folder)?)),
        }),
        Some(("caller", _)) => only("caller:self"),
        Some(("system", _)) => only("system:vault"),
        _ => Ok(text.into()),
    }
}

/// Whether no resource can ever have a name that the pattern means, as far as its literal parts tell.
pub(super) fn is_impossible(pattern: &Template) -> bool {
    let Some(Piece::Text(beginning)) = pattern.pieces().first() else {
        return false;
    };
    let path = beginning.split_once(':').map_or("", |(_, path)| path);
    let dots = |segment: &str| segment == "." || segment == "..";
    // The last segment of the beginning may go on; those before it may not.
    let mut whole = path.split('/');
    let last = whole.next_back();
    let alone = pattern.pieces().len() == 1;
    let texts = pattern.pieces().iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::One | Piece::Many | Piece::Variable(_) => None,
    });
    path.starts_with('/')
        || texts.into_iter().any(|text| text.contains("//"))
        || whole.any(dots)
        || (alone && last.is_some_and(dots))
}
