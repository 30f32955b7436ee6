//! Times as people and machines read them, and spans as people write them.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// RFC 3339 in UTC; empty where the server sent none.
pub(crate) fn rfc3339(time: Option<&vault_sdk::Timestamp>) -> String {
    time.and_then(convert)
        .map(|time| time.to_string())
        .unwrap_or_default()
}

/// Local time to the second.
pub(crate) fn local(time: Option<&vault_sdk::Timestamp>) -> String {
    time.and_then(convert).map(local_of).unwrap_or_default()
}

/// The same, of a time that came in a text.
pub(crate) fn local_of(time: Timestamp) -> String {
    time.to_zoned_datetime(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

fn convert(time: &vault_sdk::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line's one look at the wall clock"
)]
pub(crate) fn now() -> Option<Timestamp> {
    Timestamp::try_from(std::time::SystemTime::now()).ok()
}

/// `10s`, `1h30m`, `7d`.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a span of time; write 10s, 5m, 12h or 7d");
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) => (
            days.trim().parse::<u64>().map_err(|_| wrong())?,
            rest.trim(),
        ),
        None => (0, text.trim()),
    };
    let rest = match rest {
        "" if text.contains('d') => Duration::ZERO,
        "0" => Duration::ZERO,
        rest => {
            let span: SignedDuration = rest.parse().map_err(|_| wrong())?;
            Duration::try_from(span).map_err(|_| wrong())?
        }
    };
    let days = days
        .checked_mul(86_400)
        .map(Duration::from_secs)
        .ok_or_else(wrong)?;
    days.checked_add(rest).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse_span, rfc3339};

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [
            ("10s", 10),
            ("1h30m", 5400),
            ("7d", 604_800),
            ("1d12h", 129_600),
            ("0", 0),
            ("0d", 0),
        ] {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_spans() {
        for text in [
            "",
            "10",
            "-5s",
            "d",
            "xd",
            "1y2",
            "99999999999999999999d",
            "10 apples",
        ] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        let time = vault_sdk::Timestamp {
            seconds: 1_800_000_000,
            nanos: 0,
        };
        assert_eq!(rfc3339(Some(&time)), "2027-01-15T08:00:00Z");
        assert_eq!(rfc3339(None), "");
    }
}
