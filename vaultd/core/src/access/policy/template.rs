//! Texts of a document with wildcards and variables: parsed once, matched without allocating.
//!
//! `*` is any number of characters and `?` is one; both cross `/`. `${vault:PrincipalName}` is a value of
//! the request, `${vault:PrincipalTag/team, 'none'}` has a default, `${*}`, `${?}` and `${$}` are these
//! characters themselves. What was substituted is literal, and may not be such that a policy means
//! something else by it: a value that is empty or contains one of `/ * ? + ,` is refused, and refusing is
//! an error, not a mismatch.

mod pieces;

use pieces::Pieces;

use super::{
    key::{Key, KeyError},
    verdict::Verdict,
};

/// What a text consists of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Piece {
    /// These characters.
    Text(Box<str>),
    /// `?`
    One,
    /// `*`
    Many,
    /// `${…}`
    Variable(Variable),
}

/// A value of the request in a text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Variable {
    pub(super) key: Key,
    /// What stands for it when the request has no such value.
    pub(super) default: Option<Box<str>>,
}

/// A text with what it means.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Template {
    text: Box<str>,
    pieces: Box<[Piece]>,
}

/// Whether `*` and `?` match anything but themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wildcards {
    On,
    Off,
}

/// Whether `${…}` means anything but itself: version 2012-10-17 turns it on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Variables {
    On,
    Off,
}

/// Why a text is not a template.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum TemplateError {
    #[error("`${{` has no `}}`")]
    Open,
    #[error("`${{{0}}}`: `{0}` {1}")]
    Key(String, KeyError),
    #[error("`${{{0}}}` cannot stand in a text: it has no single text as its value")]
    NotText(String),
    #[error("`${{{0}}}`: a default is written `${{vault:Key, 'text'}}`")]
    Default(String),
}

/// What the variables of a text stand for.
pub(super) trait Resolve {
    /// The value, if the request has it.
    fn resolve(&self, key: &Key) -> Option<&str>;
}

impl Template {
    pub(super) fn parse(
        text: &str,
        wildcards: Wildcards,
        variables: Variables,
    ) -> Result<Self, TemplateError> {
        let mut pieces = Pieces::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let tail = rest.strip_prefix(c).unwrap_or_default();
            let inside = tail
                .strip_prefix('{')
                .filter(|_| c == '$' && variables == Variables::On);
            rest = if let Some(inside) = inside {
                let (inside, after) = inside.split_once('}').ok_or(TemplateError::Open)?;
                pieces.variable(inside)?;
                after
            } else {
                match (c, wildcards) {
                    ('*', Wildcards::On) => pieces.wildcard(Piece::Many),
                    ('?', Wildcards::On) => pieces.wildcard(Piece::One),
                    _ => pieces.literal.push(c),
                }
                tail
            };
        }
        Ok(Self {
            text: text.into(),
            pieces: pieces.end(),
        })
    }

    /// As the document has it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The same with `*` in place of some variables.
    pub(super) fn widened(&self, which: fn(&Key) -> bool) -> Self {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Variable(variable) if which(&variable.key) => Piece::Many,
            Piece::Variable(_) | Piece::Text(_) | Piece::One | Piece::Many => piece.clone(),
        });
        Self::of(&self.text, pieces.collect())
    }

    /// What consists of these; the text is what a document would have.
    pub(super) fn of(text: &str, pieces: Vec<Piece>) -> Self {
        Self {
            text: text.into(),
            pieces: pieces.into(),
        }
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// What a character of a text may cost to match: the characters behind the first `*`, which are looked for again
    /// at each; none when nothing is behind it.
    pub(super) fn effort(&self) -> usize {
        let mut pieces = self.pieces.iter();
        let _before = pieces.by_ref().find(|piece| **piece == Piece::Many);
        let length = |piece: &Piece| match piece {
            Piece::Text(text) => text.chars().count(),
            Piece::One | Piece::Many => 1,
            Piece::Variable(_) => VALUE,
        };
        pieces.map(length).sum()
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(variable),
            Piece::Text(_) | Piece::One | Piece::Many => None,
        })
    }

    /// Whether the whole text is meant.
    pub(super) fn matches(&self, text: &str, values: &impl Resolve) -> Verdict {
        if text.len() > MAX_TEXT && self.effort() > 0 {
            return Verdict::Error;
        }
        match usable(&self.pieces, values) {
            Verdict::Yes => Verdict::from(matches(&self.pieces, text, values)),
            Verdict::No => Verdict::No,
            Verdict::Error => Verdict::Error,
        }
    }

    /// Whether the whole text is meant, by a template without variables.
    pub(super) fn covers_text(&self, text: &str) -> bool {
        struct Nothing;
        impl Resolve for Nothing {
            fn resolve(&self, _: &Key) -> Option<&str> {
                None
            }
        }
        self.matches(text, &Nothing) == Verdict::Yes
    }

    /// Whether the whole text is meant, case aside. Wildcards are not looked for.
    pub(super) fn equals_ignore_case(&self, text: &str, values: &impl Resolve) -> Verdict {
        match usable(&self.pieces, values) {
            Verdict::Yes => {
                let own = self
                    .pieces
                    .iter()
                    .flat_map(|piece| literal(piece, values).chars());
                let (own, other) = (own.flat_map(char::to_lowercase), text.chars());
                Verdict::from(own.eq(other.flat_map(char::to_lowercase)))
            }
            Verdict::No => Verdict::No,
            Verdict::Error => Verdict::Error,
        }
    }
}

