//! `vault.v1.System`.

#![expect(
    clippy::needless_pass_by_value,
    reason = "messages are taken whole, so that nothing of them is left behind in the handler"
)]

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::crypto::secret::{Passphrase, SetupCode, Share};
use vault_core::crypto::shamir::Split;
use vault_core::crypto::slots::{SealHeader, SealKind};
use vault_proto::v1::system_server::System;
use vault_proto::v1::{
    self as wire, CancelRekeyRequest, CancelUnsealRequest, ConfirmInitRequest, ConfirmInitResponse,
    GetKeyringStatusRequest, GetStatusRequest, GetStatusResponse, InitRequest, InitResponse,
    KeyringStatus, Reason, RekeyStatus, RotateKeyringRequest, SealConfig, SealRequest,
    SealResponse, SealState, StartRekeyRequest, SubmitRekeyRequest, UnsealRequest, UnsealResponse,
    rekey_status, seal_config, submit_rekey_request, unseal_request,
};

use super::Door;
use super::convert::timestamp;
use super::metadata::{call, refuse, respond, to_the_end, without_state};
use crate::app::{
    self, Born, Error, KeyInput, KeyringState, RekeyPhase, RekeyState, Result, SealChoice,
    SealStatus, UnsealState,
};

type Reply<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl System for Door {
    async fn get_status(&self, request: Request<GetStatusRequest>) -> Reply<GetStatusResponse> {
        let call = call("/vault.v1.System/GetStatus", &request)?;
        let answer = self.app.status(&call).await;
        let stranger = answer
            .as_ref()
            .is_ok_and(|told| told.reply.inside.is_none());
        let reply = respond(&call, answer, format_status)?;
        Ok(if stranger {
            without_state(reply)
        } else {
            reply
        })
    }

    async fn init(&self, request: Request<InitRequest>) -> Reply<InitResponse> {
        let call = call("/vault.v1.System/Init", &request)?;
        let request = request.into_inner();
        let init = match choice(request.seal) {
            Ok(seal) => app::InitRequest {
                seal,
                setup_code: SetupCode::from(request.setup_code),
            },
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.init(&call, init).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, format_born)
    }

    async fn confirm_init(
        &self,
        request: Request<ConfirmInitRequest>,
    ) -> Reply<ConfirmInitResponse> {
        let call = call("/vault.v1.System/ConfirmInit", &request)?;
        let request = request.into_inner();
        let confirm = app::ConfirmInitRequest {
            ceremony: request.ceremony,
            setup_code: SetupCode::from(request.setup_code),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.confirm_init(&call, confirm).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |()| ConfirmInitResponse {})
    }

    async fn unseal(&self, request: Request<UnsealRequest>) -> Reply<UnsealResponse> {
        let call = call("/vault.v1.System/Unseal", &request)?;
        let input = match request.into_inner().key {
            Some(unseal_request::Key::Share(share)) => KeyInput::Share(Share::from(share)),
            Some(unseal_request::Key::Passphrase(text)) => {
                KeyInput::Passphrase(Passphrase::from(text))
            }
            None => return Err(refuse(self, &call, no_key()).await),
        };
        respond(&call, self.app.unseal(&call, input).await, |state| {
            format_unseal(&state)
        })
    }

    async fn cancel_unseal(&self, request: Request<CancelUnsealRequest>) -> Reply<UnsealResponse> {
        let call = call("/vault.v1.System/CancelUnseal", &request)?;
        let share = Share::from(request.into_inner().share);
        respond(&call, self.app.cancel_unseal(&call, share).await, |state| {
            format_unseal(&state)
        })
    }

    async fn seal(&self, request: Request<SealRequest>) -> Reply<SealResponse> {
        let call = call("/vault.v1.System/Seal", &request)?;
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.seal(&call).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |()| SealResponse {})
    }

    async fn start_rekey(&self, request: Request<StartRekeyRequest>) -> Reply<RekeyStatus> {
        let call = call("/vault.v1.System/StartRekey", &request)?;
        let choice = match choice(request.into_inner().seal) {
            Ok(choice) => choice,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.start_rekey(&call, choice).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, format_rekey)
    }

    async fn submit_rekey(&self, request: Request<SubmitRekeyRequest>) -> Reply<RekeyStatus> {
        let call = call("/vault.v1.System/SubmitRekey", &request)?;
        let request = request.into_inner();
        let input = match request.key {
            Some(submit_rekey_request::Key::Share(share)) => KeyInput::Share(Share::from(share)),
            Some(submit_rekey_request::Key::Passphrase(text)) => {
                KeyInput::Passphrase(Passphrase::from(text))
            }
            None => return Err(refuse(self, &call, no_key()).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.submit_rekey(&call, &request.ceremony, input).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, format_rekey)
    }

    async fn cancel_rekey(&self, request: Request<CancelRekeyRequest>) -> Reply<RekeyStatus> {
        let call = call("/vault.v1.System/CancelRekey", &request)?;
        let ceremony = request.into_inner().ceremony;
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.cancel_rekey(&call, &ceremony).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, format_rekey)
    }

    async fn rotate_keyring(&self, request: Request<RotateKeyringRequest>) -> Reply<KeyringStatus> {
        let call = call("/vault.v1.System/RotateKeyring", &request)?;
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.rotate_keyring(&call).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, format_keyring)
    }

    async fn get_keyring_status(
        &self,
        request: Request<GetKeyringStatusRequest>,
    ) -> Reply<KeyringStatus> {
        let call = call("/vault.v1.System/GetKeyringStatus", &request)?;
        respond(&call, self.app.keyring_status(&call).await, format_keyring)
    }
}

