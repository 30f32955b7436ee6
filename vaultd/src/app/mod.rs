//! The request pipeline and what stands behind each method: authenticate, authorise, act, record.
//!
//! | module | what lives there |
//! |---|---|
//! | [`pipeline`] | the one way through for reads and writes |
//! | [`operate`] | the same for what is granted and neither reads nor writes records |
//! | [`call`], [`calling`] | a request as doors bring it, and who it says that it is from |
//! | [`asked`] | requests that are only asked about |
//! | [`notes`] | what is learnt of a request, and that it gets into the audit |
//! | [`transact`] | the proposer: evaluates, seals and proposes writes |
//! | [`audit`] | the audit log |
//! | [`bootstrap`] | whom a new vault has, and what they may do |
//! | [`setup`], [`seals`], [`automatic`], [`sealing`], [`rekey`], [`keyring`], [`rewrap`] | birth, seals and keys of a node |
//! | [`cluster`] | the nodes: who belongs, who leads |
//! | [`regions`] | which regions there are, and which is this node's |
//! | [`ceremony`] | what key holders do in several steps |
//! | [`auth`], [`password`], [`identity`], [`simulate`], [`secrets`], [`sharing`], [`sessions`], [`backup`], [`policies`], [`mfa`], [`trail`] | one file or folder per service |
//! | [`error`], [`refusal`] | the one error that doors see, and what refusals are called |
//! | [`freshness`], [`status`] | how old this node's state is, and what anybody may know of it |
//! | [`unsealed`], [`cursor`], [`replies`] | the keys while there are any; cursors of listings; room for replies |
//! | [`explain`] | why something is denied, for those who may know |
//! | [`jobs`] | what runs on the leader by itself |
//! | [`time`] | the time that the vault goes by, whatever a clock says |
//!
//! Deliberately absent: transport types. A door turns bytes into calls and answers into bytes.

mod asked;
pub mod audit;
mod auth;
mod automatic;
mod backup;
mod bootstrap;
mod call;
mod calling;
mod ceremony;
mod cluster;
mod cursor;
mod error;
mod explain;
mod freshness;
mod identity;
mod jobs;
mod keyring;
mod mfa;
mod notes;
mod operate;
mod password;
mod pipeline;
mod policies;
mod program;
mod refusal;
mod regions;
mod rekey;
mod replies;
mod rewrap;
mod root;
mod sealing;
mod seals;
mod secrets;
mod sessions;
mod setup;
mod sharing;
mod simulate;
mod status;
mod time;
mod trail;
mod transact;
mod trust;
mod unsealed;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use vault_core::access::password::Cost as HashCost;
use vault_proto::Access;
use vault_proto::v1::Reason;

pub use asked::Asked;
pub use audit::trail::{Check, Checked, Finding, Flaw, Match, Page, Search, Summary, Tail, Work};
pub use auth::{LoginRequest, Oneself};
pub use backup::{Place, Restoring, SealThen, TakenIn, Verified};
pub use bootstrap::{Bootstrap, Faults};
pub use call::{Answer, Call, Counted};
pub use ceremony::CeremonyId;
pub use cluster::{
    Invited, Joined, JoinedError, Listed as ListedNodes, Membership, Presence, State as NodeState,
    Voter,
};
pub use cursor::Paging;
pub use error::{Error, Kind, Result, kind};
pub use identity::Names;
pub use keyring::{KeyringState, TermState};
pub use mfa::{Authenticators, ConfirmedEnrolment, StartEnrolment, Started};
pub use operate::Operation;
pub use password::{
    Blocked, BlockedError, LoggedIn, OneTimePassword, PasswordChange, PasswordLogin, PasswordRules,
};
pub use policies::{Attachment, Changed, Pair, Validated};
pub use program::ProgramLogin;
pub use regions::{Founded, RegionKey, Revoked};
pub use rekey::{RekeyPhase, RekeyState};
pub use replies::Held;
pub use root::{OneTimeRoot, RootGeneration};
pub use sealing::{KeyInput, UnsealState};
pub use seals::{Automatic, Credential, SealChoice};
pub use secrets::{Destruction, Paged, PutRequest, Target};
pub use sessions::AssumeRequest;
pub use setup::{Born, ConfirmInitRequest, InitRequest};
pub use sharing::{ShareRequest, SharedSource, Unwrapped};
pub use simulate::{Capable, Simulated};
pub use status::{Inside, SealStatus, Status};
pub use trail::{AuditQuery, Ending, Reading};
pub use trust::{IssuerName, KeySetState, TokenLogin, Told};

