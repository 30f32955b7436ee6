//! Replacing the root key and its seal: present holders authorise, new shares are re-entered, then it counts.
//!
//! Until the new shares have been re-entered the old seal stays, so that a lost screen loses nothing. The
//! state is in memory: a restart cancels, and so does leaving it alone.

use bytes::Bytes;
use vault_core::access::Action;
use vault_core::crypto::keyring::HOME_REGION;
use vault_core::crypto::secret::{Passphrase, RootKey, Share};
use vault_core::crypto::slots::SealHeader;
use vault_core::crypto::unseal::{Confirming, Step, Unsealing};
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::App;
use super::call::{Answer, Call};
use super::ceremony::{CeremonyId, Held};
use super::error::{Error, Result};
use super::operate::Unrecorded;
use super::sealing::KeyInput;
use super::seals::{Made, Opener, SealChoice, seal_key};
use crate::clock::OsEntropy;

/// Where a rekey stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekeyPhase {
    /// Shares of the present seal are awaited.
    Authorise,
    /// The new shares were handed out and are to be re-entered.
    Verify,
    /// The new seal is in force.
    Done,
    /// The old seal stays.
    Cancelled,
}

/// What a step came to.
#[derive(Debug)]
pub struct RekeyState {
    /// Names the rekey in every later step.
    pub ceremony: CeremonyId,
    /// Where it stands now.
    pub phase: RekeyPhase,
    /// Shares that the phase needs.
    pub threshold: u8,
    /// Indices of those that were accepted in this phase.
    pub entered: Vec<u8>,
    /// Handed out once, by the step that completes [`RekeyPhase::Authorise`].
    pub shares: Vec<Share>,
    /// Whether they are recovery shares.
    pub recovery: bool,
    /// Where the node made one.
    pub passphrase: Option<Passphrase>,
}

/// A rekey under way.
#[derive(Debug)]
pub(super) enum Rekey {
    Authorise {
        choice: Option<SealChoice>,
        unsealing: Unsealing,
    },
    Verify(Box<Verifying>),
}

/// A new seal that waits until its holders have shown that they have it.
#[derive(Debug)]
pub(super) struct Verifying {
    header: SealHeader,
    root: RootKey,
    opening: Opener,
    confirming: Confirming,
}

impl App {
    /// Begins a rekey.
    ///
    /// # Errors
    /// `REKEY_IN_PROGRESS`, or as of any read.
    pub async fn start_rekey(&self, call: &Call, choice: SealChoice) -> Result<Answer<RekeyState>> {
        self.rekeying(call, self.begin_rekey(choice)).await
    }

    /// Enters a share or passphrase of the present seal, or re-enters a new share.
    ///
    /// # Errors
    /// `REKEY_NOT_STARTED`, `CEREMONY_STALE`; each wrong share is named.
    pub async fn submit_rekey(
        &self,
        call: &Call,
        ceremony: &str,
        input: KeyInput,
    ) -> Result<Answer<RekeyState>> {
        self.rekeying(call, self.step_rekey(ceremony, input)).await
    }

    /// Gives a rekey up; the present seal stays.
    ///
    /// # Errors
    /// `REKEY_NOT_STARTED`, `CEREMONY_STALE`, or as of any read.
    pub async fn cancel_rekey(&self, call: &Call, ceremony: &str) -> Result<Answer<RekeyState>> {
        let cancel = async {
            let mut all = self.ceremony.lock().await;
            let held = all.rekey.as_ref().ok_or_else(not_started)?;
            held.check(ceremony)?;
            let id = held.id;
            all.rekey = None;
            Ok(state(id, RekeyPhase::Cancelled, 0, Vec::new()))
        };
        self.rekeying(call, cancel).await
    }

    async fn rekeying(
        &self,
        call: &Call,
        step: impl Future<Output = Result<RekeyState>>,
    ) -> Result<Answer<RekeyState>> {
        self.operate(call, Action::REKEY, Unrecorded::Refuse, step)
            .await
    }

    async fn begin_rekey(&self, choice: SealChoice) -> Result<RekeyState> {
        self.at_home()?;
        let header = self.seal_header()?;
        let mut all = self.ceremony.lock().await;
        // A node that was sealed meanwhile begins nothing.
        self.unsealed()?;
        if let Some(held) = &all.rekey {
            return Err(Error::new(
                Reason::RekeyInProgress,
                format!(
                    "a rekey is under way, with the id {}; finish it, or cancel it first",
                    held.id
                ),
            )
            .fact("ceremony", held.id));
        }
        let threshold = header.threshold();
        let begun = Rekey::Authorise {
            choice: Some(choice),
            unsealing: Unsealing::new(header),
        };
        let held = all.rekey.insert(Held::begin(begun, self.clock.boottime()));
        Ok(state(held.id, RekeyPhase::Authorise, threshold, Vec::new()))
    }