/// An ARN or a name `kind:path`, matched field by field: six fields in an ARN and two otherwise, of which
/// the last may have further `:`. A wildcard stays in its field; `*` alone is everything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Fields {
    text: Box<str>,
    fields: Box<[Template]>,
}

impl Fields {
    pub(super) fn parse(text: &str, variables: Variables) -> Result<Self, TemplateError> {
        // The whole text first: a variable may have `:` inside, but no variable goes over a field's end.
        Template::parse(text, Wildcards::On, variables)?;
        let fields = fields(text, count(text), variables)
            .into_iter()
            .map(|field| Template::parse(field, Wildcards::On, variables))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.into(),
            fields,
        })
    }

    pub(super) fn templates(&self) -> &[Template] {
        &self.fields
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.fields.iter().flat_map(Template::variables)
    }

    pub(super) fn matches(&self, text: &str, values: &impl Resolve) -> Verdict {
        if &*self.text == "*" {
            return Verdict::Yes;
        }
        let parts = text.splitn(count(&self.text), ':');
        let same = Verdict::from(parts.clone().count() == self.fields.len());
        let each = self
            .fields
            .iter()
            .zip(parts)
            .map(|(field, part)| field.matches(part, values));
        Verdict::all(each.chain([same]))
    }
}

/// How many fields a name has at most.
fn count(text: &str) -> usize {
    if text.starts_with("arn:") { 6 } else { 2 }
}

/// Parts a text at `:` outside of variables.
fn fields(text: &str, count: usize, variables: Variables) -> Vec<&str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' && variables == Variables::On => inside = true,
            '}' => inside = false,
            ':' if !inside && parts.len() + 1 < count => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
        before = c;
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Whether all variables have a value, and one that may stand there. A refused one outweighs a missing one.
fn usable(pieces: &[Piece], values: &impl Resolve) -> Verdict {
    let mut usable = Verdict::Yes;
    for piece in pieces {
        let Piece::Variable(Variable { key, default }) = piece else {
            continue;
        };
        match values.resolve(key) {
            Some(value) if value.is_empty() || value.contains(REFUSED) => return Verdict::Error,
            None if default.is_none() => usable = Verdict::No,
            Some(_) | None => {}
        }
    }
    usable
}

/// What a piece stands for, where it is one text.
fn literal<'a>(piece: &'a Piece, values: &'a impl Resolve) -> &'a str {
    match piece {
        Piece::Text(text) => text,
        Piece::Variable(Variable { key, default }) => {
            let default = default.as_deref().unwrap_or_default();
            values.resolve(key).unwrap_or(default)
        }
        Piece::One | Piece::Many => "",
    }
}

/// Matches greedily; only the last `*` is ever taken back, as pieces between two have a fixed length.
fn matches(pieces: &[Piece], text: &str, values: &impl Resolve) -> bool {
    let (mut left, mut text) = (pieces, text);
    let mut star: Option<(&[Piece], &str)> = None;
    loop {
        let step = match left.split_first() {
            None if text.is_empty() => return true,
            None => None,
            Some((Piece::Many, after)) => {
                star = Some((after, text));
                Some((after, text))
            }
            Some((Piece::One, after)) => {
                let mut chars = text.chars();
                chars.next().map(|_| (after, chars.as_str()))
            }
            Some((piece, after)) => {
                let rest = text.strip_prefix(literal(piece, values));
                rest.map(|rest| (after, rest))
            }
        };
        (left, text) = if let Some(step) = step {
            step
        } else {
            let Some((after, from)) = star else {
                return false;
            };
            let mut chars = from.chars();
            if chars.next().is_none() {
                return false;
            }
            star = Some((after, chars.as_str()));
            (after, chars.as_str())
        };
    }
}

/// Longest text that anything is looked for in, in bytes: names of resources have half, what a client says of itself
/// is not bounded by a name.
const MAX_TEXT: usize = 2048;
/// What a substituted value is taken to have, in characters.
const VALUE: usize = 256;

/// What a substituted value may not have: it would change what the policy means.
const REFUSED: [char; 5] = ['/', '*', '?', '+', ','];
