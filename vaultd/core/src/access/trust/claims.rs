//! What a token must say: names of claims, and patterns for what they hold.
//!
//! A claim is named by its key, or by a JSON pointer into a nested one: `sub`, `/kubernetes.io/namespace`. `*` stands
//! for any run of characters but `/` and `:`, `**` for any run at all, so that a pattern for one part of a subject
//! never takes in the next. A claim that is a list holds what one of its texts is. What is absent, empty, null or an
//! object matches nothing.

use minicbor::{Decode, Encode};
use serde_json::Value;

/// Most claims that one token must have.
const MAX_CLAIMS: usize = 16;
/// Longest name and pattern.
const MAX_TEXT: usize = 512;
/// Longest text that is compared with a pattern.
const MAX_VALUE: usize = 2_048;

/// One claim, and a pattern for it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Claim {
    #[n(0)]
    name: String,
    #[n(1)]
    pattern: String,
}

/// Claims that a token must have, all of them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Wanted {
    #[n(0)]
    claims: Vec<Claim>,
}

/// Why claims do not do to tell one program from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Any token of the issuer would do.
    #[error("a binding names a subject or a claim: without one every token of the issuer would do")]
    None,
    /// The same, of patterns that take everything.
    #[error("none of the patterns holds anything but `*`: every token of the issuer would do")]
    Everything,
    /// Over 16.
    #[error("a binding names {MAX_CLAIMS} claims at most")]
    TooMany,
    /// Nothing, too long, or with characters that no claim has.
    #[error("a claim's name and its pattern have 1 to {MAX_TEXT} bytes, and no control characters")]
    Text,
    /// Twice.
    #[error("a claim is named twice")]
    Twice,
    /// They are checked for every token of the issuer.
    #[error("`iss`, `aud`, `exp`, `nbf` and `iat` are the issuer's, not a binding's")]
    Reserved,
}

impl Claim {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it must hold.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    fn holds(&self, claims: &Value) -> bool {
        let found = if self.name.starts_with('/') {
            claims.pointer(&self.name)
        } else {
            claims.get(&self.name)
        };
        match found {
            Some(Value::Array(items)) => items.iter().any(|item| one(item, &self.pattern)),
            Some(item) => one(item, &self.pattern),
            None => false,
        }
    }
}

