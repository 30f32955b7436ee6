//! An invitation as one line: where, whom to believe there, and what to show.
//!
//! ```text
//! https://host:8200,https://other:8200+sha256:…+vlj_…
//! ```
//! What is cut off at the end makes the last part none.

use vault_sdk::{Endpoint, Fingerprint, Text, Vault};

use crate::failure::Failure;

#[derive(Debug)]
pub(super) struct Invitation {
    pub(super) reach: Vec<Endpoint>,
    /// Whose certificates are believed; none: those of authorities that the machine believes.
    pub(super) pin: Option<Fingerprint>,
    pub(super) secret: Text,
}

impl Invitation {
    pub(super) fn text(&self) -> String {
        let reach: Vec<String> = self.reach.iter().map(ToString::to_string).collect();
        let pin = self.pin.map(|pin| format!("+{pin}")).unwrap_or_default();
        // EXPOSE: stdout, once: this is what the command is for
        format!("{}{pin}+{}", reach.join(","), self.secret.expose())
    }

    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let cut = || {
            Failure::invalid("this is no invitation, or not all of it")
                .hint("copy the whole line that `vaultctl cluster invite` printed")
        };
        let (before, secret) = text.trim().rsplit_once('+').ok_or_else(cut)?;
        if !secret.starts_with("vlj_") || secret.len() != LENGTH {
            return Err(cut());
        }
        let (reach, pin) = match before.split_once('+') {
            Some((reach, pin)) => (reach, Some(pin.parse().map_err(|_| cut())?)),
            None => (before, None),
        };
        let reach = reach.split(',').map(str::parse::<Endpoint>);
        Ok(Self {
            reach: reach.collect::<Result<_, _>>().map_err(|_| cut())?,
            pin,
            secret: Text::new(secret),
        })
    }

    /// The cluster that invites, without anybody's token.
    pub(super) fn vault(&self, timeout: std::time::Duration) -> Result<Vault, Failure> {
        let builder = Vault::builder().endpoints(self.reach.clone());
        let builder = match self.pin {
            Some(pin) => builder.ca_fingerprint(pin),
            None => builder,
        };
        Ok(builder.timeout(timeout).build()?)
    }
}

/// `vlj_` and 48 characters.
const LENGTH: usize = 52;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pin: bool) -> String {
        let pin = if pin {
            format!("+sha256:{}", "ab".repeat(32))
        } else {
            String::new()
        };
        format!(
            "https://a:8200,https://10.0.0.2:8201{pin}+vlj_{}",
            "A".repeat(48)
        )
    }

    #[test]
    fn a_line_reads_back() {
        for pin in [true, false] {
            let read = Invitation::parse(&format!(" {}\n", line(pin))).unwrap();
            assert_eq!(read.reach.len(), 2);
            assert_eq!(read.pin.is_some(), pin);
            assert_eq!(read.text(), line(pin));
        }
    }

    #[test]
    fn whatever_is_cut_off_is_missed() {
        let whole = line(true);
        for end in 0..whole.len() {
            assert!(
                Invitation::parse(whole.get(..end).unwrap()).is_err(),
                "{end}"
            );
        }
        for bad in [
            whole.replace("sha256:ab", "sha256:zz"),
            whole.replace("https://a", "http://a"),
            whole.replace("vlj_", "vlt_"),
            whole.replace("https://a:8200,", ","),
            "vaultctl cluster join".to_owned(),
        ] {
            assert!(Invitation::parse(&bad).is_err(), "{bad}");
        }
    }
}