fn no_key() -> Error {
    Error::new(
        Reason::RequestInvalid,
        "the request holds neither a share nor a passphrase",
    )
}

/// The seal that is asked for; Shamir 3 of 5 where nothing is said.
pub(super) fn choice(config: Option<SealConfig>) -> Result<SealChoice> {
    let config = config.unwrap_or_default();
    let recovery = split(config.recovery)?;
    Ok(match config.kind {
        None => SealChoice::Shamir(recovery),
        Some(seal_config::Kind::Shamir(shamir)) => SealChoice::Shamir(split(Some(shamir))?),
        Some(seal_config::Kind::Passphrase(seal)) => {
            let given = (!seal.passphrase.is_empty()).then(|| Passphrase::from(seal.passphrase));
            SealChoice::Passphrase(given, recovery)
        }
        Some(seal_config::Kind::KeyFile(_)) => SealChoice::KeyFile(recovery),
        Some(seal_config::Kind::SystemdCredential(_)) => SealChoice::Credential(recovery),
    })
}

fn split(shamir: Option<wire::ShamirSeal>) -> Result<Split> {
    let Some(shamir) = shamir else {
        return Ok(Split::DEFAULT);
    };
    let small = |number| u8::try_from(number).unwrap_or(u8::MAX);
    Split::new(small(shamir.threshold), small(shamir.shares))
        .map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
}

fn format_status(status: app::Status) -> GetStatusResponse {
    let state = match status.seal {
        SealStatus::Uninitialised => SealState::Uninitialised,
        SealStatus::Sealed => SealState::Sealed,
        SealStatus::Unsealed => SealState::Unsealed,
    };
    let threshold = status
        .header
        .as_ref()
        .map(|header| u32::from(header.threshold()));
    let told = GetStatusResponse {
        state: state.into(),
        slots: status.header.as_ref().map(format_slots).unwrap_or_default(),
        progress: threshold.map(|threshold| progress(threshold, &status.entered)),
        ..GetStatusResponse::default()
    };
    let Some(inside) = status.inside else {
        return told;
    };
    GetStatusResponse {
        version: inside.version.to_owned(),
        cluster_id: inside.cluster.map(hex::encode).unwrap_or_default(),
        node_id: inside.node,
        region: inside.region,
        dev: inside.dev,
        incarnation: inside.applied.incarnation,
        applied_index: inside.applied.index,
        state_hash: inside.state_hash.map(hex::encode).unwrap_or_default(),
        disk_protection: inside.protection.to_owned(),
        unsealed_at: inside.unsealed_at.map(timestamp),
        leader_id: inside.leader.unwrap_or_default(),
        failed_opens: inside.failed_opens,
        opens: inside.opens,
        ..told
    }
}

