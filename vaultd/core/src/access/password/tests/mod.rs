//! One file for each module.

mod checked;
mod choice;
mod credential;
mod policy;
mod quality;
mod text;
