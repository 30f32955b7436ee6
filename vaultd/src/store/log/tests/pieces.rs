//! Segments that are closed early, and read back in pieces.

use super::*;

/// Asks for a new segment; whether there is one.
fn rotate(log: &Log) -> bool {
    let (done, wait) = sync_channel(1);
    log.rotate(Box::new(move |result| done.send(result).unwrap()))
        .unwrap();
    match wait.recv().unwrap() {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            false
        }
    }
}

fn purge(log: &Log, upto: u64) {
    let (done, wait) = sync_channel(1);
    log.purge(at(upto), Box::new(move |result| done.send(result).unwrap()))
        .unwrap();
    wait.recv().unwrap().unwrap();
}

#[test]
fn a_segment_that_is_closed_early_leaves_the_disk_when_all_in_it_is_purged() {
    let options = options().0;
    let dir = filled(&options, 3, 90);
    let log = Log::open(dir.path(), &options).unwrap();
    log.save_vote(Bytes::from_static(b"vote"), Box::new(|_| ()))
        .unwrap();
    while !rotate(&log) {}
    // Asked again with nothing written since: nothing to close.
    while !rotate(&log) {}
    assert_eq!(log.segments(), 2);
    append(&log, 3, 90);
    purge(&log, 1);
    assert!(segment(&dir, 1).exists(), "entry 2 lies in it");
    purge(&log, 2);
    assert!(!segment(&dir, 1).exists());
    drop(log);
    let log = Log::open(dir.path(), &options).unwrap();
    assert_eq!(
        (indexes(&log), log.vote().unwrap()),
        (vec![3], "vote".into())
    );
    // All of it purged, and nothing left to keep the segment for.
    while !rotate(&log) {}
    purge(&log, 3);
    assert!(!segment(&dir, 2).exists());
    append(&log, 4, 90);
    drop(log);
    let log = Log::open(dir.path(), &options).unwrap();
    assert_eq!((indexes(&log), log.bounds().0), (vec![4], Some(at(3))));
}

#[test]
fn a_crash_after_closing_a_segment_early_loses_nothing() {
    let options = options().0;
    let dir = filled(&options, 3, 90);
    let log = Log::open(dir.path(), &options).unwrap();
    while !rotate(&log) {}
    log.close();
    drop(log);
    let found = open_changed(&dir, &options, |_| ());
    assert_eq!(found.unwrap(), [0, 1, 2]);
}

#[test]
fn a_frame_larger_than_a_piece_and_one_across_two_read_back() {
    let options = options().0;
    let sizes = [segment::PIECE - 200, 300, 3 * segment::PIECE, 10];
    let large = Options {
        segment_bytes: 1 << 20,
        ..options
    };
    let dir = create(&large);
    let log = Log::open(dir.path(), &large).unwrap();
    for (index, length) in (0..).zip(sizes) {
        append(&log, index, length);
    }
    drop(log);
    assert_eq!(open_changed(&dir, &large, |_| ()).unwrap(), [0, 1, 2, 3]);
}

#[test]
fn a_frame_that_claims_more_than_its_segment_is_damage_and_takes_no_memory() {
    let options = options().0;
    let dir = filled(&options, 2, 90);
    let refused = open_changed(&dir, &options, |copy| {
        edit(copy, 1, |bytes| {
            let at = frames(&options, bytes, 1)[1];
            let seed = frame::seed(&options.identity, 1);
            let mut head = u32::MAX.to_be_bytes().to_vec();
            head.extend_from_slice(&bytes[at + 4..at + 27]);
            let crc = crc32c::crc32c_append(seed, &head);
            bytes[at..at + 27].copy_from_slice(&head);
            bytes[at + 27..at + 31].copy_from_slice(&crc.to_be_bytes());
        });
    });
    assert!(refused.unwrap_err().contains("the frame at byte"));
}
