//! Keys of an issuer where a token is verified: those that are stored with it, or fetched from its address.
//!
//! A fetch belongs to the login that needs it, which goes on to its end whatever becomes of its client, or to a task
//! of its own. What it brings goes the same way as a set that is stored, and a set that differs is on record before it
//! is believed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use vault_core::access::trust::{Issuer, issuers};

use super::jwt::{Bad, Unverified};
use super::key_sets::{Flight, Moment, Of, Turn, Want, Why};
use super::keys::{Keys, KeysError, MAX_SET};
use crate::app::App;
use crate::app::keyring::Deed;
use crate::app::notes::Notes;
use crate::outbound::Outbound;

/// Longest fetch: with what the helper's silence is waited for beyond it, clients still have their answer in ten seconds.
const TIME: Duration = Duration::from_secs(6);
/// Longest wait for somebody else's.
const WAIT: Duration = Duration::from_secs(8);

impl App {
    /// The keys at an issuer's address that may verify a token, or why there are none.
    pub(super) async fn keys_at(
        &self,
        (of, url): (Of, &str),
        token: &Unverified,
        began: Duration,
    ) -> Result<Arc<Keys>, Bad> {
        let mut keys = self.fetched(of, url, Want::Keys).await;
        if keys.as_ref().is_ok_and(|keys| !keys.names(token.key())) {
            keys = self.fetched(of, url, Want::Others(began)).await;
        }
        keys.map_err(Bad::NoKeys)
    }

    async fn fetched(&self, of: Of, url: &str, want: Want) -> Result<Arc<Keys>, Why> {
        let bound = self.settings.keys_max_age;
        match self.key_sets.turn(of, self.clock.boottime(), want, bound) {
            Turn::Use(keys) => return Ok(keys),
            Turn::Refused(why) => return Err(why),
            Turn::Fetch(flight) => self.fetch(of, url, flight).await,
            Turn::Wait(mut flight) => {
                let waiting = self.key_sets.waiting.try_acquire();
                let _place = waiting.map_err(|_| Why::Crowded)?;
                drop(timeout(WAIT, flight.changed()).await);
            }
        }
        self.key_sets.after(of, self.clock.boottime(), bound)
    }

    async fn fetch(&self, of: Of, url: &str, flight: Flight) {
        let brought = match self.brought(url).await {
            Ok(keys) => self.record_keys(of, &keys).await.map(|()| keys),
            Err(why) => Err(why),
        };
        let at = Moment {
            boot: self.clock.boottime(),
            wall: self.now(),
        };
        match brought {
            Ok(keys) => self.key_sets.take(of, keys, at),
            Err(why) => {
                if self.key_sets.fail(of, why, at) {
                    tracing::warn!(issuer = of.0, %why, "keys of an issuer were not fetched");
                }
            }
        }
        // ORDER: whoever waits finds what was kept.
        drop(flight);
    }

    async fn brought(&self, url: &str) -> Result<Keys, Why> {
        let out = &self.settings.outbound;
        let url = out.check(url).map_err(|_| Why::NotAllowed)?;
        let body = out.get(&url, MAX_SET, TIME).await.map_err(Why::Failed)?;
        let text = str::from_utf8(&body).map_err(|_| Why::Keys(KeysError::Malformed))?;
        Keys::parse(text).map_err(Why::Keys)
    }

    /// Records that other keys are believed from here on.
    async fn record_keys(&self, of: Of, keys: &Keys) -> Result<(), Why> {
        let (same, before) = self.key_sets.compare(of, keys);
        if same {
            return Ok(());
        }
        let (id, count) = (of.0, keys.len());
        let what = if before {
            "others than before"
        } else {
            "the first since start"
        };
        let notes = Notes {
            granted: Some(format!(
                "issuer #{id}: {count} keys from its address, {what}"
            )),
            ..Notes::default()
        };
        let mut entry = self.begin_inside(Deed::TAKE_ISSUER_KEYS);
        self.describe(&mut entry, &notes);
        let finished = self.finish(entry, Ok(())).await;
        finished.map_err(|_| Why::Unrecorded)?;
        tracing::info!(
            issuer = id,
            keys = count,
            what,
            "keys of an issuer were fetched"
        );
        Ok(())
    }

    /// Fetches again what ages and is used, each in a task of its own, and forgets issuers that are gone.
    pub(in crate::app) fn refresh_issuer_keys(self: &Arc<Self>) {
        let Ok(all) = self.look(issuers) else { return };
        let ids: BTreeSet<u64> = all.iter().map(|(id, _)| *id).collect();
        self.key_sets.keep(&ids);
        for (of, flight) in self.key_sets.due(self.clock.boottime()) {
            let same = |(id, issuer): &&(u64, Issuer)| (*id, issuer.generation) == of;
            let issuer = all.iter().find(same).map(|(_, issuer)| issuer);
            let Some(url) = issuer.and_then(|issuer| issuer.jwks_url.clone()) else {
                continue;
            };
            let app = Arc::clone(self);
            tokio::spawn(async move { app.fetch(of, &url, flight).await });
        }
    }

    /// The way out.
    pub fn outbound(&self) -> &Outbound {
        &self.settings.outbound
    }

    /// How long ago keys of an issuer were fetched, of the one for which it is longest.
    pub fn issuer_keys_age(&self) -> Duration {
        self.key_sets.age(self.clock.boottime())
    }

    /// Fetches that brought no keys since start.
    pub fn issuer_keys_failures(&self) -> u64 {
        self.key_sets.failures()
    }
}
