//! What is a password, in which form, and what is none.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::super::*;

fn form(typed: &str) -> Result<String, PasswordError> {
    Password::try_from(typed).map(|password| password.expose().to_owned())
}

#[test]
fn passwords_map_as_rfc_8265_table_4_says() {
    for (typed, expected) in [
        (
            "correct horse battery staple",
            "correct horse battery staple",
        ),
        (
            "Correct Horse Battery Staple",
            "Correct Horse Battery Staple",
        ),
        ("\u{3c0}\u{df}\u{e5}", "\u{3c0}\u{df}\u{e5}"),
        ("Jack of \u{2666}s", "Jack of \u{2666}s"),
        ("foo\u{1680}bar", "foo bar"),
    ] {
        assert_eq!(form(typed).as_deref(), Ok(expected), "{typed:?}");
    }
    assert_eq!(form(""), Err(PasswordError::Empty));
    assert_eq!(form("my cat is a \u{9}by"), Err(PasswordError::Character));
}

#[test]
fn composed_and_decomposed_letters_are_one_password() {
    assert_eq!(form("caf\u{e9}"), form("cafe\u{301}"));
    assert_eq!(Password::try_from("cafe\u{301}").unwrap().characters(), 4);
}

#[test]
fn case_width_and_every_character_count() {
    let base = form("secret").unwrap();
    for other in [
        "Secret",
        "SECRET",
        "secret ",
        " secret",
        "secre",
        "secrets",
        "ｓecret",
        "s\u{2003}ecret",
    ] {
        assert_ne!(form(other).unwrap(), base, "{other:?}");
    }
}

#[test]
fn controls_invisible_and_unstable_characters_are_refused() {
    for c in [
        '\0',
        '\t',
        '\n',
        '\r',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{ad}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{202e}',
        '\u{2028}',
        '\u{2060}',
        '\u{feff}',
        '\u{fe0f}',
        '\u{e0001}',
        '\u{1100}',
        '\u{e000}',
        '\u{ffff}',
        '\u{10ffff}',
        '\u{1f9ff}',
        '\u{d7ff}',
    ] {
        for typed in [
            c.to_string(),
            format!("pass{c}word"),
            format!("password{c}"),
        ] {
            assert_eq!(form(&typed), Err(PasswordError::Character), "{c:?}");
        }
    }
}

#[test]
fn length_is_counted_in_code_points_and_bytes_and_never_cut() {
    for (count, unit) in [
        (1024, "a"),
        (1024, "\u{e9}"),
        (1024, "\u{20ac}"),
        (1024, "\u{1f600}"),
        (1024, "e\u{301}"),
    ] {
        let longest = unit.repeat(count);
        let password = Password::try_from(longest.as_str()).unwrap();
        assert_eq!(password.characters(), count, "{unit:?}");
        for longer in [
            format!("{longest}a"),
            format!("a{longest}"),
            unit.repeat(count + 1),
        ] {
            assert_eq!(form(&longer), Err(PasswordError::TooLong), "{unit:?}");
        }
    }
    assert_eq!(form(&"a".repeat(64 << 20)), Err(PasswordError::TooLong));
    // U+0390 and U+FB2C grow when they are normalised
    assert_eq!(form(&"\u{fb2c}".repeat(1024)), Err(PasswordError::TooLong));
}

#[test]
fn nothing_prints_a_password() {
    let password = Password::try_from("canary-canary").unwrap();
    assert_eq!(format!("{password:?}"), "Password(..)");
    assert_eq!(format!("{password:#?}"), "Password(..)");
    for error in [
        PasswordError::Empty,
        PasswordError::TooLong,
        PasswordError::Character,
    ] {
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[test]
fn what_becomes_a_character_that_may_not_stand_there_is_refused_like_it() {
    for typed in ["\u{387}", "a\u{387}b", "\u{b7}"] {
        assert_eq!(form(typed), Err(PasswordError::Character));
    }
    assert_eq!(form("l\u{387}l"), Ok("l\u{b7}l".to_owned()));
}

proptest! {
    #[test]
    fn the_form_is_its_own_and_the_buffer_never_grew(typed in any::<String>()) {
        if let Ok(password) = Password::try_from(typed.as_str()) {
            prop_assert_eq!(form(password.expose()), Ok(password.expose().to_owned()));
            prop_assert!(password.characters() >= 1);
            prop_assert!(password.expose().len() <= 3 * typed.len());
        }
    }
}
