//! The cluster, for people and programs.

use serde_json::{Value, json};
use vault_sdk::wire::{Candidate, Node, NodeState};

use super::super::Outcome;
use super::plan::spare;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::{Lister, record};
use crate::time;

/// Not heard for so long: something is wrong.
const SILENT: i64 = 5;
/// So many entries behind: it does not follow.
const BEHIND: u64 = 10_000;

pub(super) async fn node(ctl: &Ctl) -> Result<(), Failure> {
    let node = ctl.vault()?.cluster().describe_node().await?;
    let peers = if node.key.is_empty() {
        "none: listen.peers is not set".to_owned()
    } else {
        node.address.clone()
    };
    let state = if node.joining {
        "waits to be approved"
    } else {
        ""
    };
    let parts = [
        ("key", node.key.clone()),
        ("peers", peers),
        ("region", node.region.clone()),
        ("name", node.name.clone()),
        ("id", node.id.to_string()),
        ("state", state.to_owned()),
    ];
    record(&ctl.output, &parts, || {
        json!({
            "key": node.key,
            "address": node.address,
            "region": node.region,
            "name": node.name,
            "id": node.id,
            "joining": node.joining,
        })
    })
}

pub(super) async fn list(ctl: &Ctl) -> Result<(), Failure> {
    let list = ctl.vault()?.cluster().list().await?;
    let columns = [
        "ID", "NAME", "REGION", "ADDRESS", "STATE", "BEHIND", "HEARD",
    ];
    let mut lister = Lister::new(&ctl.output, &columns);
    for node in &list.nodes {
        let behind = node.matched.filter(|_| !node.leads);
        let cells = vec![
            node.id.to_string(),
            node.name.clone(),
            node.region.clone(),
            node.address.clone(),
            state(node).to_owned(),
            behind.map_or_else(String::new, |at| {
                list.committed.saturating_sub(at).to_string()
            }),
            heard(node),
        ];
        lister.push(cells, || to_json(node))?;
    }
    for one in &list.candidates {
        let cells = vec![
            one.id.to_string(),
            one.name.clone(),
            one.region.clone(),
            one.address.clone(),
            "waits to be approved".to_owned(),
            String::new(),
            String::new(),
        ];
        lister.push(cells, || candidate(one))?;
    }
    lister.finish("this node is alone: it has no peers")?;
    for one in &list.candidates {
        let key = &one.key;
        ctl.output.note(&format!(
            "{} shows the key {key}\nIf the machine itself shows the same: vaultctl cluster approve {key}",
            one.name
        ));
    }
    for one in &list.invitations {
        let until = time::local(one.expires_at.as_ref());
        ctl.output.note(&format!(
            "A node of region {} is invited until {until}.",
            one.region
        ));
    }
    Ok(())
}

pub(super) async fn health(ctl: &Ctl) -> Outcome {
    let list = ctl.vault()?.cluster().list().await?;
    let voters: Vec<&Node> = list.nodes.iter().filter(|node| node.votes).collect();
    let ill = |node: &&Node| trouble(node, list.committed).is_some();
    let well = voters
        .iter()
        .filter(|node| trouble(node, list.committed).is_none())
        .count();
    let needed = voters.len() / 2 + 1;
    let may_fail = well.saturating_sub(needed);
    let troubles: Vec<String> = list
        .nodes
        .iter()
        .filter(ill)
        .filter_map(|node| {
            let trouble = trouble(node, list.committed)?;
            Some(format!("node {} ({}): {trouble}", node.id, node.name))
        })
        .collect();
    let is_well = troubles.is_empty();
    if ctl.output.is_json() {
        ctl.output.json(&json!({
            "well": is_well,
            "voters": voters.len(),
            "voters_well": well,
            "may_fail": may_fail,
            "troubles": troubles,
        }))?;
    } else {
        ctl.output.line(&format!(
            "{well} of {} nodes with a vote are well; {may_fail} more may fail",
            voters.len()
        ))?;
        for trouble in &troubles {
            ctl.output.line(trouble)?;
        }
        if is_well && spare(voters.len()) == 0 {
            ctl.output
                .note("No node may fail: three nodes with a vote survive the loss of one.");
        }
    }
    Ok(if is_well { Exit::Ok } else { Exit::Unavailable })
}

/// What is wrong with a node, as its leader sees it.
fn trouble(node: &Node, committed: u64) -> Option<String> {
    match node.state() {
        NodeState::Joining => return Some("approved, and not reached yet".into()),
        NodeState::CatchingUp => {
            return Some("is to have a vote, and has not caught up yet".into());
        }
        NodeState::Leaving => return Some("is about to lose its vote".into()),
        NodeState::Learner | NodeState::Voter | NodeState::Unspecified => {}
    }
    if node.leads {
        return None;
    }
    match &node.heard {
        None => Some("not heard since its leader was elected".into()),
        Some(heard) if heard.seconds >= SILENT => Some(format!("not heard for {}s", heard.seconds)),
        Some(_) => {
            let behind = committed.saturating_sub(node.matched.unwrap_or_default());
            (behind > BEHIND).then(|| format!("{behind} entries behind"))
        }
    }
}

fn state(node: &Node) -> &'static str {
    match node.state() {
        NodeState::Voter if node.leads => "leader",
        NodeState::Voter => "voter",
        NodeState::Learner => "replica",
        NodeState::CatchingUp => "catching up",
        NodeState::Joining => "joining",
        NodeState::Leaving => "leaving",
        NodeState::Unspecified => "",
    }
}

fn heard(node: &Node) -> String {
    match &node.heard {
        _ if node.leads => String::new(),
        Some(heard) if heard.seconds == 0 => "now".to_owned(),
        Some(heard) => format!("{}s ago", heard.seconds),
        None => "never".to_owned(),
    }
}

pub(super) fn to_json(node: &Node) -> Value {
    json!({
        "id": node.id,
        "name": node.name,
        "region": node.region,
        "address": node.address,
        "key": node.key,
        "state": state(node),
        "votes": node.votes,
        "leads": node.leads,
        "matched": node.matched,
        "since": time::rfc3339(node.since.as_ref()),
    })
}

fn candidate(one: &Candidate) -> Value {
    json!({
        "id": one.id,
        "name": one.name,
        "region": one.region,
        "address": one.address,
        "key": one.key,
        "state": "candidate",
        "since": time::rfc3339(one.since.as_ref()),
    })
}
