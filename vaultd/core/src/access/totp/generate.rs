//! Codes from seeds: RFC 6238 by `totp-rs`, one step of thirty seconds at a time.
//!
//! Which steps may be asked about is not decided here. The comparison of a code takes constant time
//! (RUSTSEC-2022-0018), and all steps are looked at, so that time does not tell which one was near.

use minicbor::{Decode, Encode};
use totp_rs::{Builder, Totp};

use super::{Code, Digits};
use crate::crypto::{entropy::Entropy, secret::Seed};

/// How long a code is current.
pub const STEP_SECONDS: u64 = 30;

/// The hash of the HMAC. Numbers are on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Algorithm {
    /// The only one that every app can; collisions of SHA-1 do not touch its HMAC.
    #[default]
    #[n(0)]
    Sha1,
    /// SHA-256. Some apps silently take SHA-1: the first code then does not fit.
    #[n(1)]
    Sha256,
    /// SHA-512; as before.
    #[n(2)]
    Sha512,
}

impl Algorithm {
    /// RFC 6238 §5.1: the key is as long as the output of the hash, 160 bits at least.
    const fn seed_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// As `otpauth://` URIs spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl From<Algorithm> for totp_rs::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::SHA1,
            Algorithm::Sha256 => Self::SHA256,
            Algorithm::Sha512 => Self::SHA512,
        }
    }
}

/// What sort of codes an authenticator shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Parameters {
    /// By default SHA-1.
    #[n(0)]
    pub algorithm: Algorithm,
    /// By default six.
    #[n(1)]
    pub digits: Digits,
}

impl Parameters {
    /// Draws a seed for such codes.
    pub fn make_seed(self, entropy: &mut dyn Entropy) -> Seed {
        Seed::make(self.algorithm.seed_bytes(), entropy)
    }

    /// Whether the seed is as long as the algorithm wants it. `totp-rs` would take an empty one.
    pub(super) fn fit(self, seed: &Seed) -> bool {
        // EXPOSE: its length only
        seed.expose().len() == self.algorithm.seed_bytes()
    }

    /// The steps of `range` at which the authenticator shows this code: none for a code of another length,
    /// or a seed of one.
    pub(super) fn steps(
        self,
        seed: &Seed,
        code: &Code,
        range: std::ops::RangeInclusive<u64>,
    ) -> Vec<u64> {
        if code.digits() != self.digits || !self.fit(seed) {
            return Vec::new();
        }
        let totp = self.totp(seed);
        let shows = |step: &u64| {
            let time = step.saturating_mul(STEP_SECONDS);
            // EXPOSE: compared in constant time
            totp.check(code.expose(), time).is_some()
        };
        range.filter(shows).collect()
    }

    fn totp(self, seed: &Seed) -> Totp {
        Builder::new()
            .with_algorithm(self.algorithm.into())
            .with_digits(self.digits.count())
            .with_step_duration(STEP_SECONDS)
            .with_skew(0)
            // EXPOSE: into the generator, which wipes its copy
            .with_secret(seed.expose())
            .build_noncompliant()
    }

    /// The code that an authenticator shows at a step.
    #[cfg(test)]
    pub(crate) fn code(self, seed: &Seed, step: u64) -> String {
        self.totp(seed).generate(step * STEP_SECONDS).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::entropy::Seeded;

    const ALL: [Algorithm; 3] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

    /// The seeds of RFC 6238 appendix B: its digits repeated to the length of the hash.
    fn published(algorithm: Algorithm) -> Seed {
        let digits: Vec<u8> = b"1234567890"
            .iter()
            .copied()
            .cycle()
            .take(algorithm.seed_bytes())
            .collect();
        Seed::copy_of(&digits)
    }

    fn steps(parameters: Parameters, seed: &Seed, code: &str, step: u64) -> Vec<u64> {
        parameters.steps(seed, &Code::parse(code).unwrap(), step..=step)
    }

    #[test]
    fn the_vectors_of_rfc_4226_pass() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        let seed = published(Algorithm::Sha1);
        for (counter, code) in (0..).zip(codes) {
            let parameters = Parameters::default();
            assert_eq!(steps(parameters, &seed, code, counter), [counter]);
            assert!(steps(parameters, &seed, code, counter + 1).is_empty());
        }
    }

    #[test]
    fn the_vectors_of_rfc_6238_pass() {
        let vectors = [
            (59, 0x1, ["94287082", "46119246", "90693936"]),
            (
                1_111_111_109,
                0x0235_23EC,
                ["07081804", "68084774", "25091201"],
            ),
            (
                1_111_111_111,
                0x0235_23ED,
                ["14050471", "67062674", "99943326"],
            ),
            (
                1_234_567_890,
                0x0273_EF07,
                ["89005924", "91819424", "93441116"],
            ),
            (
                2_000_000_000,
                0x03F9_40AA,
                ["69279037", "90698825", "38618901"],
            ),
            (
                20_000_000_000,
                0x27BC_86AA,
                ["65353130", "77737706", "47863826"],
            ),
        ];
        for (seconds, step, codes) in vectors {
            assert_eq!(seconds / STEP_SECONDS, step);
            for (algorithm, code) in ALL.into_iter().zip(codes) {
                let parameters = Parameters {
                    algorithm,
                    digits: Digits::Eight,
                };
                let seed = published(algorithm);
                assert_eq!(parameters.code(&seed, step), code);
                assert_eq!(steps(parameters, &seed, code, step), [step]);
                for wrong in [step - 1, step + 1] {
                    assert!(steps(parameters, &seed, code, wrong).is_empty());
                }
            }
        }
    }

    #[test]
    fn the_short_key_of_the_rfc_is_refused_for_the_long_hashes() {
        let short = published(Algorithm::Sha1);
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let parameters = Parameters {
                algorithm,
                digits: Digits::Eight,
            };
            let code = parameters.code(&short, 1);
            assert!(steps(parameters, &short, &code, 1).is_empty());
        }
    }

    #[test]
    fn an_empty_or_odd_seed_shows_no_code() {
        for length in [0, 1, 16, 19, 21, 32, 64] {
            let seed = Seed::copy_of(&vec![0; length]);
            let parameters = Parameters::default();
            let code = parameters.code(&seed, 7);
            assert!(steps(parameters, &seed, &code, 7).is_empty(), "{length}");
        }
    }

    #[test]
    fn a_code_of_another_length_is_shown_at_no_step() {
        let (six, eight) = (
            Parameters::default(),
            Parameters {
                digits: Digits::Eight,
                ..Parameters::default()
            },
        );
        let seed = published(Algorithm::Sha1);
        let (short, long) = (six.code(&seed, 1), eight.code(&seed, 1));
        assert!(long.ends_with(&short), "the same number, cut");
        assert!(steps(six, &seed, &long, 1).is_empty());
        assert!(steps(eight, &seed, &short, 1).is_empty());
    }

    #[test]
    fn seeds_are_fresh_and_at_least_160_bits_long() {
        let mut entropy = Seeded::new(1);
        for algorithm in ALL {
            let parameters = Parameters {
                algorithm,
                digits: Digits::Six,
            };
            let (first, second) = (
                parameters.make_seed(&mut entropy),
                parameters.make_seed(&mut entropy),
            );
            assert!(first.expose().len() >= 20);
            assert_ne!(first.expose(), second.expose());
            assert!(parameters.fit(&first));
        }
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        let seed = published(Algorithm::Sha1);
        let last = u64::MAX / 1000 / STEP_SECONDS + 2;
        let code = Parameters::default().code(&seed, last);
        assert_eq!(steps(Parameters::default(), &seed, &code, last), [last]);
    }
}
