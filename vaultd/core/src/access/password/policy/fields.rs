//! The fields of a password policy as documents and records have them, their defaults and their ranges.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::PolicyError;
use crate::access::policy::date;

/// SP 800-63B-4 §3.1.1.2: fewest characters when the password is all there is.
const FLOOR_ALONE: u16 = 15;
/// The same, when a second factor is asked for too.
pub(in crate::access::password) const FLOOR_WITH_MFA: u16 = 8;
const MAX_WORDS: usize = 1000;
const MAX_WORD: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "they are IAM's fields")]
pub(super) struct Fields {
    #[n(0)]
    pub(super) minimum_password_length: u16,
    #[n(1)]
    pub(super) minimum_length_with_mfa: u16,
    #[n(2)]
    pub(super) minimum_strength: u8,
    #[n(3)]
    pub(super) minimum_strength_with_mfa: u8,
    #[n(4)]
    pub(super) require_symbols: bool,
    #[n(5)]
    pub(super) require_numbers: bool,
    #[n(6)]
    pub(super) require_uppercase_characters: bool,
    #[n(7)]
    pub(super) require_lowercase_characters: bool,
    #[n(8)]
    pub(super) allow_users_to_change_password: bool,
    #[n(9)]
    pub(super) max_password_age: u16,
    #[n(10)]
    pub(super) password_reuse_prevention: u8,
    #[n(11)]
    pub(super) hard_expiry: bool,
    #[n(12)]
    pub(super) blocked_passwords: Vec<String>,
    #[n(13)]
    pub(super) lockout_threshold: u16,
    #[n(14)]
    pub(super) lockout_delay_seconds: u32,
    #[n(15)]
    pub(super) lockout_delay_maximum_seconds: u32,
    #[n(16)]
    pub(super) lockout_forget_seconds: u32,
    /// As its author wrote it; empty: never.
    #[n(17)]
    #[cbor(default)]
    pub(super) mfa_required_from: String,
    // CARE: what is absent from a policy of before is one step, as what a document leaves out, and not 0
    #[n(18)]
    #[cbor(decode_with = "Decode::decode", nil = "drift_of_before")]
    pub(super) mfa_drift_steps: u8,
}

#[expect(clippy::unnecessary_wraps, reason = "as the decoder wants it")]
fn drift_of_before() -> Option<u8> {
    Some(Fields::default().mfa_drift_steps)
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            minimum_password_length: FLOOR_ALONE,
            minimum_length_with_mfa: FLOOR_WITH_MFA,
            minimum_strength: 3,
            // eight random characters are a 2, by zxcvbn's own scale
            minimum_strength_with_mfa: 2,
            require_symbols: false,
            require_numbers: false,
            require_uppercase_characters: false,
            require_lowercase_characters: false,
            allow_users_to_change_password: true,
            max_password_age: 0,
            password_reuse_prevention: 0,
            hard_expiry: false,
            blocked_passwords: Vec::new(),
            lockout_threshold: 5,
            lockout_delay_seconds: 30,
            lockout_delay_maximum_seconds: 60 * 60,
            lockout_forget_seconds: 24 * 60 * 60,
            mfa_required_from: String::new(),
            mfa_drift_steps: 1,
        }
    }
}

/// Milliseconds since the epoch.
pub(super) fn moment(text: &str) -> Option<u64> {
    date(text).and_then(|at| u64::try_from(at).ok())
}

/// What is the vault's alone to say: it holds before anybody knows in which groups somebody is, or for all alike.
const VAULT_ONLY: [&str; 5] = [
    "LockoutThreshold",
    "LockoutDelaySeconds",
    "LockoutDelayMaximumSeconds",
    "LockoutForgetSeconds",
    "MfaDriftSteps",
];

impl Fields {
    /// What asks for nothing beyond the floors: of a group, what its document leaves out.
    fn laxest() -> Self {
        Self {
            minimum_strength: 0,
            minimum_strength_with_mfa: 0,
            ..Self::default()
        }
    }

    /// A group's, from a document that was read once, for its mistakes.
    pub(super) fn of_group(text: &str) -> Result<Self, PolicyError> {
        let given: Map<String, Value> = serde_json::from_str(text)?;
        if let Some(field) = VAULT_ONLY.iter().find(|field| given.contains_key(**field)) {
            return Err(PolicyError::VaultOnly { field });
        }
        let mut whole = Self::laxest().to_map();
        whole.extend(given);
        Ok(serde_json::from_value(Value::Object(whole))?)
    }

    /// What a group may say, every field written out.
    pub(super) fn to_group_map(&self) -> Map<String, Value> {
        let mut whole = self.to_map();
        whole.retain(|field, _| !VAULT_ONLY.contains(&field.as_str()));
        whole
    }

    fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            Ok(_) | Err(_) => Map::new(),
        }
    }

    /// Whether every number is in its range.
    pub(super) fn ranges(&self) -> Result<(), PolicyError> {
        let it = self;
        let ceiling = it.lockout_delay_maximum_seconds;
        #[rustfmt::skip]
        let ranges: [(&'static str, u32, u32, u32); 11] = [
            ("MinimumPasswordLength", it.minimum_password_length.into(), FLOOR_ALONE.into(), 128),
            ("MinimumLengthWithMfa", it.minimum_length_with_mfa.into(), FLOOR_WITH_MFA.into(), 128),
            ("MinimumStrength", it.minimum_strength.into(), 0, 4),
            ("MinimumStrengthWithMfa", it.minimum_strength_with_mfa.into(), 0, 4),
            ("MaxPasswordAge", it.max_password_age.into(), 0, 1095),
            ("PasswordReusePrevention", it.password_reuse_prevention.into(), 0, 24),
            // beyond 100 no policy has a say: `lockout::counter`
            ("LockoutThreshold", it.lockout_threshold.into(), 1, 100),
            ("LockoutDelaySeconds", it.lockout_delay_seconds, 1, 3600),
            ("LockoutDelayMaximumSeconds", ceiling, it.lockout_delay_seconds.max(30), 24 * 3600),
            ("LockoutForgetSeconds", it.lockout_forget_seconds, ceiling.max(3600), 30 * 24 * 3600),
            // R-OTP-3: a code lives 90 seconds at most
            ("MfaDriftSteps", it.mfa_drift_steps.into(), 0, 1),
        ];
        for (field, found, least, most) in ranges {
            if !(least..=most).contains(&found) {
                return Err(PolicyError::Range {
                    field,
                    least,
                    most,
                    found,
                });
            }
        }
        if !it.mfa_required_from.is_empty() && moment(&it.mfa_required_from).is_none() {
            return Err(PolicyError::Moment);
        }
        let long = |word: &String| word.is_empty() || word.chars().count() > MAX_WORD;
        if self.blocked_passwords.len() > MAX_WORDS || self.blocked_passwords.iter().any(long) {
            return Err(PolicyError::Words);
        }
        Ok(())
    }
}
