//! Libraries that stand between a program and the machine, compiled where they are needed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `shim/NAME.c` into a directory.
pub fn build(name: &str, into: &Path) -> PathBuf {
    let library = into.join(format!("{name}.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("shim/{name}.c"));
    let built = Command::new("gcc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-pthread"])
        .arg("-o")
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .status()
        .expect("gcc runs");
    assert!(built.success(), "{name}.c does not compile");
    library
}
