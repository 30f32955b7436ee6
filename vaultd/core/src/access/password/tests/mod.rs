//! One file for each module.

mod credential;
mod policy;
mod quality;
mod text;
