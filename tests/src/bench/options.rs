//! What the benchmark is asked to do.

use std::time::Duration;

use super::Failure;

/// Parsed flags.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Length of one round.
    pub(super) round: Duration,
    /// Before the first round of each row.
    pub(super) warm_up: Duration,
    /// Alternating rounds.
    pub(super) rounds: usize,
    /// Logins of each sort whose times are compared.
    pub(super) logins: usize,
    /// Secrets of 1 KiB in the daemon whose memory is measured.
    pub(super) secrets: u32,
    /// Other users in the vault, each with a policy.
    pub(super) crowd: u32,
    /// End with 1 if a limit is missed.
    pub(super) assert: bool,
    /// Only this part.
    only: Option<String>,
}

impl Options {
    pub(super) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            round: Duration::from_secs(2),
            warm_up: Duration::from_secs(2),
            rounds: 5,
            logins: 1000,
            secrets: 100_000,
            crowd: 10_000,
            assert: false,
            only: None,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--quick" => {
                    options.round = Duration::from_millis(250);
                    options.warm_up = Duration::from_millis(250);
                    options.rounds = 3;
                    options.logins = 60;
                    options.secrets = 5_000;
                    options.crowd = 500;
                }
                "--assert" => options.assert = true,
                "--seconds" => {
                    let seconds = value()?.parse::<f64>()?;
                    options.round = Duration::try_from_secs_f64(seconds.clamp(0.05, 60.0))?;
                }
                "--rounds" => options.rounds = value()?.parse::<usize>()?.clamp(1, 99),
                "--secrets" => options.secrets = value()?.parse::<u32>()?.clamp(64, 1_000_000),
                "--only" => options.only = Some(value()?),
                _ => return Err(USAGE.into()),
            }
        }
        let known = [
            "reads", "crowd", "writes", "policies", "logins", "process", "timing",
        ];
        if options
            .only
            .as_deref()
            .is_some_and(|only| !known.contains(&only))
        {
            return Err(USAGE.into());
        }
        Ok(options)
    }

    /// Whether this part is to be measured.
    pub(super) fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

const USAGE: &str = "usage: bench [--quick] [--assert] [--seconds S] [--rounds N] [--secrets N] \
                     [--only reads|crowd|writes|policies|logins|process|timing]";
