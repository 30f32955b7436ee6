//! The long run, started with one command; only here are the aims asserted.

use std::os::unix::fs::symlink;
use std::time::Duration;

use super::inject::Fault;
use super::run::Plan;
use crate::Binaries;
use crate::dice::seed;

/// Leader killed until writes are accepted again.
const AIMS: [(usize, Duration); 2] = [
    (50, Duration::from_millis(1200)),
    (99, Duration::from_millis(2500)),
];
/// Kills by which the aims are judged, at least.
const KILLS: usize = 200;

/// Causes faults and prints what came of them; whether nothing was violated and, where that was asked for, all aims met.
///
/// # Errors
/// When an argument is none, or the run fails.
pub fn run(arguments: impl Iterator<Item = String>) -> Result<bool, String> {
    let (mut rounds, mut kills, mut asserts) = (3, KILLS, false);
    let mut arguments = arguments;
    while let Some(word) = arguments.next() {
        let mut number = || {
            let number = arguments.next().and_then(|text| text.parse().ok());
            number.ok_or_else(|| format!("{word} takes a number"))
        };
        match word.as_str() {
            "--rounds" => rounds = number()?,
            "--kills" => kills = number()?,
            "--assert" => asserts = true,
            _ => {
                return Err(format!(
                    "unknown argument `{word}`: [--rounds N] [--kills N] [--assert]"
                ));
            }
        }
    }
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = |name: &str| -> Result<&'static str, String> {
        let path = place.path().join(name);
        symlink(&own, &path).map_err(|error| error.to_string())?;
        // Twice in the life of the process.
        Ok(path.to_string_lossy().into_owned().leak())
    };
    let binaries = Binaries {
        vaultd: program("vaultd")?,
        vaultctl: program("vaultctl")?,
    };
    let plan = Plan {
        seed: seed(),
        nodes: 3,
        clients: 8,
        faults: Fault::ALL.to_vec(),
        rounds,
        failovers: kills,
        least: (300 * rounds + 20 * kills, 100 * rounds + 5 * kills),
    };
    println!("VAULT_TESTS_SEED={}", plan.seed);
    let report = plan.run(binaries)?;
    println!("{report}");
    let mut met = report.violations.is_empty();
    if asserts {
        if report.failovers.len() < KILLS {
            println!("MISSED: {} kills, of {KILLS}", report.failovers.len());
            met = false;
        }
        for (of_hundred, aim) in AIMS {
            let had = report.percentile(of_hundred);
            if had.is_none_or(|had| had > aim) {
                println!("MISSED: p{of_hundred} {had:.0?}, aim {aim:?}");
                met = false;
            }
        }
    }
    Ok(met)
}
