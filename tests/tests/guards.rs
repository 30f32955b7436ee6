//! Every method of the API against callers who may not call it, and against garbage.

use prost_reflect::{DynamicMessage, Value};
use tonic::Code;
use vault_proto::{Access, METHODS};
use vault_tests::Daemon;

use crate::BINARIES;
use crate::wire::{Refused, Wire, descriptor, message};

/// A body that a method takes: empty, but where nothing can be asked with nothing said.
pub fn body(path: &str) -> Vec<u8> {
    let text = |text: &str| Value::String(text.to_owned());
    let name = path.rsplit('/').next().unwrap_or_default();
    let secret = ("path", text("a/b"));
    match name {
        "GenerateRoot" | "CancelGenerateRoot" => {
            message(&format!("{name}Request"), &[("share", text("x"))])
        }
        "SubmitRekey" => message("SubmitRekeyRequest", &[("share", text("x"))]),
        "CreateRegion" => message("CreateRegionRequest", &[("name", text("eu"))]),
        "RevokeRegion" => message("RevokeRegionRequest", &[("name", text("eu"))]),
        "RenameRegion" => {
            let fields = [("name", text("eu")), ("new_name", text("us"))];
            message("RenameRegionRequest", &fields)
        }
        "GetSecret"
        | "PutSecret"
        | "DescribeSecret"
        | "UpdateSecret"
        | "ListVersions"
        | "DeleteSecret"
        | "RestoreSecret"
        | "GetResourcePolicy"
        | "PutResourcePolicy"
        | "DeleteResourcePolicy" => message(&format!("{name}Request"), &[secret]),
        "DestroySecret" => message(
            "DestroySecretRequest",
            &[secret, ("version", Value::U64(1))],
        ),
        "SetLabel" | "RemoveLabel" => {
            let mut fields = vec![secret, ("label", text("stable"))];
            if name == "SetLabel" {
                fields.push(("version", Value::U64(1)));
            }
            message(&format!("{name}Request"), &fields)
        }
        "CopySecret" | "MoveSecret" => {
            let fields = [("source", text("a/b")), ("destination", text("a/c"))];
            message(&format!("{name}Request"), &fields)
        }
        "BatchGetSecrets" => {
            let one = message("GetSecretRequest", &[secret]);
            let one = DynamicMessage::decode(descriptor("GetSecretRequest"), one.as_slice());
            let one = Value::Message(one.expect("what was just encoded"));
            message(
                "BatchGetSecretsRequest",
                &[("requests", Value::List(vec![one]))],
            )
        }
        "LoginPassword" => {
            let fields = [("user", text("alice")), ("password", text("x"))];
            message("LoginPasswordRequest", &fields)
        }
        "CreateTrust" | "UpdateTrust" | "DescribeTrust" | "DeleteTrust" => {
            message(&format!("{name}Request"), &[("name", text("cluster"))])
        }
        "BindService" | "UnbindService" => {
            let mut fields = vec![("trust", text("cluster")), ("service", text("till"))];
            if name == "BindService" {
                let claim = message(
                    "BoundClaim",
                    &[("name", text("sub")), ("pattern", text("x"))],
                );
                let claim = DynamicMessage::decode(descriptor("BoundClaim"), claim.as_slice());
                let claim = Value::Message(claim.expect("what was just encoded"));
                fields.push(("claims", Value::List(vec![claim])));
            }
            message(&format!("{name}Request"), &fields)
        }
        "ChangePassword" => {
            let fields = [("old_password", text("x")), ("new_password", text("y"))];
            message("ChangePasswordRequest", &fields)
        }
        "ResetPassword" | "UnlockUser" => {
            message(&format!("{name}Request"), &[("user", text("alice"))])
        }
        "Share" => message("ShareRequest", &[secret]),
        "LookupShare" | "RevokeShare" => {
            let accessor = ("accessor", text(&"0".repeat(32)));
            message(&format!("{name}Request"), &[accessor])
        }
        "Unwrap" => {
            let claim = ("claim", Value::Bytes(vec![7; 16].into()));
            message("UnwrapRequest", &[("code", text(CODE)), claim])
        }
        "CreateIdentity" | "DescribeIdentity" | "UpdateIdentity" | "DeleteIdentity" => {
            message(&format!("{name}Request"), &[("who", text("user:alice"))])
        }
        "AssumeRole" => message(
            "AssumeRoleRequest",
            &[("role", text("deploy")), ("session_name", text("alice"))],
        ),
        "RevokeSessions" => message("RevokeSessionsRequest", &[("who", text("user:alice"))]),
        "ListIdentities" => message("ListIdentitiesRequest", &[("sort", text("user"))]),
        "AttachPolicy" | "DetachPolicy" | "SetBoundary" => {
            let fields = [("who", text("user:alice")), ("policy", text("readers"))];
            message(&format!("{name}Request"), &fields)
        }
        "PutInlinePolicy" | "DeleteInlinePolicy" => {
            let fields = [("who", text("user:alice")), ("name", text("own"))];
            message(&format!("{name}Request"), &fields)
        }
        "AddMember" | "RemoveMember" => {
            let fields = [("group", text("ops")), ("user", text("alice"))];
            message(&format!("{name}Request"), &fields)
        }
        "Can" | "Simulate" | "WhoCan" => {
            let mut fields = vec![
                ("action", text("secret:GetValue")),
                ("resource", text("secret:a/b")),
            ];
            if name == "Simulate" {
                fields.push(("who", text("user:alice")));
            }
            message(&format!("{name}Request"), &fields)
        }
        "CreatePolicy" | "DescribePolicy" | "DeletePolicy" => {
            message(&format!("{name}Request"), &[("name", text("readers"))])
        }
        "UpdatePolicy" => {
            let fields = [("name", text("readers")), ("version", Value::U64(1))];
            message("UpdatePolicyRequest", &fields)
        }
        "StartEnrolment" => message("StartEnrolmentRequest", &[("name", text("phone"))]),
        "ConfirmEnrolment" | "ElevateSession" => {
            message(&format!("{name}Request"), &[("code", text("123456"))])
        }
        "IssueEnrolmentCode" | "ResetMfa" => {
            message(&format!("{name}Request"), &[("user", text("alice"))])
        }
        "LoginPeer" | "LoginToken" | "IssueSecretId" | "ListSecretIds" | "ListUids"
        | "ListPins" => message(&format!("{name}Request"), &[("service", text("ci"))]),
        "LoginSecretId" => {
            let fields = [("service", text("ci")), ("secret_id", text(SECRET_ID))];
            message("LoginSecretIdRequest", &fields)
        }
        "RevokeSecretId" => {
            let accessor = ("accessor", text(&"0".repeat(20)));
            message(
                "RevokeSecretIdRequest",
                &[("service", text("ci")), accessor],
            )
        }
        "AddPin" | "RemovePin" => {
            let hash = ("key_hash", text(&format!("sha256:{}", "0".repeat(64))));
            message(&format!("{name}Request"), &[("service", text("ci")), hash])
        }
        "AskToJoin" => message(
            "AskToJoinRequest",
            &[
                ("invitation", text(INVITATION)),
                ("key", text(&format!("sha256:{}", "0".repeat(64)))),
                ("address", text("127.0.0.1:1")),
                ("region", text("home")),
                ("name", text("new")),
            ],
        ),
        "ApproveNode" | "RejectNode" => {
            let key = ("key", text(&format!("sha256:{}", "0".repeat(64))));
            message(&format!("{name}Request"), &[key])
        }
        "AllowUid" | "RemoveUid" => {
            let fields = [("service", text("ci")), ("uid", Value::U32(1))];
            message(&format!("{name}Request"), &fields)
        }
        _ => Vec::new(),
    }
}

