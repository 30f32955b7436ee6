//! Identities and policies as the wire has them.

use prost_types::Duration;
use vault_core::access::policy::Warning;
use vault_core::engine::identity::{Described, Policy};
use vault_proto::v1;

use super::convert::timestamp;

pub(super) fn identity(who: String, group: bool, described: Described) -> v1::IdentityDescription {
    let (groups, members) = if group {
        (Vec::new(), described.groups)
    } else {
        (described.groups, Vec::new())
    };
    let inline = described.inline.into_iter();
    v1::IdentityDescription {
        who,
        id: described.id,
        description: described.description,
        tags: described
            .tags
            .iter()
            .map(|(key, value)| (key.as_str().to_owned(), value.as_str().to_owned()))
            .collect(),
        disabled: described.disabled,
        policies: described.policies,
        inline_policies: inline
            .map(|policy| v1::InlinePolicy {
                name: policy.name,
                document: policy.text,
            })
            .collect(),
        boundary: described.boundary.unwrap_or_default(),
        groups,
        members,
        trust_policy: described.trust.unwrap_or_default(),
        longest_session: Some(described.longest_session)
            .filter(|longest| *longest > 0)
            .map(|ms| Duration {
                seconds: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
                nanos: 0,
            }),
        created_at: Some(timestamp(described.created_at)),
        updated_at: Some(timestamp(described.updated_at)),
        most_secret_ids: u32::try_from(described.most_secret_ids).unwrap_or(u32::MAX),
    }
}

pub(super) fn policy(policy: Policy) -> v1::PolicyDescription {
    let versions = policy.versions.iter();
    v1::PolicyDescription {
        name: policy.name,
        id: policy.id,
        description: policy.description,
        version: policy.version,
        versions: versions
            .map(|(version, made)| v1::PolicyVersion {
                version: *version,
                created_at: Some(timestamp(*made)),
            })
            .collect(),
        document_version: policy.text_version,
        document: policy.text,
        attachments: policy.attachments,
        created_at: Some(timestamp(policy.created_at)),
        updated_at: Some(timestamp(policy.updated_at)),
    }
}

pub(super) fn warnings(warnings: &[Warning]) -> Vec<v1::PolicyFinding> {
    warnings.iter().map(super::policies::warning).collect()
}
