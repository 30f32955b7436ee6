//! One file for each module.

mod policy;
mod quality;
mod text;
