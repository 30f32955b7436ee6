//! People and their passwords: logging in, changing, resetting, unlocking, and the policy for all of it.
//!
//! | module | what lives there |
//! |---|---|
//! | [`login`] | from a user and a password to a session |
//! | [`change`] | a user's own change |
//! | [`manage`] | what administrators do |
//! | [`draws`] | who has a one-time password made |
//! | [`pool`], [`memory`] | the threads that hash, and what they may take |
//! | [`sources`] | how often one source may try |
//! | [`blocked`] | the node's list of passwords that nobody may choose |
//! | [`refusal`] | what each refusal is called |

mod blocked;
mod change;
mod draws;
mod login;
mod manage;
mod memory;
mod pool;
mod refusal;
mod sources;

use std::sync::Arc;

use vault_core::access::arrival::{Begun, Situation};
use vault_core::access::lockout::Source as Network;
use vault_core::access::password::{
    Candidate, Checked, Chosen, Context, Cost, Credential, Hasher, InUse, Password, Standing, Step,
    Unfit, Verdict,
};
use vault_core::record::{IdBlock, RecordError, Tx};

pub use blocked::{Blocked, BlockedError};
pub use change::PasswordChange;
pub use login::{LoggedIn, PasswordLogin};
pub use manage::{OneTimePassword, PasswordRules};

pub(super) use refusal::too_often;
pub(super) use sources::Sources;

use draws::Draws;
use pool::{Place, Pool};

use super::audit::Source;
use super::call::Call;
use super::error::Result;
use super::{App, StartError};
use crate::clock::OsEntropy;

/// What checks passwords on this node.
#[derive(Debug)]
pub(super) struct Passwords {
    pool: Pool,
    sources: Sources,
    hasher: Arc<Hasher>,
    draws: Draws,
}

impl Passwords {
    /// Starts the threads, for new hashes of that cost.
    pub(super) fn start(cost: Cost) -> std::result::Result<Self, StartError> {
        Self::within(memory::for_hashing(), cost)
    }

    /// The same, in so many KiB.
    fn within(room: u32, cost: Cost) -> std::result::Result<Self, StartError> {
        if cost.memory_kib() > room {
            return Err(StartError::HashMemory {
                wanted: cost.memory_kib() >> 10,
                room: room >> 10,
            });
        }
        Ok(Self {
            pool: Pool::start(room).map_err(StartError::Thread)?,
            sources: Sources::default(),
            hasher: Arc::new(Hasher::make(cost, &mut OsEntropy)),
            draws: Draws::default(),
        })
    }
}

/// A right password.
#[derive(Debug)]
struct Right {
    checked: Checked,
    /// The stored credential that it was compared with.
    credential: Credential,
    /// Its hash is to be made anew.
    old: bool,
}

/// What became of a new password.
enum Choice {
    /// The present one need not, or cannot, be changed.
    Standing(Standing),
    /// It will do.
    Chosen(Chosen),
    /// It will not.
    Unfit(Unfit),
}

impl App {
    /// Lets a call's source try something that could be guessed.
    ///
    /// # Errors
    /// `OVERLOADED`, at once.
    pub(super) fn admit_guess(&self, call: &Call) -> Result<Network> {
        let network = network(call);
        let sources = &self.passwords.sources;
        if sources.admit(&network, 1, self.clock.monotonic()) {
            Ok(network)
        } else {
            Err(too_often())
        }
    }

    /// Takes all places before the threads that hash.
    #[cfg(test)]
    pub(super) fn all_hashing_places(&self) -> Vec<impl Sized + use<>> {
        std::iter::from_fn(|| self.passwords.pool.place().ok()).collect()
    }

    /// Lets a call in to where passwords are checked.
    ///
    /// # Errors
    /// `OVERLOADED`, at once.
    fn hashing_place(&self, call: &Call) -> Result<(Place, Network)> {
        let network = self.admit_guess(call)?;
        Ok((self.passwords.pool.place()?, network))
    }

    /// Compares a password with what an attempt was counted for, or with nothing in the same time; `None` where it
    /// is wrong.
    async fn compare(
        &self,
        place: &Place,
        begun: Begun,
        password: Arc<Password>,
    ) -> Result<Option<Right>> {
        let hasher = Arc::clone(&self.passwords.hasher);
        let Begun {
            attempt,
            credential,
            in_use,
        } = begun;
        let compared = place.run(hasher.memory_kib(&in_use), move || {
            let stored = credential.as_ref().map(Credential::hash);
            let verdict = hasher.verify(attempt, &password, (stored, &in_use));
            verdict.map(|verdict| (verdict, credential))
        });
        let (verdict, credential) = match compared.await? {
            Ok(compared) => compared,
            Err(uncompared) => {
                let error = refusal::no_memory(uncompared.why());
                self.take_back(move |tx| uncompared.take_back(tx)).await;
                return Err(error);
            }
        };
        let (checked, old) = match verdict {
            Verdict::Right(checked) => (checked, false),
            Verdict::RightButOld(checked) => (checked, true),
            Verdict::Wrong => return Ok(None),
        };
        Ok(credential.map(|credential| Right {
            checked,
            credential,
            old,
        }))
    }

