//! Making what a bootstrap file says: by the root identity, through the functions that requests go through.

use std::sync::Arc;

use vault_core::access::program::peer::Member;
use vault_core::access::{self, Action, Origin, Proofs, Resource, Sort, TokenHash};
use vault_core::crypto::keyring::Keyring;
use vault_core::crypto::secret::{RootKey, TokenSecret};
use vault_core::engine::identity::{self as engine, Refusal};
use vault_core::record::{IdBlock, Mem, RecordError, Tx};

use super::{Act, Fault, Place, Plan, Step};
use crate::app::notes::Notes;
use crate::app::pipeline::Visit;
use crate::app::refusal;
use crate::app::setup::ADMINISTRATOR;
use crate::app::transact::IDS_AT_BIRTH;
use crate::clock::OsEntropy;

/// Something that was made: what the audit says of it.
#[derive(Debug)]
pub(in crate::app) struct Done {
    /// The method that does this otherwise.
    pub(in crate::app) method: &'static str,
    pub(in crate::app) notes: Notes,
}

/// Why a file makes nothing.
#[derive(Debug)]
pub(in crate::app) enum Unfit {
    /// It says something wrong.
    Faults(Vec<Fault>),
    /// The transaction does not hold it.
    Record(RecordError),
}

impl From<RecordError> for Unfit {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// Makes everything, or says all that is wrong. `root` is the token of the root identity's session.
pub(in crate::app) fn apply(
    tx: &mut Tx<'_>,
    bootstrap: &super::Bootstrap,
    (root, origin): (&TokenHash, &Arc<Origin>),
) -> Result<Vec<Done>, Unfit> {
    bootstrap.mark(tx)?;
    make(tx, &bootstrap.plan, (root, origin))
}

/// The same on a vault in memory.
pub(super) fn rehearse(plan: &Plan, now: u64) -> Result<(), Unfit> {
    let keyring = Keyring::make(&RootKey::make(&mut OsEntropy), [0; 16], &mut OsEntropy, now);
    let (nothing, mut ids) = (Mem::default(), IdBlock::new(1, 1 + IDS_AT_BIRTH));
    let mut tx = Tx::new(&nothing, &keyring, now, &mut ids);
    let token = TokenHash::of(&TokenSecret::make(&mut OsEntropy));
    access::create_administrator(&mut tx, &token, ADMINISTRATOR)?;
    let origin = Arc::new(Origin {
        source: None,
        secure: true,
        user_agent: None,
        certificate: None,
        region: "".into(),
        counted: false,
    });
    make(&mut tx, plan, (&token, &origin))?;
    // A little room for what a birth writes beside.
    for spare in 0..SPARE {
        let key = vault_core::record::Key::new(vault_core::record::Kind::Header, &[&[spare]]);
        tx.put_stored(key, bytes::Bytes::new());
    }
    tx.into_changes().seal(&keyring, &mut OsEntropy)?;
    Ok(())
}

/// Records of a birth: its headers, keyring, ids and mark.
const SPARE: u8 = 8;

fn make(tx: &mut Tx<'_>, plan: &Plan, by: (&TokenHash, &Arc<Origin>)) -> Result<Vec<Done>, Unfit> {
    let mut maker = Maker {
        by,
        done: Vec::new(),
        faults: Vec::new(),
        missing: plan.broken.clone(),
    };
    // A role may trust one that comes later: as long as some are made, the others are tried again.
    let mut left: Vec<&Step> = plan.new.iter().collect();
    loop {
        let before = left.len();
        let mut later = Vec::new();
        for step in left {
            if let Some(refused) = maker.step(tx, step)? {
                later.push((step, refused));
            }
        }
        if later.is_empty() || later.len() == before {
            for (step, refused) in later {
                maker.refuse(step, &refused);
            }
            break;
        }
        left = later.into_iter().map(|(step, _)| step).collect();
    }
    for step in &plan.ties {
        if step.act.about().iter().any(|it| maker.missing.contains(it)) {
            continue;
        }
        if let Some(refused) = maker.step(tx, step)? {
            maker.refuse(step, &refused);
        }
    }
    if maker.faults.is_empty() {
        Ok(maker.done)
    } else {
        Err(Unfit::Faults(maker.faults))
    }
}

struct Maker<'a> {
    by: (&'a TokenHash, &'a Arc<Origin>),
    done: Vec<Done>,
    faults: Vec<Fault>,
    /// What is in the file and was not made: of what needs it nothing is said.
    missing: Vec<Resource>,
}

impl Maker<'_> {
    /// Makes one thing, or gives back why it may yet be made.
    fn step(&mut self, tx: &mut Tx<'_>, step: &Step) -> Result<Option<Refusal>, Unfit> {
        let mut notes = Notes::default();
        let (action, method) = called(&step.act);
        match act(tx, &step.act, (action, self.by), &mut notes) {
            Ok(()) => {
                self.done.push(Done { method, notes });
                Ok(None)
            }
            Err(Refusal::Record(error)) => Err(Unfit::Record(error)),
            Err(refused @ Refusal::UnknownPrincipal(_)) => Ok(Some(refused)),
            Err(refused) => {
                self.refuse(step, &refused);
                Ok(None)
            }
        }
    }

    fn refuse(&mut self, step: &Step, refused: &Refusal) {
        if let Act::Policy(..) | Act::Create(..) = &step.act {
            self.missing.extend(step.act.about());
        }
        let (place, what) = explain(step, refused);
        self.faults.push(place.fault(what));
    }
}

