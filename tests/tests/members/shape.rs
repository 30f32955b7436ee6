//! How the table writes what a command prints.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the table says of a value.
#[derive(Debug)]
pub(super) enum Shape {
    Object(BTreeMap<String, Shape>),
    List(Box<Shape>),
    /// Anything: a value of no documented form.
    Any,
}

/// Reads the notation of the table: JSON whose members may go without a value.
pub(super) struct Notation<'a>(pub(super) &'a str);

impl Notation<'_> {
    fn eat(&mut self, token: char) -> bool {
        self.0 = self.0.trim_start();
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn until(&mut self, ends: &[char]) -> String {
        let end = self.0.find(ends).unwrap_or(self.0.len());
        let (found, rest) = self.0.split_at(end);
        self.0 = rest;
        found.trim().to_owned()
    }

    pub(super) fn value(&mut self) -> Shape {
        if self.eat('{') {
            let mut members = BTreeMap::new();
            while !self.eat('}') {
                assert!(!self.0.is_empty(), "an object does not end");
                if self.eat('"') {
                    let name = self.until(&['"']);
                    assert!(self.eat('"'), "{name}");
                    let value = if self.eat(':') {
                        self.value()
                    } else {
                        self.end()
                    };
                    members.insert(name, value);
                } else {
                    // Names that the user gives, or an ellipsis.
                    self.until(&['}']);
                    self.eat('}');
                    return self.end();
                }
                self.eat(',');
            }
            self.end();
            return Shape::Object(members);
        }
        if self.eat('[') {
            let inner = self.value();
            self.until(&[']']);
            self.eat(']');
            self.end();
            return Shape::List(Box::new(inner));
        }
        self.end()
    }

    /// What else is said of a value, as that it may be null, up to where the next one begins.
    fn end(&mut self) -> Shape {
        self.until(&[',', '}', ']']);
        Shape::Any
    }
}

impl Shape {
    pub(super) fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Object(members), Value::Object(found)) => {
                let known = |(name, value)| members.get(name).is_some_and(|m| m.fits(value));
                members.len() == found.len() && found.iter().all(known)
            }
            (Self::List(inner), Value::Array(items)) => items.iter().all(|i| inner.fits(i)),
            // What is documented as an object may be absent as a whole.
            (Self::Any, _) | (Self::Object(_), Value::Null) => true,
            _ => false,
        }
    }
}
