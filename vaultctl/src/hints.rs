//! What to do about an error, by its stable reason.

use vault_sdk::Error;

/// Advice for people, the most useful last.
pub(crate) fn of(error: &Error) -> Vec<String> {
    let mut hints = Vec::new();
    let found = error.detail("found_version");
    if let ("VERSION_MISMATCH", Some(found)) = (error.reason(), found) {
        hints.push(format!(
            "it is at version {found} now: retry with --if-version {found}"
        ));
    }
    hints.extend(fixed(error.reason()).map(str::to_owned));
    hints
}

#[expect(clippy::too_many_lines, reason = "one table")]
fn fixed(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "TOKEN_INVALID" => "log in: vaultctl login",
        "LOGIN_FAILED" => {
            "is it the right vault? vaultctl context show; an administrator gives a one-time \
             password: vaultctl password reset USER"
        }
        "LOGIN_LOCKED" => {
            "wait, or ask an administrator: vaultctl password unlock USER; where you logged in \
             before you may get in still"
        }
        "PASSWORD_CHANGE_REQUIRED" | "MFA_REQUIRED" => {
            "log in on a terminal, where you are asked: vaultctl login USER"
        }
        "CODE_WRONG" => "is the clock of your device right?",
        "CERTIFICATE_MISSING" => "name one: --client-cert FILE --client-key FILE, over https",
        "CERTIFICATE_UNFIT" => {
            "make another certificate: where the key stays the same, what was pinned stays good"
        }
        "KEY_TAKEN" => "make a key for this service alone",
        "PASSWORD_EXPIRED" => "ask an administrator: vaultctl password reset USER",
        "PASSWORD_REFUSED" => "see what it must be like: vaultctl password policy show",
        "SEALED" => "whoever holds a share can do that; see how far it is: vaultctl status",
        "ALREADY_INITIALISED" => "see what it is: vaultctl status",
        "UNREACHABLE" => "is it running, and is the address right? vaultctl doctor",
        "TIMEOUT" => "give it longer with --timeout, or look: vaultctl doctor",
        "TLS_UNTRUSTED" => {
            "compare with the fingerprint the daemon prints at start; pin it: vaultctl context add \
             NAME --addr A --ca-fingerprint F"
        }
        "POLICY_DENIED" => "see what you are: vaultctl whoami",
        "BEYOND_OWN_RIGHTS" => {
            "nobody hands out more than he has: ask someone who has it, or narrow the policy"
        }
        "IDENTITY_NOT_FOUND" => {
            "see who there is: vaultctl user ls, group ls, role ls, service ls, trust ls"
        }
        "DESTINATION_NOT_ALLOWED" => {
            "whoever runs the nodes writes it into their configuration and starts them again; or give the keys as a file"
        }
        "IDENTITY_EXISTS" => "choose another name, or change what is there with `update`",
        "SECRET_ID_NOT_FOUND" => "see which are good yet: vaultctl service secret-id ls NAME",
        "POLICY_NOT_FOUND" => {
            "see which there are: vaultctl policy ls; of a secret or folder: vaultctl policy get-resource PATH"
        }
        "POLICY_NAMES_PATHS" => "see it: vaultctl policy get-resource PATH",
        "POLICY_ATTACHED" => "take it from whoever has it first: vaultctl policy detach",
        "PRINCIPAL_UNKNOWN" => "create whom the policy names first, or take him out of it",
        "VERSION_MISMATCH" | "LABEL_MISMATCH" => "see what changed: vaultctl log PATH",
        "CONTENTION" => "try again",
        "HOME_REGION_ONLY" | "SECRET_NOT_IN_REGION" => {
            "name a node of the home region with --addr, or a context of one with -c"
        }
        "VERSION_NOT_FOUND" | "LABEL_NOT_FOUND" => "see what there is: vaultctl log PATH",
        "VERSION_DESTROYED" => "its value is gone for good",
        "WRAPPED_NOT_FOUND" => {
            "if you did not take it yourself, somebody else may have: tell whoever left it"
        }
        "FIELD_NOT_FOUND" => "see its fields: vaultctl get PATH",
        "VALUE_TOO_LARGE" => "all fields of a version together may hold 1 MiB",
        "SECRET_EXISTS" => "choose another path, or delete what is there: vaultctl rm",
        "BACKUP_DAMAGED" => {
            "nothing was changed; take another backup, and verify those that you keep"
        }
        "CURRENT_VERSION_PROTECTED" => "move `current` first: vaultctl rollback PATH --to N",
        "NOT_EMPTY" => "the folder holds secrets: add -r to mean all of them",
        "SECOND_FACTOR_NEEDED" => {
            "show one: vaultctl session elevate; for a first one, an administrator has a code: vaultctl mfa issue-code YOU"
        }
        "NO_SECOND_FACTOR" => "enrol one: vaultctl mfa enrol",
        "ENROLMENT_NOT_STARTED" => "begin it: vaultctl mfa enrol",
        "AUTHENTICATOR_EXISTS" => {
            "choose another name with --name; see which there are: vaultctl mfa ls"
        }
        "OVERLOADED" => "try again in a moment",
        "DISK_FULL" => "its disk is full: reads and seal still work, writes do not",
        "AUDIT_UNAVAILABLE" => "it cannot write its audit record, and answers nothing until it can",
        "NO_LEADER" => "no node leads at present; try again",
        "KEY_HOLDER_LOCAL_ONLY" => "use its Unix socket: --addr unix:/path/to/socket",
        "REKEY_IN_PROGRESS" => {
            "go on with --resume ID or --verify ID, or end it: vaultctl rekey --cancel ID"
        }
        "ROOT_GENERATION_IN_PROGRESS" => {
            "go on with it: vaultctl root generate --resume ID, or end it: vaultctl root generate --cancel ID"
        }
        "ROOT_IS_LAST" => {
            "make an administrator first, and log in as him; --force leaves the vault to whoever holds its shares"
        }
        "SHARE_DUPLICATE" => "another one is needed",
        "SHARE_MALFORMED" => {
            "copy the whole line: a share has a checksum that shows a typing error"
        }
        "UNSUPPORTED" => "the daemon is older than this command: vaultctl version --server",
        "RECORD_DAMAGED" => "tell the operator: stored data did not open",
        _ => return None,
    })
}
