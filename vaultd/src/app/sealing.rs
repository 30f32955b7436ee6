//! Unsealing and sealing a node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use vault_core::access::Action;
use vault_core::crypto::keyring::{HOME_REGION, Keyring};
use vault_core::crypto::secret::{Passphrase, RootKey, Share};
use vault_core::crypto::slots::{SealError, SealHeader};
use vault_core::crypto::unseal::{ShareError, Step, Unsealing};
use vault_core::record::View;
use vault_proto::v1::Reason;

use super::audit::Source;
use super::call::{Answer, Call};
use super::ceremony::{Ceremonies, Held};
use super::error::{Error, Result};
use super::operate::Unrecorded;
use super::unsealed::Unsealed;
use super::{App, seals};

/// Passphrases that are hashed at once: one of those who are strangers, and one of those who are not. Held until
/// the hash is done, whoever asks and goes away.
#[derive(Debug)]
pub(super) struct Hashing {
    pub(super) strangers: Arc<Semaphore>,
    pub(super) known: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        let one = || Arc::new(Semaphore::new(1));
        Self {
            strangers: one(),
            known: one(),
        }
    }
}

/// How long sealing waits for requests that still hold the keys.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// What a key holder enters.
#[derive(Debug)]
pub enum KeyInput {
    /// One share.
    Share(Share),
    /// The passphrase.
    Passphrase(Passphrase),
}

/// How far an unseal has come.
#[derive(Clone, Debug, Default)]
pub struct UnsealState {
    /// The node is unsealed.
    pub unsealed: bool,
    /// Shares that are needed.
    pub threshold: u8,
    /// Indices of those that were accepted.
    pub entered: Vec<u8>,
}

impl App {
    /// Enters a share or a passphrase.
    ///
    /// # Errors
    /// Each wrong share is named for what it is; progress stays. `OUTCOME_UNKNOWN` when it is taken and unrecorded.
    pub async fn unseal(&self, call: &Call, input: KeyInput) -> Result<Answer<UnsealState>> {
        let entry = self.begin(call);
        let result = match self.audit_ready() {
            Ok(()) => self.enter(call.source, input).await,
            Err(error) => Err(error),
        };
        let done = "what was entered is taken";
        let state = self
            .finish_act(entry, result, done, "look: vaultctl status")
            .await?;
        if state.unsealed {
            self.name_home().await;
        }
        Ok(self.answer(state))
    }

    /// Forgets the shares entered so far; takes a valid share.
    ///
    /// # Errors
    /// When the share is none of this seal's.
    pub async fn cancel_unseal(&self, call: &Call, share: Share) -> Result<Answer<UnsealState>> {
        let entry = self.begin(call);
        let result = match self.audit_ready() {
            Ok(()) => self.cancel(&share).await,
            Err(error) => Err(error),
        };
        let done = "the shares entered so far are forgotten";
        let state = self
            .finish_act(entry, result, done, "look: vaultctl status")
            .await?;
        Ok(self.answer(state))
    }

    /// Wipes all key material. Works on a full disk, and where the audit takes no line: that the answer then
    /// says so is all that is left of it.
    ///
    /// # Errors
    /// As of any read: it takes the right to. `OUTCOME_UNKNOWN` when it is sealed and unrecorded.
    pub async fn seal(&self, call: &Call) -> Result<Answer<()>> {
        self.operate(call, Action::SEAL, Unrecorded::GoOn, async {
            self.scrub().await;
            Ok(())
        })
        .await
    }

