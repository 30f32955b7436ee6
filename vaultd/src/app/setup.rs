//! Birth of a cluster, in two steps: prepared in memory, and written once its shares have arrived.
//!
//! `init` is served to the Unix socket, or to one who shows the one-time setup code that the daemon wrote
//! to a file of mode 0600; so is its confirmation. What `init` returns is shown once and kept nowhere. A
//! client that goes away before it confirms leaves nothing behind: no cluster exists whose shares nobody has. What a
//! bootstrap file says is made by the same log entry as the cluster itself.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use subtle::ConstantTimeEq as _;
use vault_core::access::signed::{Signing, publish_signers};
use vault_core::access::{self, TokenHash, region};
use vault_core::crypto::entropy::Entropy as _;
use vault_core::crypto::keyring::{HOME_REGION, Keyring};
use vault_core::crypto::passphrase::make_passphrase;
use vault_core::crypto::secret::{Passphrase, SetupCode, Share, TokenSecret, TokenText};
use vault_core::crypto::slots::SealHeader;
use vault_core::crypto::token;
use vault_core::record::{Key, Kind, Tx};
use vault_proto::METHODS;
use vault_proto::v1::Reason;
use zeroize::Zeroizing;

use super::audit::{Event, Source};
use super::bootstrap::{self, Bootstrap, Done};
use super::call::{Answer, Call};
use super::ceremony::{CeremonyId, Held, stale};
use super::cluster::Joined;
use super::error::{Error, Result};
use super::notes::describe_under;
use super::seals::{Made, Opener, SealChoice, keyring_key, seal_key};
use super::transact::{Terms, Verdict, public_half};
use super::unsealed::Unsealed;
use super::{App, pipeline, refusal};
use crate::clock::OsEntropy;

/// Name of the first administrator.
pub(super) const ADMINISTRATOR: &str = "administrator";
/// How long a new cluster of one may take to elect itself.
const ELECTION: Duration = Duration::from_secs(30);

/// What `init` is asked for.
#[derive(Debug)]
pub struct InitRequest {
    /// The seal.
    pub seal: SealChoice,
    /// Needed except on the Unix socket.
    pub setup_code: SetupCode,
}

/// What makes a prepared cluster real.
#[derive(Debug)]
pub struct ConfirmInitRequest {
    /// The id that `init` gave.
    pub ceremony: String,
    /// Needed except on the Unix socket.
    pub setup_code: SetupCode,
}

/// What only the initialising operator ever sees.
#[derive(Debug)]
pub struct Born {
    /// Confirms it.
    pub ceremony: CeremonyId,
    /// The new cluster's id.
    pub cluster: [u8; 16],
    /// Unseal shares (of a Shamir seal) or recovery shares (beside another).
    pub shares: Vec<Share>,
    /// Whether `shares` are recovery shares.
    pub recovery: bool,
    /// Where the node made it.
    pub passphrase: Option<Passphrase>,
    /// The first administrator's token.
    pub token: TokenText,
    /// What the bootstrap file makes, for people.
    pub bootstrap: Vec<String>,
}

/// A cluster that was prepared: all that is missing is the word of the one who holds its shares.
#[derive(Debug)]
pub(super) struct Birth {
    header: SealHeader,
    keys: Arc<Unsealed>,
    opening: Opener,
    token: TokenHash,
    bootstrap: Option<Arc<Bootstrap>>,
}

impl App {
    /// Prepares a cluster, in memory only: keys, seal, the first administrator. What was prepared and not yet
    /// confirmed before is replaced.
    ///
    /// # Errors
    /// `ALREADY_INITIALISED`, `SETUP_CODE_WRONG`, `BOOTSTRAP_INVALID`, or a seal that cannot be made.
    pub async fn init(&self, call: &Call, request: InitRequest) -> Result<Answer<Born>> {
        let entry = self.begin(call);
        // EXPOSE: for comparison
        let result = match self.may_begin(call, request.setup_code.expose()) {
            Ok(()) => self.prepare_birth(request.seal).await,
            Err(error) => Err(error),
        };
        let born = self.finish(entry, result).await?;
        Ok(self.answer(born))
    }

