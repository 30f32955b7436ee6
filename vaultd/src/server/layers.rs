//! What stands between listeners and services: the guard, and the way to the node that leads, which is opened for others
//! with the listeners and closed when no more is begun.

use std::sync::Arc;

use tower::Layer as _;

use super::{Application, Parts, Routes};
use crate::door::guard::{Bounds, Guard};
use crate::door::health::Readiness;
use crate::door::onward::{Onward, passed_on};

/// The bounds of all that is served.
pub(super) fn guard<A: Application>(parts: &Parts<A>, app: &Arc<A>) -> Guard {
    let limits = parts.config.limits;
    let bounds = Bounds {
        per_connection: limits.concurrency_per_connection,
        total: limits.concurrency,
        time: limits.request_timeout,
        patience: limits.handshake,
    };
    Guard::new(bounds, Arc::<A>::clone(app), &parts.metrics)
}

/// The way to the node that leads; and opens the one from others to this.
pub(super) fn open<A: Application>(app: &Arc<A>, guard: &Guard, routes: &Routes) -> Onward {
    let node = app.node().cloned();
    let serving = Arc::clone(app);
    let unsealed = move || matches!(serving.readiness(), Readiness::Ready | Readiness::NoLeader);
    let onward = Onward::new(node.clone(), unsealed);
    if let Some(node) = node {
        node.open_to_forwarded(passed_on(guard.layer(onward.layer(routes.clone()))));
    }
    onward
}

/// Takes nothing more from others.
pub(super) fn close<A: Application>(app: &A) {
    if let Some(node) = app.node() {
        node.close_to_forwarded();
    }
}