    /// Takes the keys away and waits until no request holds them any more.
    async fn scrub(&self) {
        // ORDER: the keys go first; whatever a ceremony is waiting for, it keeps no seal waiting.
        let Some(keys) = self.keys.clear() else {
            return;
        };
        // A step of a rekey that is still at work drops what it holds when it finds the node sealed.
        let wiped = async { self.ceremony.lock().await.wipe() };
        let _at_work = tokio::time::timeout(LAST_REQUESTS, wiped).await;
        let unused = async {
            while Arc::strong_count(&keys) > 1 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(LAST_REQUESTS, unused).await.is_err() {
            tracing::warn!("requests still hold keys; they are wiped when those end");
        }
        tracing::info!("sealed");
    }

    async fn enter(&self, source: Source, input: KeyInput) -> Result<UnsealState> {
        let header = self.seal_header()?;
        if self.keys.load().is_some() {
            return Err(Error::new(
                Reason::AlreadyUnsealed,
                "the node is unsealed already",
            ));
        }
        let place = match source {
            Source::Tcp(_) => &self.hashing.strangers,
            Source::Unix { .. } | Source::Inside => &self.hashing.known,
        };
        // The hash comes before the lock: a slow guess keeps no holder of shares waiting.
        let (opened, share) = match input {
            KeyInput::Passphrase(passphrase) => (
                Some(
                    self.open_passphrase(place, header.clone(), passphrase)
                        .await?,
                ),
                None,
            ),
            KeyInput::Share(share) => (None, Some(share)),
        };
        let mut ceremony = self.ceremony.lock().await;
        if self.keys.load().is_some() {
            return Err(Error::new(
                Reason::AlreadyUnsealed,
                "the node is unsealed already",
            ));
        }
        let root = match share {
            Some(share) => self.enter_share(&mut ceremony, &header, &share)?,
            None => opened,
        };
        if let Some(root) = root {
            self.open_keyring(&root)?;
            ceremony.unsealing = None;
        }
        Ok(self.unseal_state(&header, &ceremony))
    }

    fn enter_share(
        &self,
        ceremony: &mut Ceremonies,
        header: &SealHeader,
        share: &Share,
    ) -> Result<Option<RootKey>> {
        let now = self.clock.boottime();
        let held = ceremony
            .unsealing
            .get_or_insert_with(|| Held::begin(Unsealing::new(header.clone()), now));
        let step = held.enter(share, now);
        match step.map_err(|error| self.wrong_share(error))? {
            Step::More(_) => Ok(None),
            Step::Open(root) => Ok(Some(root)),
        }
    }

    async fn cancel(&self, share: &Share) -> Result<UnsealState> {
        let header = self.seal_header()?;
        let mut ceremony = self.ceremony.lock().await;
        Unsealing::new(header.clone())
            .cancel(share)
            .map_err(|error| self.wrong_share(error))?;
        ceremony.unsealing = None;
        Ok(self.unseal_state(&header, &ceremony))
    }

    fn unseal_state(&self, header: &SealHeader, ceremony: &Ceremonies) -> UnsealState {
        UnsealState {
            unsealed: self.keys.load().is_some(),
            threshold: header.threshold(),
            entered: ceremony
                .unsealing
                .as_ref()
                .map(|held| held.work.progress().entered)
                .unwrap_or_default(),
        }
    }

    pub(super) fn open_keyring(&self, root: &RootKey) -> Result<()> {
        let header = self.seal_header()?;
        let record = self
            .store
            .get(&seals::keyring_key(header.region()))
            .map_err(Error::internal)?;
        let record = record
            .ok_or_else(|| Error::new(Reason::RecordDamaged, "the keyring record is missing"))?;
        let keyring = Keyring::from_record(root, header.cluster(), header.region(), &record.sealed)
            .map_err(|error| {
                Error::new(Reason::RecordDamaged, "the keyring record does not open")
                    .caused_by(error)
            })?;
        self.compare_regions(&keyring)?;
        self.keys.set(Unsealed::new(keyring, self.now()));
        self.compare_bootstrap();
        Ok(())
    }

    /// Opens the root key by a passphrase: slow, so away from the request threads, and one at a time. Who
    /// calls over the network without a session has another place than the rest, so that no stranger's guesses
    /// keep an operator at the Unix socket out.
    pub(super) async fn open_passphrase(
        &self,
        place: &Arc<Semaphore>,
        header: SealHeader,
        passphrase: Passphrase,
    ) -> Result<RootKey> {
        let permit = Arc::clone(place).try_acquire_owned().map_err(|_| {
            Error::new(
                Reason::Overloaded,
                "another passphrase is being tried; try again in a moment, or over the node's Unix socket",
            )
        })?;
        let opened = tokio::task::spawn_blocking(move || {
            let opened = header.open_passphrase(&passphrase);
            drop(permit);
            opened
        });
        let opened = opened.await.map_err(Error::internal)?;
        opened.map_err(|error| self.wrong_key(error))
    }

    /// The clear header of the seal of this node's region.
    pub(super) fn seal_header(&self) -> Result<SealHeader> {
        let region = self.own_number()?;
        let record = self
            .store
            .get(&seals::seal_key(region))
            .map_err(Error::internal)?;
        let damaged = || Error::new(Reason::RecordDamaged, "the seal's header is damaged");
        let record = record.ok_or_else(|| match region {
            HOME_REGION => Error::new(
                Reason::NotInitialised,
                "the vault has not been initialised; run: vaultctl init",
            ),
            _ => damaged(),
        })?;
        let header = SealHeader::from_record(&record.sealed);
        let header = header.map_err(|error| damaged().caused_by(error))?;
        if header.region() == region {
            Ok(header)
        } else {
            Err(damaged())
        }
    }

    /// Names what is wrong with a key or a passphrase.
    pub(super) fn wrong_key(&self, error: SealError) -> Error {
        let region = &self.settings.region;
        match error {
            SealError::NoSuchSeal => Error::new(Reason::NoSuchSeal, error.to_string()),
            SealError::Wrong => Error::new(
                Reason::PassphraseWrong,
                format!("this passphrase or key does not open the seal of the region `{region}`"),
            ),
            SealError::Damaged => Error::new(Reason::RecordDamaged, error.to_string()),
            SealError::Weak | SealError::Memory => {
                Error::new(Reason::RequestInvalid, error.to_string())
            }
        }
    }

    /// Names what is wrong with a share.
    pub(super) fn wrong_share(&self, error: ShareError) -> Error {
        let reason = match error {
            ShareError::Malformed => Reason::ShareMalformed,
            ShareError::OtherRegion(number) => return self.share_of_another_region(number),
            ShareError::Foreign => Reason::ShareForeign,
            ShareError::Wrong => Reason::ShareWrong,
            ShareError::Duplicate => Reason::ShareDuplicate,
            ShareError::Damaged => Reason::RecordDamaged,
        };
        Error::new(reason, error.to_string())
    }
}
