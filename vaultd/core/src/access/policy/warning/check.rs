//! The checks behind the warnings, statement by statement.

use super::{super::error::Spot, Code};
use crate::access::{
    Action,
    policy::{
        compiled::ActionSet,
        condition::{Condition, Operand},
        document::{
            ActionPattern, Document, Effect, Kind, Principal, ResourcePattern, Sense, Statement,
            Version,
        },
        key::Key,
        operator::{Absent, Family, Quantifier, Relation},
        resource,
        template::{Piece, Template, Variable},
    },
};

pub(super) struct Found {
    pub(super) spot: Spot,
    pub(super) code: Code,
    pub(super) subject: String,
}

/// Lists longer than this are not searched for entries that mean the same: that takes every pair.
const MAX_PAIRS: usize = 200;

pub(super) fn document(document: &Document) -> Vec<Found> {
    let mut found = Vec::new();
    for (n, statement) in document.statements.iter().enumerate() {
        let mut check = Check {
            found: &mut found,
            statement,
        };
        check.breadth(document.kind);
        check.entries();
        check.reach();
        for condition in &statement.conditions {
            check.condition(condition);
        }
        if document.version != Version::New {
            check.variables_are_off();
        }
        let compared = if document.statements.len() <= MAX_PAIRS {
            n
        } else {
            0
        };
        let mut earlier = document.statements.iter().take(compared);
        if earlier.any(|earlier| includes(earlier, statement)) {
            let subject = statement.sid.as_deref().unwrap_or("Statement");
            check.say(statement.spot, Code::RedundantStatement, subject);
        }
    }
    found
}

struct Check<'c> {
    found: &'c mut Vec<Found>,
    statement: &'c Statement,
}