fn one(value: &Value, pattern: &str) -> bool {
    match value {
        Value::String(text) => {
            !text.is_empty() && text.len() <= MAX_VALUE && is_like(text.as_bytes(), pattern)
        }
        Value::Bool(_) | Value::Number(_) => {
            let text = value.to_string();
            text == pattern
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Whether a text is like a pattern: how far into the text each part of the pattern may reach. What stands before the
/// first `*` is compared as it is, which takes most texts away; the time of the rest is the product of both lengths at
/// most, whatever they are, and its space the text's.
fn is_like(text: &[u8], pattern: &str) -> bool {
    let pattern = pattern.as_bytes();
    let plain = pattern.iter().position(|byte| *byte == b'*');
    let Some((start, mut rest)) = plain.and_then(|at| pattern.split_at_checked(at)) else {
        return text == pattern;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let mut reached: Vec<bool> = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    while let Some((wanted, after)) = rest.split_first() {
        rest = after;
        if *wanted == b'*' {
            let free = rest.first() == Some(&b'*');
            rest = if free {
                rest.get(1..).unwrap_or_default()
            } else {
                rest
            };
            let mut open = false;
            let before = std::iter::once(None).chain(text.iter().map(Some));
            for (here, passed) in reached.iter_mut().zip(before) {
                let passes = passed.is_some_and(|byte| free || !SEPARATORS.contains(byte));
                open = *here || (open && passes);
                *here = open;
            }
        } else {
            let (mut before, mut any) = (false, false);
            let ends = std::iter::once(None).chain(text.iter().map(Some));
            for (here, passed) in reached.iter_mut().zip(ends) {
                let matched = before && passed == Some(wanted);
                before = std::mem::replace(here, matched);
                any |= matched;
            }
            if !any {
                return false;
            }
        }
    }
    reached.last().copied().unwrap_or_default()
}

const SEPARATORS: [u8; 2] = [b'/', b':'];

impl Wanted {
    /// Of names and patterns.
    ///
    /// # Errors
    /// When there is none, or they would not tell one program from another.
    pub fn new(claims: Vec<(String, String)>) -> Result<Self, ClaimError> {
        let fit = |text: &str| {
            (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        if claims.is_empty() {
            return Err(ClaimError::None);
        }
        if claims.len() > MAX_CLAIMS {
            return Err(ClaimError::TooMany);
        }
        let mut claims: Vec<Claim> = claims
            .into_iter()
            .map(|(name, pattern)| Claim { name, pattern })
            .collect();
        claims.sort_by(|one, other| one.name.cmp(&other.name));
        for claim in &claims {
            if !fit(&claim.name) || !fit(&claim.pattern) {
                return Err(ClaimError::Text);
            }
            let name = claim.name.strip_prefix('/').unwrap_or(&claim.name);
            if RESERVED.contains(&name) {
                return Err(ClaimError::Reserved);
            }
        }
        let mut pairs = claims.iter().zip(claims.iter().skip(1));
        if pairs.any(|(one, next)| one.name == next.name) {
            return Err(ClaimError::Twice);
        }
        let narrows = |claim: &Claim| claim.pattern.chars().any(|c| !matches!(c, '*' | '/' | ':'));
        if !claims.iter().any(narrows) {
            return Err(ClaimError::Everything);
        }
        Ok(Self { claims })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter()
    }

    /// Whether a token has all of them.
    pub(crate) fn hold(&self, claims: &Value) -> bool {
        // INVARIANT: none at all was never stored; if it were it would hold nothing
        !self.claims.is_empty() && self.claims.iter().all(|claim| claim.holds(claims))
    }
}

const RESERVED: [&str; 5] = ["iss", "aud", "exp", "nbf", "iat"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(claims: &[(&str, &str)]) -> Result<Wanted, ClaimError> {
        let owned = claims.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Wanted::new(owned.collect())
    }

    #[test]
    fn a_star_takes_one_part_and_two_take_any() {
        for (pattern, text) in [
            (
                "system:serviceaccount:shop:till",
                "system:serviceaccount:shop:till",
            ),
            (
                "system:serviceaccount:shop:*",
                "system:serviceaccount:shop:till",
            ),
            ("system:*:shop:t*l", "system:serviceaccount:shop:till"),
            (
                "repo:acme/*:ref:refs/heads/main",
                "repo:acme/x:ref:refs/heads/main",
            ),
            ("repo:acme/**", "repo:acme/x:ref:refs/heads/main"),
            ("**:main", "a:b:main"),
            ("a*b*c", "aXbYbZc"),
            ("*", "till"),
            ("a**b*c", "a:x:b:bYc"),
            ("a*", "a"),
            ("*a", "a"),
            ("a*a", "aa"),
            ("**", "a:/"),
            ("till", "till"),
        ] {
            assert!(is_like(text.as_bytes(), pattern), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_takes_in_nothing_beside_what_it_says() {
        for (pattern, text) in [
            (
                "system:serviceaccount:shop:*",
                "system:serviceaccount:shop:till:x",
            ),
            (
                "system:serviceaccount:*:till",
                "system:serviceaccount:a:b:till",
            ),
            (
                "system:serviceaccount:shop:till",
                "system:serviceaccount:shop:till2",
            ),
            (
                "system:serviceaccount:shop:till",
                "system:serviceaccount:shop",
            ),
            (
                "system:serviceaccount:shop:till",
                "System:serviceaccount:shop:till",
            ),
            ("repo:acme/*", "repo:acme/x:ref:y"),
            ("repo:acme/*", "repo:acme/x/y"),
            ("*:main", "a:b:main"),
            ("*x", "a"),
            ("a*", ""),
            ("", "a"),
            ("a*a", "a"),
            ("ab*", "a"),
            ("a*bb", "ab"),
            ("*ab*ab", "xab"),
        ] {
            assert!(!is_like(text.as_bytes(), pattern), "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "*a".repeat(250);
        let text = "a".repeat(MAX_VALUE);
        assert!(is_like(text.as_bytes(), &pattern));
        assert!(!is_like("a".repeat(200).as_bytes(), &pattern));
    }

    #[test]
    fn claims_are_found_by_name_and_by_pointer() {
        let token = json!({
            "sub": "s", "groups": ["a", "b"], "kubernetes.io": {"namespace": "shop"},
            "verified": true, "n": 7, "a/b": "x",
        });
        for claims in [
            &[("sub", "s")][..],
            &[("groups", "b")],
            &[("/kubernetes.io/namespace", "shop"), ("sub", "*s")],
            &[("verified", "true"), ("n", "7")],
            &[("/a~1b", "x")],
        ] {
            assert!(wanted(claims).unwrap().hold(&token), "{claims:?}");
        }
        for claims in [
            &[("sub", "s"), ("groups", "c")][..],
            &[("sub", "S")],
            &[("absent", "x*")],
            &[("kubernetes.io", "s*")],
            &[("kubernetes.io/namespace", "shop")],
            &[("/groups/5", "a")],
            &[("verified", "tru*")],
            &[("n", "7*")],
        ] {
            assert!(!wanted(claims).unwrap().hold(&token), "{claims:?}");
        }
        let empty = json!({"sub": "", "x": null});
        assert!(!wanted(&[("sub", "**"), ("x", "n*")]).unwrap().hold(&empty));
    }

    #[test]
    fn claims_that_tell_nobody_from_nobody_are_refused() {
        for (claims, error) in [
            (&[][..], ClaimError::None),
            (&[("sub", "*")], ClaimError::Everything),
            (&[("sub", "**"), ("x", "*:*")], ClaimError::Everything),
            (&[("sub", "")], ClaimError::Text),
            (&[("", "x")], ClaimError::Text),
            (&[("sub", "a\nb")], ClaimError::Text),
            (&[("sub", "a"), ("sub", "b")], ClaimError::Twice),
            (&[("iss", "a")], ClaimError::Reserved),
            (&[("/aud", "a")], ClaimError::Reserved),
        ] {
            assert_eq!(wanted(claims), Err(error), "{claims:?}");
        }
        let long = "x".repeat(MAX_TEXT + 1);
        assert_eq!(wanted(&[("sub", &long)]), Err(ClaimError::Text));
        let many = vec![("a".to_owned(), "b".to_owned()); MAX_CLAIMS + 1];
        assert_eq!(Wanted::new(many), Err(ClaimError::TooMany));
    }
}
