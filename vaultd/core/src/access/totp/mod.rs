//! Second factors: codes that change every thirty seconds (RFC 6238).

mod code;
mod elevation;
mod generate;

pub use code::{Code, CodeError, Digits};
pub use elevation::{Elevation, Method};
pub use generate::{Algorithm, Parameters, STEP_SECONDS};
