//! Authenticators over the in-memory model.

mod enrolling;
mod model;
mod using;

use super::*;
use crate::{
    access::{
        model::World,
        onetime::{self, Purpose},
    },
    crypto::secret::Seed,
    name::AuthenticatorName,
};

const ALICE: u64 = 7;
const ADMIN: u64 = 1;
const STEP: u64 = STEP_SECONDS * 1000;

/// An authenticator in its owner's hand.
pub(in crate::access) struct Device {
    id: u64,
    parameters: Parameters,
    seed: Seed,
}

impl Device {
    /// What it shows when its clock is `ahead` steps ahead of the server's.
    pub(in crate::access) fn shows(&self, world: &World, ahead: i64) -> Code {
        let step = (world.now / STEP).saturating_add_signed(ahead);
        Code::parse(&self.parameters.code(&self.seed, step)).unwrap()
    }
}

fn name(text: &str) -> AuthenticatorName {
    AuthenticatorName::try_from(text).unwrap()
}

/// Begins an enrolment by a session that has just shown a second factor.
fn begun(world: &mut World, user: u64, called: &str) -> Result<Device, EnrolRefusal> {
    let shown = Elevation::shown(world.now, Method::Certificate);
    begun_with(world, user, called, &Proof::Session(&shown))
}

fn begun_with(
    world: &mut World,
    user: u64,
    called: &str,
    proof: &Proof<'_>,
) -> Result<Device, EnrolRefusal> {
    let parameters = Parameters::default();
    let seed = parameters.make_seed(&mut world.entropy);
    let what = Enrolment {
        user,
        name: &name(called),
        parameters,
        seed: &seed,
    };
    let listed = world.write(|tx| enrol(tx, proof, &what))?;
    Ok(Device {
        id: listed.id,
        parameters,
        seed,
    })
}

fn confirmed(world: &mut World, user: u64, code: &Code) -> Result<Confirmed, ConfirmRefusal> {
    world.write(|tx| confirm(tx, user, code, Window::OneStep))
}

/// An authenticator that counts, half an hour after its first code.
pub(in crate::access) fn enrolled(world: &mut World, user: u64, called: &str) -> Device {
    let device = begun(world, user, called).unwrap();
    let code = device.shows(world, 0);
    let confirmed = confirmed(world, user, &code).unwrap();
    assert!(matches!(confirmed, Confirmed::Active(_)));
    world.now += 60 * STEP;
    device
}

fn used(world: &mut World, user: u64, code: &Code) -> Verdict {
    world
        .write(|tx| verify(tx, user, code, Window::OneStep))
        .unwrap()
}
