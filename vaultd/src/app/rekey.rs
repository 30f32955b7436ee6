//! Replacing the root key and its seal: present holders authorise, new shares are re-entered, then it counts.
//!
//! Until the new shares have been re-entered the old seal stays, so that a lost screen loses nothing. The
//! state is in memory: a restart cancels.

use bytes::Bytes;
use vault_core::access::Action;
use vault_core::crypto::secret::{Passphrase, RootKey, Share};
use vault_core::crypto::slots::SealHeader;
use vault_core::crypto::unseal::{Confirming, Step, Unsealing};
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::App;
use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::operate::Unrecorded;
use super::sealing::{KeyInput, wrong_share};
use super::setup::{Made, SealChoice, keyring_key, seal_key};
use super::transact::{Terms, Verdict};
use super::unsealed::Unsealed;
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
    Verify {
        header: SealHeader,
        root: RootKey,
        confirming: Confirming,
    },
}

impl App {
    /// Begins a rekey.
    ///
    /// # Errors
    /// `REKEY_IN_PROGRESS`, or as of any read.
    pub async fn start_rekey(&self, call: &Call, choice: SealChoice) -> Result<Answer<RekeyState>> {
        self.rekeying(call, self.begin_rekey(choice)).await
    }

    async fn begin_rekey(&self, choice: SealChoice) -> Result<RekeyState> {
        let header = self.seal_header()?;
        let mut ceremony = self.ceremony.lock().await;
        if ceremony.rekey.is_some() {
            return Err(Error::new(
                Reason::RekeyInProgress,
                "a rekey is under way; finish it, or cancel it first",
            ));
        }
        ceremony.rekey = Some(Rekey::Authorise {
            choice: Some(choice),
            unsealing: Unsealing::new(header.clone()),
        });
        Ok(state(RekeyPhase::Authorise, header.threshold(), Vec::new()))
    }

    /// Enters a share or passphrase of the present seal, or re-enters a new share.
    ///
    /// # Errors
    /// `REKEY_NOT_STARTED`; each wrong share is named.
    pub async fn submit_rekey(&self, call: &Call, input: KeyInput) -> Result<Answer<RekeyState>> {
        self.rekeying(call, self.step_rekey(input)).await
    }

    async fn step_rekey(&self, input: KeyInput) -> Result<RekeyState> {
        let mut ceremony = self.ceremony.lock().await;
        let rekey = ceremony.rekey.take().ok_or_else(|| {
            Error::new(
                Reason::RekeyNotStarted,
                "no rekey is under way; start one: vaultctl rekey",
            )
        })?;
        let (rest, result) = match rekey {
            Rekey::Authorise { choice, unsealing } => {
                self.authorise_rekey(choice, unsealing, input).await
            }
            Rekey::Verify {
                header,
                root,
                confirming,
            } => self.verify_rekey(header, root, confirming, input).await,
        };
        // A node that was sealed meanwhile keeps nothing of it.
        ceremony.rekey = rest.filter(|_| self.keys.load().is_some());
        result
    }

    /// Gives a rekey up; the present seal stays.
    ///
    /// # Errors
    /// As of any read.
    pub async fn cancel_rekey(&self, call: &Call) -> Result<Answer<RekeyState>> {
        self.rekeying(call, async {
            self.ceremony.lock().await.rekey = None;
            Ok(state(RekeyPhase::Cancelled, 0, Vec::new()))
        })
        .await
    }

    async fn rekeying(
        &self,
        call: &Call,
        step: impl Future<Output = Result<RekeyState>>,
    ) -> Result<Answer<RekeyState>> {
        self.operate(call, Action::REKEY, Unrecorded::Refuse, step)
            .await
    }

