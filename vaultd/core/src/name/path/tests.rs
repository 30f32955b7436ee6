//! Every bad path, and what the good ones mean.

use proptest::prelude::*;

use super::*;

fn rule(text: &str) -> PathError {
    SecretPath::try_from(text).unwrap_err()
}

#[test]
fn ordinary_paths_keep_their_text() {
    for text in [
        "a",
        "db/password",
        "prod/eu/api key",
        "Ünï/côde/名前",
        "a.b/..c/...",
        "%2e%2e/#@:",
        "x/-",
    ] {
        assert_eq!(SecretPath::try_from(text).unwrap().as_str(), text);
        assert_eq!(FolderPath::try_from(text).unwrap().as_str(), text);
    }
}

#[test]
fn limits_are_met_exactly() {
    let longest = |n: usize| vec!["a".repeat(255); n].join("/");
    assert!(SecretPath::try_from("a".repeat(255).as_str()).is_ok());
    assert_eq!(rule(&"a".repeat(256)), PathError::SegmentTooLong);
    let full = format!("{}/{}", longest(3), "b".repeat(1024 - 768));
    assert_eq!(full.len(), 1024);
    assert_eq!(rule(&full), PathError::SegmentTooLong);
    let full = format!("{}/b/{}", longest(3), "b".repeat(1024 - 770));
    assert_eq!(full.len(), 1024);
    assert!(SecretPath::try_from(full.as_str()).is_ok());
    assert_eq!(rule(&format!("{full}b")), PathError::TooLong);
    assert!(SecretPath::try_from(vec!["a"; 32].join("/").as_str()).is_ok());
    assert_eq!(rule(&vec!["a"; 33].join("/")), PathError::TooManySegments);
    // Bytes count, not characters.
    assert_eq!(rule(&"é".repeat(128)), PathError::SegmentTooLong);
}

#[test]
fn shapes_that_could_be_read_two_ways_are_refused() {
    let cases = [
        ("", PathError::Empty),
        ("/", PathError::EdgeSlash),
        ("/a", PathError::EdgeSlash),
        ("a/", PathError::EdgeSlash),
        ("a//b", PathError::EmptySegment),
        (".", PathError::Dots),
        ("..", PathError::Dots),
        ("a/./b", PathError::Dots),
        ("a/../b", PathError::Dots),
        ("../a", PathError::Dots),
        ("a/..", PathError::Dots),
    ];
    for (text, expected) in cases {
        assert_eq!(rule(text), expected, "{text:?}");
    }
}

#[test]
fn characters_that_nobody_sees_are_refused() {
    let hidden = "\0\u{1}\t\n\r\u{7f}\u{80}\u{9f}\u{ad}\u{34f}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\
                  \u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{3164}\u{fe0f}\u{feff}\u{fff9}\u{e0001}\u{e0100}";
    for c in hidden.chars() {
        for text in [
            format!("{c}"),
            format!("a{c}"),
            format!("{c}/a"),
            format!("a/b{c}b/c"),
        ] {
            assert_eq!(
                rule(&text),
                PathError::HiddenCharacter,
                "U+{:04X}",
                u32::from(c)
            );
            assert!(FolderPath::try_from(text.as_str()).is_err());
        }
    }
}

#[test]
fn a_path_that_is_not_normalised_is_refused_and_not_repaired() {
    for text in [
        "e\u{301}",
        "a/\u{212b}",
        "\u{17f}\u{323}\u{307}",
        "\u{2126}hm",
    ] {
        assert_eq!(rule(text), PathError::NotNormalised, "{text:?}");
    }
    assert!(SecretPath::try_from("\u{e9}").is_ok());
    // Compatibility forms are names of their own: only NFC is asked for.
    assert!(SecretPath::try_from("\u{fb01}").is_ok());
}

#[test]
fn a_folder_covers_itself_and_what_lies_below_but_not_its_neighbours() {
    let folder = FolderPath::try_from("a/b").unwrap();
    let contains = |text| folder.contains(&SecretPath::try_from(text).unwrap());
    assert!(contains("a/b/c") && contains("a/b/c/d"));
    assert!(!contains("a/b") && !contains("a/bc") && !contains("a") && !contains("x/a/b/c"));
    let covers = |text| folder.covers(&FolderPath::try_from(text).unwrap());
    assert!(covers("a/b") && covers("a/b/c"));
    assert!(!covers("") && !covers("a") && !covers("a/bc"));
    assert!(FolderPath::root().covers(&folder) && FolderPath::root().covers(&FolderPath::root()));
    assert!(FolderPath::root().contains(&SecretPath::try_from("a").unwrap()));
}

#[test]
fn parents_and_names_are_the_two_halves() {
    let path = SecretPath::try_from("a/b/c").unwrap();
    assert_eq!((path.parent().as_str(), path.name()), ("a/b", "c"));
    let top = SecretPath::try_from("a").unwrap();
    assert!(top.parent().is_root());
    assert_eq!(top.parent().parent(), None);
    assert_eq!(path.parent().parent().unwrap().as_str(), "a");
    assert_eq!(FolderPath::root().segments().count(), 0);
    assert_eq!(FolderPath::root().name(), None);
}

#[test]
fn debug_does_not_show_a_path() {
    assert_eq!(
        format!("{:?}", SecretPath::try_from("canary").unwrap()),
        "SecretPath(..)"
    );
    assert_eq!(
        format!("{:?}", FolderPath::try_from("canary").unwrap()),
        "FolderPath(..)"
    );
}

proptest! {
    #[test]
    fn what_is_accepted_obeys_every_rule(text in r"[a-c./\u{0}-\u{20}\u{300}-\u{310}\u{e0}-\u{f0}\u{200b}-\u{2070}]{0,40}") {
        let Ok(path) = SecretPath::try_from(text.as_str()) else { return Ok(()) };
        prop_assert_eq!(path.as_str(), &text);
        prop_assert!(path.segments().all(|s| !s.is_empty() && s != "." && s != ".." && s.len() <= 255));
        prop_assert!(unicode_normalization::is_nfc(&text));
        prop_assert!(!text.chars().any(char::is_control));
        let whole = path.parent().segments().chain([path.name()]).collect::<Vec<_>>().join("/");
        prop_assert_eq!(whole, text);
    }
}
