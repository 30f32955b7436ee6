//! One form for every way to type a name, or a refusal.

use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use unicode_normalization::UnicodeNormalization;

use super::*;

fn name(typed: &str) -> Result<String, UserNameError> {
    UserName::try_from(typed).map(|name| name.as_str().to_owned())
}

fn is_refused_for_a_character(typed: &str) -> bool {
    matches!(name(typed), Err(UserNameError::Character(_)))
}

#[test]
fn names_map_as_rfc_8265_table_1_says() {
    for (typed, form) in [
        ("juliet@example.com", "juliet@example.com"),
        ("fussball", "fussball"),
        ("fu\u{df}ball", "fu\u{df}ball"),
        ("\u{3c0}", "\u{3c0}"),
        ("\u{3a3}", "\u{3c3}"),
        ("\u{3c3}", "\u{3c3}"),
        ("\u{3c2}", "\u{3c2}"),
    ] {
        assert_eq!(name(typed).as_deref(), Ok(form), "{typed:?}");
    }
    assert_eq!(name("foo bar"), Err(UserNameError::Character(4)));
    assert_eq!(name(""), Err(UserNameError::Empty));
    assert_eq!(name("henry\u{2163}"), Err(UserNameError::Character(6)));
    assert_eq!(name("\u{265a}"), Err(UserNameError::Character(1)));
}

#[test]
fn case_width_and_composition_do_not_make_another_name() {
    for typed in ["rené", "RENÉ", "Rene\u{301}", "ｒｅｎｅ\u{301}", "ＲＥＮÉ"] {
        assert_eq!(name(typed).as_deref(), Ok("ren\u{e9}"), "{typed:?}");
    }
    for typed in ["alice", "ALICE", "aLiCe", "ａｌｉｃｅ", "ＡＬＩＣＥ"] {
        assert_eq!(name(typed).as_deref(), Ok("alice"), "{typed:?}");
    }
}

#[test]
fn spaces_of_every_kind_are_refused_wherever_they_stand() {
    let spaces = "\t\n\r\u{b}\u{c} \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\
                  \u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
    for space in spaces.chars() {
        for typed in [
            format!("{space}root"),
            format!("ro{space}ot"),
            format!("root{space}"),
        ] {
            assert!(is_refused_for_a_character(&typed), "{typed:?}");
        }
    }
}

#[test]
fn what_cannot_be_seen_is_refused() {
    for hidden in [
        '\0',
        '\u{7f}',
        '\u{ad}',
        '\u{34f}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{e0041}',
        '\u{1d173}',
        '\u{fff9}',
    ] {
        for typed in [format!("ali{hidden}ce"), format!("alice{hidden}")] {
            assert!(is_refused_for_a_character(&typed), "{hidden:?}");
        }
    }
    // a joiner after a virama is PRECIS's to allow, and still invisible
    assert!(is_refused_for_a_character("\u{915}\u{94d}\u{200d}\u{937}"));
}

#[test]
fn what_means_something_elsewhere_is_refused() {
    for c in "!\"#$%&'()*+,/:;<=>?[\\]^`{|}~".chars() {
        assert!(is_refused_for_a_character(&format!("a{c}b")), "{c}");
        // its full-width form is mapped to it, and then refused
        let wide = char::from_u32(u32::from(c) + 0xfee0).unwrap();
        assert!(is_refused_for_a_character(&format!("a{wide}b")), "{wide}");
    }
    for typed in [".", "..", "-rf", "_x", "@file", ".a", "\u{301}a", "－a"] {
        assert_eq!(name(typed), Err(UserNameError::Start), "{typed:?}");
    }
    for typed in ["a.b", "a-b", "a_b", "a@b", "7", "10234", "a-", "a..b"] {
        assert_eq!(name(typed).as_deref(), Ok(typed));
    }
}

#[test]
fn compatibility_forms_and_unassigned_characters_are_refused() {
    for c in [
        '\u{212a}', // Kelvin sign, lower-cases to k
        '\u{2126}',
        '\u{1e9b}',
        '\u{fb01}',
        '\u{2460}',
        '\u{b2}',
        '\u{3a9}'.to_lowercase().next().map_or(' ', |_| '\u{1d6c0}'),
        '\u{1c5}',
        '\u{fdfa}',
        '\u{1f600}',
        '\u{1100}',
        '\u{e000}',
        '\u{fffd}',
        '\u{10ffff}',
        '\u{1c90}',
        '\u{ab70}',
    ] {
        assert!(is_refused_for_a_character(&format!("a{c}")), "{c:?}");
    }
}

