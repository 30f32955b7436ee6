//! The file against what surrounds it: links, modes, torn lines, a full disk.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;

fn config(directory: &Path) -> AuditConfig {
    AuditConfig {
        rotate_bytes: 4096,
        keep_files: 2,
        keep_for: Duration::ZERO,
        reserve_bytes: 64 * 1024,
        ..AuditConfig::in_directory(directory.join("audit"))
    }
}

fn line(sequence: u64) -> Vec<u8> {
    format!("{{\"seq\":{sequence},\"time\":\"2026-01-01T00:00:00.000Z\"}}\n").into_bytes()
}

fn text(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("audit").join(CURRENT)).unwrap()
}

fn refusal(config: &AuditConfig) -> &'static str {
    match AuditFile::open(config) {
        Err(AuditError::Refused { problem, .. }) => problem,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_new_directory_and_file_are_private_and_begin_at_zero() {
    let dir = tempfile::tempdir().unwrap();
    let (_file, last) = AuditFile::open(&config(dir.path())).unwrap();
    assert_eq!(last, 0);
    let mode = |path: &str| {
        let found = dir.path().join(path).metadata().unwrap();
        found.permissions().mode() & 0o7777
    };
    assert_eq!(mode("audit"), 0o700);
    assert_eq!(mode("audit/audit.jsonl"), 0o600);
    assert_eq!(mode("audit/audit.reserve"), 0o600);
}

#[test]
fn a_directory_that_others_may_write_is_refused() {
    for mode in [0o777, 0o770, 0o720, 0o702] {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        std::fs::create_dir(&config.directory).unwrap();
        std::fs::set_permissions(&config.directory, Permissions::from_mode(mode)).unwrap();
        assert_eq!(refusal(&config), "may be written by group or others");
    }
}

#[test]
fn a_symbolic_link_is_refused_as_directory_and_as_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
    symlink(dir.path().join("elsewhere"), &config.directory).unwrap();
    assert_eq!(refusal(&config), "is a symbolic link");

    std::fs::remove_file(&config.directory).unwrap();
    std::fs::create_dir(&config.directory).unwrap();
    std::fs::set_permissions(&config.directory, Permissions::from_mode(0o700)).unwrap();
    let target = dir.path().join("target");
    std::fs::write(&target, "").unwrap();
    symlink(&target, config.directory.join(CURRENT)).unwrap();
    assert_eq!(refusal(&config), "is a symbolic link");
    assert_eq!(std::fs::read(&target).unwrap(), b"");
}

#[test]
fn what_is_not_a_private_regular_file_of_one_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    drop(AuditFile::open(&config).unwrap());
    let current = config.directory.join(CURRENT);

    std::fs::set_permissions(&current, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(refusal(&config), "must be the daemon's own, with mode 0600");
    std::fs::set_permissions(&current, Permissions::from_mode(0o600)).unwrap();

    std::fs::hard_link(&current, dir.path().join("second")).unwrap();
    assert_eq!(refusal(&config), "has a second name");
    std::fs::remove_file(dir.path().join("second")).unwrap();

    std::fs::remove_file(&current).unwrap();
    fs::mknodat(
        fs::CWD,
        &current,
        fs::FileType::Fifo,
        fs::Mode::RUSR | fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert_eq!(refusal(&config), "is not a regular file");
}

#[test]
fn a_file_in_place_of_the_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    std::fs::write(&config.directory, "").unwrap();
    assert_eq!(refusal(&config), "is not a directory");
}

#[test]
fn two_daemons_cannot_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = AuditFile::open(&config(dir.path())).unwrap();
    assert_eq!(refusal(&config(dir.path())), "is in use by another process");
    drop(first);
    AuditFile::open(&config(dir.path())).unwrap();
}

#[test]
fn the_sequence_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut file, _) = AuditFile::open(&config(dir.path())).unwrap();
    file.append(&[line(1), line(2)].concat()).unwrap();
    drop(file);
    let (_, last) = AuditFile::open(&config(dir.path())).unwrap();
    assert_eq!(last, 2);
}

#[test]
fn a_torn_last_line_stays_and_its_number_is_not_used_again() {
    for (torn, expected) in [
        (&b"{\"seq\":3,\"time\":\"20"[..], 3),
        (b"{\"seq", 2),
        (b"{", 2),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, _) = AuditFile::open(&config(dir.path())).unwrap();
        file.append(&[line(1), line(2), torn.to_vec()].concat())
            .unwrap();
        drop(file);
        let (mut file, last) = AuditFile::open(&config(dir.path())).unwrap();
        assert_eq!(last, expected);
        file.append(&line(last + 1)).unwrap();
        let text = text(dir.path());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[2].as_bytes(), torn);
        assert!(lines[3].starts_with(&format!("{{\"seq\":{},", last + 1)));
    }
}

