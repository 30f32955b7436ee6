//! Backups that someone made by hand: every digest holds, and what they claim is refused all the same.

use super::*;
use crate::store::SnapshotError;

/// Bytes of the header after the sum of the rows, with no membership: position and installed position,
/// cluster, incarnation, last revision, leader time, number of rows, eight generations.
const FIELDS: usize = 17 + 17 + 17 + 5 * 8 + 8 * 16;

/// A snapshot taken apart.
struct Crafted {
    header: Vec<u8>,
    /// Key, term and sequence, sealed bytes.
    rows: Vec<(Vec<u8>, [u64; 2], Vec<u8>)>,
    mark: u8,
    end: Vec<u8>,
}

fn number(bytes: &[u8]) -> usize {
    usize::try_from(u32::from_be_bytes(bytes.try_into().unwrap())).unwrap()
}

fn long(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}

impl Crafted {
    fn of(snapshot: &[u8]) -> Self {
        let length = number(&snapshot[8..12]);
        let mut at = 12 + length;
        let mut rows = Vec::new();
        while snapshot[at] == 1 {
            let key_end = at + 2 + usize::from(snapshot[at + 1]);
            let revision = [
                long(&snapshot[key_end..key_end + 8]),
                long(&snapshot[key_end + 8..key_end + 16]),
            ];
            let end = key_end + 20 + number(&snapshot[key_end + 16..key_end + 20]);
            let key = snapshot[at + 2..key_end].to_vec();
            rows.push((key, revision, snapshot[key_end + 20..end].to_vec()));
            at = end;
        }
        Self {
            header: snapshot[12..12 + length].to_vec(),
            rows,
            mark: 1,
            end: vec![],
        }
    }

    /// Put together again, with a digest that holds.
    fn bytes(&self) -> Vec<u8> {
        let mut out = b"VLTSNAP1".to_vec();
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
        out.extend(length(&self.header));
        out.extend(&self.header);
        for (key, [term, sequence], sealed) in &self.rows {
            out.extend([self.mark, u8::try_from(key.len()).unwrap()]);
            out.extend(key);
            out.extend(term.to_be_bytes());
            out.extend(sequence.to_be_bytes());
            out.extend(length(sealed));
            out.extend(sealed);
        }
        out.push(0);
        let digest = *blake3::hash(&out).as_bytes();
        out.extend(digest);
        out.extend(&self.end);
        out
    }

    /// Puts a number at an offset of the header's fields.
    fn claim(&mut self, at: usize, number: u64) {
        let at = self.header.len() - FIELDS + at;
        self.header[at..at + 8].copy_from_slice(&number.to_be_bytes());
    }
}

fn snapshot() -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let (store, mut leader) = founded(dir.path());
    for n in 0..5 {
        apply(&store, &mut leader, vec![writes(vec![put(n, 300)])]);
    }
    let chunks: Result<Vec<Bytes>, _> = store.snapshot().unwrap().collect();
    chunks.unwrap().concat()
}

fn verdict(bytes: &[u8]) -> Result<(), SnapshotError> {
    let mut source = bytes;
    let verified = verify_snapshot(&mut source).map(drop);
    // What verifies can be loaded, and what does not cannot.
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), &options().0).unwrap();
    let source = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let loaded = store.state().install(source);
    assert_eq!(loaded.is_ok(), verified.is_ok());
    verified
}

fn refused(change: impl FnOnce(&mut Crafted)) {
    let mut crafted = Crafted::of(&snapshot());
    assert!(verdict(&crafted.bytes()).is_ok());
    change(&mut crafted);
    let error = verdict(&crafted.bytes()).unwrap_err();
    assert!(matches!(error, SnapshotError::Damaged(_)), "{error}");
}

#[test]
fn numbers_that_would_overflow_later_are_refused() {
    // Term and index, incarnation, last term and sequence, leader time.
    for at in [1, 9, 51, 59, 67, 75] {
        for number in [u64::MAX, u64::MAX - 1, 1 << 53] {
            refused(|crafted| crafted.claim(at, number));
        }
    }
}

#[test]
fn rows_that_are_repeated_swapped_left_out_or_from_the_future_are_refused() {
    refused(|crafted| crafted.rows.push(crafted.rows.last().unwrap().clone()));
    refused(|crafted| crafted.rows.swap(0, 1));
    refused(|crafted| drop(crafted.rows.pop()));
    refused(|crafted| crafted.claim(83, 5));
    refused(|crafted| crafted.rows[2].1[1] = 1 << 40);
    refused(|crafted| crafted.rows[2].1[0] = 1 << 40);
    refused(|crafted| crafted.rows[2].2.push(0));
    refused(|crafted| crafted.rows[1].0.truncate(6));
    refused(|crafted| crafted.mark = 2);
}

#[test]
fn what_follows_the_end_is_refused() {
    refused(|crafted| crafted.end.push(0));
}

#[test]
fn lengths_beyond_every_bound_are_refused_before_room_is_made_for_them() {
    let whole = snapshot();
    let header = number(&whole[8..12]);
    let sealed = 12 + header + 2 + usize::from(whole[12 + header + 1]) + 16;
    for at in [8, sealed] {
        let mut bytes = whole.clone();
        bytes[at..at + 4].fill(0xff);
        let error = verdict(&bytes).unwrap_err();
        assert!(matches!(error, SnapshotError::TooLarge), "{error}");
    }
}

#[test]
fn another_file_is_not_a_backup_and_a_later_format_is_told_apart() {
    let whole = snapshot();
    for (magic, later) in [
        (*b"VLTSNAP2", true),
        (*b"VLTSNAP9", true),
        (*b"VLTSNAP0", false),
        (*b"\xff\xd8\xff\xe0\0\x10JF", false),
        (*b"SQLite f", false),
    ] {
        let mut bytes = whole.clone();
        bytes[..8].copy_from_slice(&magic);
        let error = verdict(&bytes).unwrap_err();
        let told = matches!(error, SnapshotError::Later);
        let not = matches!(error, SnapshotError::Format);
        assert_eq!((told, not), (later, !later), "{error}");
    }
}
