//! Which new passwords pass: length in code points, lists, names, strength.

use proptest::prelude::{any, prop_assert, proptest};
use sha1::Digest as _;

use super::super::strength::{WINDOW, windows};
use super::super::*;

const STRONG: &str = "vq7 lantern Ozark plinth 40";

struct Account<'a> {
    factors: Factors,
    words: &'a [&'a str],
    list: Blocklist,
}

impl Account<'_> {
    fn judge(&self, policy: &Policy, typed: &str) -> Vec<Weakness> {
        let password = Password::try_from(typed).unwrap();
        let context = Context {
            factors: self.factors,
            words: self.words,
            blocklist: &self.list,
        };
        check(policy, &password, &context).err().unwrap_or_default()
    }
}

fn account(factors: Factors) -> Account<'static> {
    Account {
        factors,
        words: &["alice@example.com", "vaultd"],
        list: Blocklist::default(),
    }
}

fn judge(typed: &str) -> Vec<Weakness> {
    account(Factors::Alone).judge(&Policy::default(), typed)
}

fn listed(text: &str) -> Result<Blocklist, BadLine> {
    let mut reading = Reading::default();
    for line in text.split('\n') {
        reading.line(line.as_bytes())?;
    }
    Ok(reading.done())
}

/// As "Pwned Passwords" has it, in capitals.
fn pwned(password: &str) -> String {
    hex::encode_upper(sha1::Sha1::digest(password.as_bytes()))
}

fn policy(text: &str) -> Policy {
    Policy::from_json(text).unwrap()
}

#[test]
fn good_passwords_pass() {
    for typed in [
        STRONG,
        "grüne Tinte schwimmt oben",
        "правильно лошадь скрепка",
        "\u{1f600}x\u{2666}7kqz\u{e9}Wm2pLtv",
        "qZ8#vLx2!mRt9&Kp",
    ] {
        assert_eq!(judge(typed), [], "{typed:?}");
    }
    let eight = account(Factors::WithMfa).judge(&Policy::default(), "xq7vkz2m");
    assert_eq!(eight, [], "eight random characters beside a second factor");
}

#[test]
fn fourteen_characters_are_too_few_alone_and_seven_with_a_second_factor() {
    for (factors, least) in [(Factors::Alone, 15_u16), (Factors::WithMfa, 8)] {
        let all = "xq7vkz2mjw4tbh9".chars().cycle();
        for unit in ["", "\u{e9}", "\u{1f600}"] {
            let typed: String = unit
                .chars()
                .chain(all.clone())
                .take(usize::from(least) - 1)
                .collect();
            let found = account(factors).judge(&Policy::default(), &typed);
            assert!(found.contains(&Weakness::TooShort { least }), "{typed:?}");
            let found = account(factors).judge(&Policy::default(), &format!("{typed}u"));
            assert_eq!(found, [], "{typed:?}");
        }
    }
    // marks that compose do not make it longer
    assert!(judge(&"e\u{301}".repeat(14)).contains(&Weakness::TooShort { least: 15 }));
}

