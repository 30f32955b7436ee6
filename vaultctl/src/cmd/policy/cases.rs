//! The file of a test: which policies are attached to whom, and what requests are expected to come to.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use vault_sdk::wire::{PolicyAttachment, PolicyCase};

use super::document::{Kind, read, read_text};
use crate::failure::Failure;

/// Largest file, and most that it and its policies may come to together.
const LARGEST: usize = 2 << 20;

/// A test as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tests {
    #[serde(rename = "policy", default)]
    policies: Vec<Attached>,
    #[serde(rename = "case", default)]
    pub(super) cases: Vec<Case>,
}

/// `[[policy]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attached {
    /// Beside the test's file.
    file: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    to: Vec<String>,
}

/// `[[case]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    name: Option<String>,
    pub(super) who: String,
    pub(super) action: String,
    pub(super) resource: String,
    #[serde(default)]
    context: BTreeMap<String, toml::Value>,
    pub(super) expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Expect {
    Allowed,
    Denied,
}

impl Expect {
    pub(super) fn of(allowed: bool) -> Self {
        if allowed { Self::Allowed } else { Self::Denied }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        }
    }
}

impl Case {
    /// What the report calls it.
    pub(super) fn title(&self) -> String {
        let asked = || format!("{} {} {}", self.who, self.action, self.resource);
        self.name.clone().unwrap_or_else(asked)
    }

    fn to_wire(&self, title: &str) -> Result<PolicyCase, Failure> {
        let value = |(key, value): (&String, &toml::Value)| {
            let text = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                toml::Value::Datetime(moment) => moment.to_string(),
                toml::Value::Float(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
                    return Err(Failure::invalid(format!(
                        "{title}: `{key}` is a text, a whole number, a moment, true or false"
                    )));
                }
            };
            Ok((key.clone(), text))
        };
        Ok(PolicyCase {
            who: self.who.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            context: self.context.iter().map(value).collect::<Result<_, _>>()?,
        })
    }
}

impl Tests {
    pub(super) fn read(file: &str) -> Result<(Self, usize), Failure> {
        let largest = u64::try_from(LARGEST).unwrap_or(u64::MAX);
        let text = read_text(file, largest, "a test")?;
        let tests: Self = toml::from_str(&text)
            .map_err(|error| Failure::invalid(format!("{file}: {}", error.to_string().trim())))?;
        if tests.cases.is_empty() {
            let nothing = format!("{file}: there is no `[[case]]`, so it would test nothing");
            return Err(Failure::invalid(nothing));
        }
        Ok((tests, text.len()))
    }

    /// The policies with their texts; their names are the files that they were read from.
    pub(super) fn policies(
        &self,
        file: &str,
        size: usize,
    ) -> Result<Vec<PolicyAttachment>, Failure> {
        let folder = Path::new(file).parent().unwrap_or_else(|| Path::new(""));
        let mut left = LARGEST.saturating_sub(size);
        let mut policies = Vec::new();
        for attached in &self.policies {
            let document = read(&folder.join(&attached.file).to_string_lossy())?;
            left = left.checked_sub(document.len()).ok_or_else(|| {
                Failure::invalid(format!("{file}: with its policies it is over 2 MiB"))
                    .hint("test them in parts")
            })?;
            policies.push(PolicyAttachment {
                kind: vault_sdk::wire::PolicyKind::from(attached.kind).into(),
                name: attached.file.clone(),
                document,
                to: attached.to.clone(),
            });
        }
        Ok(policies)
    }

    pub(super) fn to_wire(&self) -> Result<Vec<PolicyCase>, Failure> {
        let cases = self.cases.iter();
        cases.map(|case| case.to_wire(&case.title())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Expect, Tests};

    #[test]
    fn a_test_is_read_with_its_defaults_and_its_values_become_text() {
        let text = r#"
            [[policy]]
            file = "readers.json"
            [[case]]
            who = "user:alice"
            action = "secret:GetValue"
            resource = "secret:db/x"
            context = { "vault:MultiFactorAuthAge" = 60, "vault:SecureTransport" = true, "vault:CurrentTime" = 2026-11-24T12:30:00Z }
            expect = "allowed"
        "#;
        let tests: Tests = toml::from_str(text).unwrap();
        let case = &tests.cases[0];
        assert_eq!(
            (case.expect, case.title().as_str()),
            (Expect::Allowed, "user:alice secret:GetValue secret:db/x")
        );
        let context = &tests.to_wire().unwrap()[0].context;
        let values: Vec<&str> = context.values().map(String::as_str).collect();
        assert_eq!(values, ["2026-11-24T12:30:00Z", "60", "true"]);
    }

    #[test]
    fn what_a_test_does_not_know_or_says_twice_is_refused() {
        let case = "[[case]]\nwho = \"user:a\"\naction = \"secret:List\"\nresource = \"secret:\"\n";
        for wrong in [
            case.to_owned(),
            format!("{case}expect = \"maybe\""),
            format!("{case}expect = \"denied\"\nexpect = \"denied\""),
            format!("{case}expect = \"denied\"\nexpects = \"denied\""),
            format!("[[policy]]\nkind = \"identity\"\n{case}expect = \"denied\""),
            format!("[[policy]]\nfile = \"x\"\nkind = \"group\"\n{case}expect = \"denied\""),
            format!("[[cases]]\n{case}expect = \"denied\""),
        ] {
            assert!(toml::from_str::<Tests>(&wrong).is_err(), "{wrong}");
        }
        let listed =
            format!("{case}expect = \"denied\"\ncontext = {{ \"vault:TagKeys\" = [\"a\"] }}");
        let tests: Tests = toml::from_str(&listed).unwrap();
        assert!(tests.to_wire().is_err());
    }
}
