//! JSON as a tree in which every value knows where it stood, and no key is given twice.
//!
//! Strings without escapes are borrowed from the text, so their place is exact. What has no place of its
//! own (numbers, escaped strings, lists) is said to stand where the last key or string before it stood.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::error::{PolicyError, Spot};

/// Largest document.
const MAX_BYTES: usize = 1024 * 1024;
/// A document is an object with a list of statements with conditions with operators with lists: five deep.
const MAX_DEPTH: usize = 8;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) spot: Spot,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Flag(bool),
    /// An integer, in decimal notation.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(Word, Node)>),
}

/// A key.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) spot: Spot,
    pub(super) text: String,
}

/// The tree of a text.
pub(super) fn read(text: &str) -> Result<Node, PolicyError> {
    if text.len() > MAX_BYTES {
        let message = format!(
            "a policy has at most {MAX_BYTES} bytes, this has {}",
            text.len()
        );
        return Err(PolicyError::new((1, 1), &message));
    }
    let place = Place {
        text,
        last: Cell::new(Spot::default()),
        wrong: Cell::new(None),
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let tree = Seed {
        place: &place,
        depth: 0,
    }
    .deserialize(&mut json);
    tree.and_then(|node| json.end().map(|()| node))
        .map_err(|error| said(&place, &error))
}

fn said(place: &Place<'_>, error: &serde_json::Error) -> PolicyError {
    let at = (error.line(), error.column());
    let text = error.to_string();
    let suffix = format!(" at line {} column {}", at.0, at.1);
    let message = text.strip_suffix(&suffix).unwrap_or(&text);
    let at = place.wrong.get().map_or(at, |spot| spot.place(place.text));
    PolicyError::new((at.0.max(1), at.1.max(1)), message)
}

struct Place<'t> {
    text: &'t str,
    last: Cell<Spot>,
    wrong: Cell<Option<Spot>>,
}

impl Place<'_> {
    /// Remembers where a borrowed string stands: the distance from the beginning of the text.
    fn note(&self, part: &str) -> Spot {
        let offset = part.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        let spot = Spot(offset);
        if offset <= self.text.len() {
            self.last.set(spot);
        }
        self.last.get()
    }

    fn wrong<E: Error>(&self, spot: Spot, message: impl fmt::Display) -> E {
        self.wrong.set(Some(spot));
        E::custom(message)
    }
}

#[derive(Clone, Copy)]
struct Seed<'t> {
    place: &'t Place<'t>,
    depth: usize,
}

impl Seed<'_> {
    fn node(&self, value: Value) -> Node {
        Node {
            spot: self.place.last.get(),
            value,
        }
    }

    fn below<E: Error>(&self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            let spot = self.place.last.get();
            return Err(self
                .place
                .wrong(spot, "nested deeper than a policy ever is"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..*self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(self.node(Value::Null))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Node, E> {
        Ok(self.node(Value::Flag(flag)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(self.node(Value::Number(number.to_string())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        Ok(self.node(Value::Number(number.to_string())))
    }

    /// What JSON has no exact form for: it has gone through floating point already.
    fn visit_f64<E: Error>(self, _: f64) -> Result<Node, E> {
        let message = "a number with a fraction, an exponent or more than 18 digits is written as text: `\"12.5\"`";
        Err(self.place.wrong(self.place.last.get(), message))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(self.node(Value::Text(text.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Node, E> {
        self.place.note(text);
        self.visit_str(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let below = self.below()?;
        let spot = self.place.last.get();
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(below)? {
            list.push(node);
        }
        Ok(Node {
            spot,
            value: Value::List(list),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let below = self.below()?;
        let outer = self.place.last.get();
        let mut object: Vec<(Word, Node)> = Vec::new();
        while let Some(word) = entries.next_key_seed(WordSeed(self.place))? {
            // A statement may name thousands of values, but no object has many keys.
            if object.iter().any(|(known, _)| known.text == word.text) {
                let message = format_args!("`{}` is given twice", word.text);
                return Err(self.place.wrong(word.spot, message));
            }
            if object.len() >= MAX_KEYS {
                return Err(self
                    .place
                    .wrong(word.spot, "an object of a policy has at most 256 keys"));
            }
            let node = entries.next_value_seed(below)?;
            object.push((word, node));
        }
        Ok(Node {
            spot: object.first().map_or(outer, |(word, _)| word.spot),
            value: Value::Object(object),
        })
    }
}

/// Most keys of one object.
const MAX_KEYS: usize = 256;

struct WordSeed<'t>(&'t Place<'t>);

impl<'de> DeserializeSeed<'de> for WordSeed<'_> {
    type Value = Word;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Word, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for WordSeed<'_> {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word {
            spot: self.0.last.get(),
            text: text.to_owned(),
        })
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Word, E> {
        let spot = self.0.note(text);
        Ok(Word {
            spot,
            text: text.to_owned(),
        })
    }
}
