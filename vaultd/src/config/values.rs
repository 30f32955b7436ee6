//! From what was written to what it means: one parser per kind of value, each with its bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::ConfigError;
use super::layers::{Layers, Raw};

/// Reads typed values out of the layers.
pub(super) struct Values<'a>(pub(super) &'a Layers);

impl Values<'_> {
    /// Text that is not empty, if given.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<String>, ConfigError> {
        self.read(key, |raw| match raw {
            Raw::Text(text) if text.is_empty() => Err("it must not be empty".into()),
            Raw::Text(text) => Ok(text),
            Raw::Number(_) | Raw::Flag(_) | Raw::List(_) => Err("expected text".into()),
        })
    }

    /// An absolute path, if given.
    pub(super) fn path(&self, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let path = PathBuf::from(text);
        if path.is_absolute() {
            return Ok(Some(path));
        }
        Err(self.wrong(key, "the path must be absolute"))
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<bool, ConfigError> {
        self.required(key, |raw| match raw {
            Raw::Flag(flag) => Ok(flag),
            Raw::Text(text) if text == "true" => Ok(true),
            Raw::Text(text) if text == "false" => Ok(false),
            Raw::Text(_) | Raw::Number(_) | Raw::List(_) => Err("expected true or false".into()),
        })
    }

    pub(super) fn count(
        &self,
        key: &'static str,
        least: u64,
        most: u64,
    ) -> Result<u64, ConfigError> {
        self.required(key, |raw| {
            let expected = || format!("expected a whole number from {least} to {most}");
            let (Raw::Text(text) | Raw::Number(text)) = raw else {
                return Err(expected());
            };
            let number = text
                .replace('_', "")
                .parse::<u64>()
                .map_err(|_| expected())?;
            if (least..=most).contains(&number) {
                Ok(number)
            } else {
                Err(expected())
            }
        })
    }

    pub(super) fn size(
        &self,
        key: &'static str,
        least: u64,
        most: u64,
    ) -> Result<u64, ConfigError> {
        self.required(key, |raw| {
            let (Raw::Text(text) | Raw::Number(text)) = raw else {
                return Err("expected a size such as 64MiB".into());
            };
            let bytes = scaled(&text, &SIZES).ok_or("expected a size such as 64MiB")?;
            if (least..=most).contains(&bytes) {
                return Ok(bytes);
            }
            Err(format!("expected a size from {least} to {most} bytes"))
        })
    }

    pub(super) fn duration(
        &self,
        key: &'static str,
        least: Duration,
        most: Duration,
    ) -> Result<Duration, ConfigError> {
        self.required(key, |raw| {
            let Raw::Text(text) = raw else {
                return Err("expected a time with its unit, such as 30s".into());
            };
            let millis =
                scaled(&text, &TIMES).ok_or("expected a time with its unit, such as 30s")?;
            let time = Duration::from_millis(millis);
            if (least..=most).contains(&time) {
                return Ok(time);
            }
            Err(format!("expected a time from {least:?} to {most:?}"))
        })
    }

    /// An address with its port; `None` for `off`.
    pub(super) fn address(&self, key: &'static str) -> Result<Option<SocketAddr>, ConfigError> {
        self.required(key, |raw| {
            let Raw::Text(text) = raw else {
                return Err("expected ADDRESS:PORT".into());
            };
            if text == OFF {
                return Ok(None);
            }
            let parsed = text.parse().map(Some);
            parsed.map_err(|_| {
                "expected ADDRESS:PORT with a numeric address, such as 0.0.0.0:8200".into()
            })
        })
    }

    pub(super) fn list(&self, key: &'static str) -> Result<Vec<String>, ConfigError> {
        self.required(key, |raw| match raw {
            Raw::List(items) => Ok(items),
            // The environment and the command line have no lists: commas there, `[]` as the default.
            Raw::Text(text) if text == "[]" => Ok(Vec::new()),
            Raw::Text(text) => Ok(text.split(',').map(|item| item.trim().to_owned()).collect()),
            Raw::Number(_) | Raw::Flag(_) => Err("expected a list of texts".into()),
        })
    }

    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        self.required(key, |raw| {
            let found = match &raw {
                Raw::Text(text) => choices.iter().find(|(name, _)| name == text),
                Raw::Number(_) | Raw::Flag(_) | Raw::List(_) => None,
            };
            let names = || {
                choices
                    .iter()
                    .map(|(name, _)| format!("`{name}`"))
                    .collect::<Vec<_>>()
            };
            found
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("expected {}", names().join(" or ")))
        })
    }

    /// The refusal of what was given for a key.
    pub(super) fn wrong(&self, key: &'static str, why: impl Into<String>) -> ConfigError {
        match self.0.get(key) {
            Some((_, origin)) => ConfigError::Value {
                key: key.into(),
                origin,
                why: why.into(),
            },
            None => ConfigError::Missing { key },
        }
    }

    fn required<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(Raw) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.read(key, parse)?.ok_or(ConfigError::Missing { key })
    }

    fn read<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(Raw) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((raw, _)) = self.0.get(key) else {
            return Ok(None);
        };
        parse(raw).map(Some).map_err(|why| self.wrong(key, why))
    }
}

/// The word that switches a listener off.
pub(super) const OFF: &str = "off";

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

const SIZES: [(&str, u64); 5] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// In milliseconds.
const TIMES: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
