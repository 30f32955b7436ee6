//! The options that say which lines are meant.

use jiff::Timestamp;
use vault_sdk::wire::AuditFilter;
use vault_sdk::{Reference, Timestamp as WireTime};

use crate::failure::Failure;
use crate::time::{now, parse_span};

/// Lines that match one word of each kind that is given.
#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// By this user, or this session's accessor; may be repeated, as all of these
    #[arg(long, value_name = "NAME")]
    caller: Vec<String>,

    /// For this action: `secret:GetValue`, `secret:*`
    #[arg(long, value_name = "ACTION")]
    action: Vec<String>,

    /// About this: a reference, `FOLDER/`, `user:NAME` and the like, `system`, `own` for the caller's own
    #[arg(long, value_name = "RESOURCE", value_parser = parse_resource)]
    resource: Vec<String>,

    /// That ended like this: ok, denied, `not_found`, unauthenticated, aborted, …; failed: all but ok
    #[arg(long, value_name = "OUTCOME")]
    outcome: Vec<String>,

    /// Not before: a time (RFC 3339), or how long ago (2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,

    /// Before: the same
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
}

impl Filter {
    pub(super) fn to_wire(&self) -> Result<AuditFilter, Failure> {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            return Err(Failure::usage("nothing is between --since and --until"));
        }
        Ok(AuditFilter {
            callers: self.caller.clone(),
            actions: self.action.clone(),
            resources: self.resource.clone(),
            outcomes: self.outcome.clone(),
            since: self.since.map(wire),
            until: self.until.map(wire),
        })
    }
}

fn wire(time: Timestamp) -> WireTime {
    WireTime {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    }
}

/// Words stand for themselves; the rest is a reference without field or version.
fn parse_resource(text: &str) -> Result<String, String> {
    if matches!(text, "system" | "own") {
        return Ok(text.to_owned());
    }
    let sort = text.split_once(':').map(|(sort, _)| sort);
    if matches!(sort, Some("user" | "service" | "role" | "group" | "policy")) {
        return Ok(text.to_owned());
    }
    let text = text.strip_prefix("secret:").unwrap_or(text);
    let (path, end) = match text.strip_suffix('/') {
        Some("") => return Ok("secret:/".to_owned()),
        Some(folder) => (folder, "/"),
        None => (text, ""),
    };
    let reference: Reference = path.parse().map_err(|error| format!("{error}"))?;
    if reference.field.is_some() || reference.selector.is_some() {
        return Err("the audit knows whole secrets: leave out field and version".to_owned());
    }
    // The word in front keeps a secret that is called `system` from being mistaken for the system.
    Ok(format!("secret:{}{end}", reference.path))
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = parse_span(text).map_err(|_| {
        format!("`{text}` is no time: write 2026-01-31T12:00:00Z, or 2h for so long ago")
    })?;
    let now = now().ok_or("this machine's clock shows no time")?;
    now.checked_sub(ago)
        .map_err(|_| format!("`{text}` ago is before all time"))
}

#[cfg(test)]
mod tests {
    use super::{parse_resource, parse_time};

    #[test]
    fn a_resource_is_a_word_a_reference_or_a_folder() {
        for (text, meant) in [
            ("system", "system"),
            ("own", "own"),
            ("user:alice", "user:alice"),
            ("secret:system", "secret:system"),
            ("db/password", "secret:db/password"),
            ("secret:db/password", "secret:db/password"),
            ("a%40b", "secret:a@b"),
            ("db/", "secret:db/"),
            ("/", "secret:/"),
        ] {
            assert_eq!(parse_resource(text).as_deref(), Ok(meant), "{text}");
        }
    }

    #[test]
    fn fields_versions_and_what_is_no_reference_are_refused() {
        for text in ["", "a#b", "a@7", "a%", "secret:"] {
            assert!(parse_resource(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_is_one_or_so_long_ago() {
        assert!(parse_time("2026-01-31T12:00:00Z").is_ok());
        assert!(parse_time("2h").unwrap() < parse_time("1h").unwrap());
        for text in ["", "yesterday", "2026-01-31", "-1h", "99999999d"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
