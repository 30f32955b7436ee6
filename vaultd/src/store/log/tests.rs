//! The log against torn tails, damage, truncation, a failing sync, and its own queue.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{channel, sync_channel};

use tempfile::TempDir;

use super::super::testing::options;
use super::*;

mod pieces;

fn at(index: u64) -> Position {
    Position { term: 1, index }
}

fn payload(index: u64, length: usize) -> Bytes {
    (0..length)
        .map(|n| u8::try_from((usize::try_from(index).unwrap() + n) % 250).unwrap() + 1)
        .collect()
}

fn create(options: &Options) -> TempDir {
    let dir = TempDir::new().unwrap();
    Log::create(dir.path(), options, None, None).unwrap();
    dir
}

/// Appends one entry as one batch.
fn append(log: &Log, index: u64, length: usize) {
    let (done, wait) = sync_channel(1);
    log.append(
        [(at(index), payload(index, length))],
        Box::new(move |result| done.send(result).unwrap()),
    )
    .unwrap();
    wait.recv().unwrap().unwrap();
}

fn filled(options: &Options, entries: u64, length: usize) -> TempDir {
    let dir = create(options);
    let log = Log::open(dir.path(), options).unwrap();
    for index in 0..entries {
        append(&log, index, length);
    }
    log.close();
    dir
}

fn indexes(log: &Log) -> Vec<u64> {
    let entries = log.read(0..u64::MAX, usize::MAX).unwrap();
    for (position, bytes) in &entries {
        assert_eq!(*bytes, payload(position.index, bytes.len()));
    }
    entries.iter().map(|(position, _)| position.index).collect()
}

fn segment(dir: &TempDir, id: u64) -> PathBuf {
    files::segment_path(dir.path(), id)
}

/// Offsets of the frames of a segment, and where they end.
fn frames(options: &Options, bytes: &[u8], id: u64) -> Vec<usize> {
    let mut bytes = Bytes::copy_from_slice(bytes);
    let seed = frame::seed(&options.identity, id);
    let mut offsets = vec![frame::SEGMENT_HEADER];
    while let frame::Found::Frame(_, _, next) =
        frame::frame_at(&mut bytes, *offsets.last().unwrap(), seed).unwrap()
    {
        offsets.push(next);
    }
    offsets
}

