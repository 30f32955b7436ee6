//! How a node gets to the roster: it is invited, it asks, and it is told what it joins.

use vault_core::access::region::Regions;
use vault_core::access::{Action, Resource};
use vault_core::crypto::join;
use vault_core::crypto::secret::{JoinSecret, JoinText, SetupCode};
use vault_core::engine::cluster::{self, Card, Refusal, Roster};
use vault_core::name::RegionName;
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::members::refused;
use super::{Joined, JoinedError, Voter};
use crate::app::call::{Answer, Call};
use crate::app::error::{Error, Result};
use crate::app::transact::{Terms, Verdict};
use crate::app::{App, refusal};

const HOUR: u64 = 3_600_000;

/// An invitation that was given.
#[derive(Debug)]
pub struct Invited {
    /// For the node, once.
    pub text: JoinText,
    /// When it ends, in milliseconds since the epoch.
    pub expires: u64,
    /// For a node of this region.
    pub region: String,
}

/// What a node is told that asked to join.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The cluster.
    pub cluster: [u8; 16],
    /// Its incarnation.
    pub incarnation: u64,
    /// What the node will be.
    pub id: u64,
    /// Whom it believes.
    pub voters: Vec<Voter>,
}

impl App {
    /// Invites one node. `ttl` in milliseconds, a minute to a day; an hour unless said.
    ///
    /// # Errors
    /// `NO_PEERS` where nobody could reach this node, or as of any write.
    pub async fn invite_node(
        &self,
        call: &Call,
        region: Option<String>,
        ttl: Option<u64>,
    ) -> Result<Answer<Invited>> {
        let secret = JoinSecret::make(&mut crate::clock::OsEntropy);
        let (text, hash) = (join::to_text(&secret), join::hash(&secret));
        let presence = self.presence().cloned();
        let me = self.settings.node_id;
        let answer = self
            .write(call, Terms::default(), move |visit, tx| {
                visit.grant(tx, Action::CLUSTER_INVITE, Resource::System)?;
                let presence = presence.as_ref().ok_or_else(no_peers)?;
                let region = region.as_deref().unwrap_or_else(|| presence.card.region());
                let (now, incarnation) = (tx.now(), tx.incarnation());
                may_be_anywhere(tx, region, presence.card.region())?;
                let invited = cluster::change(tx, |roster| {
                    let when = (now, incarnation);
                    let alone = || Roster::alone(me, presence.card.clone(), None, when);
                    let roster = roster.get_or_insert_with(alone);
                    roster.invite(hash, region, ttl.unwrap_or(HOUR), now)
                });
                let expires = invited
                    .map_err(refusal::record)?
                    .map_err(|why| refused(&why))?;
                Ok((Verdict::Commit, (expires, region.to_owned())))
            })
            .await?;
        self.follow_roster();
        Ok(answer.map(|(expires, region)| Invited {
            text,
            expires,
            region,
        }))
    }

    /// A node that was invited asks to join, with the key that it will prove.
    ///
    /// # Errors
    /// `INVITATION_UNKNOWN`, `CLUSTER_REFUSED`, or as of any write.
    pub async fn ask_to_join(
        &self,
        call: &Call,
        invitation: &JoinSecret,
        card: Card,
    ) -> Result<Answer<Membership>> {
        let hash = join::hash(invitation);
        let answer = self
            .write_by_proof(call, Terms::default(), move |notes, tx| {
                notes.about(format!("node:{}", card.key()));
                let now = tx.now();
                let asked = cluster::change(tx, |roster| {
                    let roster = roster.as_mut().ok_or(Refusal::Unknown)?;
                    roster.ask(hash, card.clone(), now)
                });
                let id = asked
                    .map_err(refusal::record)?
                    .map_err(|why| refused(&why))?;
                Ok((Verdict::Commit, id))
            })
            .await?;
        let stamp = self.store.stamp();
        let seats = self.node.members().into_iter();
        let voters = seats.filter(|seat| seat.votes).filter_map(|seat| {
            let key = seat.member.key?;
            Some(Voter::new(seat.id, seat.member.address, key))
        });
        let voters: Vec<Voter> = voters.collect();
        if voters.is_empty() {
            return Err(no_peers());
        }
        Ok(answer.map(|id| Membership {
            cluster: stamp.cluster.unwrap_or_default(),
            incarnation: stamp.incarnation,
            id,
            voters,
        }))
    }

    /// Tells this empty node which cluster it joins; it starts again to do so.
    ///
    /// # Errors
    /// As of `init`; `NODE_JOINING` where it was told before, `NO_PEERS` where nobody could reach it.
    pub async fn join_cluster(
        &self,
        call: &Call,
        code: &SetupCode,
        joined: Joined,
    ) -> Result<Answer<()>> {
        let entry = self.begin(call);
        let mut ceremony = self.ceremony.lock().await;
        // EXPOSE: for comparison
        let may = self
            .audit_ready()
            .and_then(|()| self.may_init(call, code.expose()));
        let result = may.and_then(|()| {
            let _claim = self.claim_birth()?;
            // A birth that was prepared is none any more: no vault is made here that the next start would refuse.
            ceremony.birth = None;
            self.presence().ok_or_else(no_peers)?;
            if self.node.initialised() {
                return Err(Error::new(
                    Reason::AlreadyInitialised,
                    "this node has a log already: only an empty node joins a cluster",
                ));
            }
            joined.write(&self.settings.data_dir).map_err(unwritten)
        });
        drop(ceremony);
        let done = "the node joins the cluster";
        self.finish_act(entry, result, done, "look: vaultctl status")
            .await?;
        self.restart.notify_one();
        Ok(self.answer(()))
    }
}

/// Whether there is such a region.
fn may_be_anywhere(tx: &mut Tx<'_>, region: &str, home: &str) -> Result<()> {
    if region == home {
        return Ok(());
    }
    let known = Regions::of(tx).map_err(refusal::record)?;
    let name = region.parse::<RegionName>().ok();
    if name.is_some_and(|name| known.live(&name).is_ok()) {
        return Ok(());
    }
    Err(Error::new(
        Reason::RegionNotFound,
        format!("there is no region `{region}`, or no more; see: vaultctl region ls"),
    ))
}

fn no_peers() -> Error {
    Error::new(
        Reason::NoPeers,
        "this node has no listener for peers: set listen.peers in its configuration and restart it",
    )
}

fn unwritten(error: JoinedError) -> Error {
    Error::internal(error)
}
