//! How many guesses a password is worth, by zxcvbn, of an input that is bounded.
//!
//! zxcvbn's time grows with the square of the length, and with the product of the letters that a look-alike may
//! stand for: it sees [`WINDOW`] characters at a time, the head, and the tail where the head is weak. Guessing
//! the whole takes the guesses of each part, so the larger of two is a lower bound.
//!
//! It reads the year off the clock (dates near now are guessed first), and leaves copies of what it looked at in
//! memory that is not wiped. It runs where a password is set, never where a transaction is evaluated.

use zeroize::Zeroizing;

/// Characters that zxcvbn sees at once.
pub(super) const WINDOW: usize = 24;
/// Entries of the longest dictionary that zxcvbn carries: whatever takes no more guesses is as good as listed.
const DICTIONARY: u64 = 30_000;
const ENOUGH: u8 = 4;

/// What a password is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strength {
    /// 0 to 4.
    pub(super) score: u8,
    /// It is in a dictionary, or no harder to guess than what is.
    pub(super) is_common: bool,
}

/// Of a folded password, for somebody who knows `words`, folded too.
pub(super) fn of(folded: &str, words: &[&str]) -> Strength {
    let (head, tail) = windows(folded);
    let first = estimate(&head, words);
    let Some(tail) = tail.filter(|_| first.score < ENOUGH) else {
        return first;
    };
    let last = estimate(&tail, words);
    Strength {
        score: first.score.max(last.score),
        is_common: first.is_common && last.is_common,
    }
}

/// What zxcvbn is given: the head, and the tail of what is longer.
pub(super) fn windows(text: &str) -> (Zeroizing<String>, Option<Zeroizing<String>>) {
    let beyond = text.chars().count().saturating_sub(WINDOW);
    let tail = (beyond > 0).then(|| window(text, beyond));
    (window(text, 0), tail)
}

fn window(text: &str, from: usize) -> Zeroizing<String> {
    let mut part = Zeroizing::new(String::with_capacity(4 * WINDOW));
    part.extend(text.chars().skip(from).take(WINDOW));
    part
}

fn estimate(text: &str, words: &[&str]) -> Strength {
    let entropy = zxcvbn::zxcvbn(text, words);
    Strength {
        score: entropy.score().into(),
        is_common: entropy.guesses() <= DICTIONARY + 1,
    }
}
