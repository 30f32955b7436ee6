//! `vaultctl status`

use serde_json::{Value, json};
use vault_sdk::wire::{GetStatusResponse, SealKind, SealSlot, SealState};

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::table::record;
use crate::time;

pub(crate) async fn run(ctl: &Ctl) -> Outcome {
    let status = ctl.vault()?.system().status().await?;
    let time = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let seals: Vec<_> = status.slots.iter().map(describe_seal).collect();
    let progress = status
        .progress
        .as_ref()
        .filter(|_| status.state() == SealState::Sealed);
    let progress = progress.map(|p| format!("{} of {} shares", p.entered.len(), p.threshold));
    let number = |n: u64| if n == 0 { String::new() } else { n.to_string() };
    record(
        &ctl.output,
        &[
            ("state", state_word(status.state()).to_owned()),
            ("unseal progress", progress.unwrap_or_default()),
            ("version", status.version.clone()),
            ("cluster", status.cluster_id.clone()),
            ("region", status.region.clone()),
            ("opens", status.opens.clone()),
            ("node", number(status.node_id)),
            ("leader", number(status.leader_id)),
            ("seal", seals.join(", ")),
            ("unsealed since", time(status.unsealed_at.as_ref())),
            ("applied index", number(status.applied_index)),
            ("disk", status.disk_protection.clone()),
            (
                "mode",
                if status.dev {
                    "dev: for trying out only".to_owned()
                } else {
                    String::new()
                },
            ),
        ],
        || to_json(&status),
    )?;
    Ok(exit_of(status.state()))
}

/// 0 when secrets can be read, 7 otherwise.
pub(crate) fn exit_of(state: SealState) -> Exit {
    match state {
        SealState::Unsealed => Exit::Ok,
        SealState::Sealed | SealState::Uninitialised | SealState::Unspecified => Exit::Precondition,
    }
}

pub(crate) fn state_word(state: SealState) -> &'static str {
    match state {
        SealState::Unsealed => "unsealed",
        SealState::Sealed => "sealed",
        SealState::Uninitialised => "uninitialised",
        SealState::Unspecified => "unknown",
    }
}

fn kind_word(kind: SealKind) -> &'static str {
    match kind {
        SealKind::Shamir => "shamir",
        SealKind::Passphrase => "passphrase",
        SealKind::KeyFile => "key-file",
        SealKind::SystemdCredential => "systemd-credential",
        SealKind::Unspecified => "unknown",
    }
}

pub(crate) fn describe_seal(slot: &SealSlot) -> String {
    let shares = match slot.kind() {
        SealKind::Shamir => format!(" {} of {}", slot.threshold, slot.shares),
        SealKind::Unspecified
        | SealKind::Passphrase
        | SealKind::KeyFile
        | SealKind::SystemdCredential => String::new(),
    };
    let recovery = if slot.recovery { " (recovery)" } else { "" };
    format!("{}{shares}{recovery}", kind_word(slot.kind()))
}

pub(crate) fn seal_json(slot: &SealSlot) -> Value {
    json!({
        "kind": kind_word(slot.kind()),
        "threshold": slot.threshold,
        "shares": slot.shares,
        "recovery": slot.recovery,
    })
}

fn to_json(status: &GetStatusResponse) -> Value {
    let progress = status.progress.as_ref();
    json!({
        "state": state_word(status.state()),
        "version": status.version,
        "cluster_id": status.cluster_id,
        "node_id": status.node_id,
        "leader_id": status.leader_id,
        "region": status.region,
        "opens": status.opens,
        "seals": status.slots.iter().map(seal_json).collect::<Vec<_>>(),
        "progress": progress.map(|p| json!({ "threshold": p.threshold, "entered": p.entered })),
        "dev": status.dev,
        "incarnation": status.incarnation,
        "applied_index": status.applied_index,
        "state_hash": status.state_hash,
        "disk_protection": status.disk_protection,
        "unsealed_at": time::rfc3339(status.unsealed_at.as_ref()),
        "failed_opens": status.failed_opens,
    })
}

#[cfg(test)]
mod tests {
    use vault_sdk::wire::{SealKind, SealSlot, SealState};

    use super::{describe_seal, exit_of};
    use crate::exit::Exit;

    #[test]
    fn only_an_open_vault_ends_well() {
        assert_eq!(exit_of(SealState::Unsealed), Exit::Ok);
        assert_eq!(exit_of(SealState::Sealed), Exit::Precondition);
        assert_eq!(exit_of(SealState::Uninitialised), Exit::Precondition);
    }

    #[test]
    fn seals_are_described() {
        let kind = SealKind::Shamir.into();
        let slot = SealSlot {
            kind,
            threshold: 3,
            shares: 5,
            recovery: true,
        };
        assert_eq!(describe_seal(&slot), "shamir 3 of 5 (recovery)");
    }
}