use audit::{Audit, Entry};
use freshness::Freshness;
use transact::Proposer;
use unsealed::{Keys, Unsealed};

use crate::clock::Clock;
use crate::outbound::Outbound;
use crate::raft::Node;
use crate::store::{Applied, Store};

/// How old a state may be before a node refuses to authenticate by it.
const STALENESS_BOUND: Duration = Duration::from_secs(5);
/// How long a request waits for a state that its client has seen elsewhere.
const CATCH_UP: Duration = Duration::from_secs(1);

/// What the shell knows and the app needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of this node.
    pub node_id: u64,
    /// Name of the region this node is in.
    pub region: Arc<str>,
    /// Where the daemon keeps its data; the setup code lies there until `init`.
    pub data_dir: PathBuf,
    /// Where an automatic seal finds its key.
    pub automatic: Automatic,
    /// What a vault that is created is made with.
    pub bootstrap: Option<PathBuf>,
    /// `vaultd dev`: for ever marked in the state.
    pub dev: bool,
    /// Age at which keys get new terms by themselves; `None` for never.
    pub rotate_after: Option<Duration>,
    /// Plain bytes in replies that wait to be sent.
    pub reply_bytes: u64,
    /// Passwords that nobody may choose on this node.
    pub blocked: Arc<Blocked>,
    /// What new hashes of passwords cost.
    pub hash_cost: HashCost,
    /// The way out.
    pub outbound: Outbound,
    /// Keys of an issuer that were fetched longer ago are not believed.
    pub keys_max_age: Duration,
    /// How it has peers, if it may have any.
    pub presence: Option<Presence>,
}

/// The application: everything behind the doors.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    store: Store,
    node: Node,
    clock: Clock,
    time: Arc<time::VaultTime>,
    audit: Audit,
    keys: Keys,
    proposer: Proposer,
    freshness: Arc<Freshness>,
    /// One at a time: init, unseal, seal, rekey, rotation.
    ceremony: tokio::sync::Mutex<ceremony::Ceremonies>,
    /// The one task that moves records to the active terms.
    rewrapping: Arc<tokio::sync::Semaphore>,
    restart: tokio::sync::Notify,
    /// Backups that are made or checked.
    backups: Arc<tokio::sync::Semaphore>,
    /// The one init or restore that may make a vault of this node.
    birth: Arc<tokio::sync::Semaphore>,
    hashing: sealing::Hashing,
    /// Proofs that rights lie within rights, for changes.
    proving: policies::Analyses,
    /// What callers ask of policies.
    analyses: policies::Analyses,
    /// Who reads the audit.
    readers: trail::Readers,
    replies: replies::Replies,
    passwords: password::Passwords,
    /// Keys of issuers that were fetched.
    key_sets: trust::KeySets,
    tokens: trust::Tokens,
    /// Somebody changed who shall belong to the cluster.
    roster_changed: Arc<tokio::sync::Notify>,
}

impl App {
    /// Brings the application up over a started node. Sealed, unless an automatic seal opens it.
    ///
    /// # Errors
    /// When threads cannot be started, or the setup code cannot be written.
    pub async fn start(
        settings: Settings,
        store: Store,
        node: Node,
        audit: Audit,
        clock: Clock,
    ) -> std::result::Result<Arc<Self>, StartError> {
        let keys = Keys::default();
        let time = Arc::new(time::VaultTime::new(clock, store.clone()));
        let of = (store.clone(), node.clone());
        let proposer =
            Proposer::start(of, Arc::clone(&time), keys.clone()).map_err(StartError::Thread)?;
        let freshness = Freshness::start(&node, &store, clock);
        let passwords = password::Passwords::start(settings.hash_cost)?;
        let app = Arc::new(Self {
            replies: replies::Replies::new(settings.reply_bytes),
            settings,
            store,
            node,
            clock,
            time,
            audit,
            keys,
            proposer,
            freshness,
            ceremony: tokio::sync::Mutex::default(),
            rewrapping: Arc::new(tokio::sync::Semaphore::new(1)),
            restart: tokio::sync::Notify::new(),
            backups: Arc::new(tokio::sync::Semaphore::new(backup::STREAMS)),
            birth: Arc::new(tokio::sync::Semaphore::new(1)),
            hashing: sealing::Hashing::default(),
            proving: policies::Analyses::default(),
            analyses: policies::Analyses::default(),
            readers: trail::Readers::default(),
            passwords,
            key_sets: trust::KeySets::default(),
            tokens: trust::Tokens::default(),
            roster_changed: Arc::default(),
        });
        app.open_at_start().await.map_err(StartError::SetupCode)?;
        jobs::start(&app);
        ceremony::start(&app);
        cluster::start(&app);
        Ok(app)
    }

