//! One audit line: a JSON object, ASCII only, so that no terminal or log reader can be made to
//! interpret what a client sent. Every control character, and all that is not ASCII, is escaped.
//!
//! The writer puts the sequence number in front, because only it knows the order.

use std::io;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::Formatter;

use super::event::{Decision, Part, RequestId, Status};

/// A request and its end.
#[derive(Serialize)]
pub(super) struct RequestLine<'a> {
    pub(super) time: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) node: u64,
    pub(super) tenant: u32,
    #[serde(rename = "request")]
    pub(super) id: &'a str,
    pub(super) source: String,
    pub(super) method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accessor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<&'a str>,
    /// Who assumed the role that it acts as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assumed_by: Option<&'a str>,
    /// The accessor of the session that it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) resources: &'a [String],
    #[serde(rename = "results", skip_serializing_if = "<[Part]>::is_empty")]
    pub(super) parts: &'a [Part],
    /// How many resources there are in all, where the lines that follow name the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
    pub(super) decision: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) by: &'a str,
    pub(super) status: Status,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) reason: &'a str,
    pub(super) latency_us: u64,
}

/// Resources that the request's own line had no room for. Follows it at once.
#[derive(Serialize)]
pub(super) struct MoreLine<'a> {
    pub(super) time: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) node: u64,
    #[serde(rename = "request")]
    pub(super) id: &'a str,
    /// Who, what and how it ended, as in the request's own line: who searches finds these resources, too.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accessor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<&'a str>,
    /// Who assumed the role that it acts as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assumed_by: Option<&'a str>,
    pub(super) status: Status,
    /// The place of the first of these, counted from 0.
    pub(super) from: usize,
    pub(super) resources: &'a [String],
    #[serde(rename = "results", skip_serializing_if = "<[Part]>::is_empty")]
    pub(super) parts: &'a [Part],
}

/// The daemon's own lines: it started, lines were lost, a flood was counted.
#[derive(Default, Serialize)]
pub(super) struct Notice {
    pub(super) time: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) node: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) method: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) source: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
}

/// The types that lines have.
pub(super) const KINDS: [&str; 6] = ["request", "more", "started", "stopped", "gap", "flood"];

/// The words that a decision is written as.
pub(super) fn decision(decision: &Decision) -> (&'static str, &str) {
    match decision {
        Decision::Undecided => ("none", ""),
        Decision::Allowed { by } => ("allowed", by),
        Decision::Denied { by } => ("denied", by),
    }
}

/// UTC with milliseconds.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A request id as a UUID is written.
pub(super) fn uuid(id: &RequestId) -> String {
    let mut out = String::with_capacity(36);
    for (i, byte) in id.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        push_hex(&mut out, *byte);
    }
    out
}

/// A blinded name as it is written.
pub(in crate::app) fn blinded(mac: &[u8; 32]) -> String {
    let mut out = String::with_capacity(69);
    out.push_str("hmac:");
    for byte in mac {
        push_hex(&mut out, *byte);
    }
    out
}

fn push_hex(out: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 15] {
        let digit = if nibble < 10 { b'0' } else { b'a' - 10 };
        out.push(char::from(digit + nibble));
    }
}

/// How many bytes a text takes in a line, its quotes and a comma included; never less than it does.
pub(super) fn width(text: &str) -> usize {
    let one = |c: char| match c {
        '"' | '\\' => 2,
        ' '..'\x7f' => 1,
        _ => 6 * c.len_utf16(),
    };
    text.chars().map(one).sum::<usize>() + 3
}

/// The object without its opening brace: [`frame`] puts brace and sequence in front.
pub(super) fn encode(line: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(640);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Ascii);
    if line.serialize(&mut serializer).is_err() || out.first() != Some(&b'{') {
        // Cannot happen with the types above; were it to, the line still says that a request was.
        return br#""type":"unprintable"}"#.to_vec();
    }
    out.drain(..1);
    out
}

/// Appends whole lines to `out`, numbered from the one after `last`, and says the last number. `bodies` holds
/// one or more, with newlines between them. `delivered` is false when nobody waits for them any more.
pub(super) fn frame(out: &mut Vec<u8>, mut last: u64, bodies: &[u8], delivered: bool) -> u64 {
    for body in bodies.split(|&b| b == b'\n') {
        last += 1;
        out.extend_from_slice(format!("{{\"seq\":{last},").as_bytes());
        if delivered {
            out.extend_from_slice(body);
        } else {
            out.extend_from_slice(body.strip_suffix(b"}").unwrap_or(body));
            out.extend_from_slice(b",\"undelivered\":true}");
        }
        out.push(b'\n');
    }
    last
}

/// The sequence number that a line, or the beginning of one, carries.
pub(super) fn sequence(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(b"{\"seq\":")?;
    let end = digits.iter().position(|&b| b == b',')?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

/// No line is longer, with its sequence and its end: where the last one begins is found within this much.
pub(super) const LONGEST: usize = 32 * 1024;

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Without a branch for each byte, because nearly every fragment takes this way.
        if fragment.bytes().fold(0, u8::max) < 0x7f {
            return writer.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if c.is_ascii() && c != '\x7f' {
                write!(writer, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str) -> String {
        let mut out = Vec::new();
        let body = encode(&Notice {
            source: source.to_owned(),
            ..Notice::default()
        });
        assert_eq!(frame(&mut out, 6, &body, true), 7);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_newline_and_an_escape_sequence_stay_inside_the_line() {
        let hostile = "a\n{\"seq\":8}\r\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2028}\0";
        let line = written(hostile);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(
            line.bytes()
                .all(|b| (b' '..0x7f).contains(&b) || b == b'\n')
        );
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["source"], hostile);
    }

    #[test]
    fn text_outside_the_basic_plane_survives_the_escaping() {
        let value: serde_json::Value = serde_json::from_str(&written("ключ🔑")).unwrap();
        assert_eq!(value["source"], "ключ🔑");
    }

    #[test]
    fn a_text_takes_no_more_of_a_line_than_was_reckoned() {
        for text in [
            "",
            "db/password",
            "a\"b\\c",
            "ключ🔑",
            "\u{1}\t\n\u{7f}\u{80}",
        ] {
            let exact = written(text).len() - written("").len();
            let reckoned = width(text) - 3;
            // An empty text is left out, with the name of its field.
            let name = if text.is_empty() {
                0
            } else {
                ",\"source\":\"\"".len()
            };
            assert!(exact <= reckoned + name, "{text:?}");
        }
    }

    #[test]
    fn the_sequence_is_read_back_from_whole_and_torn_lines_only() {
        assert_eq!(sequence(written("x").as_bytes()), Some(7));
        assert_eq!(sequence(b"{\"seq\":41,\"ti"), Some(41));
        for bad in [
            &b"{\"seq\":4"[..],
            b"{\"seq\":,",
            b"{\"seq\":-1,",
            b"{\"seq\":99999999999999999999,",
            b"{\"sequence\":4,",
            b"",
        ] {
            assert_eq!(sequence(bad), None);
        }
    }

    #[test]
    fn a_request_id_is_written_as_a_uuid() {
        let id = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 0, 0, 0, 0, 0, 0, 0xff,
        ];
        assert_eq!(uuid(&id), "01234567-89ab-cdef-0000-0000000000ff");
    }
}