#[test]
fn listed_passwords_are_refused_in_every_spelling() {
    let lax = policy(r#"{"MinimumStrength": 0, "MinimumStrengthWithMfa": 0}"#);
    let account = account(Factors::WithMfa);
    for typed in [
        "password",
        "PASSWORD",
        "PassWord",
        "ｐａｓｓｗｏｒｄ",
        "12345678",
        "qwertyuiop",
        "baseball",
        "iloveyou",
        "unbelievable",
        "drowssap",
        "aaaaaaaa",
        "abcdefghijk",
    ] {
        assert!(
            account.judge(&lax, typed).contains(&Weakness::Common),
            "{typed:?}"
        );
        assert!(
            account
                .judge(&Policy::default(), typed)
                .contains(&Weakness::Common),
            "{typed:?}"
        );
    }
}

#[test]
fn the_administrators_lists_are_compared_whole_and_folded() {
    let list = listed("Winter Games Oslo 1952\n\n  Ünser Geheimnis ist groß \r\nx\n").unwrap();
    assert_eq!(list.len(), 3);
    let account = Account {
        list,
        ..account(Factors::Alone)
    };
    let policy = policy(r#"{"BlockedPasswords": ["Correct Horse Battery Staple"]}"#);
    for typed in [
        "winter games oslo 1952",
        "WINTER GAMES OSLO 1952",
        "u\u{308}nser geheimnis ist groß",
        "correct horse battery staple",
        "CORRECT HORSE BATTERY STAPLE",
    ] {
        assert_eq!(
            account.judge(&policy, typed),
            [Weakness::Blocked],
            "{typed:?}"
        );
    }
    for typed in [
        "winter games oslo 1952 and more",
        "my winter games oslo 1952",
    ] {
        assert_eq!(account.judge(&policy, typed), [], "{typed:?}");
    }
}

#[test]
fn names_do_not_count_towards_a_password() {
    for typed in [
        "alice alice alice",
        "alice@example.com",
        "Alice-Example-7421",
        "vaultd!alice!2026",
        "exampleALICEcom",
    ] {
        assert!(
            judge(typed).contains(&Weakness::Context),
            "{typed:?}: {:?}",
            judge(typed)
        );
    }
    for typed in ["malice towards none, ever", "alice likes 17 green kettles"] {
        assert!(!judge(typed).contains(&Weakness::Context), "{typed:?}");
    }
    let nobody = Account {
        words: &["", "x", "--", "ab"],
        ..account(Factors::Alone)
    };
    assert_eq!(nobody.judge(&Policy::default(), STRONG), []);
}

#[test]
fn guessable_passwords_are_refused_and_said_to_be() {
    for typed in [
        "passwordpassword",
        "111111111111111111",
        "qwertyuiopasdfghjkl",
        "abcabcabcabcabcabc",
        "januaryfebruary",
    ] {
        let found = judge(typed);
        assert!(
            found.contains(&Weakness::Guessable) || found.contains(&Weakness::Common),
            "{typed:?}: {found:?}"
        );
    }
    // a weak head does not spoil a strong tail
    assert_eq!(judge(&format!("{}{STRONG}", "a".repeat(40))), []);
    assert!(!judge(&"a".repeat(1024)).is_empty());
}

#[test]
fn composition_rules_are_off_unless_asked_for_and_each_is_named() {
    let strict = policy(
        r#"{"RequireSymbols": true, "RequireNumbers": true, "RequireUppercaseCharacters": true,
            "RequireLowercaseCharacters": true}"#,
    );
    let account = account(Factors::Alone);
    for (typed, missing) in [
        ("lantern ozark plinth 40!", Weakness::NoUppercase),
        ("LANTERN OZARK PLINTH 40!", Weakness::NoLowercase),
        ("Lantern Ozark Plinth vq!", Weakness::NoNumber),
        ("Lantern Ozark Plinth 40", Weakness::NoSymbol),
    ] {
        assert_eq!(account.judge(&strict, typed), [missing], "{typed:?}");
        assert_eq!(account.judge(&Policy::default(), typed), [], "{typed:?}");
    }
    assert_eq!(account.judge(&strict, "Lantern Ozark Plinth 40!"), []);
}

#[test]
fn every_reason_is_given_and_none_shows_the_password() {
    let strict = policy(
        r#"{"RequireSymbols": true, "RequireNumbers": true, "RequireUppercaseCharacters": true, "BlockedPasswords": ["alice"]}"#,
    );
    let found = account(Factors::Alone).judge(&strict, "alice");
    for reason in [
        Weakness::TooShort { least: 15 },
        Weakness::NoSymbol,
        Weakness::NoNumber,
        Weakness::NoUppercase,
        Weakness::Common,
        Weakness::Blocked,
        Weakness::Context,
    ] {
        assert!(found.contains(&reason), "{reason:?}");
    }
    for reason in found {
        assert!(!format!("{reason} {reason:?}").contains("alice"));
    }
}

#[test]
fn texts_that_keep_an_estimator_busy_are_judged() {
    let account = account(Factors::Alone);
    for unit in [
        "4@8({[<369!1|07$5+%2",
        "a",
        "ab",
        "1",
        "\u{1f600}",
        "aA4@",
        "19991231",
        "$5+7",
    ] {
        let typed: String = unit.chars().cycle().take(1024).collect();
        drop(account.judge(&Policy::default(), &typed));
        // more takes it thirty times as long
        let (head, tail) = windows(&typed);
        let tail = tail.unwrap();
        assert_eq!((head.chars().count(), tail.chars().count()), (24, 24));
        assert!(typed.starts_with(&*head) && typed.ends_with(&*tail));
    }
}

#[test]
fn a_list_of_sha1_is_of_passwords_as_they_are_typed_and_as_they_fold() {
    // FIPS 180-4's example, in either case, with and without a count
    assert_eq!(pwned("abc"), "A9993E364706816ABA3E25717850C26C9CD0D89D");
    let counted = |text: &str| format!("{}:{}", pwned(text), text.len());
    let lines = [
        counted("winter games oslo 1952"),
        pwned("Correct Horse Battery Staple").to_lowercase(),
        counted("not of these"),
    ];
    let account = Account {
        list: listed(&lines.join("\r\n")).unwrap(),
        ..account(Factors::Alone)
    };
    assert_eq!(
        (account.list.len(), account.list.form()),
        (3, "SHA-1 of passwords")
    );
    for typed in [
        "winter games oslo 1952",
        "Winter Games OSLO 1952",
        "Correct Horse Battery Staple",
    ] {
        assert_eq!(
            account.judge(&Policy::default(), typed),
            [Weakness::Blocked],
            "{typed:?}"
        );
    }
    for typed in ["winter games oslo 1953", "correct horse battery Staple"] {
        assert_eq!(account.judge(&Policy::default(), typed), [], "{typed:?}");
    }
}

#[test]
fn what_is_no_list_is_told_by_the_line_and_never_by_what_stands_there() {
    let sha1 = pwned("abc");
    let (short, ntlm) = (sha1.replacen('A', "", 1), "0f".repeat(16));
    let long = "x".repeat(MAX_BYTES + 1);
    for (lines, wanted) in [
        (&[sha1.as_str(), "hunter2"][..], BadLine::NoSha1),
        (&[&sha1, &short], BadLine::NoSha1),
        (&[&sha1, &format!("{sha1}:")], BadLine::NoSha1),
        (&[&sha1, &format!("{sha1}:x")], BadLine::NoSha1),
        (&[&sha1, &format!("{sha1} 7")], BadLine::NoSha1),
        (&[&ntlm], BadLine::OtherHash),
        (&["", &format!("{ntlm}:12")], BadLine::OtherHash),
        (&[&"0f".repeat(32)], BadLine::OtherHash),
        (&["a word", &long], BadLine::TooLong),
    ] {
        let refused = listed(&lines.join("\n")).unwrap_err();
        assert_eq!(refused, wanted, "{lines:?}");
        let said = refused.to_string();
        assert!(
            lines
                .iter()
                .all(|line| line.is_empty() || !said.contains(line))
        );
    }
    let mut reading = Reading::default();
    assert_eq!(reading.line(b"caf\xe9"), Err(BadLine::Encoding));
    // a hash among words is a word: somebody did choose such a password
    let mixed = listed(&format!("\u{feff}a word\n{sha1}\n")).unwrap();
    assert_eq!((mixed.len(), mixed.form()), (2, "passwords"));
}

#[test]
fn no_text_is_shown_to_the_estimator_but_its_ends() {
    for length in [0, 1, 23, 24, 25, 47, 48, 49, 1024] {
        let typed: String = "\u{e9}a\u{1f600}".chars().cycle().take(length).collect();
        let (head, tail) = windows(&typed);
        assert_eq!(head.chars().count(), length.min(WINDOW));
        assert_eq!(tail.is_some(), length > WINDOW);
        assert!(tail.is_none_or(|tail| tail.chars().count() == WINDOW));
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    #[test]
    fn no_text_makes_the_judge_fall_over(typed in any::<String>(), word in any::<String>()) {
        if let Ok(password) = Password::try_from(typed.as_str()) {
            let Ok(list) = listed(&word) else { return Ok(()) };
            let words = [word.as_str(), "\u{130}\u{df}\u{fb03}"];
            let context = Context { factors: Factors::Alone, words: &words, blocklist: &list };
            let judged = check(&Policy::default(), &password, &context);
            prop_assert!(password.characters() >= 15 || judged.is_err());
        }
    }
}
