//! The 27 operators of conditions, `IfExists`, and the two set qualifiers.

use std::fmt;

/// What kind of values an operator compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Family {
    Text,
    Number,
    Date,
    Flag,
    Bytes,
    Net,
    Arn,
    Null,
}

/// How it compares one value of the request with one of the document, before any negation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Relation {
    Equals,
    EqualsIgnoreCase,
    Like,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// One of the 27.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Base {
    pub(super) name: &'static str,
    pub(super) family: Family,
    pub(super) relation: Relation,
    /// True of values none of which is related.
    pub(super) negated: bool,
}

const fn is(name: &'static str, family: Family, relation: Relation) -> Base {
    Base {
        name,
        family,
        relation,
        negated: false,
    }
}

const fn not(name: &'static str, family: Family, relation: Relation) -> Base {
    Base {
        name,
        family,
        relation,
        negated: true,
    }
}

/// All of them.
pub(super) static BASES: [Base; 27] = [
    is("StringEquals", Family::Text, Relation::Equals),
    not("StringNotEquals", Family::Text, Relation::Equals),
    is(
        "StringEqualsIgnoreCase",
        Family::Text,
        Relation::EqualsIgnoreCase,
    ),
    not(
        "StringNotEqualsIgnoreCase",
        Family::Text,
        Relation::EqualsIgnoreCase,
    ),
    is("StringLike", Family::Text, Relation::Like),
    not("StringNotLike", Family::Text, Relation::Like),
    is("NumericEquals", Family::Number, Relation::Equals),
    not("NumericNotEquals", Family::Number, Relation::Equals),
    is("NumericLessThan", Family::Number, Relation::Less),
    is(
        "NumericLessThanEquals",
        Family::Number,
        Relation::LessOrEqual,
    ),
    is("NumericGreaterThan", Family::Number, Relation::Greater),
    is(
        "NumericGreaterThanEquals",
        Family::Number,
        Relation::GreaterOrEqual,
    ),
    is("DateEquals", Family::Date, Relation::Equals),
    not("DateNotEquals", Family::Date, Relation::Equals),
    is("DateLessThan", Family::Date, Relation::Less),
    is("DateLessThanEquals", Family::Date, Relation::LessOrEqual),
    is("DateGreaterThan", Family::Date, Relation::Greater),
    is(
        "DateGreaterThanEquals",
        Family::Date,
        Relation::GreaterOrEqual,
    ),
    is("Bool", Family::Flag, Relation::Equals),
    is("BinaryEquals", Family::Bytes, Relation::Equals),
    is("IpAddress", Family::Net, Relation::Equals),
    not("NotIpAddress", Family::Net, Relation::Equals),
    is("ArnEquals", Family::Arn, Relation::Like),
    is("ArnLike", Family::Arn, Relation::Like),
    not("ArnNotEquals", Family::Arn, Relation::Like),
    not("ArnNotLike", Family::Arn, Relation::Like),
    is("Null", Family::Null, Relation::Equals),
];

/// How the values of a key with several are taken together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Quantifier {
    /// The key has one value.
    One,
    /// `ForAllValues:`: true of none at all.
    All,
    /// `ForAnyValue:`: false of none at all.
    Any,
}

/// What is true of a key that the request does not have, where the operator does not say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Absent {
    /// The operator decides.
    Usual,
    /// `IfExists`: true.
    True,
}

/// An operator as a document writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Operator {
    pub(super) quantifier: Quantifier,
    pub(super) base: &'static Base,
    pub(super) absent: Absent,
}

impl Operator {
    /// What a document calls it.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let (quantifier, rest) = if let Some(rest) = name.strip_prefix("ForAllValues:") {
            (Quantifier::All, rest)
        } else if let Some(rest) = name.strip_prefix("ForAnyValue:") {
            (Quantifier::Any, rest)
        } else {
            (Quantifier::One, name)
        };
        let (base, absent) = rest
            .strip_suffix("IfExists")
            .map_or((rest, Absent::Usual), |base| (base, Absent::True));
        let base = BASES.iter().find(|known| known.name == base)?;
        let plain = quantifier == Quantifier::One && absent == Absent::Usual;
        (base.family != Family::Null || plain).then_some(Self {
            quantifier,
            base,
            absent,
        })
    }

    /// What it says of a key that the request does not have. `Null` asks just that, and never comes here.
    pub(super) fn of_absent(self) -> bool {
        match (self.absent, self.quantifier) {
            (Absent::True, _) | (Absent::Usual, Quantifier::All) => true,
            (Absent::Usual, Quantifier::Any) => false,
            (Absent::Usual, Quantifier::One) => self.base.negated,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.quantifier {
            Quantifier::One => "",
            Quantifier::All => "ForAllValues:",
            Quantifier::Any => "ForAnyValue:",
        })?;
        f.write_str(self.base.name)?;
        f.write_str(match self.absent {
            Absent::Usual => "",
            Absent::True => "IfExists",
        })
    }
}
