//! Random values by policy.
//!
//! Every choice is unbiased: bytes that would make one character likelier than another are drawn again,
//! and a value that misses a class it must have is drawn again as a whole, so that all values that
//! satisfy a policy are equally likely. What cannot be satisfied is refused.

use zeroize::Zeroizing;

use crate::crypto::{entropy::Entropy, secret::Plaintext};

#[cfg(test)]
mod tests;

const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const VOWELS: &str = "aeiou";
const CONSONANTS: &str = "bcdfghjklmnprstvz";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const MAX_LENGTH: u32 = 4096;
const MAX_EXCLUDED: usize = 4096;
/// Of values that miss a class: the rarest policy takes about two thousand tries, each independent.
const MAX_TRIES: u32 = 1_000_000;

/// What sort of value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Characters of the included classes.
    #[default]
    Characters,
    /// Consonants and vowels in turn.
    Pronounceable,
    /// A UUID of version 4.
    Uuid,
    /// Random bytes in lower-case hexadecimal.
    Hex,
    /// Random bytes in base64 with padding.
    Base64,
}

/// How a value is made.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What sort.
    pub kind: Kind,
    /// Characters, or for hexadecimal and base64 random bytes: 1 to 4096. A UUID has its own.
    pub length: u32,
    /// Classes that are left out.
    pub without: Without,
    /// Characters that are left out.
    pub exclude: String,
    /// Also spaces, which need not occur.
    pub include_space: bool,
    /// A class need not occur.
    pub relax_classes: bool,
}

/// Classes of characters that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent classes")]
pub struct Without {
    /// a to z.
    pub lowercase: bool,
    /// A to Z.
    pub uppercase: bool,
    /// 0 to 9.
    pub digits: bool,
    /// The 32 of ASCII.
    pub punctuation: bool,
}

/// Why no value satisfies a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsatisfiable {
    /// 0, or over 4096.
    #[error("a random value has 1 to 4096 characters or bytes")]
    Length,
    /// The list of excluded characters is too long.
    #[error("at most 4096 characters can be excluded")]
    Excluded,
    /// No character is left of what must occur.
    #[error("no character is left of a class that must occur")]
    Empty,
    /// Fewer characters than classes that must occur.
    #[error("the value is too short for one character of each class")]
    TooShort,
    /// Classes and exclusions are for characters.
    #[error("classes and excluded characters do not go with this kind")]
    Kind,
    /// The same bytes again and again.
    #[error("the source of randomness does not vary")]
    Entropy,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            length: 32,
            without: Without::default(),
            exclude: String::new(),
            include_space: false,
            relax_classes: false,
        }
    }
}

/// Makes a value.
///
/// # Errors
/// When none satisfies the policy.
pub fn generate(policy: &Policy, entropy: &mut dyn Entropy) -> Result<Plaintext, Unsatisfiable> {
    if !(1..=MAX_LENGTH).contains(&policy.length) {
        return Err(Unsatisfiable::Length);
    }
    if policy.exclude.len() > MAX_EXCLUDED {
        return Err(Unsatisfiable::Excluded);
    }
    let length = policy.length as usize;
    match policy.kind {
        Kind::Characters => characters(policy, length, entropy),
        Kind::Pronounceable => pronounceable(policy, length, entropy),
        Kind::Uuid | Kind::Hex | Kind::Base64 if policy.restricts() => Err(Unsatisfiable::Kind),
        Kind::Uuid => Ok(uuid(entropy)),
        Kind::Hex => Ok(hex(&bytes(length, entropy))),
        Kind::Base64 => Ok(base64(&bytes(length, entropy))),
    }
}

impl Policy {
    fn restricts(&self) -> bool {
        self.without != Without::default() || !self.exclude.is_empty() || self.include_space
    }

    /// What is left of a class.
    fn allowed(&self, class: &str) -> Vec<u8> {
        class
            .chars()
            .filter(|c| !self.exclude.contains(*c))
            .filter_map(|c| u8::try_from(c).ok())
            .collect()
    }

    fn classes(&self) -> Vec<Vec<u8>> {
        let all = [
            (LOWERCASE, self.without.lowercase),
            (UPPERCASE, self.without.uppercase),
            (DIGITS, self.without.digits),
            (PUNCTUATION, self.without.punctuation),
        ];
        all.iter()
            .filter(|(_, without)| !without)
            .map(|(class, _)| self.allowed(class))
            .collect()
    }
}

