//! Who leads. A leader serves nothing before it has applied its own first entry: until then its
//! state may lack what earlier leaders acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftMetrics;
use tokio::sync::watch;

use super::node::Core;
use super::spread::Ledger;
use super::types::Types;
use crate::store::Fatal;

/// Publishes the term that this node leads in; ends the process when raft has failed.
pub(super) async fn follow(
    raft: Core,
    told: watch::Sender<Option<u64>>,
    ledger: Arc<Ledger>,
    fatal: Fatal,
) {
    let mut metrics = raft.metrics();
    let mut members = BTreeSet::new();
    loop {
        let (term, failed) = {
            let now = metrics.borrow_and_update();
            let failed = now.running_state.as_ref().err().map(ToString::to_string);
            let nodes = now.membership_config.membership().nodes();
            let present: BTreeSet<u64> = nodes.map(|(id, _)| *id).collect();
            for gone in members.difference(&present) {
                ledger.asked(*gone);
            }
            members = present;
            (term_led(&now), failed)
        };
        // ORDER: before anybody writes in that term.
        if term.is_some() && *told.borrow() != term {
            ledger.elected();
        }
        told.send_if_modified(|told| {
            let changed = *told != term;
            *told = term;
            changed
        });
        if let Some(reason) = failed {
            fatal.call(&format!("raft has stopped: {reason}"));
            return;
        }
        if metrics.changed().await.is_err() {
            told.send_replace(None);
            return;
        }
    }
}

fn term_led(metrics: &RaftMetrics<Types>) -> Option<u64> {
    let applied = metrics.last_applied.as_ref()?.committed_leader_id().term;
    let leads = metrics.state == ServerState::Leader && applied == metrics.current_term;
    leads.then_some(metrics.current_term)
}

/// A node that is alone need not wait for a leader's silence.
pub(super) async fn hurry(raft: &Core, id: u64) {
    let alone = {
        let metrics = raft.metrics();
        let now = metrics.borrow_watched();
        now.membership_config.membership().voter_ids().eq([id])
    };
    if alone && raft.trigger().elect(false).await.is_err() {
        tracing::warn!("raft stopped before its first election");
    }
}
