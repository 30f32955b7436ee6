//! Files as a daemon leaves them, and as somebody else does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;

mod verify;

/// A line as the daemon writes it.
fn line(sequence: u64, who: &str) -> String {
    format!(
        "{{\"seq\":{sequence},\"time\":\"2026-01-01T00:00:{:02}.000Z\",\"type\":\"request\",\"node\":1,\
         \"action\":\"secret:GetValue\",\"principal\":\"{who}\",\"resources\":[\"`a/b`\"],\"status\":\"ok\"}}\n",
        sequence % 60
    )
}

fn lines(range: std::ops::RangeInclusive<u64>) -> String {
    range.map(|sequence| line(sequence, "alice")).collect()
}

/// A directory with these files.
fn trail(files: &[(&str, String)]) -> (TempDir, Arc<Trail>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let fd = OwnedFd::from(File::open(dir.path()).unwrap());
    let trail = Arc::new(Trail::beside(&fd).unwrap());
    (dir, trail)
}

fn three() -> (TempDir, Arc<Trail>) {
    trail(&[
        (&retired(10), lines(1..=10)),
        (&retired(20), lines(11..=20)),
        (CURRENT, lines(21..=25)),
    ])
}

fn rotate(dir: &Path, last: u64) {
    fs::rename(dir.join(CURRENT), dir.join(retired(last))).unwrap();
    fs::write(dir.join(CURRENT), "").unwrap();
}

fn append(dir: &Path, text: &str) {
    use std::io::Write as _;
    let file = fs::OpenOptions::new().append(true).open(dir.join(CURRENT));
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

/// Everything until there is nothing more at present.
fn drain<W: Work>(work: &mut W) -> Vec<W::Piece> {
    let mut pieces = Vec::new();
    loop {
        match work.step().unwrap() {
            Step::Piece(piece) => pieces.push(piece),
            Step::Onward => {}
            Step::Wait | Step::End => return pieces,
        }
    }
}

fn numbers(pages: Vec<Page>) -> Vec<u64> {
    let lines = pages.into_iter().flat_map(|page| page.lines);
    lines.map(|line| line.sequence).collect()
}

fn search(trail: &Arc<Trail>, filter: Filter) -> Vec<u64> {
    numbers(drain(&mut Search::new(trail, filter, u64::MAX).unwrap()))
}

fn names(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), name.to_owned())])
}

#[test]
fn a_search_goes_through_all_files_in_order() {
    let (_dir, trail) = three();
    let all: Vec<u64> = (1..=25).collect();
    assert_eq!(search(&trail, Filter::default()), all);
}

#[test]
fn a_search_ends_at_its_limit_and_says_that_there_is_more() {
    let (_dir, trail) = three();
    for (limit, limited) in [(24, true), (25, false)] {
        let pages = drain(&mut Search::new(&trail, Filter::default(), limit).unwrap());
        assert_eq!(pages.last().unwrap().limited, limited);
        assert_eq!(numbers(pages).len() as u64, limit);
    }
}

#[test]
fn each_part_of_a_filter_keeps_out_what_it_does_not_mean() {
    let text = lines(1..=3) + &line(4, "bob");
    let (_dir, trail) = trail(&[(CURRENT, text)]);
    let time = |text: &str| Some(text.parse().unwrap());
    let none = [
        Filter {
            callers: names("carol"),
            ..Filter::default()
        },
        Filter {
            resources: names("`a/c`"),
            ..Filter::default()
        },
        Filter {
            actions: vec!["secret:PutValue".to_owned()],
            ..Filter::default()
        },
        Filter {
            actions: vec!["secret:Get".to_owned()],
            ..Filter::default()
        },
        Filter {
            outcomes: vec!["denied"],
            ..Filter::default()
        },
        Filter {
            since: time("2026-01-01T00:00:05Z"),
            ..Filter::default()
        },
        Filter {
            until: time("2026-01-01T00:00:01Z"),
            ..Filter::default()
        },
        // One part is not enough.
        Filter {
            callers: names("bob"),
            outcomes: vec!["denied"],
            ..Filter::default()
        },
    ];
    for filter in none {
        assert_eq!(search(&trail, filter.clone()), [0; 0], "{filter:?}");
    }
    let bob = Filter {
        callers: names("bob"),
        ..Filter::default()
    };
    assert_eq!(search(&trail, bob), [4]);
    let some = Filter {
        actions: vec!["secret:*".to_owned()],
        outcomes: vec!["denied", "ok"],
        since: time("2026-01-01T00:00:02Z"),
        until: time("2026-01-01T00:00:04Z"),
        ..Filter::default()
    };
    assert_eq!(search(&trail, some), [2, 3]);
}

