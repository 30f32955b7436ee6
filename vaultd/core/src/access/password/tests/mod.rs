//! One file for each module.

mod text;
