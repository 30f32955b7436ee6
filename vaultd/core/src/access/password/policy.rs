//! Password policies: the fields of IAM, and what IAM lacks. The default is NIST SP 800-63B-4.
//!
//! One document for the vault, one for each group that wants its own; where several apply to a user, the
//! [`Policy::stricter`] of them does. In JSON a missing field has its default, an unknown one is refused.
//! There are floors that no document passes: 15 characters for a password alone, 8 with a second factor.

mod fields;

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::access::{lockout::Limits, totp::Window};
use crate::crypto::envelope::Class;
use crate::record::{Document, Key, Kind, RecordError, Tx};

pub(super) use fields::FLOOR_WITH_MFA;
use fields::{Fields, moment};

/// Most bytes of a document in JSON.
const MAX_JSON: usize = 256 << 10;
const DAY: u64 = 24 * 60 * 60 * 1000;

/// A password policy, all of whose fields are in range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Policy(Fields);

/// Why a document is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Over 256 KiB.
    #[error("a password policy has at most 256 KiB")]
    TooLarge,
    /// Some other JSON.
    #[error("a password policy is a JSON object")]
    NoObject,
    /// Not JSON, or not these fields; says where.
    #[error("the password policy is not understood: {0}")]
    Json(#[from] serde_json::Error),
    /// A number out of its range.
    #[error("`{field}` is from {least} to {most}, not {found}")]
    Range {
        /// As the document names it.
        field: &'static str,
        /// Smallest.
        least: u32,
        /// Largest.
        most: u32,
        /// What the document says.
        found: u32,
    },
    /// In a group's document.
    #[error("`{field}` is the vault's to say, for everybody: leave it out of a group's policy")]
    VaultOnly {
        /// As the document names it.
        field: &'static str,
    },
    /// `MfaRequiredFrom`.
    #[error("`MfaRequiredFrom` is a moment, as 2027-01-31 or 2027-01-31T12:00:00Z, or empty")]
    Moment,
    /// An entry of `BlockedPasswords`.
    #[error(
        "`BlockedPasswords` has at most 1000 entries of 1 to 128 characters; longer lists belong into a file"
    )]
    Words,
}

