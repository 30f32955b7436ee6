//! The files of a client certificate: contexts remember where they lie, and nothing of what is in them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use vault_sdk::{ClientIdentity, PinnedKey};

use crate::contexts::Context;
use crate::ctl::Ctl;
use crate::failure::Failure;
use crate::files::read_private;

/// More than any chain that a vault takes.
const LARGEST: u64 = 64 << 10;

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientFiles {
    cert: PathBuf,
    key: PathBuf,
}

impl ClientFiles {
    /// One file may hold both.
    pub(crate) fn new(cert: &Path, key: Option<&Path>) -> Self {
        Self {
            cert: cert.to_owned(),
            key: key.unwrap_or(cert).to_owned(),
        }
    }

    /// Those of the flags and their environment, or else of the context.
    pub(crate) fn find(ctl: &Ctl, context: Option<&Context>) -> Result<Option<Self>, Failure> {
        let (cert, key) = (&ctl.globals.client_cert, &ctl.globals.client_key);
        match (cert, key) {
            (Some(cert), key) => Ok(Some(Self::new(cert, key.as_deref()))),
            (None, Some(_)) => Err(Failure::usage("a client key comes with its certificate")
                .hint("name it: --client-cert FILE")),
            (None, None) => Ok(context.and_then(Self::remembered)),
        }
    }

    fn remembered(context: &Context) -> Option<Self> {
        let cert = context.client_cert.as_deref()?;
        let key = context.client_key.as_deref();
        Some(Self::new(Path::new(cert), key.map(Path::new)))
    }

    /// Reads them.
    pub(crate) fn read(&self) -> Result<ClientIdentity, Failure> {
        let cert = read(&self.cert)?;
        let missing = || Failure::invalid(format!("there is no {}", self.key.display()));
        let key = read_private(&self.key)?.ok_or_else(missing)?;
        ClientIdentity::from_pem(&cert, key.as_bytes()).map_err(|error| {
            let files = format!("{}, {}", self.cert.display(), self.key.display());
            Failure::from(error).hint(format!("see what is in {files}"))
        })
    }
}

impl Context {
    /// Remembers the files that its session takes, or forgets those of before.
    pub(crate) fn hold(&mut self, files: Option<&ClientFiles>) -> Result<(), Failure> {
        let absolute = |path: &Path| {
            let path = std::path::absolute(path)
                .map_err(|error| Failure::io(&format!("finding {}", path.display()), &error))?;
            let text = path.into_os_string().into_string();
            text.map_err(|path| Failure::usage(format!("{} is no UTF-8", path.display())))
        };
        self.client_cert = files.map(|files| absolute(&files.cert)).transpose()?;
        self.client_key = files.map(|files| absolute(&files.key)).transpose()?;
        Ok(())
    }
}

/// The key of the certificate in a file, to be pinned.
pub(crate) fn pinned_key(path: &Path) -> Result<PinnedKey, Failure> {
    let hint = || format!("{} holds no certificate", path.display());
    PinnedKey::from_pem(&read(path)?).map_err(|error| Failure::from(error).hint(hint()))
}

/// A file that anybody may read.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let doing = format!("reading {}", path.display());
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text));
    read.map_err(|error| Failure::io(&doing, &error))?;
    if text.len() as u64 > LARGEST {
        return Err(Failure::invalid(format!(
            "{} is over 64 KiB",
            path.display()
        )));
    }
    Ok(text)
}
