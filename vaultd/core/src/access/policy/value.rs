//! Numbers, dates, addresses and bytes as conditions compare them.
//!
//! Each has one strict form, and anything else is refused: a number that two readers could read in two
//! ways has no place in a policy. Numbers are exact decimals, never floating point.

use std::net::IpAddr;

use base64ct::{Base64, Encoding};

/// Digits after the point that a number may have; numbers are counted in units of the last.
const DECIMALS: usize = 9;
/// Digits before the point.
const DIGITS: usize = 18;
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// One in units of the smallest decimal.
pub(super) const ONE: i128 = 1_000_000_000;

/// `-12.5`, in units of the ninth decimal. At most 18 digits before the point and nine behind it.
pub(super) fn number(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let whole = integer(whole, 1..=DIGITS)?;
    let fraction = match fraction {
        Some(fraction) => {
            let value = integer(fraction, 1..=DECIMALS)?;
            let missing = u32::try_from(DECIMALS.checked_sub(fraction.len())?).ok()?;
            value.checked_mul(10_i64.checked_pow(missing)?)?
        }
        None => 0,
    };
    Some(sign * (i128::from(whole) * ONE + i128::from(fraction)))
}

/// Only digits, and as many of them.
fn integer(text: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let digits = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// A moment in milliseconds since 1970: `2026-11-24`, `2026-11-24T12:30:00Z`, with a fraction of at most
/// three digits and with `+02:00`, or whole seconds since 1970.
pub(in crate::access) fn date(text: &str) -> Option<i64> {
    if let Some(seconds) = integer(text, 1..=12) {
        return seconds.checked_mul(SECOND);
    }
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let midnight = days(day)?.checked_mul(DAY)?;
    midnight.checked_add(time.map_or(Some(0), clock)?)
}

/// Days from 1970 to `YYYY-MM-DD` in the Gregorian calendar.
fn days(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let year = integer(parts.next()?, 4..=4)?;
    let month = integer(parts.next()?, 2..=2)?;
    let day = integer(parts.next()?, 2..=2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let long = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if parts.next().is_some() || !(1..=long).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the day that leap years add is the last of its year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let before = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before + of_year - 719_468)
}

/// Milliseconds from midnight to `HH:MM:SS`, fraction and zone.
fn clock(text: &str) -> Option<i64> {
    let (text, offset) = zone(text)?;
    let (text, fraction) = match text.split_once('.') {
        Some((text, digits)) => {
            let value = integer(digits, 1..=3)?;
            let scale = match digits.len() {
                1 => 100,
                2 => 10,
                _ => 1,
            };
            (text, value * scale)
        }
        None => (text, 0),
    };
    let mut parts = text.split(':');
    let hour = integer(parts.next()?, 2..=2).filter(|hour| *hour < 24)?;
    let minute = integer(parts.next()?, 2..=2).filter(|minute| *minute < 60)?;
    let second = integer(parts.next()?, 2..=2).filter(|second| *second < 60)?;
    if parts.next().is_some() {
        return None;
    }
    Some((hour * 60 + minute) * MINUTE + second * SECOND + fraction - offset)
}

/// The time without its zone, and how far the zone is ahead.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix('Z') {
        return Some((time, 0));
    }
    let at = text.rfind(['+', '-'])?;
    let (time, zone) = text.split_at_checked(at)?;
    let (sign, zone) = match zone.strip_prefix('+') {
        Some(zone) => (1, zone),
        None => (-1, zone.strip_prefix('-')?),
    };
    let (hours, minutes) = zone.split_once(':')?;
    let hours = integer(hours, 2..=2).filter(|hours| *hours < 24)?;
    let minutes = integer(minutes, 2..=2).filter(|minutes| *minutes < 60)?;
    Some((time, sign * (hours * 60 + minutes) * MINUTE))
}

/// `true` or `false`, in any case.
pub(super) fn flag(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    is("true")
        .then_some(true)
        .or_else(|| is("false").then_some(false))
}

/// Padded base64 of the standard alphabet.
pub(super) fn bytes(text: &str) -> Option<Box<[u8]>> {
    Base64::decode_vec(text).ok().map(Vec::into_boxed_slice)
}

/// A range of addresses, `10.0.0.0/8` or `2001:db8::/32`; one address is a range of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::access) struct Net {
    first: IpAddr,
    bits: u32,
}

/// Why a text is not a range of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(in crate::access) enum NetError {
    #[error("is not an address or a range of addresses like `10.0.0.0/8`")]
    Malformed,
    #[error("has bits set beyond its prefix: write the first address of the range")]
    Beyond,
    #[error("is an IPv4 address written as IPv6: write it as IPv4")]
    Mapped,
}

