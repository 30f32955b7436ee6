//! Assuming a role: a session with the role's rights in place of the caller's.
//!
//! The role's trust policy must allow it, and nothing may deny it. The new session is a child of the caller's: it
//! ends with it, shows no second factor that the caller's does not, and stays within what that was narrowed to.
//! Roles that may assume each other come to nothing more than each has, and to a few sessions.

use std::sync::Arc;

use super::{
    Action, Assumed, Caller, Facts, Grant, Limits, LoginRefusal, Principal, Session, Sort,
    StoredPolicy, TokenHash,
    login::{begin, exchanged},
    policy::{Compiled, Kind, PolicyError, Tags},
    principal::named,
};
use crate::{
    name::{RoleName, TagKey, UserName},
    record::{RecordError, Tx},
};

const MINUTE: u64 = 60_000;
const SHORTEST: u64 = 15 * MINUTE;
/// Of a role that says no other; and the most, where a role is assumed from a role.
const HOUR: u64 = 60 * MINUTE;
/// Most session policies, and most bytes of them together: each is stored with the session.
const MAX_POLICIES: usize = 10;
const MAX_BYTES: usize = 16 << 10;
/// Most session tags.
const MAX_TAGS: usize = 50;

/// What the session of a role shall be like.
#[derive(Clone, Debug, Default)]
pub struct Assume {
    /// What the session is called; `None`: as its caller is.
    pub name: Option<UserName>,
    /// Milliseconds; a quarter of an hour to what the role allows, by default an hour.
    pub ttl: Option<u64>,
    /// The most that it may do: documents.
    pub policies: Vec<String>,
    /// `vault:PrincipalTag/…` beside the role's own.
    pub tags: Tags,
    /// How it is held in.
    pub limits: Limits,
}

impl Assume {
    /// What the session will be called: `vault:RoleSessionName` of the request.
    pub fn session_name(&self, caller: &Caller) -> String {
        let callers = match &caller.session.role {
            Some(assumed) => &assumed.name,
            None => &*caller.rights.name,
        };
        let given = self.name.as_ref().map(UserName::as_str);
        given.unwrap_or(callers).to_owned()
    }
}

