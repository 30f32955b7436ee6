//! No message of the API prints a secret that it carries, at whatever depth.

use std::collections::{BTreeSet, HashMap};

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use vault_proto::v1;

use crate::methods::pool;

const CANARY: &str = "canary-5f1c-value";

/// Words that, as part of a field's name, mean secret material.
const TELLING: [&str; 11] = [
    "password",
    "passphrase",
    "token",
    "share",
    "shares",
    "value",
    "values",
    "code",
    "pin",
    "seed",
    "private",
];
/// Fields that such a word or a type of bytes makes suspect, and why they carry no secret.
const HARMLESS: [(&str, &str); 7] = [
    ("vault.v1.AskToJoinResponse.cluster_id", "names the cluster"),
    ("vault.v1.AddPinRequest.certificate", "shown to everybody"),
    ("vault.v1.BackupChunk.data", "rows sealed as on disk"),
    (
        "vault.v1.RestoreBackupRequest.data",
        "rows sealed as on disk",
    ),
    ("vault.v1.SealSlot.shares", "how many"),
    ("vault.v1.ShamirSeal.shares", "how many"),
    ("vault.v1.KeyTerm.key", "the role of a key"),
];

macro_rules! printed {
    ($($message:ident),* $(,)?) => {
        /// Names of the messages that the test can print.
        const PRINTED: &[&str] = &[$(concat!("vault.v1.", stringify!($message))),*];

        /// Both Debug forms of an encoded message, and its encoding again.
        fn printed(name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
            match name {
                $(concat!("vault.v1.", stringify!($message)) => {
                    let message = v1::$message::decode(bytes).expect("an encoded message");
                    (format!("{message:?} {message:#?}"), message.encode_to_vec())
                })*
                _ => panic!("{name} is not in the list of this test"),
            }
        }
    };
}

printed!(
    AskToJoinRequest,
    BatchGetResult,
    BatchGetSecretsResponse,
    CancelUnsealRequest,
    ChangePasswordRequest,
    ConfirmEnrolmentRequest,
    ConfirmEnrolmentResponse,
    ConfirmInitRequest,
    CreateRegionRequest,
    CreateRegionResponse,
    ElevateSessionRequest,
    GenerateRandomResponse,
    GetSecretResponse,
    InitRequest,
    InitResponse,
    InviteNodeResponse,
    JoinClusterRequest,
    LoginPasswordRequest,
    LoginPasswordResponse,
    IssueEnrolmentCodeResponse,
    IssueSecretIdResponse,
    LoginResponse,
    LoginSecretIdRequest,
    LoginTokenRequest,
    NewRecoveryCodesRequest,
    NewRecoveryCodesResponse,
    PassphraseSeal,
    PutSecretRequest,
    CancelGenerateRootRequest,
    GenerateRootRequest,
    RootGeneration,
    RekeyStatus,
    ResetPasswordResponse,
    RemoveAuthenticatorRequest,
    RestoreBackupRequest,
    SealConfig,
    StartEnrolmentRequest,
    StartEnrolmentResponse,
    StartRekeyRequest,
    ShareRequest,
    ShareResponse,
    SubmitRekeyRequest,
    UnsealRequest,
    UnwrapRequest,
    UnwrapResponse,
);

#[test]
fn no_message_prints_a_secret_that_it_carries() {
    let mut carrying = BTreeSet::new();
    for message in pool()
        .all_messages()
        .filter(|m| m.full_name().starts_with("vault.v1."))
    {
        if message.is_map_entry() {
            continue;
        }
        for filled in with_canary(&message, 4) {
            carrying.insert(message.full_name().to_owned());
            let bytes = filled.encode_to_vec();
            let (text, again) = printed(message.full_name(), &bytes);
            assert_eq!(again, bytes, "{} lost the canary", message.full_name());
            assert!(
                !text.contains(CANARY),
                "{} prints: {text}",
                message.full_name()
            );
            let numbers = format!("{:?}", CANARY.as_bytes());
            let numbers = numbers.trim_matches(['[', ']']);
            assert!(
                !text.contains(numbers),
                "{} prints bytes",
                message.full_name()
            );
        }
    }
    let listed: BTreeSet<String> = PRINTED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(carrying, listed, "the list of this test is out of date");
}

#[test]
fn fields_that_sound_secret_are_declared_so() {
    let mut wrong = Vec::new();
    for message in pool().all_messages() {
        if !message.full_name().starts_with("vault.v1.") || message.is_map_entry() {
            continue;
        }
        for field in message.fields() {
            let word = field.name().split('_').any(|word| TELLING.contains(&word));
            let text = matches!(value_kind(&field), Kind::String | Kind::Bytes);
            let bytes = matches!(value_kind(&field), Kind::Bytes);
            let harmless = HARMLESS.iter().any(|(name, _)| *name == field.full_name());
            if ((word && text) || bytes) && !harmless && !sensitive(&field) {
                wrong.push(field.full_name().to_owned());
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "declare as sensitive, or say why not: {wrong:?}"
    );
}

#[test]
fn a_message_without_secrets_still_prints_its_fields() {
    let request = v1::GetSecretRequest {
        path: CANARY.to_owned(),
        ..Default::default()
    };
    assert!(
        format!("{request:?}").contains(CANARY),
        "the test above could not fail"
    );
}

fn sensitive(field: &FieldDescriptor) -> bool {
    let extension = field
        .parent_pool()
        .get_extension_by_name("vault.v1.sensitive")
        .expect("the option");
    let options = field.options();
    options.has_extension(&extension) && options.get_extension(&extension).as_bool() == Some(true)
}

/// The kind of the field, or of its values where it is a map.
fn value_kind(field: &FieldDescriptor) -> Kind {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
        kind => kind,
    }
}

/// One message for every way to a sensitive field, with the canary at its end and nothing else set.
fn with_canary(message: &MessageDescriptor, depth: usize) -> Vec<DynamicMessage> {
    let mut found = Vec::new();
    for field in message.fields() {
        let values = match value_kind(&field) {
            Kind::Message(inner) if depth > 0 => with_canary(&inner, depth - 1)
                .into_iter()
                .map(Value::Message)
                .collect(),
            Kind::String if sensitive(&field) => vec![Value::String(CANARY.to_owned())],
            Kind::Bytes if sensitive(&field) => vec![Value::Bytes(CANARY.into())],
            _ => Vec::new(),
        };
        for value in values {
            let value = if field.is_list() {
                Value::List(vec![value])
            } else if field.is_map() {
                Value::Map(HashMap::from([(MapKey::String("name".to_owned()), value)]))
            } else {
                value
            };
            let mut filled = DynamicMessage::new(message.clone());
            filled.set_field(&field, value);
            found.push(filled);
        }
    }
    found
}
