//! Which lines are asked for: by caller, action, resource, outcome and time.
//!
//! Names are looked for in every way in which a line may hold them. What matches is shown with the names that were
//! asked for; no other name can be told from a line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

/// What a line must be. What is empty asks for nothing; of several words one is enough.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Callers by name or accessor, as lines hold them; by name also what they do through roles.
    pub callers: BTreeMap<String, String>,
    /// Resources, as lines hold them.
    pub resources: BTreeMap<String, String>,
    /// Actions, or beginnings of their names and `*`.
    pub actions: Vec<String>,
    /// Words of outcomes.
    pub outcomes: Vec<&'static str>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Other names that lines hold blinded, and may be shown as they are.
    pub known: BTreeMap<String, String>,
}

/// A line that is asked for.
#[derive(Clone, Debug)]
pub struct Match {
    /// Its number.
    pub sequence: u64,
    /// The line as it lies in the file.
    pub text: String,
    /// What blinded names in it stand for.
    pub names: BTreeMap<String, String>,
}

/// What a line is to a filter.
#[derive(Debug)]
pub(super) enum Look {
    Match(Match),
    Other,
    /// No audit line.
    Unreadable,
}

/// The members of a line that are looked at.
#[derive(Deserialize)]
struct Members<'a> {
    seq: u64,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(borrow, default)]
    principal: Cow<'a, str>,
    #[serde(borrow, default)]
    assumed_by: Cow<'a, str>,
    #[serde(borrow, default)]
    accessor: Cow<'a, str>,
    #[serde(borrow, default)]
    action: Cow<'a, str>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
    #[serde(default)]
    resources: Vec<Cow<'a, str>>,
}

impl Filter {
    pub(super) fn look(&self, line: &[u8]) -> Look {
        let text = str::from_utf8(line).ok();
        let members = text.and_then(|text| serde_json::from_str::<Members<'_>>(text).ok());
        let (Some(text), Some(members)) = (text, members) else {
            return Look::Unreadable;
        };
        if !self.asks_for(&members) {
            return Look::Other;
        }
        let spoken = members.resources.iter();
        let spoken = spoken.chain([&members.principal, &members.assumed_by]);
        let shown = |name: &Cow<'_, str>| {
            let all = [&self.callers, &self.resources, &self.known];
            let clear = all.iter().find_map(|names| names.get(name.as_ref()))?;
            (clear != name).then(|| (name.to_string(), clear.clone()))
        };
        Look::Match(Match {
            sequence: members.seq,
            text: text.to_owned(),
            names: spoken.filter_map(shown).collect(),
        })
    }

    fn asks_for(&self, members: &Members<'_>) -> bool {
        let caller = |name: &Cow<'_, str>| self.callers.contains_key(name.as_ref());
        let resource = |name: &Cow<'_, str>| self.resources.contains_key(name.as_ref());
        let callers = [&members.principal, &members.assumed_by, &members.accessor];
        (self.callers.is_empty() || callers.into_iter().any(caller))
            && (self.resources.is_empty() || members.resources.iter().any(resource))
            && (self.actions.is_empty() || self.actions.iter().any(|a| means(a, &members.action)))
            && (self.outcomes.is_empty() || self.outcomes.contains(&members.status.as_ref()))
            && self.spans(&members.time)
    }

    fn spans(&self, time: &str) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Ok(time) = time.parse::<Timestamp>() else {
            return false;
        };
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

/// Whether the pattern means this action; a line without one is meant by none.
fn means(pattern: &str, action: &str) -> bool {
    !action.is_empty()
        && match pattern.strip_suffix('*') {
            Some(beginning) => action.starts_with(beginning),
            None => action == pattern,
        }
}