#[test]
fn a_line_that_is_longer_than_any_may_be_is_looked_behind() {
    for torn in [
        vec![0; 200_000],
        [&b"{\"seq\":3,\"x\":\""[..], &vec![b'x'; 3_000_000]].concat(),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, _) = AuditFile::open(&config(dir.path())).unwrap();
        file.append(&[line(1), line(2), torn.clone()].concat())
            .unwrap();
        drop(file);
        let (_, last) = AuditFile::open(&config(dir.path())).unwrap();
        assert_eq!(last, if torn[0] == 0 { 2 } else { 3 });
    }
}

#[test]
fn a_file_that_is_no_audit_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    drop(AuditFile::open(&config).unwrap());
    let junk = vec![b'x'; 5000];
    std::fs::write(config.directory.join(CURRENT), &junk).unwrap();
    assert_eq!(refusal(&config), "holds no audit line at its end");
    assert_eq!(std::fs::read(config.directory.join(CURRENT)).unwrap(), junk);
}

#[test]
fn rotation_keeps_the_sequence_and_the_newest_files_only() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let (mut file, _) = AuditFile::open(&config).unwrap();
    let mut last = 0;
    for _ in 0..500 {
        last += 1;
        file.append(&line(last)).unwrap();
        file.tend(last, Duration::ZERO);
    }
    drop(file);
    let mut names: Vec<String> = std::fs::read_dir(&config.directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("audit-"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 2);
    let mut kept = String::new();
    for name in &names {
        kept += &std::fs::read_to_string(config.directory.join(name)).unwrap();
    }
    kept += &text(dir.path());
    let sequences: Vec<u64> = kept
        .lines()
        .map(|line| crate::app::audit::line::sequence(line.as_bytes()).unwrap())
        .collect();
    let first = sequences[0];
    assert_eq!(sequences, (first..=500).collect::<Vec<_>>());

    // A rotation just before a crash leaves an empty file: the number is in the retired one's name.
    std::fs::write(config.directory.join(CURRENT), "").unwrap();
    let newest: u64 = names[1]
        .replace("audit-", "")
        .replace(".jsonl", "")
        .parse()
        .unwrap();
    assert_eq!(AuditFile::open(&config).unwrap().1, newest);
}

#[test]
fn no_file_is_deleted_that_is_younger_than_it_is_to_be_kept_for() {
    let dir = tempfile::tempdir().unwrap();
    let config = AuditConfig {
        keep_for: Duration::from_hours(24),
        ..config(dir.path())
    };
    let (mut file, _) = AuditFile::open(&config).unwrap();
    let retired = || {
        let mut names: Vec<_> = std::fs::read_dir(&config.directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains("audit-"))
            .collect();
        names.sort();
        names
    };
    let mut last = 0;
    let mut rotate = |count: usize| {
        for _ in 0..count {
            last += 1;
            file.append(&line(last)).unwrap();
            file.renew(last).unwrap();
        }
    };
    rotate(6);
    let names = retired();
    assert_eq!(names.len(), 6);
    // The two oldest are old enough, and so is a newer one, which goes only when those before it may.
    for (name, hours) in [(0, 30), (1, 25), (2, 23), (3, 40)] {
        let file = OpenOptions::new().append(true).open(&names[name]).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified - Duration::from_hours(hours))
            .unwrap();
    }
    rotate(1);
    assert_eq!(retired()[..4], names[2..]);
}

#[test]
fn a_full_disk_spends_the_reserve_then_fails_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let (mut file, _) = AuditFile::open(&config).unwrap();
    file.append(&line(1)).unwrap();
    let reserve = config.directory.join(RESERVE);
    assert!(reserve.exists());

    let real = Arc::clone(&file.file);
    file.file = Arc::new(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let error = file.append(&line(2)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(!reserve.exists(), "the reserve was not given up");
    assert!(file.append(&line(2)).is_err());

    file.file = real;
    file.append(&line(2)).unwrap();
    assert_eq!(text(dir.path()).as_bytes(), [line(1), line(2)].concat());
    file.tend(2, RESERVE_RETRY);
    assert!(reserve.exists(), "the reserve was not made again");
}

#[test]
fn half_a_write_is_cut_off_before_the_next_line() {
    let dir = tempfile::tempdir().unwrap();
    let (mut file, _) = AuditFile::open(&config(dir.path())).unwrap();
    file.append(&line(1)).unwrap();
    (&*file.file).write_all(b"{\"seq\":2,\"ti").unwrap();
    file.torn = true;
    file.append(&line(2)).unwrap();
    assert_eq!(text(dir.path()).as_bytes(), [line(1), line(2)].concat());
}
