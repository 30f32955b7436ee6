//! Who has a one-time password made at the moment: each one at a time, so that no administrator, and nobody with his
//! token, fills the places of those who log in.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use vault_proto::v1::Reason;

use crate::app::error::{Error, Result};

/// Principals, by id.
#[derive(Debug, Default)]
pub(super) struct Draws(Mutex<BTreeSet<u64>>);

/// A principal's one turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'d> {
    draws: &'d Draws,
    principal: u64,
}

impl Draws {
    /// A principal's turn.
    ///
    /// # Errors
    /// `OVERLOADED`, at once, while he has one.
    pub(super) fn turn(&self, principal: u64) -> Result<Turn<'_>> {
        let mut drawing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if drawing.insert(principal) {
            Ok(Turn {
                draws: self,
                principal,
            })
        } else {
            Err(Error::new(
                Reason::Overloaded,
                "another reset of this caller is under way; passwords are reset one at a time",
            ))
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let drawing = self.draws.0.lock();
        let mut drawing = drawing.unwrap_or_else(PoisonError::into_inner);
        drawing.remove(&self.principal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_one_password_made_at_a_time_and_others_do_not_wait_for_it() {
        let draws = Draws::default();
        let first = draws.turn(1).unwrap();
        assert_eq!(draws.turn(1).unwrap_err().reason(), Reason::Overloaded);
        let other = draws.turn(2).unwrap();
        drop(first);
        drop(draws.turn(1).unwrap());
        drop(draws.turn(1).unwrap());
        assert_eq!(draws.turn(2).unwrap_err().reason(), Reason::Overloaded);
        drop(other);
        drop(draws.turn(2).unwrap());
    }
}
