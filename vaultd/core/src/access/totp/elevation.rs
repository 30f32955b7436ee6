//! What a session proves beyond a password: when a second factor was shown, and which.
//!
//! Conditions are answered from it: `vault:MultiFactorAuthPresent` is always known,
//! `vault:MultiFactorAuthAge` only where there was one.

use minicbor::{Decode, Encode};

/// How a second factor was shown. Numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Method {
    /// A code of an authenticator.
    #[n(0)]
    Totp,
    /// A recovery code.
    #[n(1)]
    RecoveryCode,
    /// A client certificate, which phishing does not reach.
    #[n(2)]
    Certificate,
}

/// Kept in a session. A session that is exchanged for another passes it on as it is, never newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Elevation {
    #[n(0)]
    shown: Option<Shown>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Shown {
    #[n(0)]
    at: u64,
    #[n(1)]
    method: Method,
}

impl Elevation {
    /// Of a session that showed a password, or nothing.
    pub const NONE: Self = Self { shown: None };

    /// Of a session that showed a second factor at leader time `at`, in milliseconds.
    pub const fn shown(at: u64, method: Method) -> Self {
        Self {
            shown: Some(Shown { at, method }),
        }
    }

    /// `vault:MultiFactorAuthPresent`.
    pub const fn present(&self) -> bool {
        self.shown.is_some()
    }

    /// When, in milliseconds since the epoch.
    pub fn mfa_at(&self) -> Option<u64> {
        self.shown.map(|shown| shown.at)
    }

    /// How.
    pub fn method(&self) -> Option<Method> {
        self.shown.map(|shown| shown.method)
    }

    /// `vault:MultiFactorAuthAge`, in seconds. A node that is behind the leader may see one from its near
    /// future: that is 0.
    pub fn age_seconds(&self, now: u64) -> Option<u64> {
        self.mfa_at().map(|at| now.saturating_sub(at) / 1000)
    }

    /// Whether it was shown within the last `within` milliseconds.
    pub fn is_fresh(&self, now: u64, within: u64) -> bool {
        self.mfa_at()
            .is_some_and(|at| now.saturating_sub(at) <= within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_second_factor_there_is_no_age_and_nothing_is_fresh() {
        let none = Elevation::NONE;
        assert_eq!(none, Elevation::default());
        assert!(!none.present());
        assert_eq!((none.mfa_at(), none.method()), (None, None));
        assert_eq!(none.age_seconds(u64::MAX), None);
        assert!(!none.is_fresh(0, u64::MAX));
    }

    #[test]
    fn the_age_counts_whole_seconds_and_never_below_zero() {
        let shown = Elevation::shown(10_000, Method::Totp);
        assert!(shown.present());
        for (now, age) in [(0, 0), (10_000, 0), (10_999, 0), (11_000, 1), (70_000, 60)] {
            assert_eq!(shown.age_seconds(now), Some(age), "{now}");
        }
        assert!(shown.is_fresh(15_000, 5_000));
        assert!(!shown.is_fresh(15_001, 5_000));
    }

    #[test]
    fn what_is_stored_reads_back_and_unknown_methods_do_not() {
        for method in [Method::Totp, Method::RecoveryCode, Method::Certificate] {
            let shown = Elevation::shown(7, method);
            let bytes = minicbor::to_vec(shown).unwrap();
            assert_eq!(minicbor::decode::<Elevation>(&bytes).unwrap(), shown);
        }
        let unknown = minicbor::to_vec(Elevation::shown(7, Method::Certificate)).unwrap();
        let unknown: Vec<u8> = unknown
            .iter()
            .map(|b| if *b == 2 { 9 } else { *b })
            .collect();
        assert!(minicbor::decode::<Elevation>(&unknown).is_err());
    }
}