#[test]
fn a_blinded_name_is_shown_as_it_was_asked_for_and_no_other_is() {
    let text = line(1, "hmac:aa") + &line(2, "hmac:bb");
    let (_dir, trail) = trail(&[(CURRENT, text)]);
    let callers = BTreeMap::from([("hmac:aa".to_owned(), "alice".to_owned())]);
    let filter = Filter {
        callers,
        ..Filter::default()
    };
    let pages = drain(&mut Search::new(&trail, filter, u64::MAX).unwrap());
    let found = &pages[0].lines;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].names["hmac:aa"], "alice");
    assert_eq!(found[0].names.len(), 1);
}

#[test]
fn what_is_no_audit_line_is_counted_and_passed_over() {
    let long = "x".repeat(lines::LONGEST + 10);
    let text = format!(
        "{}nonsense\n\u{fffd}\n{long}\n{{\"seq\":\"4\"}}\n{}",
        line(1, "a"),
        line(2, "a")
    );
    let (_dir, trail) = trail(&[(CURRENT, text)]);
    let pages = drain(&mut Search::new(&trail, Filter::default(), u64::MAX).unwrap());
    assert_eq!(pages.last().unwrap().unreadable, 4);
    assert_eq!(numbers(pages), [1, 2]);
}

#[test]
fn a_tail_begins_with_the_last_lines_that_match_from_whatever_file() {
    let (_dir, trail) = three();
    for (wanted, first) in [(0, 26), (3, 23), (5, 21), (12, 14), (25, 1), (1000, 1)] {
        let mut follower = Tail::new(&trail, Filter::default(), wanted, true).unwrap();
        let all: Vec<u64> = (first..=25).collect();
        assert_eq!(numbers(drain(&mut follower)), all, "{wanted}");
    }
    let none = Filter {
        callers: names("carol"),
        ..Filter::default()
    };
    let mut follower = Tail::new(&trail, none, 10, true).unwrap();
    assert_eq!(numbers(drain(&mut follower)), [0; 0]);
}

#[test]
fn a_tail_goes_on_through_rotations_and_misses_and_repeats_nothing() {
    let (dir, trail) = three();
    let mut follower = Tail::new(&trail, Filter::default(), 2, false).unwrap();
    assert_eq!(numbers(drain(&mut follower)), [24, 25]);
    append(dir.path(), &line(26, "a"));
    assert_eq!(numbers(drain(&mut follower)), [26]);
    // Written to the old file after it was read last, then two rotations at once.
    append(dir.path(), &line(27, "a"));
    rotate(dir.path(), 27);
    append(dir.path(), &lines(28..=29));
    rotate(dir.path(), 29);
    append(dir.path(), &line(30, "a"));
    assert_eq!(numbers(drain(&mut follower)), [27, 28, 29, 30]);
    rotate(dir.path(), 30);
    assert_eq!(numbers(drain(&mut follower)), [0; 0]);
    append(dir.path(), &line(31, "a"));
    assert_eq!(numbers(drain(&mut follower)), [31]);
}

#[test]
fn a_tail_whose_file_was_rotated_away_goes_on_with_the_oldest_that_is_left() {
    let (dir, trail) = three();
    let mut follower = Tail::new(&trail, Filter::default(), 0, false).unwrap();
    assert_eq!(numbers(drain(&mut follower)), [0; 0]);
    append(dir.path(), &line(26, "a"));
    rotate(dir.path(), 26);
    append(dir.path(), &line(27, "a"));
    rotate(dir.path(), 27);
    for gone in [10, 20, 26] {
        fs::remove_file(dir.path().join(retired(gone))).unwrap();
    }
    // The file is gone by name only: what it holds is still read.
    assert_eq!(numbers(drain(&mut follower)), [26, 27]);
}