    /// Makes the cluster that was prepared: its shares were received.
    ///
    /// # Errors
    /// `CEREMONY_STALE` for another id than the last that `init` gave; as of `init`; or a node that cannot write.
    /// `OUTCOME_UNKNOWN` when it is made and unrecorded.
    pub async fn confirm_init(
        &self,
        call: &Call,
        request: ConfirmInitRequest,
    ) -> Result<Answer<()>> {
        let entry = self.begin(call);
        // EXPOSE: for comparison
        let result = match self.may_begin(call, request.setup_code.expose()) {
            Ok(()) => self.give_birth(&request.ceremony).await,
            Err(error) => Err(error),
        };
        let (done, next) = ("the vault is created", "look: vaultctl status");
        let result = match result {
            Ok((keys, made)) => {
                let recorded = self.record_made(call, &keys, made).await;
                recorded.map_err(|error| refusal::unrecorded(error, done, next))
            }
            Err(error) => Err(error),
        };
        self.finish_act(entry, result, done, next).await?;
        Ok(self.answer(()))
    }

    fn may_begin(&self, call: &Call, code: &str) -> Result<()> {
        self.audit_ready()?;
        self.may_init(call, code)
    }

    /// Whether this caller may initialise or restore this node.
    pub(super) fn may_init(&self, call: &Call, code: &str) -> Result<()> {
        if self.initialised() {
            return Err(already());
        }
        // It may have been told since it was started.
        if self.presence().is_some() && Joined::is_there(&self.settings.data_dir) {
            return Err(Error::new(
                Reason::NodeJoining,
                "this node joins a cluster and waits to be approved there; to give that up, stop it and remove its data directory",
            ));
        }
        match call.source {
            Source::Unix { .. } | Source::Inside => Ok(()),
            Source::Tcp(_) => self.check_setup_code(code),
        }
    }