/// Why a role is not assumed.
#[derive(Debug, thiserror::Error)]
pub enum AssumeRefusal {
    /// There is none of that name.
    #[error("`role:{0}` does not exist")]
    NotFound(Box<str>),
    /// Nobody can call as it.
    #[error("`role:{0}` is disabled")]
    Disabled(Box<str>),
    /// Under a quarter of an hour, or over what the role allows.
    #[error(
        "a session of this role lasts from 15 to {0} minutes; \
         of a role that is assumed from a role, an hour at most"
    )]
    Ttl(u64),
    /// A bound, which the text names.
    #[error("{0}")]
    TooMany(&'static str),
    /// Not a session policy.
    #[error("session policy {0} is refused: {1}")]
    Document(usize, PolicyError),
    /// The caller's session has session policies already, which stay.
    #[error("this session has session policies, which stay in force: assume the role without more")]
    Policies,
    /// The role has another value for it.
    #[error("the role has the tag `{0}` itself, and no session changes it")]
    Tag(TagKey),
    /// As of any session.
    #[error(transparent)]
    Session(#[from] LoginRefusal),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What a role itself has to say of who assumes it: one view for whoever does and for whoever asks whether he could.
#[derive(Debug)]
pub struct Trust(Vec<Arc<Compiled>>);

impl Trust {
    /// The role's trust policy; nobody is trusted by a role that is not there.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(tx: &mut Tx<'_>, role: &RoleName) -> Result<Self, RecordError> {
        let role = role_called(tx, role.as_str())?;
        let trust = role.as_ref().and_then(|(_, role)| role.trust.as_ref());
        let compiled = trust.map(|policy| Arc::clone(policy.compiled()));
        Ok(Self(compiled.into_iter().collect()))
    }

    /// Whether it has a say.
    pub fn decides(action: Action) -> bool {
        action == Action::ROLE_ASSUME || action == Action::ROLE_TAG_SESSION
    }

    /// What is known of a request for a session that will be called that.
    pub fn facts<'a>(&'a self, session_name: &'a str) -> Facts<'a> {
        Facts {
            trust: Some(&self.0),
            role_session_name: Some(session_name),
            ..Facts::default()
        }
    }
}

fn role_called(tx: &mut Tx<'_>, name: &str) -> Result<Option<(u64, Arc<Principal>)>, RecordError> {
    let Some(id) = named(tx, Sort::Role, name)? else {
        return Ok(None);
    };
    let key = Principal::key(id);
    let role = tx.see::<Principal>(&key)?;
    Ok(Some((id, role.ok_or(RecordError::Damaged(key))?)))
}

/// Makes the session. `tagging` is needed where it is given tags.
///
/// # Errors
/// When the role cannot be assumed, or what is asked for does not go with it.
pub fn assume(
    tx: &mut Tx<'_>,
    caller: &Caller,
    (grant, tagging): (&Grant, Option<&Grant>),
    token: &TokenHash,
    request: &Assume,
) -> Result<Session, AssumeRefusal> {
    let Ok((Sort::Role, name)) = grant.named(Action::ROLE_ASSUME) else {
        return Err(LoginRefusal::Grant.into());
    };
    let tags_granted = tagging.is_some_and(|tagging| {
        let about = tagging.named(Action::ROLE_TAG_SESSION);
        about.is_ok_and(|about| about == (Sort::Role, name))
    });
    if !request.tags.is_empty() && !tags_granted {
        return Err(LoginRefusal::Grant.into());
    }
    let (id, role) = role_called(tx, name)?.ok_or_else(|| AssumeRefusal::NotFound(name.into()))?;
    if role.disabled {
        return Err(AssumeRefusal::Disabled(name.into()));
    }
    let ttl = lifetime(caller, &role, request.ttl)?;
    check_tags(&role, &request.tags)?;
    let session = exchanged(tx, caller, token, ttl, &request.limits)?;
    let session = Session {
        role: Some(Assumed {
            role: id,
            epoch: role.epoch,
            name: request.session_name(caller),
            tags: request.tags.clone(),
        }),
        policies: session_policies(caller, &request.policies)?,
        ..session
    };
    begin(tx, token, &session)?;
    Ok(session)
}

fn lifetime(caller: &Caller, role: &Principal, wanted: Option<u64>) -> Result<u64, AssumeRefusal> {
    let most = match role.longest_session {
        0 => HOUR,
        longest => longest,
    };
    let chained = caller.session.role.is_some();
    let most = if chained { most.min(HOUR) } else { most };
    let ttl = wanted.unwrap_or_else(|| HOUR.min(most));
    if (SHORTEST..=most).contains(&ttl) {
        Ok(ttl)
    } else {
        Err(AssumeRefusal::Ttl(most / MINUTE))
    }
}

fn check_tags(role: &Principal, tags: &Tags) -> Result<(), AssumeRefusal> {
    if tags.len() > MAX_TAGS {
        return Err(AssumeRefusal::TooMany("a session has at most 50 tags"));
    }
    let other = |(key, value): &(&TagKey, _)| role.tags.get(key).is_some_and(|own| own != *value);
    match tags.iter().find(other) {
        Some((key, _)) => Err(AssumeRefusal::Tag(key.clone())),
        None => Ok(()),
    }
}

/// INVARIANT: policies of the caller's session stay. They allow together, so others beside them would be more.
fn session_policies(
    caller: &Caller,
    texts: &[String],
) -> Result<Option<Vec<StoredPolicy>>, AssumeRefusal> {
    if texts.is_empty() {
        return Ok(caller.session.policies.clone());
    }
    if caller.session.policies.is_some() {
        return Err(AssumeRefusal::Policies);
    }
    if texts.len() > MAX_POLICIES || texts.iter().map(String::len).sum::<usize>() > MAX_BYTES {
        return Err(AssumeRefusal::TooMany(
            "a session has at most 10 policies, of 16 KiB together",
        ));
    }
    let mut policies = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let label = (at + 1).to_string();
        let parsed = StoredPolicy::parse(&label, text, Kind::Session);
        let (policy, _) = parsed.map_err(|error| AssumeRefusal::Document(at + 1, error))?;
        policies.push(policy);
    }
    Ok(Some(policies))
}
