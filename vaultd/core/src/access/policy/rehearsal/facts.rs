//! What a test says of a request: condition keys and values, as documents write them.

use std::{collections::BTreeMap, net::IpAddr};

use super::{RehearsalError, Surroundings};
use crate::{
    access::policy::{
        key::Key,
        parse,
        request::{Context, Tags},
        value,
    },
    name::{TagKey, TagValue, is_hidden},
};

/// Longest value.
const MAX_VALUE: usize = 1024;

/// The values that a test gives. What it leaves out is as in an ordinary request: over TLS, without a second
/// factor, at this moment, with a session that has just begun.
#[derive(Debug, Default)]
pub(super) struct Facts {
    role_session_name: Option<String>,
    principal_tags: Tags,
    resource_tags: Tags,
    request_tags: Tags,
    source: Option<IpAddr>,
    insecure: bool,
    user_agent: Option<String>,
    now: Option<u64>,
    token_issued: Option<u64>,
    second_factor: Option<bool>,
    second_factor_age: Option<u64>,
    requested_region: Option<String>,
    node_region: Option<String>,
}

impl Facts {
    pub(super) fn read(
        context: &BTreeMap<String, String>,
        surroundings: Surroundings<'_>,
    ) -> Result<Self, RehearsalError> {
        let mut facts = Self::default();
        let mut known: Vec<Key> = Vec::new();
        for (name, text) in context {
            let refused =
                |why: &str| RehearsalError::Context(format!("`{}` {why}", parse::short(name)));
            let key = Key::from_name(name).map_err(|error| refused(&error.to_string()))?;
            if known.contains(&key) {
                return Err(refused("is given twice, once under another spelling"));
            }
            facts.take(&key, text).map_err(refused)?;
            known.push(key);
        }
        facts
            .agree(surroundings)
            .map_err(|why| RehearsalError::Context(why.into()))?;
        Ok(facts)
    }

    fn take(&mut self, key: &Key, text: &str) -> Result<(), &'static str> {
        if text.len() > MAX_VALUE || text.chars().any(is_hidden) {
            return Err("has a value of at most 1024 visible characters");
        }
        let flag = || value::flag(text).ok_or("is `true` or `false`");
        let date = || {
            let moment = value::date(text).and_then(|moment| u64::try_from(moment).ok());
            moment.ok_or("is a moment like `2026-11-24T12:30:00Z`")
        };
        match key {
            Key::SourceIp => {
                let address = text.parse().map_err(|_| "is one address")?;
                self.source = Some(address);
            }
            Key::MultiFactorAuthPresent => self.second_factor = Some(flag()?),
            Key::MultiFactorAuthAge => {
                let seconds: u64 = text.parse().map_err(|_| "is a number of seconds")?;
                self.second_factor_age = Some(seconds.saturating_mul(1000));
            }
            Key::CurrentTime => self.now = Some(date()?),
            Key::TokenIssueTime => self.token_issued = Some(date()?),
            Key::SecureTransport => self.insecure = !flag()?,
            Key::RoleSessionName => self.role_session_name = Some(text.to_owned()),
            Key::PrincipalTag(tag) => add(&mut self.principal_tags, tag, text)?,
            Key::ResourceTag(tag) => add(&mut self.resource_tags, tag, text)?,
            Key::RequestTag(tag) => add(&mut self.request_tags, tag, text)?,
            Key::RequestedRegion => self.requested_region = Some(text.to_owned()),
            Key::NodeRegion => self.node_region = Some(text.to_owned()),
            Key::UserAgent => self.user_agent = Some(text.to_owned()),
            Key::PrincipalName | Key::PrincipalType => return Err("follows from who asks"),
            Key::TagKeys => return Err("follows from `vault:RequestTag/…`"),
        }
        Ok(())
    }

    /// What does not go together would test a request that cannot be.
    fn agree(&self, surroundings: Surroundings<'_>) -> Result<(), &'static str> {
        let now = self.now.unwrap_or(surroundings.now);
        if self.second_factor == Some(false) && self.second_factor_age.is_some() {
            return Err("`vault:MultiFactorAuthAge` has a value only with a second factor");
        }
        if self.second_factor_age.is_some_and(|age| age > now) {
            return Err("`vault:MultiFactorAuthAge` reaches back beyond 1970");
        }
        if self.token_issued.is_some_and(|issued| issued > now) {
            return Err("`vault:TokenIssueTime` lies after `vault:CurrentTime`");
        }
        Ok(())
    }

    pub(super) fn context<'a>(
        &'a self,
        principal_name: &'a str,
        surroundings: Surroundings<'a>,
    ) -> Context<'a> {
        let now = self.now.unwrap_or(surroundings.now);
        let present = self
            .second_factor
            .unwrap_or_else(|| self.second_factor_age.is_some());
        let region = |given: &'a Option<String>| given.as_deref().unwrap_or(surroundings.region);
        Context {
            principal_name,
            role_session_name: self.role_session_name.as_deref(),
            principal_tags: &self.principal_tags,
            resource_tags: &self.resource_tags,
            request_tags: &self.request_tags,
            source: self.source,
            secure: !self.insecure,
            user_agent: self.user_agent.as_deref(),
            now,
            token_issued: self.token_issued.unwrap_or(now),
            second_factor: present
                .then(|| now.saturating_sub(self.second_factor_age.unwrap_or_default())),
            requested_region: region(&self.requested_region),
            node_region: region(&self.node_region),
        }
    }
}

fn add(tags: &mut Tags, tag: &TagKey, text: &str) -> Result<(), &'static str> {
    let value = TagValue::try_from(text).map_err(|_| "has a value that no tag has")?;
    tags.insert(tag.clone(), value);
    Ok(())
}