#[test]
fn half_way_through_a_rotation_nothing_is_missed() {
    let (dir, trail) = three();
    let mut follower = Tail::new(&trail, Filter::default(), 0, false).unwrap();
    append(dir.path(), &line(26, "a"));
    let all: Vec<u64> = (1..=26).collect();
    fs::rename(dir.path().join(CURRENT), dir.path().join(retired(26))).unwrap();
    assert_eq!(numbers(drain(&mut follower)), [26]);
    assert_eq!(search(&trail, Filter::default()), all);
    let mut late = Tail::new(&trail, Filter::default(), 1, false).unwrap();
    assert_eq!(numbers(drain(&mut late)), [26]);
    fs::write(dir.path().join(CURRENT), line(27, "a")).unwrap();
    assert_eq!(numbers(drain(&mut follower)), [27]);
    assert_eq!(numbers(drain(&mut late)), [27]);
}

#[test]
fn a_line_is_shown_when_it_is_whole_and_not_before() {
    let (dir, trail) = three();
    let mut follower = Tail::new(&trail, Filter::default(), 0, false).unwrap();
    let next = line(26, "a");
    let (begun, rest) = next.split_at(40);
    append(dir.path(), begun);
    assert_eq!(numbers(drain(&mut follower)), [0; 0]);
    append(dir.path(), rest);
    assert_eq!(numbers(drain(&mut follower)), [26]);
    // A write that failed half-way is cut off again.
    let length = fs::metadata(dir.path().join(CURRENT)).unwrap().len();
    let failed = line(27, "much longer than what follows");
    append(dir.path(), failed.split_at(90).0);
    assert_eq!(numbers(drain(&mut follower)), [0; 0]);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(dir.path().join(CURRENT));
    file.unwrap().set_len(length).unwrap();
    assert_eq!(numbers(drain(&mut follower)), [0; 0]);
    append(dir.path(), &lines(27..=28));
    assert_eq!(numbers(drain(&mut follower)), [27, 28]);
}

#[test]
fn links_and_other_files_are_not_read() {
    let (dir, trail) = three();
    let secret = dir.path().join("elsewhere");
    fs::write(&secret, line(1, "a")).unwrap();
    fs::remove_file(dir.path().join(CURRENT)).unwrap();
    std::os::unix::fs::symlink(&secret, dir.path().join(CURRENT)).unwrap();
    assert!(Search::new(&trail, Filter::default(), 1).is_err());
    fs::remove_file(dir.path().join(CURRENT)).unwrap();
    fs::create_dir(dir.path().join(CURRENT)).unwrap();
    assert!(Search::new(&trail, Filter::default(), 1).is_err());
}

#[test]
fn the_last_line_with_a_number_is_found_however_long_it_is() {
    let long = line(7, &"x".repeat(300_000));
    for text in [
        long.clone(),
        lines(5..=6) + &long,
        long.clone() + "torn",
        long + "{\"seq\":",
    ] {
        let (dir, _trail) = trail(&[(CURRENT, text)]);
        let file = File::open(dir.path().join(CURRENT)).unwrap();
        let length = file.metadata().unwrap().len();
        assert_eq!(
            super::super::directory::last_line_of(&file, length).unwrap(),
            Some(7)
        );
    }
}

#[test]
fn who_assumed_a_role_is_found_by_his_own_name() {
    let through = line(2, "role:ops/else").replace(
        "\"principal\"",
        "\"assumed_by\":\"user:alice\",\"principal\"",
    );
    let (_dir, trail) = trail(&[(CURRENT, line(1, "bob") + &through)]);
    let filter = Filter {
        callers: names("user:alice"),
        ..Filter::default()
    };
    assert_eq!(search(&trail, filter), [2]);
}