    fn check_setup_code(&self, code: &str) -> Result<()> {
        let file = self.setup_code_file();
        let expected = Zeroizing::new(std::fs::read_to_string(&file).unwrap_or_default());
        let expected = expected.trim();
        if !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(code.trim().as_bytes())) {
            return Ok(());
        }
        Err(Error::new(
            Reason::SetupCodeWrong,
            "over the network this takes the one-time code in the file `setup-code` of the daemon's data directory",
        ))
    }

    async fn prepare_birth(&self, choice: SealChoice) -> Result<Born> {
        let _claim = self.claim_birth()?;
        let mut ceremony = self.ceremony.lock().await;
        if self.initialised() {
            return Err(already());
        }
        ceremony.birth = None;
        let bootstrap = self.read_bootstrap().await?;
        let mut cluster = [0; 16];
        OsEntropy.fill(&mut cluster);
        let Made {
            seal,
            recovery,
            passphrase,
            opening,
        } = self.make_seal((cluster, HOME_REGION), choice).await?;
        let now = self.now();
        let keyring = Keyring::make(&seal.root, cluster, &mut OsEntropy, now);
        let token = TokenSecret::make(&mut OsEntropy);
        let birth = Birth {
            header: seal.header,
            keys: Arc::new(Unsealed::new(keyring, now)),
            opening,
            token: TokenHash::of(&token),
            bootstrap,
        };
        let summary = birth.bootstrap.as_ref().map(|it| it.summary());
        let held = ceremony
            .birth
            .insert(Held::begin(birth, self.clock.boottime()));
        Ok(Born {
            ceremony: held.id,
            cluster,
            shares: seal.shares,
            recovery,
            passphrase,
            token: token::to_text(&token),
            bootstrap: summary.unwrap_or_default(),
        })
    }

    /// Writes what was prepared. It stays prepared when it could not be written, so that it can be confirmed again.
    async fn give_birth(&self, id: &str) -> Result<(Arc<Unsealed>, Vec<Done>)> {
        let _claim = self.claim_birth()?;
        let mut ceremony = self.ceremony.lock().await;
        if self.initialised() {
            ceremony.birth = None;
            return Err(already());
        }
        let held = ceremony.birth.as_mut().ok_or_else(stale)?;
        held.check(id)?;
        held.touch(self.clock.boottime());
        self.write_key(&held.work.opening)?;
        if !self.node.initialised() {
            self.node.initialise().await.map_err(Error::internal)?;
        }
        let led = tokio::time::timeout(ELECTION, self.node.wait_leader()).await;
        led.ok()
            .and_then(std::result::Result::ok)
            .ok_or_else(pipeline::no_leader)?;
        let made = self.write_genesis(&held.work).await?;
        let keys = Arc::clone(&held.work.keys);
        let born = ceremony.birth.take();
        if let Some(Birth { keys, opening, .. }) = born.map(|held| held.work)
            && !matches!(opening, Opener::People)
        {
            self.keys.share(keys);
        }
        if let Err(error) = std::fs::remove_file(self.setup_code_file()) {
            tracing::debug!(%error, "no setup code file to remove");
        }
        Ok((keys, made))
    }

    /// What the configured bootstrap file makes.
    async fn read_bootstrap(&self) -> Result<Option<Arc<Bootstrap>>> {
        let (Some(path), now) = (self.settings.bootstrap.clone(), self.now()) else {
            return Ok(None);
        };
        let read = tokio::task::spawn_blocking(move || Bootstrap::read(&path, now));
        let read = read.await.map_err(Error::internal)?;
        read.map(|read| Some(Arc::new(read))).map_err(|faults| {
            Error::new(
                Reason::BootstrapInvalid,
                format!(
                    "the bootstrap file is refused, and nothing was created:\n{}",
                    faults.told()
                ),
            )
        })
    }

    /// An audit line for each thing that was made with the vault, as if it had been asked for.
    async fn record_made(&self, call: &Call, keys: &Unsealed, made: Vec<Done>) -> Result<()> {
        for done in made {
            let method = METHODS.iter().find(|method| method.path == done.method);
            let mut entry = self.audit.begin(Event {
                request: call.request_id,
                method: done.method,
                action: method.map_or("", |method| method.action),
                source: call.source,
            });
            describe_under(Some(keys), &mut entry, &done.notes);
            self.finish(entry, Ok(())).await?;
        }
        Ok(())
    }

    async fn write_genesis(&self, birth: &Birth) -> Result<Vec<Done>> {
        let keyring = birth.keys.keyring();
        let header = Bytes::from(birth.header.to_record());
        let sealed = Bytes::from(keyring.to_record(&mut OsEntropy));
        let signer = public_half(keyring)?;
        let signing = Signing::of(keyring);
        let (dev, token) = (self.settings.dev, birth.token);
        let (bootstrap, home) = (birth.bootstrap.clone(), self.own_region()?);
        let origin = self.origin((Source::Inside, None), None);
        let terms = Terms {
            keys: Some(Arc::clone(&birth.keys)),
            ..Terms::default()
        };
        let genesis = move |tx: &mut Tx<'_>| {
            let mut write = || {
                // One birth only, whoever else began one.
                let there = tx
                    .get_stored(&seal_key(HOME_REGION))
                    .map_err(refusal::record)?;
                if there.is_some() {
                    return Err(already());
                }
                tx.put_stored(seal_key(HOME_REGION), header.clone());
                tx.put_stored(keyring_key(HOME_REGION), sealed.clone());
                tx.put_stored(super::transact::signer_key(), signer.clone());
                publish_signers(tx, &signing).map_err(refusal::record)?;
                region::name_home(tx, &home).map_err(refusal::record)?;
                if dev {
                    tx.put_stored(dev_key(), Bytes::from_static(&[1]));
                }
                access::create_administrator(tx, &token, ADMINISTRATOR).map_err(refusal::record)?;
                match &bootstrap {
                    Some(bootstrap) => {
                        bootstrap::apply(tx, bootstrap, (&token, &origin)).map_err(bootstrap::unfit)
                    }
                    None => Ok(Vec::new()),
                }
            };
            match write() {
                Ok(made) => (Verdict::Commit, Ok(made)),
                Err(error) => (Verdict::Discard, Err(error)),
            }
        };
        self.proposer
            .run(terms, genesis)
            .await
            .map(|(made, _)| made)
    }

    pub(super) fn setup_code_file(&self) -> PathBuf {
        self.settings.data_dir.join("setup-code")
    }

    /// Writes the one-time code that lets `init` be called over the network.
    pub(super) fn write_setup_code(&self) -> std::io::Result<()> {
        let path = self.setup_code_file();
        if std::fs::symlink_metadata(&path).is_ok() {
            std::fs::remove_file(&path)?;
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        // EXPOSE: the code is for whoever can read the daemon's private directory
        file.write_all(make_passphrase(&mut OsEntropy).expose().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    }
}

/// There for ever in a state that `vaultd dev` made.
pub(super) fn dev_key() -> Key {
    Key::new(Kind::Header, &[b"dev"])
}

fn already() -> Error {
    Error::new(
        Reason::AlreadyInitialised,
        "the vault is initialised already",
    )
}