    /// Ends the application: no keys are left, the audit log is on disk, raft has stopped.
    pub async fn shut_down(&self) {
        self.freshness.stop();
        drop(self.keys.clear());
        self.ceremony.lock().await.wipe();
        if let Err(error) = self.audit.flush().await {
            tracing::error!(%error, "the audit log could not be flushed");
        }
        self.node.shutdown().await;
    }

    /// Told when the daemon should start again in place: a restored snapshot waits to be taken up.
    pub fn restart_wanted(&self) -> &tokio::sync::Notify {
        &self.restart
    }

    /// Whether `init` has happened.
    pub fn initialised(&self) -> bool {
        self.store.stamp().cluster.is_some()
    }

    /// Leader time as far as this node knows: never behind what the log has seen.
    fn now(&self) -> u64 {
        self.time.now()
    }

    /// The keys, or why there are none.
    fn unsealed(&self) -> Result<Arc<Unsealed>> {
        self.keys.load().ok_or_else(|| {
            if let Some(why) = self.keys.fell() {
                Error::new(
                    Reason::Sealed,
                    format!("the node sealed itself, because {why}; unseal it: vaultctl unseal"),
                )
            } else if self.initialised() {
                sealed()
            } else {
                Error::new(
                    Reason::NotInitialised,
                    "the vault has not been initialised; run: vaultctl init",
                )
            }
        })
    }

    /// The keys, once this node's state is fresh enough to authenticate by and not behind the client's.
    async fn may_answer(&self, call: &Call, entry: &mut Entry) -> Result<Arc<Unsealed>> {
        let keys = self.unsealed()?;
        if call.token.is_none() && call.method.access != Access::Credential {
            return Err(refusal::token());
        }
        let ahead = call.seen.filter(|seen| *seen > self.store.applied());
        if ahead.is_none() && self.freshness.staleness() <= STALENESS_BOUND {
            return Ok(keys);
        }
        // ORDER: who it is, before any wait: a client that goes away meanwhile is on record.
        let known = self.name_caller(entry, call);
        self.prove_fresh().await?;
        if let Some(seen) = ahead {
            self.catch_up(seen, known).await?;
        }
        Ok(keys)
    }

    /// Refuses what is older than its bound, once it has tried to be younger.
    async fn prove_fresh(&self) -> Result<()> {
        if self.freshness.staleness() > STALENESS_BOUND {
            // Just started, or just back from a pause: prove it now.
            self.freshness.round(&self.node, &self.store).await;
        }
        if self.freshness.staleness() > STALENESS_BOUND {
            return Err(Error::new(
                Reason::Stale,
                "this node's state is older than its bound; try another node",
            )
            .fact("staleness_ms", self.freshness.staleness_ms()));
        }
        Ok(())
    }

    /// Waits for a state that the client has seen elsewhere. (A token of before a restore names none: what it
    /// saw may not exist here, and nothing newer can.)
    ///
    /// Only for a caller whom this state knows, since whoever names a number would have a request held open by
    /// it. A token that is not known may be of a session that is not here yet: so it is not called invalid,
    /// and a client that repeats what is `STALE` does the waiting itself.
    async fn catch_up(&self, seen: Applied, known: bool) -> Result<()> {
        let behind = || {
            Error::new(
                Reason::Stale,
                "this node has not yet applied what this client has seen elsewhere",
            )
        };
        if !known || seen.incarnation > self.store.applied().incarnation {
            return Err(behind());
        }
        tokio::time::timeout(CATCH_UP, self.store.wait_applied(seen.index))
            .await
            .map_err(|_| behind())?;
        Ok(())
    }
}

/// The node has no keys.
fn sealed() -> Error {
    Error::new(
        Reason::Sealed,
        "the node is sealed; unseal it first: vaultctl unseal",
    )
}

/// Why the application did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A hash of a password would take more than half of the memory.
    #[error(
        "`password.hash_memory` is {wanted} MiB, and hashing may take {room} MiB, half of what the machine or the control group has; give less"
    )]
    HashMemory {
        /// In MiB.
        wanted: u32,
        /// In MiB.
        room: u32,
    },
    /// The system gave no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The one-time setup code could not be written.
    #[error("cannot write the setup code file")]
    SetupCode(#[source] std::io::Error),
}

/// Logs a fault once, with its whole chain of causes; never a value, never a name.
fn log_once(error: &Error) {
    let mut chain = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        cause = error.source();
    }
    tracing::error!(
        reason = error.reason().as_str_name(),
        "request failed{chain}"
    );
}