#[test]
fn a_form_that_has_another_form_is_refused() {
    // Unicode 8 gave Cherokee lower case, which the registry does not know
    assert!(name("\u{13a0}").is_err());
    assert_eq!(name("\u{130}x").as_deref(), Ok("i\u{307}x"));
    assert_eq!(name("i\u{307}x").as_deref(), Ok("i\u{307}x"));
}

#[test]
fn directions_are_not_mixed() {
    assert!(name("\u{5d0}\u{5d1}\u{5d2}").is_ok());
    assert!(name("\u{627}\u{644}1").is_ok());
    for typed in ["a\u{5d0}", "\u{5d0}a", "\u{5d0}-", "1\u{5d0}"] {
        assert_eq!(name(typed), Err(UserNameError::Direction), "{typed:?}");
    }
}

#[test]
fn lengths_are_bounded_in_characters_of_the_form() {
    assert!(name(&"a".repeat(128)).is_ok());
    assert!(name(&"\u{e9}".repeat(128)).is_ok());
    assert!(name(&"e\u{301}".repeat(128)).is_ok(), "one character each");
    for typed in [
        "a".repeat(129),
        "\u{e9}".repeat(129),
        "a".repeat(513),
        "a".repeat(1 << 20),
    ] {
        assert_eq!(name(&typed), Err(UserNameError::TooLong));
    }
}

#[test]
fn debug_hides_and_encoding_keeps_a_name() {
    let name = UserName::try_from("Canary").unwrap();
    assert_eq!(format!("{name:?}"), "UserName(..)");
    assert_eq!(name.to_string(), "canary");
    let read: UserName = minicbor::decode(&minicbor::to_vec(&name).unwrap()).unwrap();
    assert_eq!(read, name);
    for error in [
        UserNameError::Empty,
        UserNameError::Character(3),
        UserNameError::Direction,
    ] {
        assert!(!error.to_string().contains("canary"));
    }
}

/// Letters of many scripts, marks, and what should never pass.
fn typed() -> impl Strategy<Value = String> {
    let letters = "[a-zA-Z0-9._@\u{c0}-\u{24f}\u{300}-\u{36f}\u{370}-\u{3ff}\u{400}-\u{45f}\u{5d0}-\u{5ea}\u{1e00}-\u{1eff}\u{ff21}-\u{ff5a}\u{ac00}-\u{ac80}\u{13a0}-\u{13ff}]{1,12}";
    proptest::prop_oneof![letters, any::<String>(), "\\PC{1,8}"]
}

proptest! {
    #[test]
    fn the_canonical_form_is_its_own(typed in typed()) {
        if let Ok(form) = name(&typed) {
            prop_assert_eq!(name(&form), Ok(form.clone()));
            prop_assert!(!form.contains(char::is_whitespace) && !form.contains(is_hidden));
            prop_assert!(form.chars().nfc().eq(form.chars()));
            prop_assert!(!form.is_empty() && form.chars().count() <= MAX_NAME_CHARACTERS);
        }
    }

    #[test]
    fn variants_of_a_name_are_that_name_or_refused(typed in typed(), at in any::<proptest::sample::Index>()) {
        let Ok(form) = name(&typed) else { return Ok(()) };
        let lower = typed.to_lowercase();
        let wide: String = form
            .chars()
            .map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c) } else { c })
            .collect();
        for variant in [form.nfd().collect::<String>(), typed.nfc().collect(), typed.nfd().collect(), wide] {
            if let Ok(other) = name(&variant) {
                prop_assert_eq!(&other, &form);
            }
        }
        // by characters: the whole-string mapping knows a final sigma, the profile does not
        let upper: String = form.chars().map(|c| { let mut up = c.to_uppercase(); match (up.next(), up.next()) { (Some(one), None) if one.to_lowercase().eq([c]) => one, _ => c } }).collect();
        prop_assert_eq!(&name(&upper).unwrap_or_else(|_| form.clone()), &form);
        if let Ok(other) = name(&lower) {
            prop_assert_eq!(other.replace('\u{3c2}', "\u{3c3}"), form.replace('\u{3c2}', "\u{3c3}"));
        }
        let mut spaced: Vec<char> = form.chars().collect();
        spaced.insert(at.index(spaced.len() + 1), ' ');
        prop_assert!(name(&spaced.into_iter().collect::<String>()).is_err());
    }
}