impl Check<'_> {
    fn say(&mut self, spot: Spot, code: Code, subject: impl Into<String>) {
        self.found.push(Found {
            spot,
            code,
            subject: subject.into(),
        });
    }

    fn allows(&self) -> bool {
        self.statement.effect == Effect::Allow
    }

    /// What an Allow opens wider than it may look.
    fn breadth(&mut self, kind: Kind) {
        let statement = self.statement;
        if !self.allows() {
            return;
        }
        if statement.actions.sense == Sense::Others {
            self.say(statement.actions.spot, Code::AllowNotAction, "NotAction");
        }
        if let Some(listed) = statement
            .resources
            .as_ref()
            .filter(|listed| listed.sense == Sense::Others)
        {
            self.say(listed.spot, Code::AllowNotResource, "NotResource");
        }
        if let Some(listed) = &statement.principals {
            if listed.sense == Sense::Others {
                self.say(listed.spot, Code::AllowNotPrincipal, "NotPrincipal");
            } else if statement.conditions.is_empty() && listed.entries.contains(&Principal::Anyone)
            {
                self.say(listed.spot, Code::AllowAnyone, "*");
            }
            if kind == Kind::Resource && listed.sense == Sense::These {
                let chosen = |principal: &&Principal| matches!(principal, Principal::Session(..));
                for session in listed.entries.iter().filter(chosen) {
                    self.say(listed.spot, Code::SessionNameIsChosen, session.to_string());
                }
            }
        }
        let meant = ActionSet::meant(statement);
        let all = Action::ALL
            .iter()
            .all(|action| meant.meets(ActionSet::of(*action)));
        let everywhere = statement.resources.as_ref().is_some_and(|listed| {
            listed.sense == Sense::These
                && listed
                    .entries
                    .iter()
                    .any(|entry| entry.template.as_str() == "*")
        });
        let limits = matches!(kind, Kind::Boundary | Kind::Session);
        if all && everywhere && statement.conditions.is_empty() && !limits {
            self.say(statement.actions.spot, Code::AllowEverything, "*");
        }
    }

    /// Entries of lists that mean nothing, or nothing more.
    fn entries(&mut self) {
        let actions = &self.statement.actions.entries;
        for (n, action) in actions.iter().enumerate().take(MAX_PAIRS) {
            let others = || {
                actions
                    .iter()
                    .take(MAX_PAIRS)
                    .enumerate()
                    .filter(|(m, _)| *m != n)
            };
            if others().any(|(m, other)| means(other, action) && (m < n || !means(action, other))) {
                self.say(action.spot, Code::RedundantEntry, &*action.text);
            }
        }
        let Some(listed) = &self.statement.resources else {
            return;
        };
        let texts = &listed.entries;
        for (n, entry) in texts.iter().enumerate() {
            let text = entry.template.as_str();
            if resource::is_impossible(&entry.template) {
                self.say(entry.spot, Code::NeverMatches, text);
            }
            let others = || {
                texts
                    .iter()
                    .take(MAX_PAIRS)
                    .enumerate()
                    .filter(|(m, _)| *m != n)
            };
            let covered = |(m, other): (usize, &ResourcePattern)| {
                covers(&other.template, &entry.template)
                    && (m < n || !covers(&entry.template, &other.template))
            };
            if n < MAX_PAIRS && others().any(covered) {
                self.say(entry.spot, Code::RedundantEntry, text);
            }
            for variable in entry
                .template
                .variables()
                .filter(|variable| may_be_missing(variable))
            {
                // Without a value a pattern matches nothing, and all but nothing is everything.
                let bad = self.allows() == (listed.sense == Sense::Others);
                if bad {
                    self.say(
                        entry.spot,
                        Code::UnresolvedVariable,
                        variable.key.to_string(),
                    );
                }
            }
        }
    }

    /// Statements about nothing.
    fn reach(&mut self) {
        let statement = self.statement;
        let actions = ActionSet::meant(statement);
        if actions.is_empty() {
            self.say(statement.actions.spot, Code::NeverMatches, "NotAction");
        }
        let Some(listed) = &statement.resources else {
            return;
        };
        let everything = listed
            .entries
            .iter()
            .any(|entry| entry.template.as_str() == "*");
        if listed.sense == Sense::Others {
            if everything {
                self.say(listed.spot, Code::NeverMatches, "NotResource");
            }
            return;
        }
        let meets = |kind: &str| {
            let mut meant = Action::ALL
                .iter()
                .filter(|action| actions.meets(ActionSet::of(**action)));
            meant.any(|action| kind_of(*action).is_none_or(|known| known == kind))
        };
        for entry in &listed.entries {
            let kind = entry
                .template
                .as_str()
                .split_once(':')
                .map(|(kind, _)| kind);
            if !actions.is_empty() && kind.is_some_and(|kind| !meets(kind)) {
                self.say(entry.spot, Code::NeverMatches, entry.template.as_str());
            }
        }
    }

    fn condition(&mut self, condition: &Condition) {
        let operator = condition.operator;
        let (spot, subject) = (condition.spot, format!("{operator} {}", condition.key));
        let sometimes = !condition.key.is_always_present() && operator.base.family != Family::Null;
        let single = operator.quantifier == Quantifier::One;
        if sometimes {
            let code = match (self.statement.effect, operator.absent) {
                (Effect::Allow, _) if operator.quantifier == Quantifier::All => {
                    Some(Code::ForAllInAllow)
                }
                (Effect::Allow, Absent::True) => Some(Code::IfExistsInAllow),
                (_, Absent::Usual) if single && operator.base.family == Family::Flag => {
                    Some(Code::BoolOnAbsent)
                }
                (Effect::Allow, Absent::Usual) if operator.of_absent() => {
                    Some(Code::NegatedInAllow)
                }
                (Effect::Deny, Absent::Usual) if !operator.of_absent() => Some(Code::DenyEscapes),
                (Effect::Allow | Effect::Deny, _) => None,
            };
            if let Some(code) = code {
                self.say(spot, code, &subject);
            }
        }
        if !condition.key.is_set() && !single {
            self.say(spot, Code::SetOnSingle, condition.key.to_string());
        }
        if condition.key == Key::UserAgent {
            self.say(spot, Code::ClientSays, condition.key.to_string());
        }
        for variable in condition
            .variables()
            .filter(|variable| may_be_missing(variable))
        {
            if self.allows() == operator.base.negated {
                self.say(spot, Code::UnresolvedVariable, variable.key.to_string());
            }
        }
        if operator.base.family == Family::Text && operator.base.relation != Relation::Like {
            let wild = |operand: &Operand| matches!(operand, Operand::Text(template) if has_wildcard(template.as_str()));
            if condition.values.iter().any(|wanted| wild(&wanted.operand)) {
                self.say(spot, Code::LiteralWildcard, &subject);
            }
        }
    }

    fn variables_are_off(&mut self) {
        let statement = self.statement;
        let resources = statement
            .resources
            .iter()
            .flat_map(|listed| &listed.entries);
        for entry in resources.filter(|entry| entry.template.as_str().contains("${")) {
            self.say(entry.spot, Code::VariablesOff, entry.template.as_str());
        }
        for condition in &statement.conditions {
            for wanted in condition
                .values
                .iter()
                .filter(|wanted| wanted.text.contains("${"))
            {
                self.say(condition.spot, Code::VariablesOff, &*wanted.text);
            }
        }
    }
}

