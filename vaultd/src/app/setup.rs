//! Birth of a cluster: keys, seal slots, the first administrator.
//!
//! `init` is served to the Unix socket, or to one who shows the one-time setup code that the daemon wrote
//! to a file of mode 0600. What it returns is shown once and kept nowhere.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use subtle::ConstantTimeEq as _;
use vault_core::access::{self, TokenHash};
use vault_core::crypto::entropy::Entropy as _;
use vault_core::crypto::keyring::HOME_REGION;
use vault_core::crypto::keyring::Keyring;
use vault_core::crypto::passphrase::Cost;
use vault_core::crypto::passphrase::make_passphrase;
use vault_core::crypto::secret::{Passphrase, SealKey, Share, TokenSecret, TokenText};
use vault_core::crypto::shamir::Split;
use vault_core::crypto::slots::{NewSeal, Seal, make};
use vault_core::crypto::{sign, token};
use vault_core::record::{Key, Kind, Tx};
use vault_proto::v1::Reason;

use super::audit::Source;
use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::transact::{Terms, Verdict};
use super::unsealed::Unsealed;
use super::{App, pipeline, refusal};
use crate::clock::OsEntropy;

/// Name of the first administrator.
const ADMINISTRATOR: &str = "administrator";
/// How long a new cluster of one may take to elect itself.
const ELECTION: Duration = Duration::from_secs(30);

/// Where automatic seals find their 32-byte keys; by configuration only.
#[derive(Clone, Debug, Default)]
pub struct Automatic {
    /// A file of mode 0600; `init` makes it where it is missing.
    pub key_file: Option<PathBuf>,
    /// A systemd credential's file.
    pub credential: Option<PathBuf>,
}

/// How the root key is to be wrapped.
#[derive(Debug)]
pub enum SealChoice {
    /// Shares open the node.
    Shamir(Split),
    /// A passphrase opens it; shares recover. `None`: the node makes the passphrase.
    Passphrase(Option<Passphrase>, Split),
    /// A key file opens it by itself; shares recover.
    KeyFile(Split),
    /// A systemd credential opens it by itself; shares recover.
    Credential(Split),
}

/// What `init` is asked for.
#[derive(Debug)]
pub struct InitRequest {
    /// The seal.
    pub seal: SealChoice,
    /// Needed except on the Unix socket.
    pub setup_code: String,
}

/// What only the initialising operator ever sees.
#[derive(Debug)]
pub struct Born {
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
}

/// A seal that was made, with what its holders must keep.
pub(super) struct Made {
    pub(super) seal: NewSeal,
    pub(super) recovery: bool,
    pub(super) passphrase: Option<Passphrase>,
    /// The node can open it by itself.
    pub(super) automatic: bool,
}

impl App {
    /// Makes the cluster.
    ///
    /// # Errors
    /// `ALREADY_INITIALISED`, `SETUP_CODE_WRONG`, a seal that cannot be made, or a node that cannot write.
    pub async fn init(&self, call: &Call, request: InitRequest) -> Result<Answer<Born>> {
        let entry = self.begin(call);
        let result = match self
            .audit_ready()
            .and_then(|()| self.may_init(call, &request.setup_code))
        {
            Ok(()) => self.give_birth(request.seal).await,
            Err(error) => Err(error),
        };
        let born = self.finish(entry, result).await?;
        Ok(self.answer(born))
    }

    /// Whether this caller may initialise or restore this node.
    pub(super) fn may_init(&self, call: &Call, code: &str) -> Result<()> {
        if self.initialised() {
            return Err(Error::new(
                Reason::AlreadyInitialised,
                "the vault is initialised already",
            ));
        }
        match call.source {
            Source::Unix { .. } | Source::Inside => Ok(()),
            Source::Tcp(_) => self.check_setup_code(code),
        }
    }

