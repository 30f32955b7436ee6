//! Checks of trails that are whole, and of those that are not.

use super::*;

fn check(trail: &Arc<Trail>, written: u64) -> (Vec<(u64, Flaw)>, Summary) {
    let pieces = drain(&mut Check::new(trail, written).unwrap());
    let summary = pieces.last().unwrap().summary.unwrap();
    let findings = pieces.into_iter().flat_map(|piece| piece.findings);
    (findings.map(|one| (one.line, one.flaw)).collect(), summary)
}

#[test]
fn a_whole_trail_is_found_whole() {
    let (_dir, trail) = three();
    let (findings, summary) = check(&trail, 25);
    assert_eq!(findings, []);
    let expected = Summary {
        files: 3,
        lines: 25,
        first: 1,
        last: 25,
        findings: 0,
    };
    assert_eq!(summary, expected);
}

#[test]
fn a_trail_that_was_rotated_away_in_part_is_whole_from_where_it_begins() {
    let (dir, trail) = three();
    fs::remove_file(dir.path().join(retired(10))).unwrap();
    let (findings, summary) = check(&trail, 25);
    assert_eq!((findings, summary.first), (vec![], 11));
}

#[test]
fn every_kind_of_damage_is_found_where_it_is() {
    let with = |text: String| {
        let (_dir, trail) = trail(&[(CURRENT, text)]);
        check(&trail, 0).0
    };
    let torn = |sequence: u64| line(sequence, "a").split_at(30).0.to_owned() + "\n";
    let unwritten = |from: &str, to: &str| lines(1..=2) + &line(3, "a").replace(from, to);
    for (text, found) in [
        (lines(1..=2) + &lines(4..=5), vec![(3, Flaw::Gap)]),
        (lines(1..=3) + &lines(3..=5), vec![(4, Flaw::Repeated)]),
        (
            lines(1..=2) + &line(4, "a") + &line(3, "a"),
            vec![(3, Flaw::Gap), (4, Flaw::Repeated)],
        ),
        // A crash tore it, and the daemon went on after its number.
        (
            lines(1..=2) + &torn(3) + &lines(4..=5),
            vec![(3, Flaw::Unreadable)],
        ),
        (
            lines(1..=2) + "\0\0\0\n" + &lines(3..=5),
            vec![(3, Flaw::Unreadable)],
        ),
        (
            lines(1..=2) + "\n" + &lines(3..=5),
            vec![(3, Flaw::Unreadable)],
        ),
        (
            unwritten("\"seq\":3", "\"seq\": 3"),
            vec![(3, Flaw::Altered)],
        ),
        (
            unwritten("\"seq\":3", "\"seq\":003"),
            vec![(3, Flaw::Unreadable)],
        ),
        (unwritten("2026-01", "2026-1"), vec![(3, Flaw::Altered)]),
        (unwritten("request", "requesT"), vec![(3, Flaw::Altered)]),
        (unwritten("\"a\"", "\"\u{e4}\""), vec![(3, Flaw::Altered)]),
        (unwritten("\"a\"", "\"a"), vec![(3, Flaw::Unreadable)]),
        (
            unwritten("\"node\":1", "\"nod\":1"),
            vec![(3, Flaw::Unreadable)],
        ),
    ] {
        assert_eq!(with(text.clone()), found, "{text}");
    }
}

#[test]
fn files_that_end_early_are_found() {
    let (dir, trail) = three();
    // The daemon knows that it wrote more.
    assert_eq!(check(&trail, 26).0, [(5, Flaw::CutShort)]);
    fs::write(dir.path().join(retired(20)), lines(11..=19)).unwrap();
    assert_eq!(check(&trail, 25).0, [(0, Flaw::CutShort), (1, Flaw::Gap)]);
    fs::write(
        dir.path().join(retired(20)),
        lines(11..=19) + "{\"seq\":20,",
    )
    .unwrap();
    assert_eq!(
        check(&trail, 25).0,
        [(9, Flaw::Unreadable), (0, Flaw::CutShort), (1, Flaw::Gap)]
    );
    fs::remove_file(dir.path().join(retired(20))).unwrap();
    assert_eq!(check(&trail, 25).0, [(1, Flaw::Gap)]);
}

#[test]
fn findings_without_number_are_counted_and_not_all_listed() {
    let (_dir, trail) = trail(&[(CURRENT, "x\n".repeat(5000))]);
    let (findings, summary) = check(&trail, 0);
    assert_eq!((findings.len(), summary.findings), (1000, 5000));
}
