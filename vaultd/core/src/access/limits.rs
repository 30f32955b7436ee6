//! How a session is held in beside what it may do: how often it is used, from where, and how long it may idle.

use std::{fmt, net::IpAddr};

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::policy::{Net, NetError};

/// Most places of one session.
const MAX_PLACES: usize = 32;
/// What stands for the Unix socket.
const LOCAL: &str = "unix";

/// The default holds in nothing.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Milliseconds after which it ends unless it was renewed.
    pub idle: Option<u64>,
    /// How many requests it is good for.
    pub uses: Option<u64>,
    /// From where.
    pub places: Option<Places>,
    /// No record is kept of it: its token says what it is, and is signed.
    pub signed: bool,
}

/// From where a session can be used: ranges of addresses, and the Unix socket only if it is named too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Places(Box<[Place]>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    text: Box<str>,
    /// `None`: the Unix socket.
    net: Option<Net>,
}

/// Why texts are not places.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlacesError {
    /// It would be usable from nowhere, which nobody means.
    #[error("a session that is bound to places is bound to one at least")]
    None,
    /// Over 32.
    #[error("a session is bound to {MAX_PLACES} places at most")]
    TooMany,
    /// Neither a range nor `unix`.
    #[error("`{0}` {1}; `unix` is the unix socket")]
    Place(Box<str>, Box<str>),
}

impl Places {
    /// Reads `10.0.0.0/8`, `2001:db8::/32`, one address, or `unix`.
    ///
    /// # Errors
    /// When there is none, one is malformed, or there are too many.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, PlacesError> {
        if texts.is_empty() {
            return Err(PlacesError::None);
        }
        if texts.len() > MAX_PLACES {
            return Err(PlacesError::TooMany);
        }
        let places = texts.iter().map(|text| Place::parse(text.as_ref()));
        places.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request may come from there; `None`: over the Unix socket.
    pub(super) fn contain(&self, source: Option<IpAddr>) -> bool {
        self.0.iter().any(|place| match (place.net, source) {
            (Some(net), Some(source)) => net.contains(source),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        })
    }

    /// As they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|place| &*place.text)
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self, PlacesError> {
        let net = if text == LOCAL {
            None
        } else {
            Some(Net::try_from(text).map_err(|error: NetError| {
                let shown: String = text.chars().take(64).flat_map(char::escape_debug).collect();
                PlacesError::Place(shown.into(), error.to_string().into())
            })?)
        };
        let text = text.into();
        Ok(Self { text, net })
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().collect::<Vec<_>>().join(", "))
    }
}

impl<C> Encode<C> for Places {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        self.iter().collect::<Vec<_>>().encode(e, context)
    }
}

impl<'b, C> Decode<'b, C> for Places {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        let texts = Vec::<&str>::decode(d, context)?;
        Self::parse(&texts).map_err(|_| decode::Error::message("stored places do not parse"))
    }
}

#[cfg(test)]
mod tests {
    use minicbor::decode;

    use super::Places;
    use super::PlacesError;

    fn places(texts: &[&str]) -> Places {
        Places::parse(texts).unwrap()
    }

    #[test]
    fn a_place_is_a_range_an_address_or_the_unix_socket() {
        let from = |text: &str| Some(text.parse().unwrap());
        let bound = places(&["10.1.0.0/16", "2001:db8::/32", "192.0.2.7"]);
        for inside in [
            "10.1.0.0",
            "10.1.255.255",
            "2001:db8::1",
            "192.0.2.7",
            "::ffff:10.1.2.3",
        ] {
            assert!(bound.contain(from(inside)), "{inside}");
        }
        for outside in [
            "10.2.0.0",
            "2001:db9::1",
            "192.0.2.8",
            "::",
            "0.0.0.0",
            "::10.1.2.3",
        ] {
            assert!(!bound.contain(from(outside)), "{outside}");
        }
        assert!(!bound.contain(None), "the unix socket is not named");
        assert!(places(&["unix"]).contain(None));
        assert!(!places(&["unix"]).contain(from("127.0.0.1")));
        assert!(!places(&["0.0.0.0/0", "::/0"]).contain(None));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            " ",
            "*",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0/8",
            "10.0.0.0/08",
            "::ffff:10.0.0.0/104",
            "Unix",
            "unix:/run/x",
            "10.0.0.0/8,10.1.0.0/16",
            "10.0.0.0/-1",
        ] {
            assert!(
                matches!(Places::parse(&[text]), Err(PlacesError::Place(..))),
                "{text:?}"
            );
        }
        assert_eq!(Places::parse::<&str>(&[]), Err(PlacesError::None));
        assert_eq!(Places::parse(&["unix"; 33]), Err(PlacesError::TooMany));
    }

    #[test]
    fn what_is_stored_reads_back_and_nothing_else_does() {
        let bound = places(&["10.0.0.0/8", "unix"]);
        let bytes = minicbor::to_vec(&bound).unwrap();
        assert_eq!(decode::<Places>(&bytes).unwrap(), bound);
        for foreign in [&[][..], &["elsewhere"]] {
            let bytes = minicbor::to_vec(foreign).unwrap();
            assert!(decode::<Places>(&bytes).is_err(), "{foreign:?}");
        }
    }
}
