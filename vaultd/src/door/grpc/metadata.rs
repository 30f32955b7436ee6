//! Headers: what a call brings, what an answer carries.

use http::header::{AUTHORIZATION, USER_AGENT};
use tonic::metadata::{Ascii, Binary, MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};
use vault_proto::Access;
use vault_proto::v1::Reason;

use super::Door;
use super::status::status;
use crate::app::{Answer, Asked, Call, Counted, Error, Result};
use crate::door::bearer::bearer;
use crate::door::conn::Peer;
use crate::door::trace::{Trace, draw};
use crate::store::Applied;

pub(super) const REQUEST_ID: &str = "vault-request-id";
const INDEX: &str = "vault-index";
const STALENESS: &str = "vault-staleness-ms";
/// Of a request: do nothing, and say which grants it takes.
const NEEDS: &str = "vault-needs";
/// Of the reply: these. `-bin`, since names are not of ASCII.
const NEEDED: &str = "vault-needs-bin";
/// Bytes of it: clients take 16 KiB of headers.
const MOST_NEEDS: usize = 6 << 10;

/// Takes from a reply what it says of the state: for those who are not told it.
pub(super) fn without_state<T>(mut response: Response<T>) -> Response<T> {
    let headers = response.metadata_mut();
    headers.remove(INDEX);
    headers.remove(STALENESS);
    response
}

/// The call that a request is, as the pipeline sees it. Whoever has one gives it to the pipeline without waiting
/// for anything: from here on the request leaves its own audit line.
pub(super) fn call<T>(
    path: &'static str,
    request: &Request<T>,
) -> std::result::Result<Call, Status> {
    let headers = request.metadata();
    let (request_id, repeatable) = match headers.get(REQUEST_ID) {
        None => (draw(), false),
        Some(value) => (parse_id(value).ok_or_else(bad_request_id)?, true),
    };
    let method = vault_proto::METHODS
        .iter()
        .find(|method| method.path == path);
    let method = method.ok_or_else(|| Status::unimplemented("no such method"))?;
    // ORDER: before it counts as going on, like a request id that is none.
    let asked = asked(method, headers)?;
    if let Some(trace) = request.extensions().get::<Trace>() {
        trace.goes_on();
    }
    Ok(Call {
        method,
        source: Peer::source(request.extensions().get()),
        certificate: Peer::certificate(request.extensions().get()),
        token: headers.as_ref().get(AUTHORIZATION).and_then(bearer),
        user_agent: user_agent(headers),
        request_id,
        repeatable,
        digest: None,
        seen: seen(headers),
        counted: Counted::default(),
        asked,
    })
}

/// The same, of a write whose repeat is known by its body.
pub(super) fn repeatable<T: prost::Message>(
    path: &'static str,
    request: &Request<T>,
) -> std::result::Result<Call, Status> {
    let mut digest = blake3::Hasher::new();
    digest.update(path.as_bytes());
    digest.update(&super::parse::digest(request.get_ref()));
    Ok(Call {
        digest: Some(*digest.finalize().as_bytes()),
        ..call(path, request)?
    })
}

/// An answer with its headers, or a status. To what was only asked about and takes a grant the answer is empty: nothing
/// was done, so nothing is handed out, and what the audit says of it is true.
pub(super) fn respond<R, T: Default>(
    call: &Call,
    result: Result<Answer<R>>,
    format: impl FnOnce(R) -> T,
) -> std::result::Result<Response<T>, Status> {
    let id = id_text(call.request_id);
    let answer = result.map_err(|error| refused(call, &error, &id))?;
    let held = answer.held;
    let granted = call.method.access == Access::Granted;
    let reply = match call.asked {
        Some(_) if granted => T::default(),
        Some(_) | None => format(answer.reply),
    };
    let mut response = Response::new(reply);
    if let Some(held) = held {
        response.extensions_mut().insert(held);
    }
    let headers = response.metadata_mut();
    put(headers, REQUEST_ID, &id);
    put(
        headers,
        INDEX,
        &format!("{}.{}", answer.applied.incarnation, answer.applied.index),
    );
    put(headers, STALENESS, &answer.staleness_ms.to_string());
    put_needs(headers, call);
    Ok(response)
}

/// A status, with what was asked for until then.
fn refused(call: &Call, error: &Error, id: &str) -> Status {
    let mut status = status(error, id);
    put_needs(status.metadata_mut(), call);
    status
}

