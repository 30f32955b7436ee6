//! The doors: what stands between a socket and the application. They parse, call and format; they
//! decide nothing about secrets.
//!
//! | module | what lives there |
//! |---|---|
//! | [`listen`] | accepting connections, TLS handshakes, peer credentials |
//! | [`admit`] | how many connections, in all and from one source |
//! | [`conn`] | one connection: deadlines for silence, who is at the other end |
//! | [`bearer`] | the token of a request |
//! | [`certificate`] | what a client's certificate is taken for |
//! | [`grpc`] | the gRPC services: parse, call, format |
//! | [`guard`] | around every request: load, time, metrics |
//! | [`intake`] | a request's body: how much of it, and for how long, from whom |
//! | [`onward`] | requests that another node serves, and those that others pass on |
//! | [`kept`], [`relay`] | bodies on that way: kept to be sent again, told of when they break off |
//! | [`trace`] | what the door shows of a token leaves an audit line |
//! | [`reply`] | a reply's body: what is taken of it, and what it holds until then |
//! | [`turns`] | what has been open for long |
//! | [`refusals`] | what a limit says |
//! | [`health`] | liveness, readiness and metrics over plain HTTP |

pub mod admit;
mod bearer;
pub mod certificate;
pub mod conn;
pub mod grpc;
pub mod guard;
pub mod health;
pub mod intake;
mod kept;
pub mod listen;
pub mod onward;
mod refusals;
mod relay;
pub mod reply;
pub mod trace;
mod turns;
