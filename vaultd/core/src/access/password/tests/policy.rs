//! Policies as documents: defaults, ranges, and what is refused.

use super::super::*;
use crate::access::lockout::Limits;

fn policy(text: &str) -> Result<Policy, String> {
    Policy::from_json(text).map_err(|error| error.to_string())
}

#[test]
fn the_default_is_sp_800_63b_4() {
    let policy = policy("{}").unwrap();
    assert_eq!(policy, Policy::default());
    assert_eq!(
        (policy.minimum_length(), policy.minimum_length_with_mfa()),
        (15, 8)
    );
    assert!(!policy.requires_symbols() && !policy.requires_numbers());
    assert!(!policy.requires_uppercase() && !policy.requires_lowercase());
    assert_eq!((policy.max_age_days(), policy.hard_expiry()), (None, false));
    assert!(policy.allows_self_service());
    let hour = 60 * 60 * 1000;
    let limits = Limits {
        threshold: 5,
        first: 30_000,
        longest: hour,
        forget: 24 * hour,
    };
    assert_eq!(policy.limits(), limits);
    assert_eq!(policy.advice(), []);
}

#[test]
fn every_field_of_iam_is_understood() {
    let policy = policy(
        r#"{"MinimumPasswordLength": 20, "RequireSymbols": true, "RequireNumbers": true,
            "RequireUppercaseCharacters": true, "RequireLowercaseCharacters": true,
            "AllowUsersToChangePassword": false, "MaxPasswordAge": 90, "PasswordReusePrevention": 24,
            "HardExpiry": true, "LockoutThreshold": 50, "MinimumStrength": 0}"#,
    )
    .unwrap();
    assert_eq!(
        (
            policy.minimum_length(),
            policy.max_age_days(),
            policy.reuse_prevention()
        ),
        (20, Some(90), 24)
    );
    assert!(policy.requires_symbols() && policy.requires_numbers() && policy.hard_expiry());
    let said = policy.advice();
    for advice in [
        Advice::Composition,
        Advice::Expiry,
        Advice::HardExpiry,
        Advice::Strength,
        Advice::NoSelfService,
        Advice::Lockout,
    ] {
        assert!(said.contains(&advice), "{advice:?}");
    }
    assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy);
}

#[test]
fn each_number_that_makes_lockout_weak_is_said_by_itself() {
    for weak in [
        r#"{"LockoutThreshold": 11}"#,
        r#"{"LockoutDelaySeconds": 29}"#,
        r#"{"LockoutDelayMaximumSeconds": 899}"#,
    ] {
        assert_eq!(policy(weak).unwrap().advice(), [Advice::Lockout], "{weak}");
    }
}