fn may_be_missing(variable: &Variable) -> bool {
    variable.default.is_none() && !variable.key.is_always_present()
}

/// A wildcard that was not written as `${*}`.
fn has_wildcard(text: &str) -> bool {
    text.replace("${*}", "")
        .replace("${?}", "")
        .contains(['*', '?'])
}

/// Whether the one pattern means every action that the other means.
fn means(wide: &ActionPattern, narrow: &ActionPattern) -> bool {
    let mut meant = Action::ALL.iter().filter(|action| narrow.matches(**action));
    meant.all(|action| wide.matches(*action))
}

/// The one kind of resource that an action is about, where that is known.
fn kind_of(action: Action) -> Option<&'static str> {
    match action.name().split_once(':').map(|(service, _)| service) {
        Some("secret") => Some("secret"),
        Some("system" | "keyring" | "backup" | "password") => Some("system"),
        Some("random" | "auth") => Some("caller"),
        _ => None,
    }
}

/// Whether one pattern certainly means all that the other does. A pattern with `*` alone as its wildcard
/// that takes the other's wildcards for characters can only have taken them by a `*`.
fn covers(wide: &Template, narrow: &Template) -> bool {
    let plain = |piece: &Piece| match piece {
        Piece::Text(text) => !text.contains(['*', '?', '$']),
        Piece::Many => true,
        Piece::One | Piece::Variable(_) => false,
    };
    if wide.as_str() == narrow.as_str() {
        return true;
    }
    wide.pieces().iter().all(plain) && wide.covers_text(narrow.as_str())
}

/// Whether an earlier statement does all that this one does.
fn includes(earlier: &Statement, statement: &Statement) -> bool {
    let same = earlier.effect == statement.effect && earlier.principals == statement.principals;
    if !same || !(earlier.conditions.is_empty() || earlier.conditions == statement.conditions) {
        return false;
    }
    let (wide, narrow) = (ActionSet::meant(earlier), ActionSet::meant(statement));
    let mut actions = Action::ALL.iter().map(|action| ActionSet::of(*action));
    if !actions.all(|bit| !narrow.meets(bit) || wide.meets(bit)) {
        return false;
    }
    match (&earlier.resources, &statement.resources) {
        (None, _) => true,
        (Some(wide), Some(narrow))
            if wide.sense == Sense::These && narrow.sense == Sense::These =>
        {
            let covered = |entry: &ResourcePattern| {
                wide.entries
                    .iter()
                    .any(|other| covers(&other.template, &entry.template))
            };
            let few = wide.entries.len().max(narrow.entries.len()) <= MAX_PAIRS;
            few && narrow.entries.iter().all(covered)
        }
        (wide, narrow) => wide == narrow,
    }
}
