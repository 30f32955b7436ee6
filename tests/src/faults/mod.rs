//! Faults, caused in a cluster of real daemons under load, and what came of them.
//!
//! | module | what it is |
//! |---|---|
//! | [`history`] | what clients did, on one clock |
//! | [`linear`] | whether the operations on one register have an order |
//! | [`guarantees`] | that, and everything else that a history must not show |
//! | [`proxy`] | the net between the nodes, which can be cut one way |
//! | [`nodes`] | the cluster |
//! | [`workload`] | clients, through the SDK |
//! | [`inject`] | the faults: each is seen to have happened |
//! | [`run`] | all of it together, and its table |
//! | [`long`] | the long run, and the aims |

pub mod guarantees;
pub mod history;
pub mod inject;
pub mod linear;
pub mod long;
pub mod nodes;
pub mod proxy;
pub mod run;
pub mod workload;
