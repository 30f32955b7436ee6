//! Requests of the Secrets service, parsed.

#![expect(
    clippy::needless_pass_by_value,
    reason = "messages are taken whole, so that nothing of them is left behind in the handler"
)]

use std::collections::BTreeMap;

use prost::Message as _;
use vault_core::engine::secrets::{Delete, Get, Operation, Put, RemoveLabel, SetLabel, Update};
use vault_core::name::{
    Description, FolderPath, Glob, MetaKey, MetaValue, Note, SecretPath, TagKey, TagValue,
};
use vault_proto::v1 as wire;
use vault_proto::v1::Reason;

use crate::app::{Destruction, Error, Paging, PutRequest, Result, Target};
use crate::door::grpc::{convert, parse};

/// Secrets in one batch.
const BATCH: usize = 1000;

type Digest = [u8; 32];

pub(super) fn get(request: wire::GetSecretRequest) -> Result<(SecretPath, Get)> {
    let get = Get {
        selector: parse::selector(request.selector)?,
        fields: parse::fields(&request.fields)?,
    };
    Ok((parse::secret_path(&request.path)?, get))
}

pub(super) fn batch(request: wire::BatchGetSecretsRequest) -> Result<Vec<(SecretPath, Get)>> {
    if !(1..=BATCH).contains(&request.requests.len()) {
        let message = format!(
            "a batch holds 1 to {BATCH} requests, this one {}",
            request.requests.len()
        );
        return Err(Error::new(Reason::RequestInvalid, message));
    }
    request.requests.into_iter().map(get).collect()
}

pub(super) fn put(request: wire::PutSecretRequest) -> Result<PutRequest> {
    let digest = parse::digest(&request);
    let bytes = request.encoded_len();
    let policy = |(name, policy): (&String, &wire::RandomPolicy)| {
        Ok((parse::field(name)?, parse::policy(policy)))
    };
    let generate = request.generate.iter().map(policy).collect::<Result<_>>()?;
    let put = Put {
        fields: parse::values(request.fields)?,
        replace: request.replace,
        remove_fields: parse::fields(&request.remove_fields)?,
        if_version: request.if_version,
        labels: request
            .labels
            .iter()
            .map(|text| parse::label(text))
            .collect::<Result<_>>()?,
        note: parse::text::<Note>("note", &request.note)?,
        description: request
            .description
            .as_deref()
            .map(|text| parse::text("description", text))
            .transpose()?,
        tags: parse::tags(&request.tags)?,
        operation: Operation::Put,
    };
    Ok(PutRequest {
        path: parse::secret_path(&request.path)?,
        put,
        generate,
        dry_run: request.dry_run,
        bytes,
        digest,
    })
}

pub(super) fn update(request: wire::UpdateSecretRequest) -> Result<(SecretPath, Update, Digest)> {
    let digest = parse::digest(&request);
    let keys = |keys: &[String]| {
        keys.iter()
            .map(|key| parse::tag_key(key))
            .collect::<Result<Vec<_>>>()
    };
    let metadata = |(key, value): (&String, &String)| {
        Ok((
            parse::text::<MetaKey>("metadata key", key)?,
            parse::text::<MetaValue>("metadata value", value)?,
        ))
    };
    let update = Update {
        description: request
            .description
            .as_deref()
            .map(|text| parse::text::<Description>("description", text))
            .transpose()?,
        set_tags: parse::tags(&request.set_tags)?,
        remove_tags: keys(&request.remove_tags)?,
        set_metadata: request
            .set_metadata
            .iter()
            .map(metadata)
            .collect::<Result<_>>()?,
        remove_metadata: request
            .remove_metadata
            .iter()
            .map(|key| parse::text("metadata key", key))
            .collect::<Result<_>>()?,
        keep_versions: request.retention.map(|retention| retention.keep_versions),
    };
    Ok((parse::secret_path(&request.path)?, update, digest))
}

pub(super) fn versions(request: wire::ListVersionsRequest) -> Result<(SecretPath, Paging)> {
    let path = parse::secret_path(&request.path)?;
    let (size, cursor) = (request.page_size, request.cursor.clone());
    let query = wire::ListVersionsRequest {
        page_size: 0,
        cursor: String::new(),
        ..request
    };
    Ok((path, parse::paging(size, cursor, &query)?))
}

pub(super) fn list(
    request: wire::ListSecretsRequest,
) -> Result<(FolderPath, (bool, usize), Paging)> {
    let folder = parse::folder_path(&request.folder)?;
    let levels = (
        request.recursive,
        usize::try_from(request.depth).unwrap_or(usize::MAX),
    );
    let (size, cursor) = (request.page_size, request.cursor.clone());
    let query = wire::ListSecretsRequest {
        page_size: 0,
        cursor: String::new(),
        ..request
    };
    Ok((folder, levels, parse::paging(size, cursor, &query)?))
}