fn characters(
    policy: &Policy,
    length: usize,
    entropy: &mut dyn Entropy,
) -> Result<Plaintext, Unsatisfiable> {
    let classes = policy.classes();
    let required = if policy.relax_classes {
        &[][..]
    } else {
        &classes
    };
    let mut alphabet = classes.concat();
    if policy.include_space {
        alphabet.extend(policy.allowed(" "));
    }
    if alphabet.is_empty() || required.iter().any(Vec::is_empty) {
        return Err(Unsatisfiable::Empty);
    }
    if length < required.len() {
        return Err(Unsatisfiable::TooShort);
    }
    let mut draw = Draw::new(entropy);
    let mut value = Zeroizing::new(Vec::with_capacity(length));
    for _ in 0..MAX_TRIES {
        value.clear();
        for _ in 0..length {
            value.push(draw.one_of(&alphabet)?);
        }
        if required
            .iter()
            .all(|class| class.iter().any(|c| value.contains(c)))
        {
            return Ok(Plaintext::from(std::mem::take(&mut *value)));
        }
    }
    Err(Unsatisfiable::Entropy)
}

fn pronounceable(
    policy: &Policy,
    length: usize,
    entropy: &mut dyn Entropy,
) -> Result<Plaintext, Unsatisfiable> {
    if policy.include_space || (policy.without.lowercase && policy.without.uppercase) {
        return Err(Unsatisfiable::Kind);
    }
    let case = |letters: &str| {
        if policy.without.lowercase {
            policy.allowed(&letters.to_uppercase())
        } else {
            policy.allowed(letters)
        }
    };
    let (vowels, consonants) = (case(VOWELS), case(CONSONANTS));
    if vowels.is_empty() || consonants.is_empty() {
        return Err(Unsatisfiable::Empty);
    }
    let mut draw = Draw::new(entropy);
    let mut vowel = draw.one_of(&[0, 1])? == 1;
    let mut value = Zeroizing::new(Vec::with_capacity(length));
    for _ in 0..length {
        value.push(draw.one_of(if vowel { &vowels } else { &consonants })?);
        vowel = !vowel;
    }
    Ok(Plaintext::from(std::mem::take(&mut *value)))
}

/// RFC 9562 §5.4.
fn uuid(entropy: &mut dyn Entropy) -> Plaintext {
    let mut random = Zeroizing::new([0; 16]);
    entropy.fill(&mut *random);
    let random = Zeroizing::new(u128::from_be_bytes(*random));
    let version = (*random & !(0xf << 76)) | (4 << 76);
    let uuid = Zeroizing::new((version & !(0b11 << 62)) | (0b10 << 62));
    let mut text = Vec::with_capacity(36);
    for (at, byte) in uuid.to_be_bytes().iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.extend([digit(byte >> 4), digit(byte & 0xf)]);
    }
    Plaintext::from(text)
}

fn hex(bytes: &[u8]) -> Plaintext {
    let mut text = Vec::with_capacity(2 * bytes.len());
    text.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]),
    );
    Plaintext::from(text)
}

fn digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' - 10 + value
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> Plaintext {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0, |group, at| {
            (group << 8) | u32::from(chunk.get(at).copied().unwrap_or(0))
        });
        for at in 0..4_usize {
            let six = (group >> (18 - 6 * at)) & 63;
            let character = BASE64.get(six as usize).copied().unwrap_or_default();
            text.push(if at <= chunk.len() { character } else { b'=' });
        }
    }
    Plaintext::from(text)
}

fn bytes(length: usize, entropy: &mut dyn Entropy) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    entropy.fill(&mut bytes);
    bytes
}

/// Choices out of buffered random bytes.
struct Draw<'e> {
    entropy: &'e mut dyn Entropy,
    buffer: Zeroizing<[u8; 64]>,
    used: usize,
}

impl<'e> Draw<'e> {
    fn new(entropy: &'e mut dyn Entropy) -> Self {
        Self {
            entropy,
            buffer: Zeroizing::new([0; 64]),
            used: 64,
        }
    }

    /// One of up to 256, each as likely as the others.
    fn one_of(&mut self, from: &[u8]) -> Result<u8, Unsatisfiable> {
        let count = from.len();
        // Bytes from here on would make the first characters likelier.
        let fair = 256 - 256_usize.checked_rem(count).unwrap_or(0);
        for _ in 0..MAX_TRIES {
            let byte = usize::from(self.byte());
            if byte < fair {
                return byte
                    .checked_rem(count)
                    .and_then(|at| from.get(at).copied())
                    .ok_or(Unsatisfiable::Empty);
            }
        }
        Err(Unsatisfiable::Entropy)
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.buffer.len() {
            self.entropy.fill(&mut *self.buffer);
            self.used = 0;
        }
        let byte = self.buffer.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }
}