    async fn step_rekey(&self, ceremony: &str, input: KeyInput) -> Result<RekeyState> {
        let mut all = self.ceremony.lock().await;
        let held = all.rekey.as_mut().ok_or_else(not_started)?;
        held.check(ceremony)?;
        let stepped = match &mut held.work {
            Rekey::Authorise { choice, unsealing } => {
                self.authorise_rekey(held.id, choice, unsealing, input)
                    .await
            }
            Rekey::Verify(verifying) => self
                .verify_rekey(held.id, verifying, input)
                .await
                .map(|state| (state, None)),
        };
        let ended = match stepped {
            Ok((answer, next)) => {
                held.touch(self.clock.boottime());
                if let Some(next) = next {
                    held.work = Rekey::Verify(next);
                }
                (answer.phase == RekeyPhase::Done, Ok(answer))
            }
            // What was to be made could not be: its holders have authorised nothing that can go on.
            Err(error) => (
                matches!(held.work, Rekey::Authorise { choice: None, .. }),
                Err(error),
            ),
        };
        // A node that was sealed meanwhile keeps nothing of it.
        if ended.0 || self.keys.load().is_none() {
            all.rekey = None;
        }
        ended.1
    }

    async fn authorise_rekey(
        &self,
        id: CeremonyId,
        choice: &mut Option<SealChoice>,
        unsealing: &mut Unsealing,
        input: KeyInput,
    ) -> Result<(RekeyState, Option<Box<Verifying>>)> {
        if !self.present_holder(unsealing, input).await? {
            let progress = unsealing.progress();
            let phase = RekeyPhase::Authorise;
            let answer = state(id, phase, progress.threshold, progress.entered);
            return Ok((answer, None));
        }
        let choice = choice
            .take()
            .ok_or_else(|| Error::internal("a rekey lost its choice"))?;
        let cluster = *self.seal_header()?.cluster();
        let Made {
            seal,
            recovery,
            passphrase,
            opening,
        } = self.make_seal((cluster, HOME_REGION), choice).await?;
        let answer = RekeyState {
            shares: seal.shares,
            recovery,
            passphrase,
            ..state(id, RekeyPhase::Verify, seal.header.threshold(), Vec::new())
        };
        let verifying = Verifying {
            confirming: Confirming::new(seal.header.clone()),
            header: seal.header,
            root: seal.root,
            opening,
        };
        Ok((answer, Some(Box::new(verifying))))
    }

    /// Whether the present seal's holders have shown enough.
    async fn present_holder(&self, unsealing: &mut Unsealing, input: KeyInput) -> Result<bool> {
        let header = self.seal_header()?;
        match input {
            KeyInput::Passphrase(passphrase) => {
                let place = &self.hashing.known;
                let opened = self.open_passphrase(place, header, passphrase).await;
                opened.map(|_| true)
            }
            KeyInput::Share(share) => match unsealing
                .enter(&share)
                .map_err(|error| self.wrong_share(error))?
            {
                Step::More(_) => Ok(false),
                Step::Open(_) => Ok(true),
            },
        }
    }

    async fn verify_rekey(
        &self,
        id: CeremonyId,
        verifying: &mut Verifying,
        input: KeyInput,
    ) -> Result<RekeyState> {
        let KeyInput::Share(share) = input else {
            return Err(Error::new(
                Reason::RequestInvalid,
                "re-enter the new shares, not a passphrase",
            ));
        };
        let progress = verifying
            .confirming
            .enter(&share)
            .map_err(|error| self.wrong_share(error))?;
        let phase = if progress.complete() {
            if let Err(error) = self.put_seal(verifying).await {
                // Whoever tries again enters them again.
                verifying.confirming = Confirming::new(verifying.header.clone());
                return Err(error);
            }
            RekeyPhase::Done
        } else {
            RekeyPhase::Verify
        };
        Ok(state(id, phase, progress.threshold, progress.entered))
    }

    /// Puts the new header and the keyring under its new wrapping key, in one transaction.
    async fn put_seal(&self, verifying: &Verifying) -> Result<()> {
        if self.seal_header()? == verifying.header {
            return Ok(()); // the last attempt was applied after all
        }
        self.write_key(&verifying.opening)?;
        let from = self.unsealed()?;
        let next = from.keyring().rekey(&verifying.root, &mut OsEntropy);
        let next = next.map_err(Error::internal)?;
        let header = Bytes::from(verifying.header.to_record());
        let put = move |tx: &mut Tx<'_>| {
            tx.put_stored(seal_key(HOME_REGION), header.clone());
            Ok(())
        };
        self.put_keyring(&from, next, put).await?;
        tracing::info!("rekeyed");
        Ok(())
    }
}

fn not_started() -> Error {
    Error::new(
        Reason::RekeyNotStarted,
        "no rekey is under way, or it was left alone for ten minutes; start one: vaultctl rekey",
    )
}

fn state(id: CeremonyId, phase: RekeyPhase, threshold: u8, entered: Vec<u8>) -> RekeyState {
    RekeyState {
        ceremony: id,
        phase,
        threshold,
        entered,
        shares: Vec::new(),
        recovery: false,
        passphrase: None,
    }
}
