//! What a machine cannot run is said aloud, listed in `target/skipped.txt`, and an error in CI.

use std::fs::{OpenOptions, create_dir_all};
use std::io::Write as _;
use std::path::Path;

/// Says that a test did not run here, and why.
///
/// # Panics
/// Where `CI` is set: there every test has to run.
#[track_caller]
pub fn cannot_run(test: &str, why: &str) {
    let line = format!("skipped: {test}: {why}\n");
    eprint!("{line}");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let noted = create_dir_all(&target).and_then(|()| {
        let list = target.join("skipped.txt");
        let mut list = OpenOptions::new().create(true).append(true).open(list)?;
        list.write_all(line.as_bytes())
    });
    noted.expect("target/skipped.txt");
    assert!(std::env::var_os("CI").is_none(), "{line}");
}
