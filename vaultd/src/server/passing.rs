//! What nodes pass on to each other: opened with the listeners, closed when no more is begun.

use std::sync::Arc;

use tower::Layer as _;

use super::{Application, Routes};
use crate::door::guard::Guard;
use crate::door::health::Readiness;
use crate::door::onward::{Onward, passed_on};

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
