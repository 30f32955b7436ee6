//! The application: what every request passes through, and the services that it reaches.

pub mod audit;
