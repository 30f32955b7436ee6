//! All integration tests, as modules of one binary: one link instead of one per file.

mod documents;
mod durability;
mod golden;
mod layering;
mod methods;
mod redaction;
mod source;
mod tidy;
