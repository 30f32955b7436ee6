//! Answers of the Secrets service, as the wire has them.

#![expect(
    clippy::needless_pass_by_value,
    reason = "messages are taken whole, so that nothing of them is left behind in the handler"
)]

use std::collections::BTreeMap;

use vault_core::crypto::secret::Plaintext;
use vault_core::engine::secrets::{
    CopyReply, DeleteReply, Deleted, Listed, Listing, Meta, PutReply, RestoreReply, Value,
    VersionInfo,
};
use vault_core::name::Label;
use vault_proto::v1 as wire;

use crate::app::{Paged, Result};
use crate::door::grpc::convert::timestamp;

pub(super) fn value(value: Value) -> wire::GetSecretResponse {
    wire::GetSecretResponse {
        path: value.path.to_string(),
        version: value.version,
        fields: value
            .fields
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect(),
        created_at: Some(timestamp(value.created_at)),
        labels: value.labels.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn batch(
    paths: &[String],
    results: Vec<Result<Value>>,
) -> wire::BatchGetSecretsResponse {
    let result = |(path, result): (&String, Result<Value>)| {
        let result = match result {
            Ok(secret) => wire::batch_get_result::Result::Secret(value(secret)),
            Err(error) => wire::batch_get_result::Result::Error(wire::BatchGetError {
                path: path.clone(),
                reason: error.reason().as_str_name().to_owned(),
                message: error.to_string(),
            }),
        };
        wire::BatchGetResult {
            result: Some(result),
        }
    };
    wire::BatchGetSecretsResponse {
        results: paths.iter().zip(results).map(result).collect(),
    }
}

pub(super) fn put(path: String, reply: &PutReply) -> wire::PutSecretResponse {
    wire::PutSecretResponse {
        path,
        version: reply.version,
        created: reply.created,
        previous: reply.previous,
        created_at: Some(timestamp(reply.created_at)),
    }
}

pub(super) fn described(meta: Meta) -> wire::DescribeSecretResponse {
    let meta = wire::SecretMeta {
        path: meta.path.to_string(),
        id: meta.id,
        description: meta.description.to_string(),
        tags: strings(&meta.tags),
        metadata: strings(&meta.metadata),
        latest_version: meta.latest_version,
        labels: label_map(&meta.labels),
        created_at: Some(timestamp(meta.created_at)),
        updated_at: Some(timestamp(meta.updated_at)),
        retention: Some(wire::Retention {
            keep_versions: meta.keep_versions,
        }),
        field_names: meta.field_names.iter().map(ToString::to_string).collect(),
    };
    wire::DescribeSecretResponse { meta: Some(meta) }
}

pub(super) fn versions(paged: Paged<Vec<VersionInfo>>) -> wire::ListVersionsResponse {
    let version = |version: VersionInfo| wire::VersionMeta {
        version: version.version,
        created_at: Some(timestamp(version.created_at)),
        created_by: version.created_by,
        note: version.note.to_string(),
        labels: version.labels.iter().map(ToString::to_string).collect(),
        field_names: version
            .field_names
            .iter()
            .map(ToString::to_string)
            .collect(),
        size: version.size,
        destroyed: version.destroyed,
        operation: version.operation.name().to_owned(),
    };
    wire::ListVersionsResponse {
        versions: paged.page.into_iter().map(version).collect(),
        next_cursor: paged.next,
    }
}

pub(super) fn listing(paged: Paged<Listing>) -> wire::ListSecretsResponse {
    let entry = |entry: Listed| wire::Entry {
        path: entry.path,
        folder: entry.folder,
        latest_version: entry.latest_version,
        updated_at: (entry.updated_at != 0).then(|| timestamp(entry.updated_at)),
    };
    wire::ListSecretsResponse {
        entries: paged.page.entries.into_iter().map(entry).collect(),
        next_cursor: paged.next,
        unsorted: paged.page.unsorted,
    }
}

pub(super) fn labels(labels: BTreeMap<Label, u64>) -> wire::SetLabelResponse {
    wire::SetLabelResponse {
        labels: label_map(&labels),
    }
}

pub(super) fn deleted(reply: DeleteReply) -> wire::DeleteSecretResponse {
    wire::DeleteSecretResponse {
        deleted: reply.deleted.into_iter().map(deletion).collect(),
        more: reply.more,
    }
}

pub(super) fn trash(paged: Paged<Vec<Deleted>>) -> wire::ListDeletedResponse {
    wire::ListDeletedResponse {
        deleted: paged.page.into_iter().map(deletion).collect(),
        next_cursor: paged.next,
    }
}

pub(super) fn restored(reply: RestoreReply) -> wire::RestoreSecretResponse {
    wire::RestoreSecretResponse {
        path: reply.path,
        latest_version: reply.latest_version,
    }
}

pub(super) fn copied(reply: CopyReply) -> wire::CopySecretResponse {
    wire::CopySecretResponse {
        latest_version: reply.latest_version,
        versions: reply.versions,
    }
}

pub(super) fn random(value: Plaintext) -> wire::GenerateRandomResponse {
    // EXPOSE: the reply is the value
    wire::GenerateRandomResponse {
        value: String::from_utf8_lossy(value.expose()).into_owned(),
    }
}

fn deletion(deleted: Deleted) -> wire::DeletedSecret {
    wire::DeletedSecret {
        id: deleted.id,
        path: deleted.path,
        deleted_at: Some(timestamp(deleted.deleted_at)),
        destroy_at: Some(timestamp(deleted.destroy_at)),
        latest_version: deleted.latest_version,
    }
}

fn label_map(labels: &BTreeMap<Label, u64>) -> BTreeMap<String, u64> {
    labels
        .iter()
        .map(|(label, version)| (label.to_string(), *version))
        .collect()
}

fn strings<K: ToString, V: ToString>(map: &BTreeMap<K, V>) -> BTreeMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}