/// A search.
pub(super) struct Find {
    pub(super) folder: FolderPath,
    pub(super) glob: Option<Glob>,
    pub(super) tags: BTreeMap<TagKey, Option<TagValue>>,
    pub(super) paging: Paging,
}

pub(super) fn find(request: wire::FindSecretsRequest) -> Result<Find> {
    let glob = |text: &str| {
        Glob::try_from(text).map_err(|error| {
            Error::new(Reason::PathInvalid, format!("the glob is refused: {error}"))
        })
    };
    let tag = |(key, value): (&String, &String)| {
        let value = if value.is_empty() {
            None
        } else {
            Some(parse::tag_value(value)?)
        };
        Ok((parse::tag_key(key)?, value))
    };
    let found = (
        parse::folder_path(&request.folder)?,
        Some(request.glob.as_str())
            .filter(|text| !text.is_empty())
            .map(glob)
            .transpose()?,
        request.tags.iter().map(tag).collect::<Result<_>>()?,
    );
    let (size, cursor) = (request.page_size, request.cursor.clone());
    let query = wire::FindSecretsRequest {
        page_size: 0,
        cursor: String::new(),
        ..request
    };
    let (folder, glob, tags) = found;
    Ok(Find {
        folder,
        glob,
        tags,
        paging: parse::paging(size, cursor, &query)?,
    })
}

pub(super) fn set_label(request: wire::SetLabelRequest) -> Result<(SecretPath, SetLabel, Digest)> {
    let label = SetLabel {
        label: parse::label(&request.label)?,
        version: request.version,
        if_at: request.if_at,
    };
    Ok((
        parse::secret_path(&request.path)?,
        label,
        parse::digest(&request),
    ))
}

pub(super) fn remove_label(
    request: wire::RemoveLabelRequest,
) -> Result<(SecretPath, RemoveLabel, Digest)> {
    let label = RemoveLabel {
        label: parse::label(&request.label)?,
        if_at: request.if_at,
    };
    Ok((
        parse::secret_path(&request.path)?,
        label,
        parse::digest(&request),
    ))
}

pub(super) fn delete(request: wire::DeleteSecretRequest) -> Result<(Target, Delete, bool, Digest)> {
    let target = if request.recursive {
        Target::Folder(parse::folder_path(&request.path)?)
    } else {
        Target::Secret(parse::secret_path(&request.path)?)
    };
    let window = convert::milliseconds("recovery_window", request.recovery_window)?;
    let delete = Delete {
        window,
        if_version: request.if_version,
    };
    Ok((target, delete, request.dry_run, parse::digest(&request)))
}

pub(super) fn deleted(request: wire::ListDeletedRequest) -> Result<(FolderPath, Paging)> {
    let folder = parse::folder_path(&request.folder)?;
    let (size, cursor) = (request.page_size, request.cursor.clone());
    let query = wire::ListDeletedRequest {
        page_size: 0,
        cursor: String::new(),
        ..request
    };
    Ok((folder, parse::paging(size, cursor, &query)?))
}

/// A restore.
pub(super) struct Restore {
    pub(super) path: SecretPath,
    pub(super) id: Option<u64>,
    pub(super) new_path: Option<SecretPath>,
    pub(super) digest: Digest,
}

pub(super) fn restore(request: wire::RestoreSecretRequest) -> Result<Restore> {
    let new_path = Some(request.new_path.as_str()).filter(|text| !text.is_empty());
    Ok(Restore {
        path: parse::secret_path(&request.path)?,
        id: Some(request.id).filter(|id| *id != 0),
        new_path: new_path.map(parse::secret_path).transpose()?,
        digest: parse::digest(&request),
    })
}

pub(super) fn destroy(
    request: wire::DestroySecretRequest,
) -> Result<(SecretPath, Destruction, Digest)> {
    let what = match (request.version, request.id) {
        (Some(version), 0) => Destruction::Version(version),
        (None, id) if id != 0 => Destruction::Deleted(id),
        _ => {
            return Err(Error::new(
                Reason::RequestInvalid,
                "name either a version, or the id of a deleted secret",
            ));
        }
    };
    Ok((
        parse::secret_path(&request.path)?,
        what,
        parse::digest(&request),
    ))
}

pub(super) fn copy(
    request: wire::CopySecretRequest,
) -> Result<(SecretPath, SecretPath, bool, Digest)> {
    let source = parse::secret_path(&request.source)?;
    Ok((
        source,
        parse::secret_path(&request.destination)?,
        request.drop_history,
        parse::digest(&request),
    ))
}

pub(super) fn moving(request: wire::MoveSecretRequest) -> Result<(Target, Target, Digest)> {
    let source = parse::target(&request.source)?;
    let destination = match &source {
        // With a folder's source the destination is a folder, with or without a trailing `/`.
        Target::Folder(_) => Target::Folder(parse::folder_path(&request.destination)?),
        Target::Secret(_) => parse::target(&request.destination)?,
    };
    Ok((source, destination, parse::digest(&request)))
}