/// Opens a changed copy of the log: the entries found, or the error's text.
fn open_changed(
    original: &TempDir,
    options: &Options,
    change: impl FnOnce(&TempDir),
) -> Result<Vec<u64>, String> {
    let copy = TempDir::new().unwrap();
    for entry in std::fs::read_dir(original.path()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    change(&copy);
    match recover::recover(copy.path(), &options.identity) {
        Ok(_) => {
            // What was discarded stays discarded, and the log can be written again.
            let log = Log::open(copy.path(), options).unwrap();
            let found = indexes(&log);
            append(&log, found.last().map_or(0, |last| last + 1), 10);
            log.close();
            let log = Log::open(copy.path(), options).unwrap();
            assert_eq!(indexes(&log).len(), found.len() + 1);
            Ok(found)
        }
        Err(error) => Err(error.to_string()),
    }
}

fn edit(dir: &TempDir, id: u64, change: impl FnOnce(&mut Vec<u8>)) {
    let path = segment(dir, id);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn what_was_appended_reads_back_from_memory_and_after_a_restart() {
    let options = options().0;
    let dir = filled(&options, 20, 700);
    let log = Log::open(dir.path(), &options).unwrap();
    assert_eq!(indexes(&log), (0..20).collect::<Vec<_>>());
    assert_eq!(log.bounds(), (None, Some(at(19))));
    assert_eq!(log.read(5..100, 1500).unwrap().len(), 2);
    assert_eq!(log.read(5..6, 1).unwrap().len(), 1);
}

#[test]
fn a_torn_tail_is_discarded_wherever_it_is_cut() {
    let options = options().0;
    let dir = filled(&options, 4, 700);
    let bytes = std::fs::read(segment(&dir, 1)).unwrap();
    let offsets = frames(&options, &bytes, 1);
    let (start, end) = (offsets[offsets.len() - 2], offsets[offsets.len() - 1]);
    let mark = (start..end).rev().find(|at| bytes[*at] != 0).unwrap();
    for cut in (start..=mark).step_by(13).chain([start, start + 31, mark]) {
        let found = open_changed(&dir, &options, |copy| {
            edit(copy, 1, |bytes| bytes[cut..].fill(0));
        });
        assert_eq!(found.unwrap(), [0, 1, 2], "cut at {cut}");
    }
}

#[test]
fn a_sector_that_never_reached_the_disk_tears_only_the_last_batch() {
    let options = options().0;
    let dir = filled(&options, 3, 3000);
    let bytes = std::fs::read(segment(&dir, 1)).unwrap();
    let offsets = frames(&options, &bytes, 1);
    let (start, end) = (offsets[offsets.len() - 2], offsets[offsets.len() - 1]);
    for sector in (start.next_multiple_of(512)..end).step_by(512) {
        let zero = |copy: &TempDir| {
            edit(copy, 1, |bytes| {
                bytes[sector..(sector + 512).min(end)].fill(0);
            });
        };
        let found = open_changed(&dir, &options, zero);
        assert_eq!(found.unwrap(), [0, 1], "sector {sector}");
    }
    // The same in a batch that others followed is damage.
    let earlier = offsets[offsets.len() - 3].next_multiple_of(512);
    let refused = open_changed(&dir, &options, |copy| {
        edit(copy, 1, |bytes| bytes[earlier..earlier + 512].fill(0));
    });
    assert!(refused.unwrap_err().contains("segment-0000000000000001"));
}

#[test]
fn every_flipped_bit_of_what_was_synced_is_refused_by_name() {
    let options = options().0;
    let dir = filled(&options, 3, 90);
    let bytes = std::fs::read(segment(&dir, 1)).unwrap();
    let offsets = frames(&options, &bytes, 1);
    let content = |at: usize| {
        let frame = offsets.iter().rposition(|start| *start <= at).unwrap();
        let last = (offsets[frame]..offsets[frame + 1])
            .rev()
            .find(|at| bytes[*at] != 0)
            .unwrap();
        at <= last
    };
    let end = *offsets.last().unwrap();
    for flipped in (0..frame::SEGMENT_HEADER).chain(frame::SEGMENT_HEADER..end) {
        if flipped >= frame::SEGMENT_HEADER && !content(flipped) {
            continue;
        }
        let found = open_changed(&dir, &options, |copy| {
            edit(copy, 1, |bytes| bytes[flipped] ^= 1 << (flipped % 8));
        });
        let refused = found.expect_err(&format!("byte {flipped}"));
        assert!(refused.contains("segment-0000000000000001"), "{refused}");
    }
}

#[test]
fn a_truncated_or_missing_file_is_refused_by_name() {
    let options = options().0;
    let dir = filled(&options, 60, 3000);
    let log = Log::open(dir.path(), &options).unwrap();
    let last = *log.shared.lock().segments.keys().last().unwrap();
    drop(log);
    assert!(last >= 3);
    for id in 1..=last {
        let name = format!("segment-{id:016x}");
        for length in [0, 1, 63, 64, 100, 30_000, (64 << 10) - 1] {
            let refused = open_changed(&dir, &options, |copy| {
                edit(copy, id, |bytes| bytes.truncate(length));
            });
            assert!(refused.unwrap_err().contains(&name), "{name} at {length}");
        }
        let refused = open_changed(&dir, &options, |copy| {
            std::fs::remove_file(segment(copy, id)).unwrap();
        });
        assert!(refused.unwrap_err().contains(&name), "{name} removed");
    }
    for change in [0, 1, 2] {
        let refused = open_changed(&dir, &options, |copy| {
            let path = files::manifest_path(copy.path());
            match change {
                0 => std::fs::remove_file(path).unwrap(),
                1 => std::fs::write(path, b"VLTMAN01").unwrap(),
                _ => {
                    let mut bytes = std::fs::read(&path).unwrap();
                    bytes[20] ^= 1;
                    std::fs::write(path, bytes).unwrap();
                }
            }
        });
        assert!(refused.unwrap_err().contains("manifest"));
    }
}

#[test]
fn a_torn_end_is_damage_in_every_segment_but_the_last() {
    let options = options().0;
    let dir = filled(&options, 60, 3000);
    let bytes = std::fs::read(segment(&dir, 1)).unwrap();
    let offsets = frames(&options, &bytes, 1);
    let start = offsets[offsets.len() - 2];
    for cut in [start, start + 100] {
        let refused = open_changed(&dir, &options, |copy| {
            edit(copy, 1, |bytes| bytes[cut..].fill(0));
        });
        assert!(refused.unwrap_err().contains("segment-"), "cut at {cut}");
    }
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let options = options().0;
    let other = Options {
        identity: [8; 16],
        ..options.clone()
    };
    let (dir, foreign) = (filled(&options, 3, 90), filled(&other, 3, 90));
    let refused = open_changed(&dir, &options, |copy| {
        std::fs::copy(segment(&foreign, 1), segment(copy, 1)).unwrap();
    });
    assert!(refused.unwrap_err().contains("another node"));
}

#[test]
fn a_failed_sync_ends_the_log_and_is_never_tried_again() {
    let (mut options, reasons) = options();
    let dir = create(&options);
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    options.faults.sync = Some(Arc::new(move |_| {
        if failing.load(SeqCst) {
            return Err(io::Error::other("planted"));
        }
        Ok(())
    }));
    let log = Log::open(dir.path(), &options).unwrap();
    append(&log, 0, 100);
    fails.store(true, SeqCst);
    let (done, wait) = sync_channel(1);
    log.append(
        [(at(1), payload(1, 100))],
        Box::new(move |result| done.send(result).unwrap()),
    )
    .unwrap();
    assert!(wait.recv().unwrap().is_err());
    assert!(log.wait_durable(1).is_err());
    assert_eq!(reasons.lock().unwrap().len(), 1);
    let syncs = log.stats().syncs;
    fails.store(false, SeqCst);
    let again = log.append([(at(2), payload(2, 100))], Box::new(|_| ()));
    assert!(again.is_err());
    assert!(log.save_vote(Bytes::new(), Box::new(|_| ())).is_err());
    log.close();
    assert_eq!(log.stats().syncs, syncs);
}

#[test]
fn what_queues_during_a_sync_shares_the_next_one_and_reads_at_once() {
    let mut options = options().0;
    let dir = create(&options);
    let (release, released) = channel();
    let released = Mutex::new(released);
    options.faults.sync = Some(Arc::new(move |_| {
        released.lock().unwrap().recv().map_err(io::Error::other)
    }));
    let log = Log::open(dir.path(), &options).unwrap();
    let (done, durable) = channel();
    for index in 0..200 {
        let done = done.clone();
        log.append(
            [(at(index), payload(index, 50))],
            Box::new(move |result| {
                result.unwrap();
                done.send(index).unwrap();
            }),
        )
        .unwrap();
        assert_eq!(log.bounds().1, Some(at(index)));
    }
    assert_eq!(indexes(&log).len(), 200);
    assert!(durable.try_recv().is_err());
    for _ in 0..3 {
        release.send(()).unwrap();
    }
    let order: Vec<u64> = durable.iter().take(200).collect();
    assert_eq!(order, (0..200).collect::<Vec<_>>());
    log.wait_durable(199).unwrap();
    assert!(log.stats().syncs <= 3, "{:?}", log.stats());
    drop(release);
}

#[test]
fn truncation_purge_vote_and_commit_survive_a_restart() {
    let options = options().0;
    let dir = filled(&options, 60, 3000);
    let log = Log::open(dir.path(), &options).unwrap();
    let before = log.segments();
    log.truncate(Some(at(49)), Box::new(|_| ())).unwrap();
    log.save_vote(Bytes::from_static(b"vote"), Box::new(|_| ()))
        .unwrap();
    log.save_committed(Some(at(45)));
    for index in 50..55 {
        append(&log, index, 100);
    }
    log.purge(at(40), Box::new(|_| ())).unwrap();
    append(&log, 55, 100);
    assert!(log.segments() < before);
    drop(log);
    let log = Log::open(dir.path(), &options).unwrap();
    assert_eq!(indexes(&log), (41..56).collect::<Vec<_>>());
    assert_eq!(log.bounds(), (Some(at(40)), Some(at(55))));
    assert_eq!(log.vote().unwrap(), "vote");
    assert_eq!(log.committed(), Some(at(45)));
    log.purge(at(100), Box::new(|_| ())).unwrap();
    assert!(
        log.append([(at(56), Bytes::new())], Box::new(|_| ()))
            .is_err()
    );
    append(&log, 101, 100);
    drop(log);
    let log = Log::open(dir.path(), &options).unwrap();
    assert_eq!(indexes(&log), [101]);
    assert_eq!(log.vote().unwrap(), "vote");
}

#[test]
fn an_entry_larger_than_a_segment_gets_one_of_its_own() {
    let options = options().0;
    let dir = filled(&options, 2, 300_000);
    let log = Log::open(dir.path(), &options).unwrap();
    append(&log, 2, 100);
    drop(log);
    let log = Log::open(dir.path(), &options).unwrap();
    assert_eq!(indexes(&log), [0, 1, 2]);
}

#[test]
fn a_crash_while_rotating_leaves_a_log_that_opens() {
    let options = options().0;
    let dir = filled(&options, 3, 90);
    let found = open_changed(&dir, &options, |copy| {
        std::fs::write(copy.path().join("spare-9.tmp"), b"half").unwrap();
        std::fs::write(copy.path().join("manifest.tmp"), b"half").unwrap();
        let header = frame::segment_header(&options.identity, 2, 64 << 10);
        let mut bytes = header.to_vec();
        bytes.resize(64 << 10, 0);
        std::fs::write(segment(copy, 2), bytes).unwrap();
    });
    assert_eq!(found.unwrap(), [0, 1, 2]);
}