/// Of the right shape, and unknown everywhere.
const CODE: &str = "vls_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD8RIVY";

/// The same of a secret id.
const SECRET_ID: &str = "vli_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACF6GC_";

/// The same of an invitation.
const INVITATION: &str = "vlj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADLKEus";

/// Calls every method that is guarded so; says which were not refused like this.
async fn refused_all(wire: &Wire, guards: &[Access], code: Code, reason: &str) {
    let guarded = METHODS.iter().filter(|m| guards.contains(&m.access));
    let mut wrong = Vec::new();
    let mut tried = 0;
    for method in guarded {
        tried += 1;
        let answer = wire.call(method.path, body(method.path)).await;
        let expected = Refused {
            code,
            reason: reason.to_owned(),
        };
        if answer.as_ref().err() != Some(&expected) {
            wrong.push(format!("{}: {:?}", method.path, answer.err()));
        }
    }
    assert!(
        tried > 20 && wrong.is_empty(),
        "not {reason}:\n{}",
        wrong.join("\n")
    );
}

#[tokio::test]
async fn every_method_is_refused_before_init_and_while_sealed() {
    let daemon = Daemon::start(BINARIES);
    let anybody = Wire::connect(&daemon, "").await;
    let opened = [Access::Granted, Access::Own, Access::Credential];
    refused_all(
        &anybody,
        &opened,
        Code::FailedPrecondition,
        "NOT_INITIALISED",
    )
    .await;
    let born = daemon.init();
    daemon.unseal(&born);
    daemon.use_token(&born.token);
    daemon.ctl(&["seal"]).ok();
    let wire = Wire::connect(&daemon, &born.token).await;
    refused_all(&wire, &opened, Code::Unavailable, "SEALED").await;
}

#[tokio::test]
async fn every_guarded_method_wants_a_token() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    for token in [
        "",
        "vlt_",
        "nonsense",
        "vlt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let wire = Wire::connect(&daemon, token).await;
        let guards = [Access::Granted, Access::Own];
        refused_all(&wire, &guards, Code::Unauthenticated, "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn garbage_in_a_message_is_refused_and_the_daemon_goes_on() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    for method in METHODS {
        // Field 1, length-delimited, with a length that is not there.
        let refused = wire.call(method.path, &b"\x0a\xff\xff\xff\x7f"[..]).await;
        assert!(refused.is_err(), "{} took garbage", method.path);
    }
    daemon.ctl_with(&["set", "still/here"], b"yes").ok();
    assert_eq!(daemon.ctl(&["get", "still/here"]).ok().stdout, "yes");
}