/// What is wrong, in the file or in the document that it names.
fn explain(step: &Step, refused: &Refusal) -> (Place, String) {
    let document = match &step.act {
        Act::Policy(_, document, _) => Some(document),
        Act::Create(_, _, trust) => trust.as_ref(),
        Act::Passwords(..)
        | Act::Attach(..)
        | Act::Boundary(..)
        | Act::Member(..)
        | Act::Uid(..) => None,
    };
    let place = match (document, refused) {
        (Some(document), Refusal::Document(error)) => {
            if let Some(place) = document.at(error.line(), error.column()) {
                return (place, format!("the policy is refused: {}", error.message()));
            }
            &document.place
        }
        (Some(document), Refusal::UnknownPrincipal(_)) => &document.place,
        (_, _) => &step.place,
    };
    (place.clone(), refused.to_string())
}

/// The action and the method that do this otherwise.
fn called(act: &Act) -> (Action, &'static str) {
    let sort = |who: &Resource| who.named().map_or(Sort::User, |(sort, _)| sort);
    match act {
        Act::Policy(..) => (Action::POLICY_CREATE, "/vault.v1.Identity/CreatePolicy"),
        Act::Create(who, ..) => (
            Action::create(sort(who)),
            "/vault.v1.Identity/CreateIdentity",
        ),
        Act::Passwords(..) => (
            Action::PASSWORD_PUT_POLICY,
            "/vault.v1.Auth/PutPasswordPolicy",
        ),
        Act::Attach(who, _) => (Action::attach(sort(who)), "/vault.v1.Identity/AttachPolicy"),
        Act::Boundary(who, _) => (
            Action::set_boundary(sort(who)),
            "/vault.v1.Identity/SetBoundary",
        ),
        Act::Member(..) => (Action::GROUP_ADD_MEMBER, "/vault.v1.Identity/AddMember"),
        Act::Uid(..) => (Action::SERVICE_ALLOW_UID, "/vault.v1.Programs/AllowUid"),
    }
}

fn act(
    tx: &mut Tx<'_>,
    act: &Act,
    (action, (token, origin)): (Action, (&TokenHash, &Arc<Origin>)),
    notes: &mut Notes,
) -> Result<(), Refusal> {
    let caller = access::authenticate(tx, token, origin).map_err(|error| match error {
        access::Unauthenticated::Record(error) => Refusal::Record(error),
        access::Unauthenticated::Token => Refusal::Invalid("the root identity cannot call"),
    })?;
    notes.by(&caller);
    let mut about = act.about().into_iter();
    let resource = about.next().unwrap_or(Resource::System);
    let mut visit = Visit::new(caller, notes);
    let granted = visit.grant(tx, action, resource);
    let grant = granted.map_err(|_| Refusal::Invalid("the root identity may not do this"))?;
    let of_user = if let Act::Member(_, user) = act {
        let granted = visit.grant(tx, action, Resource::User(user.clone()));
        Some(granted.map_err(|_| Refusal::Invalid("the root identity may not do this"))?)
    } else {
        about.for_each(|beside| visit.about(beside.to_string()));
        None
    };
    // Nothing limits root, so there is nothing to prove.
    let (caller, proofs) = (visit.caller(), &mut Proofs::default());
    match act {
        Act::Policy(_, document, description) => {
            engine::create_policy(tx, &grant, (&document.text, description)).map(drop)
        }
        Act::Create(_, new, _) => engine::create(tx, caller, &grant, proofs, new).map(drop),
        Act::Passwords(_, policy) => engine::put_password_policy(tx, caller, &grant, Some(policy)),
        Act::Attach(_, policy) => engine::attach(tx, caller, &grant, proofs, policy).map(drop),
        Act::Boundary(_, policy) => engine::set_boundary(tx, caller, &grant, proofs, Some(policy)),
        Act::Member(..) => {
            let both = [&grant, of_user.as_ref().unwrap_or(&grant)];
            engine::add_member(tx, caller, both, proofs).map(drop)
        }
        Act::Uid(_, uid) => {
            let (member, overflow) = (
                Member {
                    uid: *uid,
                    gid: None,
                },
                vault_sys::overflow_uid(),
            );
            engine::allow_uid(tx, caller, &grant, proofs, (member, overflow)).map(drop)
        }
    }
}

/// What stood in the way of a file that was found good: a fault of the program.
pub(in crate::app) fn unfit(why: Unfit) -> crate::app::Error {
    match why {
        Unfit::Record(error) => refusal::record(error),
        Unfit::Faults(faults) => crate::app::Error::internal(super::Faults(faults)),
    }
}