/// What `doctor` says of a policy that is allowed and unwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Advice {
    /// Composition rules.
    #[error(
        "composition rules make passwords predictable; SP 800-63B-4 §3.1.1.2 says not to have any"
    )]
    Composition,
    /// Passwords expire.
    #[error(
        "passwords that expire get weaker; SP 800-63B-4 §3.1.1.2 wants a change only after a compromise"
    )]
    Expiry,
    /// Expired users wait for an administrator.
    #[error("`HardExpiry` locks out whoever is late, administrators too")]
    HardExpiry,
    /// Strength estimates below the default.
    #[error(
        "`MinimumStrength` below 3, or 2 with a second factor, lets passwords pass that are guessed first"
    )]
    Strength,
    /// Owners cannot react.
    #[error("a user who may not change his password cannot act when he believes it known")]
    NoSelfService,
    /// Many guesses.
    #[error(
        "a `LockoutThreshold` over 10, first delays under half a minute or longest ones under a quarter of an hour give guessing a chance"
    )]
    Lockout,
}

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    /// With the place of what is not understood, or the field that is out of range.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_JSON {
            return Err(PolicyError::TooLarge);
        }
        // serde takes a list for a struct, field by field in order
        if !text.trim_start().starts_with('{') {
            return Err(PolicyError::NoObject);
        }
        let fields: Fields = serde_json::from_str(text)?;
        fields.ranges()?;
        Ok(Self(fields))
    }

    /// Reads a group's document: what it leaves out it does not ask for.
    ///
    /// # Errors
    /// As [`Policy::from_json`], and with a field that is the vault's alone.
    pub fn from_group_json(text: &str) -> Result<Self, PolicyError> {
        Self::from_json(text)?;
        Ok(Self(Fields::of_group(text)?))
    }

    /// A group's document, every field written out that it may have.
    pub fn to_group_json(&self) -> String {
        serde_json::to_string_pretty(&self.0.to_group_map()).unwrap_or_default()
    }

    /// The document, every field written out.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.0).unwrap_or_default()
    }

    fn key(group: u64) -> Key {
        Key::new(Kind::PasswordPolicy, &[&group.to_be_bytes()])
    }

    /// The vault's policy; the default if none was stored.
    ///
    /// # Errors
    /// When the store fails.
    pub fn load(tx: &mut Tx<'_>) -> Result<Self, RecordError> {
        Ok(Self::load_of(tx, 0)?.unwrap_or_default())
    }

    /// A group's own policy, if it has one. Ids begin at 1.
    ///
    /// # Errors
    /// When the store fails.
    pub fn load_of(tx: &mut Tx<'_>, group: u64) -> Result<Option<Self>, RecordError> {
        tx.get(&Self::key(group))
    }

    /// Ids of up to so many groups that have their own, for a list.
    ///
    /// # Errors
    /// When the store fails.
    pub fn groups(tx: &Tx<'_>, limit: usize) -> Result<Vec<u64>, RecordError> {
        let all = Key::new(Kind::PasswordPolicy, &[]);
        let page = tx.peek::<Self>(all.as_bytes(), Some(&Self::key(0)), limit)?;
        let ids = page.iter().filter_map(|(key, _)| key.ids().try_into().ok());
        Ok(ids.map(u64::from_be_bytes).collect())
    }

    /// What a user of these groups is held to: the vault's, and the groups' where they are stricter.
    ///
    /// # Errors
    /// When the store fails.
    pub fn load_for(tx: &mut Tx<'_>, groups: &BTreeSet<u64>) -> Result<Self, RecordError> {
        let mut policy = Self::load(tx)?;
        for group in groups {
            if let Some(own) = Self::load_of(tx, *group)? {
                policy = policy.stricter(&own);
            }
        }
        Ok(policy)
    }

    /// Stores the vault's policy (0), or a group's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn store(&self, tx: &mut Tx<'_>, group: u64) -> Result<(), RecordError> {
        tx.put(Self::key(group), self)
    }

    /// Removes a group's policy, or takes the vault's back to the default.
    pub fn delete(tx: &mut Tx<'_>, group: u64) {
        tx.delete(Self::key(group));
    }

    /// What satisfies both. Lockout and drift stay this one's: they are the vault's, for everybody.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        let mut words = a.blocked_passwords.clone();
        words.extend(
            b.blocked_passwords
                .iter()
                .filter(|word| !words.contains(word))
                .cloned()
                .collect::<Vec<_>>(),
        );
        let age = match (a.max_password_age, b.max_password_age) {
            (0, age) | (age, 0) => age,
            (a, b) => a.min(b),
        };
        let from = match (self.mfa_required_from(), other.mfa_required_from()) {
            (Some(a), Some(b)) if b < a => other,
            (None, Some(_)) => other,
            (_, _) => self,
        };
        Self(Fields {
            mfa_required_from: from.0.mfa_required_from.clone(),
            minimum_password_length: a.minimum_password_length.max(b.minimum_password_length),
            minimum_length_with_mfa: a.minimum_length_with_mfa.max(b.minimum_length_with_mfa),
            minimum_strength: a.minimum_strength.max(b.minimum_strength),
            minimum_strength_with_mfa: a.minimum_strength_with_mfa.max(b.minimum_strength_with_mfa),
            require_symbols: a.require_symbols || b.require_symbols,
            require_numbers: a.require_numbers || b.require_numbers,
            require_uppercase_characters: a.require_uppercase_characters
                || b.require_uppercase_characters,
            require_lowercase_characters: a.require_lowercase_characters
                || b.require_lowercase_characters,
            allow_users_to_change_password: a.allow_users_to_change_password
                && b.allow_users_to_change_password,
            max_password_age: age,
            password_reuse_prevention: a.password_reuse_prevention.max(b.password_reuse_prevention),
            hard_expiry: a.hard_expiry || b.hard_expiry,
            blocked_passwords: words,
            ..a.clone()
        })
    }

    /// What `doctor` thinks of it, as a group's: what it leaves to the vault is the vault's fault.
    pub fn group_advice(&self) -> Vec<Advice> {
        let mut said = self.advice();
        said.retain(|advice| !matches!(advice, Advice::Strength | Advice::Lockout));
        said
    }

    /// What `doctor` thinks of it.
    pub fn advice(&self) -> Vec<Advice> {
        let it = &self.0;
        let composition = self.requires_symbols()
            || self.requires_numbers()
            || self.requires_uppercase()
            || self.requires_lowercase();
        let said = [
            (composition, Advice::Composition),
            (it.max_password_age > 0, Advice::Expiry),
            (it.hard_expiry, Advice::HardExpiry),
            (
                it.minimum_strength < 3 || it.minimum_strength_with_mfa < 2,
                Advice::Strength,
            ),
            (!it.allow_users_to_change_password, Advice::NoSelfService),
            (
                it.lockout_threshold > 10
                    || it.lockout_delay_seconds < 30
                    || it.lockout_delay_maximum_seconds < 15 * 60,
                Advice::Lockout,
            ),
        ];
        said.into_iter()
            .filter_map(|(holds, advice)| holds.then_some(advice))
            .collect()
    }

    /// Fewest characters of a password that stands alone.
    pub fn minimum_length(&self) -> u16 {
        self.0.minimum_password_length
    }

    /// Fewest characters beside a second factor.
    pub fn minimum_length_with_mfa(&self) -> u16 {
        self.0.minimum_length_with_mfa
    }

    /// zxcvbn's score, 0 to 4, of a password that stands alone.
    pub fn minimum_strength(&self) -> u8 {
        self.0.minimum_strength
    }

    /// The same beside a second factor.
    pub fn minimum_strength_with_mfa(&self) -> u8 {
        self.0.minimum_strength_with_mfa
    }

    /// Neither a letter, nor a number, nor a space.
    pub fn requires_symbols(&self) -> bool {
        self.0.require_symbols
    }

    /// A number.
    pub fn requires_numbers(&self) -> bool {
        self.0.require_numbers
    }

    /// A capital letter.
    pub fn requires_uppercase(&self) -> bool {
        self.0.require_uppercase_characters
    }

    /// A small letter.
    pub fn requires_lowercase(&self) -> bool {
        self.0.require_lowercase_characters
    }

    /// Whether users change their passwords themselves.
    pub fn allows_self_service(&self) -> bool {
        self.0.allow_users_to_change_password
    }

    /// Days after which a password is changed.
    pub fn max_age_days(&self) -> Option<u16> {
        Some(self.0.max_password_age).filter(|days| *days > 0)
    }

    /// When a password that was chosen then must be changed, in milliseconds since the epoch.
    pub fn change_by(&self, changed_at: u64) -> Option<u64> {
        let days = self.max_age_days()?;
        Some(changed_at.saturating_add(u64::from(days) * DAY))
    }

    /// How many old passwords are not used again.
    pub fn reuse_prevention(&self) -> usize {
        self.0.password_reuse_prevention.into()
    }

    /// Whether an expired password waits for an administrator.
    pub fn hard_expiry(&self) -> bool {
        self.0.hard_expiry
    }

    /// When failed logins lock.
    pub fn limits(&self) -> Limits {
        let it = &self.0;
        Limits {
            threshold: it.lockout_threshold.into(),
            first: u64::from(it.lockout_delay_seconds) * 1000,
            longest: u64::from(it.lockout_delay_maximum_seconds) * 1000,
            forget: u64::from(it.lockout_forget_seconds) * 1000,
        }
    }

    /// From when on who has no second factor does nothing but enrol one, in milliseconds since the epoch.
    pub fn mfa_required_from(&self) -> Option<u64> {
        moment(&self.0.mfa_required_from)
    }

    /// Which codes of authenticators count.
    pub fn window(&self) -> Window {
        match self.0.mfa_drift_steps {
            0 => Window::Exact,
            _ => Window::OneStep,
        }
    }

    pub(super) fn blocked(&self) -> &[String] {
        &self.0.blocked_passwords
    }
}

impl Document for Policy {
    const CLASS: Class = Class::Shared;
}