    /// Looks at a new password in place of a right one, under what holds for its user now, and hashes it. With
    /// `due`, only if the old one must be changed.
    async fn choose(
        &self,
        place: &Place,
        right: Right,
        (password, due): (Password, bool),
    ) -> Result<(Right, Choice)> {
        let user = right.checked.user();
        let looked = self.look(|tx| {
            let situation = Situation::of(tx, user)?;
            let in_use = InUse::load(tx)?;
            Ok(situation.map(|situation| {
                let standing = situation.standing(tx, &right.credential);
                (situation, standing, in_use)
            }))
        })?;
        let (situation, standing, in_use) = looked.ok_or_else(refusal::failed)?;
        if standing == Standing::Ended || (due && standing == Standing::Good) {
            return Ok((right, Choice::Standing(standing)));
        }
        let region = Arc::clone(&self.settings.region);
        let blocklist = self.settings.blocked.list();
        let looked = place.run(0, move || {
            let context = Context {
                factors: situation.factors,
                words: &[situation.name(), "vault", &region],
                blocklist: &blocklist,
            };
            let instead = (&right.credential, in_use);
            let candidate = Candidate::look(&situation.policy, instead, (password, &context));
            (right, candidate)
        });
        let (right, candidate) = looked.await?;
        let chosen = match candidate {
            Ok(candidate) => self.compare_with_older(place, user, candidate).await?,
            Err(unfit) => Err(unfit),
        };
        Ok((right, chosen.map_or_else(Choice::Unfit, Choice::Chosen)))
    }

    /// Compares a new password with those before it, one hash after the other: others have their turns between. Each
    /// older one is a try of the user's own, who has shown who he is, and costs nobody else's network any.
    async fn compare_with_older(
        &self,
        place: &Place,
        user: u64,
        mut candidate: Candidate,
    ) -> Result<std::result::Result<Chosen, Unfit>> {
        let older = u32::try_from(candidate.older()).unwrap_or(u32::MAX);
        let sources = &self.passwords.sources;
        if !sources.admit(&("passwords of", user), older, self.clock.monotonic()) {
            return Ok(Err(Unfit::TooOften));
        }
        loop {
            let hasher = Arc::clone(&self.passwords.hasher);
            let memory = candidate.memory_kib(&hasher);
            let step = place.run(memory, move || candidate.step(&hasher, &mut OsEntropy));
            candidate = match step.await? {
                Ok(Step::Further(candidate)) => candidate,
                Ok(Step::Done(chosen)) => return Ok(Ok(chosen)),
                Err(unfit) => return Ok(Err(unfit)),
            };
        }
    }

    /// Takes back the count of a right password that comes to nothing.
    async fn excuse(&self, checked: Arc<Checked>) {
        self.take_back(move |tx| checked.excuse(tx)).await;
    }

    /// Takes back the count of an attempt. Where that fails it stays counted.
    async fn take_back(
        &self,
        take: impl Fn(&mut Tx<'_>) -> std::result::Result<(), RecordError> + Send + 'static,
    ) {
        let taken = self.write_inside(move |tx| {
            take(tx).map_err(super::refusal::record)?;
            Ok(((), true))
        });
        drop(taken.await);
    }

    /// Writes a part of a request whose audit entry is opened and finished elsewhere; `act` says with its reply
    /// whether to write.
    pub(super) async fn write_inside<R: Send + 'static>(
        &self,
        mut act: impl FnMut(&mut Tx<'_>) -> Result<(R, bool)> + Send + 'static,
    ) -> Result<R> {
        use super::transact::{Terms, Verdict};
        let ran = self
            .proposer
            .run(Terms::default(), move |tx| match act(tx) {
                Ok((reply, true)) => (Verdict::Commit, Ok(Ok(reply))),
                Ok((reply, false)) => (Verdict::Discard, Ok(Ok(reply))),
                Err(error) => (Verdict::Discard, Ok(Err(error))),
            });
        let (result, settled) = ran.await?;
        self.confirm(settled.verdict, result).await
    }

    /// Reads from this node's state as it is: what is acted on is read again by the write that acts.
    pub(super) fn look<R>(
        &self,
        read: impl FnOnce(&mut Tx<'_>) -> std::result::Result<R, RecordError>,
    ) -> Result<R> {
        let keys = self.unsealed()?;
        let mut ids = IdBlock::default();
        let mut tx =
            Tx::new(&self.store, keys.keyring(), self.now(), &mut ids).with_opened(keys.opened());
        read(&mut tx).map_err(super::refusal::record)
    }
}

/// What a login is counted by.
pub(super) fn network(call: &Call) -> Network {
    match call.source {
        Source::Tcp(address) => Network::of_address(address.ip()),
        Source::Unix { uid, .. } => Network::of_uid(uid),
        Source::Inside => Network::of_uid(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_takes_more_than_there_is_keeps_the_node_from_starting() {
        let refused = Passwords::within((64 << 10) - 1, Cost::DEFAULT).unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("`password.hash_memory` is 64 MiB"), "{said}");
        assert!(said.contains("63 MiB"), "{said}");
        assert!(Passwords::within(64 << 10, Cost::DEFAULT).is_ok());
    }
}