    async fn authorise_rekey(
        &self,
        mut choice: Option<SealChoice>,
        mut unsealing: Unsealing,
        input: KeyInput,
    ) -> (Option<Rekey>, Result<RekeyState>) {
        let authorised = match self.present_holder(&mut unsealing, input).await {
            Ok(authorised) => authorised,
            Err(error) => return (Some(Rekey::Authorise { choice, unsealing }), Err(error)),
        };
        if !authorised {
            let progress = unsealing.progress();
            let answer = state(RekeyPhase::Authorise, progress.threshold, progress.entered);
            return (Some(Rekey::Authorise { choice, unsealing }), Ok(answer));
        }
        let Some(choice) = choice.take() else {
            return (None, Err(Error::internal("a rekey lost its choice")));
        };
        let cluster = match self.seal_header() {
            Ok(header) => *header.cluster(),
            Err(error) => return (None, Err(error)),
        };
        match self.make_seal(cluster, choice).await {
            Ok(Made {
                seal,
                recovery,
                passphrase,
                ..
            }) => {
                let answer = RekeyState {
                    shares: seal.shares,
                    recovery,
                    passphrase,
                    ..state(RekeyPhase::Verify, seal.header.threshold(), Vec::new())
                };
                let confirming = Confirming::new(seal.header.clone());
                (
                    Some(Rekey::Verify {
                        header: seal.header,
                        root: seal.root,
                        confirming,
                    }),
                    Ok(answer),
                )
            }
            Err(error) => (None, Err(error)),
        }
    }

    /// Whether the present seal's holders have shown enough.
    async fn present_holder(&self, unsealing: &mut Unsealing, input: KeyInput) -> Result<bool> {
        let header = self.seal_header()?;
        match input {
            KeyInput::Passphrase(passphrase) => {
                self.open_passphrase(header, passphrase).await.map(|_| true)
            }
            KeyInput::Share(share) => match unsealing.enter(&share).map_err(wrong_share)? {
                Step::More(_) => Ok(false),
                Step::Open(_) => Ok(true),
            },
        }
    }

    async fn verify_rekey(
        &self,
        header: SealHeader,
        root: RootKey,
        mut confirming: Confirming,
        input: KeyInput,
    ) -> (Option<Rekey>, Result<RekeyState>) {
        let KeyInput::Share(share) = input else {
            let error = Error::new(
                Reason::RequestInvalid,
                "re-enter the new shares, not a passphrase",
            );
            return (
                Some(Rekey::Verify {
                    header,
                    root,
                    confirming,
                }),
                Err(error),
            );
        };
        match confirming.enter(&share) {
            Err(error) => (
                Some(Rekey::Verify {
                    header,
                    root,
                    confirming,
                }),
                Err(wrong_share(error)),
            ),
            Ok(progress) if !progress.complete() => {
                let answer = state(RekeyPhase::Verify, progress.threshold, progress.entered);
                (
                    Some(Rekey::Verify {
                        header,
                        root,
                        confirming,
                    }),
                    Ok(answer),
                )
            }
            Ok(progress) => match self.put_seal(&header, &root).await {
                Ok(()) => (
                    None,
                    Ok(state(
                        RekeyPhase::Done,
                        progress.threshold,
                        progress.entered,
                    )),
                ),
                Err(error) => (
                    Some(Rekey::Verify {
                        header,
                        root,
                        confirming,
                    }),
                    Err(error),
                ),
            },
        }
    }

    /// Puts the new header and the keyring under its new wrapping key, in one transaction.
    async fn put_seal(&self, header: &SealHeader, root: &RootKey) -> Result<()> {
        let unsealed = self.unsealed()?;
        let keyring = unsealed.keyring().rekey(root, &mut OsEntropy);
        let (header, sealed) = (
            Bytes::from(header.to_record()),
            Bytes::from(keyring.to_record(&mut OsEntropy)),
        );
        let (keys, from) = (self.keys.clone(), unsealed);
        let generation = from.keyring().generation();
        let then = Box::new(move || keys.advance(&from, Unsealed::new(keyring, from.since())));
        let put = move |tx: &mut Tx<'_>| {
            if let Err(error) = super::keyring::derived_from(tx, generation) {
                return (Verdict::Discard, Err(error));
            }
            tx.put_stored(seal_key(), header.clone());
            tx.put_stored(keyring_key(), sealed.clone());
            (Verdict::Commit, Ok(()))
        };
        self.proposer
            .run(
                Terms {
                    then: Some(then),
                    ..Terms::default()
                },
                put,
            )
            .await?;
        tracing::info!("rekeyed");
        Ok(())
    }
}

fn state(phase: RekeyPhase, threshold: u8, entered: Vec<u8>) -> RekeyState {
    RekeyState {
        phase,
        threshold,
        entered,
        shares: Vec::new(),
        recovery: false,
        passphrase: None,
    }
}
