//! Names of regions: plain ASCII, because configuration files, policies and commands write them.

use super::checked::checked;

/// Most characters of a region's name.
pub const MAX_REGION_CHARACTERS: usize = 64;

/// The rule that a region's name breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegionNameError {
    /// Nothing at all, or over [`MAX_REGION_CHARACTERS`].
    #[error("a region's name has 1 to {MAX_REGION_CHARACTERS} characters")]
    Length,
    /// A character outside the alphabet. There is no other way to write the name that is meant.
    #[error(
        "a region's name has lower-case letters, digits, `-`, `_` and `.`, and begins with a letter or a digit"
    )]
    Character,
}

checked!(
    /// What a region is called, as `eu-west`. What is stored says its number, which no other region ever has.
    RegionName,
    RegionNameError,
    |text| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !(1..=MAX_REGION_CHARACTERS).contains(&text.len()) {
            Err(RegionNameError::Length)
        } else if text.bytes().next().is_some_and(allowed)
            && text
                .bytes()
                .all(|b| allowed(b) || matches!(b, b'-' | b'_' | b'.'))
        {
            Ok(text.into())
        } else {
            Err(RegionNameError::Character)
        }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Result<RegionName, RegionNameError> {
        text.try_into()
    }

    #[test]
    fn a_region_has_a_name_that_is_written_in_one_way() {
        for text in ["home", "eu-west", "us_east.2", "0", &"r".repeat(64)] {
            assert_eq!(named(text).unwrap().as_str(), text);
        }
        for text in [
            "EU", "eu west", "-eu", ".eu", "_eu", "é", "eu/west", "eu\n", "eu\0", "\u{435}u", "*",
            "eu,us",
        ] {
            assert_eq!(named(text), Err(RegionNameError::Character), "{text:?}");
        }
        for text in ["", &"r".repeat(65)] {
            assert_eq!(named(text), Err(RegionNameError::Length), "{text:?}");
        }
    }
}