#[test]
fn no_document_passes_the_floors() {
    for (field, wrong) in [
        ("MinimumPasswordLength", &[0_i64, 6, 8, 14, 129, 65535][..]),
        ("MinimumLengthWithMfa", &[0, 6, 7, 129]),
        ("MinimumStrength", &[5, 255]),
        ("MinimumStrengthWithMfa", &[5]),
        ("MaxPasswordAge", &[1096, 65535]),
        ("PasswordReusePrevention", &[25, 255]),
        ("LockoutThreshold", &[0, 101]),
        ("LockoutDelaySeconds", &[0, 3601]),
        ("LockoutDelayMaximumSeconds", &[0, 29, 86401]),
        ("LockoutForgetSeconds", &[0, 3599, 2_592_001]),
        ("MfaDriftSteps", &[2, 255]),
    ] {
        for value in wrong {
            let error = policy(&format!(r#"{{"{field}": {value}}}"#)).unwrap_err();
            assert!(error.contains(field) && error.contains(" to "), "{error}");
        }
        for value in [
            "-1",
            "1.5",
            "4294967296",
            "\"20\"",
            "null",
            "true",
            "[20]",
            "{}",
        ] {
            assert!(
                policy(&format!(r#"{{"{field}": {value}}}"#)).is_err(),
                "{field} {value}"
            );
        }
    }
    assert!(policy(r#"{"LockoutDelaySeconds": 600, "LockoutDelayMaximumSeconds": 300}"#).is_err());
    assert!(
        policy(r#"{"LockoutDelayMaximumSeconds": 86400, "LockoutForgetSeconds": 3600}"#).is_err()
    );
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for text in [
        "{",
        "{}{}",
        "{,}",
        r#"{"minimumPasswordLength": 20}"#,
        r#"{"MinimumPasswordLenght": 20}"#,
        r#"{"ExpirePasswords": true}"#,
        r#"{"RequireSymbols": 1}"#,
        r#"{"RequireSymbols": "true"}"#,
        r#"{"HardExpiry": null}"#,
        r#"{"MaxPasswordAge": 1, "MaxPasswordAge": 0}"#,
        r#"{"BlockedPasswords": "one"}"#,
        r#"{"BlockedPasswords": [1]}"#,
        "{\"HardExpiry\": true,}",
    ] {
        let error = policy(text).unwrap_err();
        assert!(error.contains("line 1 column"), "{text}: {error}");
    }
    for text in [
        "",
        " ",
        "null",
        "[]",
        "[20, 8]",
        "15",
        "not json",
        &"[".repeat(100_000),
    ] {
        assert!(policy(text).unwrap_err().contains("JSON object"), "{text}");
    }
    assert!(
        policy(&" ".repeat(256 * 1024 + 1))
            .unwrap_err()
            .contains("256 KiB")
    );
}

#[test]
fn a_demand_for_second_factors_is_from_a_moment_on_that_is_understood() {
    let from = |text: &str| policy(&format!(r#"{{"MfaRequiredFrom": {text}}}"#));
    let at = |text| from(text).unwrap().mfa_required_from();
    assert_eq!(at(r#""""#), None);
    let noon = Some(1_801_396_800_000);
    assert_eq!(at(r#""2027-01-31T12:00:00Z""#), noon);
    assert_eq!(at(r#""2027-01-31T14:00:00+02:00""#), noon);
    assert_eq!(at(r#""2027-01-31""#), Some(1_801_353_600_000));
    for wrong in [
        r#""2027-02-30""#,
        r#""31.01.2027""#,
        r#""tomorrow""#,
        r#"" 2027-01-31""#,
        r#""2027-01-31T12:00:00""#,
        r#""0001-01-01""#,
        r#""-1""#,
        "1801396800",
        "true",
        "null",
        r#"["2027-01-31"]"#,
    ] {
        assert!(from(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn blocked_passwords_are_bounded() {
    let list = |words: Vec<String>| {
        policy(&format!(
            r#"{{"BlockedPasswords": {}}}"#,
            serde_json::to_string(&words).unwrap()
        ))
    };
    assert!(list(vec!["w".repeat(128); 1000]).is_ok());
    assert!(list(vec!["w".to_owned(); 1001]).is_err());
    assert!(list(vec!["w".repeat(129)]).is_err());
    assert!(list(vec![String::new()]).is_err());
}

#[test]
fn the_stricter_of_two_satisfies_both_in_either_order() {
    let one = policy(r#"{"MinimumPasswordLength": 20, "MaxPasswordAge": 90, "BlockedPasswords": ["a", "b"], "AllowUsersToChangePassword": false}"#).unwrap();
    let two = policy(r#"{"MinimumLengthWithMfa": 12, "MaxPasswordAge": 30, "RequireNumbers": true, "BlockedPasswords": ["b", "c"], "MinimumStrength": 4, "PasswordReusePrevention": 5, "LockoutThreshold": 50}"#).unwrap();
    for both in [one.stricter(&two), two.stricter(&one)] {
        assert_eq!(
            (both.minimum_length(), both.minimum_length_with_mfa()),
            (20, 12)
        );
        assert_eq!(
            (both.max_age_days(), both.reuse_prevention()),
            (Some(30), 5)
        );
        assert!(both.requires_numbers() && !both.allows_self_service());
        assert_eq!((both.minimum_strength(), both.blocked().len()), (4, 3));
    }
    assert_eq!(
        one.stricter(&two).limits().threshold,
        5,
        "lockout is the vault's"
    );
    let never = Policy::default();
    assert_eq!(one.stricter(&never).max_age_days(), Some(90));
    assert_eq!(never.stricter(&one).max_age_days(), Some(90));
}

#[test]
fn a_group_asks_for_what_its_document_names_and_for_nothing_else() {
    let vault = policy(r#"{"MinimumStrength": 1, "MinimumStrengthWithMfa": 0, "LockoutThreshold": 9, "MfaDriftSteps": 0}"#).unwrap();
    let group = |text: &str| Policy::from_group_json(text).unwrap();
    assert_eq!(vault.stricter(&group("{}")), vault);
    let long = vault.stricter(&group(r#"{"MinimumPasswordLength": 20}"#));
    assert_eq!((long.minimum_length(), long.minimum_strength()), (20, 1));
    assert_eq!(long.limits(), vault.limits());
    assert_eq!(long.window(), vault.window());
    let shown = group(r#"{"RequireNumbers": true}"#).to_group_json();
    assert!(
        !shown.contains("Lockout") && !shown.contains("Drift"),
        "{shown}"
    );
    assert_eq!(group(&shown), group(r#"{"RequireNumbers": true}"#));
    let said = |text: &str| group(text).group_advice();
    assert_eq!(said("{}"), []);
    assert_eq!(said(r#"{"RequireNumbers": true}"#), [Advice::Composition]);
    assert_eq!(said(r#"{"MaxPasswordAge": 30}"#), [Advice::Expiry]);
}

#[test]
fn what_is_the_vaults_to_say_no_group_says_and_mistakes_are_mistakes_there_too() {
    for text in [
        r#"{"LockoutThreshold": 5}"#,
        r#"{"LockoutDelaySeconds": 30}"#,
        r#"{"LockoutDelayMaximumSeconds": 3600}"#,
        r#"{"LockoutForgetSeconds": 86400}"#,
        r#"{"MfaDriftSteps": 1}"#,
    ] {
        let error = Policy::from_group_json(text).unwrap_err().to_string();
        assert!(error.contains("vault's"), "{error}");
    }
    for text in [
        "",
        "null",
        "[]",
        "{",
        r#"{"MinimumPasswordLength": 14}"#,
        r#"{"MinimumPasswordLenght": 20}"#,
        r#"{"MaxPasswordAge": 1, "MaxPasswordAge": 0}"#,
        r#"{"MfaRequiredFrom": "soon"}"#,
    ] {
        assert!(Policy::from_group_json(text).is_err(), "{text}");
    }
}

/// A record as it was written when policies had that many fields.
fn stored(fields: u64) -> Vec<u8> {
    let mut record = minicbor::Encoder::new(Vec::new());
    record.array(fields).unwrap();
    for number in [15_u16, 8, 3, 2] {
        record.u16(number).unwrap();
    }
    for answer in [false, false, false, false, true] {
        record.bool(answer).unwrap();
    }
    record.u16(0).unwrap().u8(0).unwrap().bool(false).unwrap();
    record.array(0).unwrap().u16(5).unwrap();
    for seconds in [30_u32, 60 * 60, 24 * 60 * 60] {
        record.u32(seconds).unwrap();
    }
    if fields > 17 {
        record.str("").unwrap();
    }
    record.into_writer()
}

#[test]
fn a_policy_that_was_stored_before_it_had_a_field_means_what_the_default_means() {
    for fields in [17, 18] {
        let of_before: Policy = minicbor::decode(&stored(fields)).unwrap();
        assert_eq!(of_before, Policy::default(), "{fields}");
    }
    let strict = policy(r#"{"MfaDriftSteps": 0}"#).unwrap();
    let again: Policy = minicbor::decode(&minicbor::to_vec(&strict).unwrap()).unwrap();
    assert_eq!(again, strict);
}
