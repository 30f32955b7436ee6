//! Who vouches for a token: found on blocking threads, before anything is written.
//!
//! Anybody may bring a token, and looking at one takes time: reading up to 64 KiB of keys, a signature of up to 8192 bits.
//! So one source tries so often only, as with passwords, though neither what is good counts nor what no key could be had
//! for; few tokens are looked at at a time; and keys that were read are kept ([`Known`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::Semaphore;
use vault_core::access::trust::{Issuer, Vouched, issuer_keys, issuers};
use vault_core::record::{IdBlock, RecordError, Tx};
use vault_proto::v1::Reason;
use zeroize::Zeroizing;

use super::jwt::{Bad, Unverified};
use super::keys::Keys;
use super::known::Known;
use crate::app::call::Call;
use crate::app::error::{Error, Result};
use crate::app::password::{Sources, network, too_often};
use crate::app::{App, refusal};

/// Tokens that wait while others are looked at.
const WAITING: usize = 64;

/// What looks at tokens on this node.
#[derive(Debug)]
pub(in crate::app) struct Tokens {
    known: Arc<Known>,
    sources: Sources,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Default for Tokens {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = processors.div_ceil(4);
        Self {
            known: Arc::default(),
            sources: Sources::default(),
            places: Arc::new(Semaphore::new(threads + WAITING)),
            turns: Arc::new(Semaphore::new(threads)),
        }
    }
}

impl App {
    /// Looks at a token, as far as this node's state says who is to be believed.
    ///
    /// # Errors
    /// `OVERLOADED` where its source has brought too many that were wrong, or too many wait.
    pub(super) async fn look_at_token(
        &self,
        call: &Call,
        token: Zeroizing<String>,
    ) -> Result<std::result::Result<Vouched, Bad>> {
        let source = network(call);
        let tokens = &self.tokens;
        if !tokens.sources.admit(&source, 1, self.clock.monotonic()) {
            return Err(too_often());
        }
        let token = match Unverified::read(&token) {
            Ok(token) => token,
            Err(bad) => return Ok(Err(bad)),
        };
        // ORDER: before a place is taken: who waits for one issuer's keys keeps no other's tokens waiting
        let fetched = self.fetched_for(&token).await?;
        let Ok(place) = Arc::clone(&tokens.places).try_acquire_owned() else {
            tokens.sources.give_back(&source);
            return Err(busy());
        };
        let turn = Arc::clone(&tokens.turns).acquire_owned().await;
        let turn = turn.map_err(Error::internal)?;
        let (keys, known) = (self.unsealed()?, Arc::clone(&tokens.known));
        let known = Sets { known, fetched };
        let (store, now) = (self.store.clone(), self.now());
        let looking = tokio::task::spawn_blocking(move || {
            let mut ids = IdBlock::default();
            let tx = Tx::new(&store, keys.keyring(), now, &mut ids);
            let looked = vouch(&mut tx.with_opened(keys.opened()), known, token);
            drop((turn, place));
            looked
        });
        let looked = looking.await.map_err(Error::internal)?;
        let Looked { found, guessed } = looked.map_err(refusal::record)?;
        if !guessed {
            tokens.sources.give_back(&source);
        }
        Ok(found)
    }

    /// What the addresses say of those who may have signed it: it may take seconds, and has bounds of its own.
    async fn fetched_for(&self, token: &Unverified) -> Result<Fetched> {
        let began = self.clock.boottime();
        let all = self.look(issuers)?;
        let asked = all.iter().filter_map(|(id, issuer)| {
            let url = issuer.jwks_url.as_deref()?;
            token.may_be_of(issuer).ok()?;
            let of = (*id, issuer.generation);
            Some(async move { (of, self.keys_at((of, url), token, began).await) })
        });
        // ORDER: all at once: an address that says nothing keeps nobody from the keys of another that is called the same
        Ok(join_all(asked).await.into_iter().collect())
    }
}

/// Keys that came from addresses, by issuer and generation of it.
type Fetched = BTreeMap<(u64, u64), std::result::Result<Arc<Keys>, Bad>>;

/// Where the keys of issuers are.
struct Sets {
    known: Arc<Known>,
    fetched: Fetched,
}

impl Sets {
    fn of(
        &mut self,
        tx: &mut Tx<'_>,
        (id, issuer): (u64, &Issuer),
    ) -> std::result::Result<std::result::Result<Arc<Keys>, Bad>, RecordError> {
        let of = (id, issuer.generation);
        if issuer.jwks_url.is_some() {
            return Ok(self.fetched.remove(&of).unwrap_or(Err(Bad::Key)));
        }
        let stored = issuer_keys(tx, id)?.unwrap_or_default();
        Ok(self.known.read(of, &stored).map_err(|_| Bad::Key))
    }
}

/// What came of looking at a token.
struct Looked {
    found: std::result::Result<Vouched, Bad>,
    /// It was wrong, as far as could be told: not where keys could not be had, and no others were tried on it.
    guessed: bool,
}

/// Who vouches for a token.
fn vouch(
    tx: &mut Tx<'_>,
    mut sets: Sets,
    token: Unverified,
) -> std::result::Result<Looked, RecordError> {
    let all = issuers(tx)?;
    let now = tx.now() / 1000;
    let mut by = Vec::new();
    let mut why = Bad::Issuer;
    let (mut tried, mut lacking) = (false, false);
    for (id, issuer) in &all {
        match token.may_be_of(issuer) {
            Ok(()) => {}
            Err(Bad::Issuer) => continue,
            Err(bad) => {
                why = bad;
                continue;
            }
        }
        let keys = sets.of(tx, (*id, issuer))?;
        tried |= keys.is_ok();
        lacking |= matches!(keys, Err(Bad::NoKeys(_)));
        let checked = keys.and_then(|keys| token.verify(issuer, &keys, now));
        match checked {
            Ok(()) => by.push((*id, issuer.generation)),
            Err(bad) => why = bad,
        }
    }
    if by.is_empty() {
        return Ok(Looked {
            found: Err(why),
            guessed: tried || !lacking,
        });
    }
    let until = token.end().saturating_mul(1000);
    let claims = Arc::new(token.into_claims());
    Ok(Looked {
        found: Ok(Vouched { by, claims, until }),
        guessed: false,
    })
}

fn busy() -> Error {
    Error::new(
        Reason::Overloaded,
        "too many tokens wait to be looked at on this node; try again in a moment",
    )
}