pub(super) fn format_slots(header: &SealHeader) -> Vec<wire::SealSlot> {
    let main = header.main_kind();
    let slot = |kind: SealKind| wire::SealSlot {
        kind: match kind {
            SealKind::Shamir => wire::SealKind::Shamir,
            SealKind::Passphrase => wire::SealKind::Passphrase,
            SealKind::KeyFile => wire::SealKind::KeyFile,
            SealKind::Credential => wire::SealKind::SystemdCredential,
        }
        .into(),
        threshold: if kind == SealKind::Shamir {
            header.threshold().into()
        } else {
            0
        },
        shares: if kind == SealKind::Shamir {
            u32::try_from(header.shares()).unwrap_or_default()
        } else {
            0
        },
        recovery: kind == SealKind::Shamir && main != SealKind::Shamir,
    };
    header.kinds().map(slot).collect()
}

pub(super) fn progress(threshold: u32, entered: &[u8]) -> wire::UnsealProgress {
    wire::UnsealProgress {
        threshold,
        entered: entered.iter().copied().map(u32::from).collect(),
    }
}

fn format_unseal(state: &UnsealState) -> UnsealResponse {
    let sealed = if state.unsealed {
        SealState::Unsealed
    } else {
        SealState::Sealed
    };
    UnsealResponse {
        state: sealed.into(),
        progress: Some(progress(state.threshold.into(), &state.entered)),
    }
}

fn format_born(born: Born) -> InitResponse {
    let (shares, recovery_shares) = by_use(&born.shares, born.recovery);
    InitResponse {
        ceremony: born.ceremony.to_string(),
        cluster_id: hex::encode(born.cluster),
        shares,
        recovery_shares,
        passphrase: passphrase(born.passphrase.as_ref()),
        // EXPOSE: shown once to the operator who initialises
        initial_token: born.token.expose().to_owned(),
        bootstrap: born.bootstrap,
    }
}

fn format_rekey(state: RekeyState) -> RekeyStatus {
    let (shares, recovery_shares) = by_use(&state.shares, state.recovery);
    let phase = match state.phase {
        RekeyPhase::Authorise => rekey_status::Phase::Authorise,
        RekeyPhase::Verify => rekey_status::Phase::Verify,
        RekeyPhase::Done => rekey_status::Phase::Done,
        RekeyPhase::Cancelled => rekey_status::Phase::Cancelled,
    };
    RekeyStatus {
        ceremony: state.ceremony.to_string(),
        phase: phase.into(),
        progress: Some(progress(state.threshold.into(), &state.entered)),
        shares,
        recovery_shares,
        passphrase: passphrase(state.passphrase.as_ref()),
    }
}

pub(super) fn by_use(shares: &[Share], recovery: bool) -> (Vec<String>, Vec<String>) {
    // EXPOSE: shown once to the operator who makes the seal
    let texts = shares
        .iter()
        .map(|share| share.expose().to_owned())
        .collect();
    if recovery {
        (Vec::new(), texts)
    } else {
        (texts, Vec::new())
    }
}

pub(super) fn passphrase(passphrase: Option<&Passphrase>) -> String {
    // EXPOSE: shown once to the operator who makes the seal
    passphrase
        .map(|passphrase| passphrase.expose().to_owned())
        .unwrap_or_default()
}

fn format_keyring(state: KeyringState) -> KeyringStatus {
    let term = |term: app::TermState| wire::KeyTerm {
        key: term.key.to_owned(),
        region: term
            .region
            .map(|region| region.to_string())
            .unwrap_or_default(),
        term: term.term,
        created_at: Some(timestamp(term.created_at)),
        active: term.active,
        failed_opens: term.failed_opens,
        records: term.records,
    };
    KeyringStatus {
        generation: state.generation,
        terms: state.terms.into_iter().map(term).collect(),
        rewrap: Some(wire::RewrapProgress {
            running: state.rewrapping,
            done: state.done,
            remaining: state.remaining,
            unreadable: state.unreadable,
        }),
    }
}