    fn check_setup_code(&self, code: &str) -> Result<()> {
        let file = self.setup_code_file();
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        let expected = expected.trim();
        if !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(code.trim().as_bytes())) {
            return Ok(());
        }
        Err(Error::new(
            Reason::SetupCodeWrong,
            "over the network this takes the one-time code in the file `setup-code` of the daemon's data directory",
        ))
    }

    async fn give_birth(&self, choice: SealChoice) -> Result<Born> {
        let _claim = self.claim_birth()?;
        let _ceremony = self.ceremony.lock().await;
        if self.initialised() {
            return Err(Error::new(
                Reason::AlreadyInitialised,
                "the vault is initialised already",
            ));
        }
        let mut cluster = [0; 16];
        OsEntropy.fill(&mut cluster);
        let made = self.make_seal(cluster, choice).await?;
        let keyring = Keyring::make(
            &made.seal.root,
            cluster,
            HOME_REGION,
            &mut OsEntropy,
            self.now(),
        );
        if !self.node.initialised() {
            self.node.initialise().await.map_err(Error::internal)?;
        }
        let led = tokio::time::timeout(ELECTION, self.node.wait_leader()).await;
        led.ok()
            .and_then(std::result::Result::ok)
            .ok_or_else(pipeline::no_leader)?;
        let token = TokenSecret::make(&mut OsEntropy);
        self.write_genesis(keyring, &made, TokenHash::of(&token))
            .await?;
        if let Err(error) = std::fs::remove_file(self.setup_code_file()) {
            tracing::debug!(%error, "no setup code file to remove");
        }
        let Made {
            seal,
            recovery,
            passphrase,
            ..
        } = made;
        Ok(Born {
            cluster,
            shares: seal.shares,
            recovery,
            passphrase,
            token: token::to_text(&token),
        })
    }

    async fn write_genesis(&self, keyring: Keyring, made: &Made, token: TokenHash) -> Result<()> {
        let header = Bytes::from(made.seal.header.to_record());
        let sealed = Bytes::from(keyring.to_record(&mut OsEntropy));
        let signer = Bytes::copy_from_slice(&sign::public(keyring.log_signing().active().key()));
        let (dev, automatic) = (self.settings.dev, made.automatic);
        let unsealed = Arc::new(Unsealed::new(keyring, self.now()));
        let terms = Terms {
            keys: Some(Arc::clone(&unsealed)),
            ..Terms::default()
        };
        let genesis = move |tx: &mut Tx<'_>| {
            let mut write = || {
                // One birth only, whoever else began one.
                if tx
                    .get_stored(&seal_key())
                    .map_err(refusal::record)?
                    .is_some()
                {
                    return Err(Error::new(
                        Reason::AlreadyInitialised,
                        "the vault is initialised already",
                    ));
                }
                tx.put_stored(seal_key(), header.clone());
                tx.put_stored(keyring_key(), sealed.clone());
                tx.put_stored(super::transact::signer_key(), signer.clone());
                if dev {
                    tx.put_stored(dev_key(), Bytes::from_static(&[1]));
                }
                access::create_administrator(tx, &token, ADMINISTRATOR).map_err(refusal::record)
            };
            match write() {
                Ok(_) => (Verdict::Commit, Ok(())),
                Err(error) => (Verdict::Discard, Err(error)),
            }
        };
        self.proposer.run(terms, genesis).await?;
        if automatic {
            self.keys.share(unsealed);
        }
        Ok(())
    }

    /// Makes a seal of the chosen kind for a cluster. Slow for passphrases.
    pub(super) async fn make_seal(&self, cluster: [u8; 16], choice: SealChoice) -> Result<Made> {
        let automatic = self.settings.automatic.clone();
        tokio::task::spawn_blocking(move || make_choice(cluster, choice, &automatic))
            .await
            .map_err(Error::internal)?
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

fn make_choice(cluster: [u8; 16], choice: SealChoice, automatic: &Automatic) -> Result<Made> {
    let done = |seal, recovery, passphrase, automatic| Made {
        seal,
        recovery,
        passphrase,
        automatic,
    };
    let new = |split, beside: &[Seal<'_>]| {
        make(cluster, HOME_REGION, split, beside, &mut OsEntropy).map_err(unmade)
    };
    match choice {
        SealChoice::Shamir(split) => Ok(done(new(split, &[])?, false, None, false)),
        SealChoice::Passphrase(Some(given), split) => Ok(done(
            new(split, &[Seal::Passphrase(&given, Cost::DEFAULT)])?,
            true,
            None,
            false,
        )),
        SealChoice::Passphrase(None, split) => {
            let passphrase = make_passphrase(&mut OsEntropy);
            Ok(done(
                new(split, &[Seal::Passphrase(&passphrase, Cost::DEFAULT)])?,
                true,
                Some(passphrase),
                false,
            ))
        }
        SealChoice::KeyFile(split) => {
            let key = make_key_file(automatic)?;
            Ok(done(new(split, &[Seal::KeyFile(&key)])?, true, None, true))
        }
        SealChoice::Credential(split) => {
            let key = credential(automatic)?;
            Ok(done(
                new(split, &[Seal::Credential(&key)])?,
                true,
                None,
                true,
            ))
        }
    }
}

fn unmade(error: vault_core::crypto::slots::SealError) -> Error {
    Error::new(Reason::RequestInvalid, error.to_string())
}

/// Reads the key file. One that is missing is not made: it lies elsewhere, or its device is not there.
pub(super) fn key_file(automatic: &Automatic) -> Result<SealKey> {
    read_key(key_path(automatic)?)
}

/// Reads the key file, or makes it where it does not exist: only for a seal that is being made.
fn make_key_file(automatic: &Automatic) -> Result<SealKey> {
    let path = key_path(automatic)?;
    if path.exists() {
        return read_key(path);
    }
    let key = SealKey::make(&mut OsEntropy);
    let written = || {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        // EXPOSE: the key file is this seal's key
        file.write_all(key.expose())?;
        file.sync_all()?;
        match path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            Some(parent) => std::fs::File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    written().map_err(|error: std::io::Error| unreadable(path, error))?;
    Ok(key)
}

fn key_path(automatic: &Automatic) -> Result<&std::path::Path> {
    automatic.key_file.as_deref().ok_or_else(|| {
        Error::new(
            Reason::NoSuchSeal,
            "the node's configuration names no key file: set `seal.key_file` and restart",
        )
    })
}

/// Reads the systemd credential.
pub(super) fn credential(automatic: &Automatic) -> Result<SealKey> {
    let path = automatic.credential.as_ref().ok_or_else(|| {
        Error::new(
            Reason::NoSuchSeal,
            "the node was given no credential: set `seal.credential` and LoadCredential=",
        )
    })?;
    read_key(path)
}

fn read_key(path: &std::path::Path) -> Result<SealKey> {
    use std::io::Read as _;
    let mut file = vault_sys::check_private_file(path).map_err(|error| unreadable(path, error))?;
    let mut bytes = zeroize::Zeroizing::new([0; 33]);
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(|error| unreadable(path, error))? {
            0 => break,
            read => length += read,
        }
    }
    SealKey::from_slice(bytes.get(..length).unwrap_or_default())
        .map_err(|error| unreadable(path, error))
}

fn unreadable(
    path: &std::path::Path,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::new(
        Reason::NoSuchSeal,
        format!("the key file `{}` cannot be used: {error}", path.display()),
    )
    .caused_by(error)
}

/// The clear record that lists the seal's slots.
pub(super) fn seal_key() -> Key {
    Key::new(Kind::Header, &[b"seal"])
}

/// The home region's keyring.
pub(super) fn keyring_key() -> Key {
    Key::new(Kind::Keyring, &[&HOME_REGION.to_be_bytes()])
}

/// There for ever in a state that `vaultd dev` made.
pub(super) fn dev_key() -> Key {
    Key::new(Kind::Header, &[b"dev"])
}
