//! What a name looks like: by it no two names of a sort are taken for one another.
//!
//! Two rules of UTS #39, asked when a name is given, never when one is looked up, so that whoever was named under
//! other rules can still be called, changed and deleted:
//! - a name is of one script, or of Latin with Japanese, Chinese or Korean ("Highly Restrictive", §5.2);
//! - its look is nobody else's: NFD, what is not ASCII as its confusable prototype (§4), the dot over an `i` that
//!   has one already left out. ASCII letters and digits stand for themselves: `barn` and `bam`, `user1` and `userl`
//!   are names that people have.
//!
//! The tables are those of `unicode-security`: a later one may refuse a name that an earlier one gave.

use unicode_normalization::UnicodeNormalization;
use unicode_security::{confusable_detection::skeleton, mixed_script::AugmentedScriptSet};

/// Letters of scripts that nobody writes together, as in `аlice` with a Cyrillic `а`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it mixes letters of several scripts, of which some look like others: write it in one script; \
     Latin goes with Japanese, Chinese or Korean"
)]
pub struct MixedScripts;

/// The form that all names share that look like this one, which is in its canonical form.
///
/// # Errors
/// When it mixes scripts.
pub(crate) fn look(name: &str) -> Result<Box<str>, MixedScripts> {
    if name.is_ascii() {
        return Ok(name.into());
    }
    if mixes_scripts(name) {
        return Err(MixedScripts);
    }
    Ok(look_anyway(name))
}

fn look_anyway(name: &str) -> Box<str> {
    let mut look = String::with_capacity(name.len());
    for c in name.nfd() {
        if c.is_ascii() {
            look.push(c);
        } else if c == '\u{307}' && look.ends_with(['i', 'j']) {
            // `İ` in lower case is `i` with a second dot over its own
        } else {
            look.extend(skeleton(c.encode_utf8(&mut [0; 4])).flat_map(char::to_lowercase));
        }
    }
    look.nfd().collect::<String>().into()
}

fn mixes_scripts(name: &str) -> bool {
    let latin = AugmentedScriptSet::for_char('a');
    let mut all = AugmentedScriptSet::default();
    let mut beside_latin = AugmentedScriptSet::default();
    for c in name.chars() {
        let scripts = AugmentedScriptSet::for_char(c);
        all.intersect_with(scripts);
        let mut of_latin = scripts;
        of_latin.intersect_with(latin);
        if of_latin.is_empty() {
            beside_latin.intersect_with(scripts);
        }
    }
    all.is_empty() && !(beside_latin.hanb || beside_latin.jpan || beside_latin.kore)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(name: &str) -> String {
        look(name).unwrap().into_string()
    }

    #[test]
    fn names_that_mix_scripts_are_refused() {
        for name in [
            "\u{430}lice",      // Cyrillic a
            "alic\u{435}",      // Cyrillic ie
            "b\u{3bf}b",        // Greek omicron
            "\u{3b1}lice",      // Greek alpha
            "\u{581}at",        // Armenian
            "\u{5e1}am",        // Hebrew samekh
            "\u{43f}\u{3b1}",   // Cyrillic and Greek
            "\u{e01}a",         // Thai
            "\u{13aa}nn",       // Cherokee
            "\u{30a2}\u{c544}", // katakana and hangul
            "\u{3042}\u{430}",  // hiragana and Cyrillic
            "ops-\u{430}",
            "alice@\u{435}xample",
        ] {
            assert_eq!(look(name), Err(MixedScripts), "{name:?}");
        }
    }

    #[test]
    fn names_that_people_have_are_of_one_script() {
        for name in [
            "alice",
            "ren\u{e9}",
            "stra\u{df}er",
            "\u{142}ukasz",
            "s\u{f8}ren",
            "nguy\u{1ec5}n",
            "i\u{307}smail",
            "\u{430}\u{43b}\u{438}\u{441}\u{430}",
            "\u{3b1}\u{3bb}\u{3af}\u{3ba}\u{3b7}",
            "\u{7530}\u{4e2d}\u{592a}\u{90ce}",
            "\u{7530}\u{4e2d}\u{3055}\u{304f}\u{3089}",
            "\u{30bf}\u{30ca}\u{30ab}-\u{7530}\u{4e2d}",
            "tanaka.\u{7530}\u{4e2d}",
            "kim-\u{ae40}",
            "\u{674e}@example",
            "\u{645}\u{62d}\u{645}\u{62f}",
            "\u{5d3}\u{5d5}\u{5d3}",
            "\u{930}\u{93e}\u{92e}",
            "\u{430}\u{43d}\u{43d}\u{430}-7",
        ] {
            assert!(look(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_name_wholly_of_look_alikes_has_the_look_of_the_other() {
        for (name, other) in [
            ("\u{441}\u{43e}\u{441}\u{43e}", "coco"), // Cyrillic
            ("\u{430}\u{441}\u{435}", "ace"),
            ("\u{455}\u{441}\u{43e}\u{440}\u{435}", "scope"),
            ("\u{3bf}", "o"), // Greek
            ("al\u{131}ce", "alice"),
            ("i\u{307}smail", "ismail"),
            ("\u{251}lice", "alice"), // Latin alpha
        ] {
            assert_eq!(looks(name), looks(other), "{name:?} and {other:?}");
        }
    }

    #[test]
    fn marks_and_ascii_make_a_difference() {
        for (one, other) in [
            ("rene", "ren\u{e9}"),
            ("muller", "m\u{fc}ller"),
            ("barn", "bam"),
            ("user1", "userl"),
            ("vv", "w"),
            ("strasse", "stra\u{df}e"),
            ("soren", "s\u{f8}ren"),
        ] {
            assert_ne!(looks(one), looks(other), "{one:?} and {other:?}");
        }
    }
}
