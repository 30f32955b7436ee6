//! Seals to choose from, and the key files that automatic seals open by.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use vault_core::crypto::keyring::HOME_REGION;
use vault_core::crypto::passphrase::{Cost, make_passphrase};
use vault_core::crypto::secret::{Passphrase, SealKey};
use vault_core::crypto::shamir::Split;
use vault_core::crypto::slots::{NewSeal, Seal, make};
use vault_core::record::{Key, Kind};
use vault_proto::v1::Reason;

use super::App;
use super::error::{Error, Result};
use crate::clock::OsEntropy;

/// Where automatic seals find their 32-byte keys; by configuration only.
#[derive(Clone, Debug, Default)]
pub struct Automatic {
    /// A file of mode 0600; it is made with the seal where it is missing.
    pub key_file: Option<PathBuf>,
    /// A systemd credential.
    pub credential: Option<Credential>,
}

/// One of the credentials that systemd gave the unit.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Where they lie.
    pub directory: PathBuf,
    /// Which one.
    pub name: String,
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

/// A seal that was made, with what its holders must keep. Nothing of it is stored yet.
pub(super) struct Made {
    pub(super) seal: NewSeal,
    pub(super) recovery: bool,
    pub(super) passphrase: Option<Passphrase>,
    pub(super) opening: Opener,
}

/// How the node opens by itself, if it does.
#[derive(Debug)]
pub(super) enum Opener {
    /// Not without people.
    People,
    /// By a key that lies there already.
    Key,
    /// By a key that is to be written before the seal is.
    NewKey(SealKey),
}

impl App {
    /// Makes a seal of the chosen kind for a region of a cluster. Slow for passphrases.
    pub(super) async fn make_seal(&self, of: ([u8; 16], u16), choice: SealChoice) -> Result<Made> {
        let automatic = self.settings.automatic.clone();
        tokio::task::spawn_blocking(move || make_choice(of, choice, &automatic))
            .await
            .map_err(Error::internal)?
    }

    /// Writes the key file of a seal that is about to be stored.
    pub(super) fn write_key(&self, opening: &Opener) -> Result<()> {
        match opening {
            Opener::People | Opener::Key => Ok(()),
            Opener::NewKey(key) => write_key_file(&self.settings.automatic, key),
        }
    }
}

fn make_choice(
    (cluster, region): ([u8; 16], u16),
    choice: SealChoice,
    automatic: &Automatic,
) -> Result<Made> {
    let here = region == HOME_REGION;
    let new = |split, beside: &[Seal<'_>]| {
        make(cluster, region, split, beside, &mut OsEntropy)
            .map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
    };
    let made = |seal, recovery, passphrase, opening| Made {
        seal,
        recovery,
        passphrase,
        opening,
    };
    match choice {
        SealChoice::Shamir(split) => Ok(made(new(split, &[])?, false, None, Opener::People)),
        SealChoice::Passphrase(Some(given), split) => {
            let seal = new(split, &[Seal::Passphrase(&given, Cost::DEFAULT)])?;
            Ok(made(seal, true, None, Opener::People))
        }
        SealChoice::Passphrase(None, split) => {
            let passphrase = make_passphrase(&mut OsEntropy);
            let seal = new(split, &[Seal::Passphrase(&passphrase, Cost::DEFAULT)])?;
            Ok(made(seal, true, Some(passphrase), Opener::People))
        }
        SealChoice::KeyFile(split) if here && key_path(automatic)?.exists() => {
            let key = key_file(automatic)?;
            let seal = new(split, &[Seal::KeyFile(&key)])?;
            Ok(made(seal, true, None, Opener::Key))
        }
        SealChoice::KeyFile(split) => {
            let key = SealKey::make(&mut OsEntropy);
            let seal = new(split, &[Seal::KeyFile(&key)])?;
            Ok(made(seal, true, None, Opener::NewKey(key)))
        }
        // This node's own key opens no other region: whoever asked takes a fresh one there.
        SealChoice::Credential(split) if !here => {
            let key = SealKey::make(&mut OsEntropy);
            let seal = new(split, &[Seal::Credential(&key)])?;
            Ok(made(seal, true, None, Opener::NewKey(key)))
        }
        SealChoice::Credential(split) => {
            let key = credential(automatic)?;
            let seal = new(split, &[Seal::Credential(&key)])?;
            Ok(made(seal, true, None, Opener::Key))
        }
    }
}

/// Reads the key file. One that is missing is not made: it lies elsewhere, or its device is not there.
pub(super) fn key_file(automatic: &Automatic) -> Result<SealKey> {
    read_key(key_path(automatic)?)
}

/// Writes the key file, or finds that it holds this key already.
fn write_key_file(automatic: &Automatic, key: &SealKey) -> Result<()> {
    let path = key_path(automatic)?;
    if path.exists() {
        if read_key(path)?.ct_eq(key) {
            return Ok(());
        }
        return Err(Error::new(
            Reason::NoSuchSeal,
            format!(
                "the key file `{}` was made meanwhile and holds another key; begin again",
                path.display()
            ),
        ));
    }
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
    written().map_err(|error: std::io::Error| unreadable(path, error))
}

fn key_path(automatic: &Automatic) -> Result<&Path> {
    automatic.key_file.as_deref().ok_or_else(|| {
        Error::new(
            Reason::NoSuchSeal,
            "the node's configuration names no key file: set `seal.key_file` and restart",
        )
    })
}

/// Reads the systemd credential.
pub(super) fn credential(automatic: &Automatic) -> Result<SealKey> {
    let credential = automatic.credential.as_ref().ok_or_else(|| {
        Error::new(
            Reason::NoSuchSeal,
            "the node was given no credential: set `seal.credential` and LoadCredential=",
        )
    })?;
    let Credential { directory, name } = credential;
    read_key_from(
        &directory.join(name),
        vault_sys::check_credential(directory, name),
    )
}

fn read_key(path: &Path) -> Result<SealKey> {
    read_key_from(path, vault_sys::check_private_file(path))
}

fn read_key_from(
    path: &Path,
    opened: std::result::Result<std::fs::File, vault_sys::FileError>,
) -> Result<SealKey> {
    use std::io::Read as _;
    let mut file = opened.map_err(|error| unreadable(path, error))?;
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

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        Reason::NoSuchSeal,
        format!("the key file `{}` cannot be used: {error}", path.display()),
    )
    .caused_by(error)
}

/// The clear record that lists the slots of a region's seal.
pub(super) fn seal_key(region: u16) -> Key {
    match region {
        HOME_REGION => Key::new(Kind::Header, &[b"seal"]),
        other => Key::new(Kind::Header, &[b"seal", &other.to_be_bytes()]),
    }
}

/// A region's keyring.
pub(super) fn keyring_key(region: u16) -> Key {
    Key::new(Kind::Keyring, &[&region.to_be_bytes()])
}
