//! A new password against a policy: every reason why it will not do, none of which says what it is.

use zeroize::Zeroizing;

use super::blocklist::{Blocklist, fold};
use super::policy::FLOOR_WITH_MFA;
use super::{Password, Policy, strength};

/// Context words that are looked at, with their parts.
const MAX_WORDS: usize = 32;
/// Characters of a context word that are looked at.
const MAX_WORD: usize = 128;
/// Shorter parts of a name occur in any text.
const MIN_WORD: usize = 3;

/// Whether the account has another factor. Taking that away from it means asking for another password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factors {
    /// The password is all there is.
    Alone,
    /// A second factor is enforced.
    WithMfa,
}

/// What is known of the account.
#[derive(Debug)]
pub struct Context<'a> {
    /// What else its logins take.
    pub factors: Factors,
    /// What an attacker tries first: the user's name, the service's, the organisation's. Parts are looked at too.
    pub words: &'a [&'a str],
    /// The administrator's own list.
    pub blocklist: &'a Blocklist,
}

/// Why a password will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Too few characters.
    #[error("it has fewer than {least} characters")]
    TooShort {
        /// What this account asks for.
        least: u16,
    },
    /// `RequireSymbols`.
    #[error("it has no symbol")]
    NoSymbol,
    /// `RequireNumbers`.
    #[error("it has no number")]
    NoNumber,
    /// `RequireUppercaseCharacters`.
    #[error("it has no capital letter")]
    NoUppercase,
    /// `RequireLowercaseCharacters`.
    #[error("it has no small letter")]
    NoLowercase,
    /// On a list that the vault carries, or no harder to guess than what is.
    #[error("it is among the passwords that are tried first, or no harder to guess than they are")]
    Common,
    /// On the administrator's list.
    #[error("it is on the list of passwords that are blocked here")]
    Blocked,
    /// Made of the user's or the service's name.
    #[error("without the names of user and service in it, too little is left")]
    Context,
    /// Below the strength that the policy asks for.
    #[error("it is too easy to guess; a few unrelated words, or a password manager's, do better")]
    Guessable,
}

impl Weakness {
    /// The field of the policy that it offends, or a word for what every policy refuses.
    pub fn rule(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "MinimumPasswordLength",
            Self::NoSymbol => "RequireSymbols",
            Self::NoNumber => "RequireNumbers",
            Self::NoUppercase => "RequireUppercaseCharacters",
            Self::NoLowercase => "RequireLowercaseCharacters",
            Self::Common => "CommonPasswords",
            Self::Blocked => "BlockedPasswords",
            Self::Context => "ContextWords",
            Self::Guessable => "MinimumStrength",
        }
    }
}

/// Looks at a password that somebody wants. The reuse of an old one is asked for apart: it takes hashes.
///
/// # Errors
/// All the reasons.
pub fn check(
    policy: &Policy,
    password: &Password,
    context: &Context<'_>,
) -> Result<(), Vec<Weakness>> {
    // EXPOSE: looked at, folded into buffers that are wiped, and estimated
    let text = password.expose();
    let folded = fold(text);
    let words = words(context.words);
    let (least, score) = match context.factors {
        Factors::Alone => (policy.minimum_length(), policy.minimum_strength()),
        Factors::WithMfa => (
            policy.minimum_length_with_mfa(),
            policy.minimum_strength_with_mfa(),
        ),
    };
    let strength = strength::of(
        &folded,
        &words.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let has = |is: fn(char) -> bool| text.chars().any(is);
    let reasons = [
        (
            password.characters() < usize::from(least),
            Weakness::TooShort { least },
        ),
        (
            policy.requires_symbols() && !has(is_symbol),
            Weakness::NoSymbol,
        ),
        (
            policy.requires_numbers() && !has(char::is_numeric),
            Weakness::NoNumber,
        ),
        (
            policy.requires_uppercase() && !has(char::is_uppercase),
            Weakness::NoUppercase,
        ),
        (
            policy.requires_lowercase() && !has(char::is_lowercase),
            Weakness::NoLowercase,
        ),
        (strength.is_common, Weakness::Common),
        (
            is_blocked(policy, context.blocklist, text, &folded),
            Weakness::Blocked,
        ),
        (is_context(&folded, &words), Weakness::Context),
        (
            strength.score < score && !strength.is_common,
            Weakness::Guessable,
        ),
    ];
    let found: Vec<Weakness> = reasons
        .into_iter()
        .filter_map(|(holds, reason)| holds.then_some(reason))
        .collect();
    if found.is_empty() { Ok(()) } else { Err(found) }
}

fn is_symbol(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace()
}

fn is_blocked(policy: &Policy, list: &Blocklist, typed: &str, folded: &str) -> bool {
    list.contains(typed, folded)
        || policy
            .blocked()
            .iter()
            .any(|word| fold(word).as_str() == folded)
}

/// The words and their parts, folded, each once; no more of them than are looked at.
fn words(given: &[&str]) -> Vec<String> {
    let mut words = Vec::new();
    for word in given {
        let word: String = word.chars().take(MAX_WORD).collect();
        let word = fold(&word).to_string();
        let parts = word.split(|c: char| !c.is_alphanumeric());
        for part in parts.chain([word.as_str()]) {
            let long = part.chars().count() >= MIN_WORD;
            if long && words.len() < MAX_WORDS && !words.iter().any(|known| known == part) {
                words.push(part.to_owned());
            }
        }
    }
    words
}

/// Whether words are in it, and without them it is shorter than any password may be.
fn is_context(folded: &str, words: &[String]) -> bool {
    let mut text = Zeroizing::new(Vec::with_capacity(folded.len()));
    text.extend(folded.chars());
    let mut covered = vec![false; text.len()];
    for word in words {
        let word: Vec<char> = word.chars().collect();
        for (at, part) in text.windows(word.len()).enumerate() {
            if part == word {
                covered
                    .iter_mut()
                    .skip(at)
                    .take(word.len())
                    .for_each(|covered| *covered = true);
            }
        }
    }
    let left = covered.iter().filter(|covered| !**covered).count();
    left < covered.len() && left < usize::from(FLOOR_WITH_MFA)
}