impl Net {
    pub(in crate::access) fn contains(self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                high(first.to_bits().into(), 32, self.bits)
                    == high(address.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                high(first.to_bits(), 128, self.bits) == high(address.to_bits(), 128, self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The first `bits` of `width`.
fn high(value: u128, width: u32, bits: u32) -> u128 {
    value.checked_shr(width - bits).unwrap_or(0)
}

impl TryFrom<&str> for Net {
    type Error = NetError;

    fn try_from(text: &str) -> Result<Self, NetError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NetError::Malformed)?;
        if first.to_canonical() != first {
            return Err(NetError::Mapped);
        }
        let width = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => {
                let plain = bits == "0" || !bits.starts_with('0');
                let bits = integer(bits, 1..=3)
                    .filter(|_| plain)
                    .ok_or(NetError::Malformed)?;
                u32::try_from(bits)
                    .ok()
                    .filter(|bits| *bits <= width)
                    .ok_or(NetError::Malformed)?
            }
            None => width,
        };
        let value = match first {
            IpAddr::V4(address) => address.to_bits().into(),
            IpAddr::V6(address) => address.to_bits(),
        };
        let kept = high(value, width, bits)
            .checked_shl(width - bits)
            .unwrap_or(0);
        if kept == value {
            Ok(Self { first, bits })
        } else {
            Err(NetError::Beyond)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_decimals_and_nothing_else() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("-12.5"), Some(-12_500_000_000));
        assert_eq!(number("0.000000001"), Some(1));
        assert_eq!(number("007"), Some(7 * ONE));
        for text in [
            "", "-", "+1", "1.", ".5", "1e3", "1,5", " 1", "١", "0x1", "--1", "1.-1",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(number("0.0000000001"), None);
        assert_eq!(number(&"9".repeat(19)), None);
    }

    #[test]
    fn dates_are_days_or_moments_with_a_zone_or_seconds() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("1969-12-31"), Some(-DAY));
        assert_eq!(date("2000-02-29"), Some(951_782_400_000));
        assert_eq!(date("2026-11-24T12:30:00.5Z"), Some(1_795_523_400_500));
        assert_eq!(
            date("2026-11-24T14:30:00+02:00"),
            date("2026-11-24T12:30:00Z")
        );
        assert_eq!(
            date("2026-11-24T02:30:00-10:00"),
            date("2026-11-24T12:30:00Z")
        );
        assert_eq!(date("1795523400"), Some(1_795_523_400_000));
        for text in [
            "",
            "2026",
            "-1",
            "2026-11",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "1900-02-29",
            "2026-11-31",
            "26-11-24",
            "2026-11-24T12:30:00",
            "2026-11-24T12:30Z",
            "2026-11-24 12:30:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T12:60:00Z",
            "2026-11-24T12:30:60Z",
            "2026-11-24T12:30:00.1234Z",
            "2026-11-24T12:30:00+2:00",
            "2026-11-24T12:30:00z",
            "2026-11-24T12:30:00Z+01:00",
            "2026-11-24-01",
            "2026-1-1",
            "+2026-11-24",
            "2026-11-24T",
            "2026-11-24TZ",
        ] {
            // A year alone is seconds, as AWS takes it too.
            assert!(date(text).is_none() || text == "2026", "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut last = days("1999-12-31").unwrap();
        for year in 2000..2401 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(found) = days(&format!("{year}-{month:02}-{day:02}")) {
                        assert_eq!(found, last + 1);
                        last = found;
                    }
                }
            }
        }
        assert_eq!(last, days("1999-12-31").unwrap() + 401 * 365 + 98);
    }

    #[test]
    fn ranges_of_addresses_hold_what_they_should() {
        let holds = |net: &str, address: &str| {
            Net::try_from(net)
                .unwrap()
                .contains(address.parse().unwrap())
        };
        for (net, address) in [
            ("10.0.0.0/8", "10.255.1.2"),
            ("0.0.0.0/0", "255.255.255.255"),
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("2001:db8::/32", "2001:db8:ffff::1"),
            ("::/0", "2001:db8::1"),
            ("::1", "::1"),
        ] {
            assert!(holds(net, address), "{net} {address}");
        }
        for (net, address) in [
            ("10.0.0.0/8", "11.0.0.0"),
            ("192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "::1"),
            ("::/0", "10.0.0.1"),
            ("::/0", "::ffff:10.0.0.1"),
            ("2001:db8::/32", "2001:db9::"),
        ] {
            assert!(!holds(net, address), "{net} {address}");
        }
    }

    #[test]
    fn ambiguous_ranges_are_refused() {
        let refused = |text: &str| Net::try_from(text).unwrap_err();
        for text in [
            "",
            "10",
            "10.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/08",
            "010.0.0.0/8",
            "::/129",
            "10.0.0.0/8/8",
            "fe80::1%eth0",
            " 10.0.0.0",
            "10.0.0.0/+8",
            "10.*",
            "localhost",
        ] {
            assert_eq!(refused(text), NetError::Malformed, "{text}");
        }
        assert_eq!(refused("10.0.0.1/8"), NetError::Beyond);
        assert_eq!(refused("2001:db8::1/32"), NetError::Beyond);
        assert_eq!(refused("1.0.0.0/0"), NetError::Beyond);
        assert_eq!(refused("::ffff:10.0.0.0/104"), NetError::Mapped);
    }

    #[test]
    fn bytes_are_padded_base64() {
        assert_eq!(bytes("aGk=").as_deref(), Some(&b"hi"[..]));
        for text in ["aGk", "aGk==", "a-k=", " aGk=", "aGl="] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