/// Whether a request is only asked about. Where nothing is granted there is nothing to ask; and what acts by a proof in
/// the request would act all the same.
fn asked(
    method: &vault_proto::Method,
    headers: &MetadataMap,
) -> std::result::Result<Option<Asked>, Status> {
    match (headers.contains_key(NEEDS), method.access) {
        (false, _) => Ok(None),
        (true, Access::Granted | Access::Own | Access::Public) => Ok(Some(Asked::default())),
        (true, Access::KeyHolder | Access::Credential) => {
            let error = Error::new(
                Reason::RequestInvalid,
                "`vault-needs` asks what a session needs: this takes none",
            );
            Err(status(&error, ""))
        }
    }
}

/// A line for each action and resource. What there is no room for is counted.
fn put_needs(headers: &mut MetadataMap, call: &Call) {
    let Some(asked) = &call.asked else {
        return;
    };
    let (mut text, mut more) = (String::new(), 0_u32);
    for (action, resource) in asked.all() {
        if text.len() + action.len() + resource.len() > MOST_NEEDS {
            more += 1;
        } else {
            text.push_str(action);
            text.push(' ');
            text.push_str(&resource);
            text.push('\n');
        }
    }
    if more > 0 {
        text.push_str(&more.to_string());
    }
    headers.insert_bin(NEEDED, MetadataValue::<Binary>::from_bytes(text.as_bytes()));
}

/// Runs what must not be cut off half-way: a client that goes away, or a deadline, ends the waiting only.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> std::result::Result<T, Status> {
    let ran = tokio::spawn(work).await;
    ran.map_err(|_| Status::internal("the request ended by a fault of the node"))
}

/// Refuses a request that cannot be parsed; it is recorded like any other.
pub(super) async fn refuse(door: &Door, call: &Call, error: Error) -> Status {
    let id = id_text(call.request_id);
    match door.app.refused::<()>(call, error).await {
        Ok(()) => Status::internal("a refusal succeeded"),
        Err(error) => refused(call, &error, &id),
    }
}

pub(super) fn put(headers: &mut MetadataMap, name: &'static str, value: &str) {
    if let Ok(value) = MetadataValue::<Ascii>::try_from(value) {
        headers.insert(name, value);
    }
}

/// At most so much of it as anybody would compare.
fn user_agent(headers: &MetadataMap) -> Option<Box<str>> {
    const MOST: usize = 256;
    let text = headers.get(USER_AGENT.as_str())?.to_str().ok()?;
    Some(text.get(..text.len().min(MOST))?.into())
}

fn seen(headers: &MetadataMap) -> Option<Applied> {
    let (incarnation, index) = headers.get(INDEX)?.to_str().ok()?.split_once('.')?;
    Some(Applied {
        incarnation: incarnation.parse().ok()?,
        index: index.parse().ok()?,
    })
}

fn parse_id(value: &MetadataValue<Ascii>) -> Option<[u8; 16]> {
    let text = value.to_str().ok().filter(|text| text.len() == 36)?;
    let dashes = text
        .char_indices()
        .filter(|(_, c)| *c == '-')
        .map(|(at, _)| at);
    if !dashes.eq([8, 13, 18, 23]) {
        return None;
    }
    let mut id = [0; 16];
    hex::decode_to_slice(text.replace('-', ""), &mut id).ok()?;
    Some(id)
}

fn bad_request_id() -> Status {
    let error = Error::new(
        Reason::RequestIdInvalid,
        "the `vault-request-id` header is not a UUID",
    );
    status(&error, "")
}

/// A UUID's text.
pub(super) fn id_text(id: [u8; 16]) -> String {
    let digits = hex::encode(id);
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    [
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_uuid_and_nothing_else() {
        let parse = |text: &str| parse_id(&MetadataValue::try_from(text).unwrap());
        let text = "0190a6f4-92c1-7cc3-98c4-dc0c0c07398f";
        assert_eq!(parse(text).map(id_text).as_deref(), Some(text));
        for bad in [
            "",
            "0190a6f492c17cc398c4dc0c0c07398f",
            "0190a6f4-92c1-7cc3-98c4-dc0c0c07398g",
            "0190a6f492-c1-7cc3-98c4-dc0c0c07398f",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
