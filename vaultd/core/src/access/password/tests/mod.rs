//! One file for each module.

mod checked;
mod credential;
mod policy;
mod quality;
mod text;
