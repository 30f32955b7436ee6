//! Entering shares: progress that only a listed share moves, and only a listed share cancels.

use super::secret::{RootKey, Share};
use super::shamir;
use super::share::Parsed;
use super::slots::SealHeader;

#[cfg(test)]
mod tests;

pub use super::share::ShareError;

/// How far the entering of shares has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Indices of the shares entered so far, in order of entry.
    pub entered: Vec<u8>,
    /// How many it takes.
    pub threshold: u8,
}

impl Progress {
    /// Whether enough were entered.
    pub fn complete(&self) -> bool {
        self.entered.len() >= usize::from(self.threshold)
    }
}

/// What entering a good share led to.
#[derive(Debug)]
pub enum Step {
    /// More shares are needed.
    More(Progress),
    /// The root key, checked against the header. The shares are forgotten.
    Open(RootKey),
}

/// An unsealing in progress. Its shares are wiped when it ends, is cancelled or dropped.
pub struct Unsealing {
    header: SealHeader,
    entered: Vec<Parsed>,
}

impl Unsealing {
    /// Begins with no shares.
    pub fn new(header: SealHeader) -> Self {
        Self {
            header,
            entered: Vec::new(),
        }
    }

    /// Takes one share. A junk, foreign, wrong or repeated one is named, and changes nothing.
    ///
    /// # Errors
    /// See [`ShareError`]; after [`ShareError::Damaged`] the progress starts anew.
    pub fn enter(&mut self, share: &Share) -> Result<Step, ShareError> {
        let parsed = self.header.recognise(share)?;
        if self.has(&parsed) {
            return Err(ShareError::Duplicate);
        }
        self.entered.push(parsed);
        let progress = self.progress();
        if !progress.complete() {
            return Ok(Step::More(progress));
        }
        let points: Vec<_> = self.entered.drain(..).map(|share| share.point).collect();
        let key = shamir::combine(&points).ok_or(ShareError::Damaged)?;
        let root = self
            .header
            .open_shamir(&key)
            .map_err(|_| ShareError::Damaged)?;
        Ok(Step::Open(root))
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        Progress {
            entered: self.entered.iter().map(|share| share.point.x).collect(),
            threshold: self.header.threshold(),
        }
    }

    /// Whether a share is of this seal, entered before or not.
    ///
    /// # Errors
    /// What it is instead.
    pub fn recognise(&self, share: &Share) -> Result<(), ShareError> {
        self.header.recognise(share).map(drop)
    }

    /// Forgets the shares, on the word of a holder: any share of this seal, entered before or not.
    ///
    /// # Errors
    /// When the share is not of this seal; the progress stays.
    pub fn cancel(&mut self, share: &Share) -> Result<(), ShareError> {
        self.recognise(share)?;
        self.forget();
        Ok(())
    }

    /// The seal whose shares it takes.
    pub fn header(&self) -> &SealHeader {
        &self.header
    }

    /// Forgets the shares because nobody went on in time.
    pub fn forget(&mut self) {
        self.entered.clear();
    }

    fn has(&self, share: &Parsed) -> bool {
        self.entered
            .iter()
            .any(|known| known.point.x == share.point.x)
    }
}

impl std::fmt::Debug for Unsealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unsealing")
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

/// A rekey that waits until the holders have shown that they have the new shares.
#[derive(Debug)]
pub struct Confirming {
    header: SealHeader,
    shown: Vec<u8>,
}

impl Confirming {
    /// Begins for the new header.
    pub fn new(header: SealHeader) -> Self {
        Self {
            header,
            shown: Vec::new(),
        }
    }

    /// Takes one of the new shares; an old one is [`ShareError::Foreign`].
    ///
    /// # Errors
    /// See [`ShareError`]; none changes the progress.
    pub fn enter(&mut self, share: &Share) -> Result<Progress, ShareError> {
        let index = self.header.recognise(share)?.point.x;
        if self.shown.contains(&index) {
            return Err(ShareError::Duplicate);
        }
        self.shown.push(index);
        Ok(self.progress())
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        Progress {
            entered: self.shown.clone(),
            threshold: self.header.threshold(),
        }
    }

    /// The new header, to be stored once the progress is complete.
    pub fn header(&self) -> &SealHeader {
        &self.header
    }
}
