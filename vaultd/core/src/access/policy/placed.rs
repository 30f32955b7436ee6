//! What a document means that is attached to a secret or a folder: what it can name there, and what it hands out.
//!
//! A place is the text of its resource: `secret:db/password`, or `secret:db/`, which is what all texts of that folder
//! begin with.

use std::sync::Arc;

use super::{
    apart::Whom,
    compiled::{ActionSet, Matcher},
    document::{
        Document, Effect, Kind, Listed, PrincipalKind, ResourcePattern, Sense, Statement, Version,
    },
    error::{PolicyError, Spot},
    resource::is_folder,
    template::{Piece, Template},
};

impl Document {
    /// Refuses a resource that nothing at the place can be: a Deny of it would deny nobody anything.
    ///
    /// # Errors
    /// With the place of the word in the text.
    pub(crate) fn check_place(&self, text: &str, place: &str) -> Result<(), PolicyError> {
        for pattern in self.patterns() {
            if !can_be_at(&Matcher::new(pattern), place) {
                let message = format!(
                    "`{}` is nothing of `{place}`, which the policy is attached to; leave `Resource` out to mean all of it",
                    pattern.template.as_str()
                );
                return Err(PolicyError::new(pattern.spot.place(text), &message));
            }
        }
        Ok(())
    }

    /// Whether it names paths: somewhere else they would be others.
    pub(crate) fn names_paths(&self) -> bool {
        self.patterns()
            .any(|pattern| pattern.template.pieces() != [Piece::Many])
    }

    fn patterns(&self) -> impl Iterator<Item = &ResourcePattern> {
        let listed = self.statements.iter().filter_map(|s| s.resources.as_ref());
        listed.flat_map(|listed| &listed.entries)
    }

    /// All that it may allow anybody at a place, as a document that names nobody. `None` if that is nothing.
    pub(crate) fn handed_out(&self, place: &str) -> Option<Arc<Self>> {
        self.allows(place, |_| true)
    }

    /// What it may allow somebody at a place: with `anyone`, also what it allows everybody alike.
    pub(crate) fn handed_to(&self, place: &str, whom: Whom, anyone: bool) -> Option<Arc<Self>> {
        self.allows(place, |statement| statement.may_mean(whom, anyone))
    }

    fn allows(&self, place: &str, to: impl Fn(&Statement) -> bool) -> Option<Arc<Self>> {
        let allows = self.statements.iter();
        Self::at(place, allows.filter(|s| s.effect == Effect::Allow && to(s)))
    }

    /// What it may deny somebody at a place, and does not deny everybody alike.
    pub(crate) fn denied_to(&self, whom: (PrincipalKind, u64), place: &str) -> Option<Arc<Self>> {
        Self::at(place, self.denying(Whom::Known(whom), false))
    }

    fn at<'s>(place: &str, said: impl Iterator<Item = &'s Statement>) -> Option<Arc<Self>> {
        let statements: Vec<_> = said.map(|statement| there(statement, place)).collect();
        (!statements.is_empty()).then(|| {
            Arc::new(Self {
                kind: Kind::Identity,
                version: Version::New,
                id: None,
                statements,
            })
        })
    }

    /// Whether it may deny somebody anything that another document may allow.
    pub(crate) fn may_deny(&self, whom: (PrincipalKind, u64), allowed: &Self) -> bool {
        let allowed = allowed.statements.iter().map(ActionSet::meant);
        let allowed: Vec<_> = allowed.collect();
        self.denying(Whom::Known(whom), true).any(|deny| {
            let denied = ActionSet::meant(deny);
            allowed.iter().any(|allowed| allowed.meets(denied))
        })
    }

    /// Whether it may deny somebody what it does not deny everybody alike.
    pub(crate) fn singles_out(&self, whom: (PrincipalKind, u64)) -> bool {
        self.denying(Whom::Known(whom), false).next().is_some()
    }

    fn denying(&self, whom: Whom, anyone: bool) -> impl Iterator<Item = &Statement> {
        let denies = self.statements.iter();
        denies.filter(move |s| s.effect == Effect::Deny && s.may_mean(whom, anyone))
    }
}

/// A statement as one of identities, which means no less at the place and nothing elsewhere.
fn there(statement: &Statement, place: &str) -> Statement {
    let listed = statement.resources.as_ref();
    let entries = match listed.filter(|listed| listed.sense == Sense::These) {
        Some(listed) => {
            let entries = listed.entries.iter();
            entries
                .map(|entry| cut_to(entry, statement.effect, place))
                .collect()
        }
        None => vec![all_of(place)],
    };
    Statement {
        principals: None,
        resources: Some(Listed {
            spot: Spot::default(),
            sense: Sense::These,
            entries,
        }),
        ..statement.clone()
    }
}

/// What a pattern means at the place, or more.
fn cut_to(pattern: &ResourcePattern, effect: Effect, place: &str) -> ResourcePattern {
    let inside = match pattern.template.pieces().first() {
        Some(Piece::Text(text)) if is_folder(place) => text.starts_with(place),
        _ => false,
    };
    // What cannot be told of a Deny is everything, and here everything of the place.
    let told = effect == Effect::Allow || pattern.template.variables().next().is_none();
    if inside && told {
        pattern.clone()
    } else {
        all_of(place)
    }
}

fn all_of(place: &str) -> ResourcePattern {
    // Whatever characters it has, they are themselves.
    let mut pieces = vec![Piece::Text(place.into())];
    pieces.extend(is_folder(place).then_some(Piece::Many));
    ResourcePattern {
        spot: Spot::default(),
        template: Template::of(place, pieces),
    }
}

/// Whether a pattern may mean anything at the place.
fn can_be_at(matcher: &Matcher, place: &str) -> bool {
    if is_folder(place) {
        return matcher.touches(place);
    }
    match matcher {
        Matcher::All => true,
        Matcher::Exact(text) => **text == *place,
        Matcher::Prefix(text) => place.starts_with(&**text),
        Matcher::Template(template) if template.variables().next().is_none() => {
            template.covers_text(place)
        }
        Matcher::Template(template) => match template.pieces().first() {
            Some(Piece::Text(text)) => place.starts_with(&**text),
            Some(Piece::One | Piece::Many | Piece::Variable(_)) | None => true,
        },
    }
}
