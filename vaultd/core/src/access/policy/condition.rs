//! One test of a `Condition` block: an operator, a key, and the values to compare with.
//!
//! All tests of a statement must hold. The values of one test are alternatives, of which a negated
//! operator wants none.

use std::{cmp::Ordering, net::IpAddr};

use super::{
    error::Spot,
    key::Key,
    operator::{Family, Operator, Quantifier, Relation},
    request::{Fact, Request},
    template::{Fields, Template, Variable},
    value::{self, Net},
    verdict::Verdict,
};
use crate::name::TagKey;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Condition {
    pub(super) spot: Spot,
    pub(super) operator: Operator,
    pub(super) key: Key,
    pub(super) values: Vec<Wanted>,
}

/// A value of the document, and what it means to the operator.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Wanted {
    pub(super) text: Box<str>,
    pub(super) operand: Operand,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Operand {
    Text(Template),
    Fields(Fields),
    Number(i128),
    Date(i64),
    Flag(bool),
    Bytes(Box<[u8]>),
    Net(Net),
}

impl Condition {
    /// Whether the request passes.
    pub(super) fn test(&self, request: &Request<'_>) -> Verdict {
        let fact = request.fact(&self.key);
        if self.operator.base.family == Family::Null {
            let absent = matches!(fact, Fact::Absent);
            let mut wanted = self.values.iter().map(|wanted| &wanted.operand);
            return Verdict::from(wanted.any(|operand| *operand == Operand::Flag(absent)));
        }
        match fact {
            Fact::Absent => Verdict::from(self.operator.of_absent()),
            Fact::Names(tags) => {
                let each = tags
                    .keys()
                    .map(|name| self.one(Fact::Text(TagKey::as_str(name)), request));
                match self.operator.quantifier {
                    Quantifier::All => Verdict::all(each),
                    Quantifier::Any => Verdict::any(each),
                    // Refused when the document is read.
                    Quantifier::One => Verdict::Error,
                }
            }
            Fact::Text(_) | Fact::Number(_) | Fact::Date(_) | Fact::Flag(_) | Fact::Address(_) => {
                self.one(fact, request)
            }
        }
    }

    /// Whether it asks what differs between the resources of one folder.
    pub(super) fn is_about_resource(&self) -> bool {
        let about = |key: &Key| matches!(key, Key::ResourceTag(_));
        about(&self.key) || self.variables().any(|variable| about(&variable.key))
    }

    /// Whether one value of the request passes.
    fn one(&self, fact: Fact<'_>, request: &Request<'_>) -> Verdict {
        let relation = self.operator.base.relation;
        let each = self
            .values
            .iter()
            .map(|wanted| wanted.operand.compare(relation, fact, request));
        Verdict::any(each).not_if(self.operator.base.negated)
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.values.iter().flat_map(|wanted| {
            let (text, fields) = match &wanted.operand {
                Operand::Text(template) => (Some(template.variables()), None),
                Operand::Fields(fields) => (None, Some(fields.variables())),
                Operand::Number(_)
                | Operand::Date(_)
                | Operand::Flag(_)
                | Operand::Bytes(_)
                | Operand::Net(_) => (None, None),
            };
            text.into_iter()
                .flatten()
                .chain(fields.into_iter().flatten())
        })
    }
}

impl Operand {
    fn compare(&self, relation: Relation, fact: Fact<'_>, request: &Request<'_>) -> Verdict {
        match (self, fact) {
            (Self::Text(wanted), Fact::Text(text)) if relation == Relation::EqualsIgnoreCase => {
                wanted.equals_ignore_case(text, request)
            }
            (Self::Text(wanted), Fact::Text(text)) => wanted.matches(text, request),
            (Self::Fields(wanted), Fact::Text(text)) => wanted.matches(text, request),
            (Self::Number(wanted), Fact::Number(number)) => related(relation, number.cmp(wanted)),
            (Self::Date(wanted), Fact::Date(date)) => related(relation, date.cmp(wanted)),
            (Self::Flag(wanted), Fact::Flag(flag)) => Verdict::from(flag == *wanted),
            (Self::Net(wanted), Fact::Address(address)) => Verdict::from(wanted.contains(address)),
            (Self::Bytes(wanted), Fact::Text(text)) => Verdict::from(text.as_bytes() == &**wanted),
            // The text of a tag. One that is not what the operator compares cannot be told.
            (Self::Number(wanted), Fact::Text(text)) => tell(value::number(text), |number| {
                related(relation, number.cmp(wanted))
            }),
            (Self::Date(wanted), Fact::Text(text)) => tell(value::date(text), |date| {
                related(relation, date.cmp(wanted))
            }),
            (Self::Flag(wanted), Fact::Text(text)) => {
                tell(value::flag(text), |flag| Verdict::from(flag == *wanted))
            }
            (Self::Net(wanted), Fact::Text(text)) => tell(text.parse::<IpAddr>().ok(), |address| {
                Verdict::from(wanted.contains(address))
            }),
            // Operators are checked against the key's type when the document is read.
            _ => Verdict::Error,
        }
    }
}

fn tell<T>(value: Option<T>, verdict: impl Fn(T) -> Verdict) -> Verdict {
    value.map_or(Verdict::Error, verdict)
}

fn related(relation: Relation, ordering: Ordering) -> Verdict {
    Verdict::from(match relation {
        Relation::Equals | Relation::EqualsIgnoreCase | Relation::Like => ordering.is_eq(),
        Relation::Less => ordering.is_lt(),
        Relation::LessOrEqual => ordering.is_le(),
        Relation::Greater => ordering.is_gt(),
        Relation::GreaterOrEqual => ordering.is_ge(),
    })
}
