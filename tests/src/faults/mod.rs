//! Faults, caused in a cluster of real daemons under load, and what came of them.
//!
//! | module | what it is |
//! |---|---|
//! | [`history`] | what clients did, on one clock |
//! | [`linear`] | whether the operations on one register have an order |
//! | [`guarantees`] | that, and everything else that a history must not show |
//! | [`proxy`] | the net between the nodes, which can be cut one way |

pub mod guarantees;
pub mod history;
pub mod linear;
pub mod proxy;
