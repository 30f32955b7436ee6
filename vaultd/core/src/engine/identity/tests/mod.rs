//! Identities over the in-memory model: who may do what, and who may hand it out.

mod asked;
mod assuming;
mod factors;
mod keeping;
mod limits;
mod looks;
mod many;
mod numbers;
mod passwords;
mod programs;
mod proofs;
mod reaching;
mod resources;
mod rights;
mod root;
mod sessions;
mod signed;
mod simulated;

use super::*;
use crate::{
    access::{
        self, Action, Caller, Denied, Exceeds, Facts, Grant, Login, Origin, Proofs, Resource, Sort,
        TokenHash, model::World as Store,
    },
    crypto::secret::TokenSecret,
    name::{FolderPath, GroupName, PolicyName, RoleName, SecretPath, ServiceName, UserName},
    record::Tx,
};

pub(super) struct World {
    store: Store,
    root: TokenHash,
}

pub(super) fn user(name: &str) -> Resource {
    Resource::User(UserName::try_from(name).unwrap())
}

pub(super) fn group(name: &str) -> Resource {
    Resource::Group(GroupName::try_from(name).unwrap())
}

pub(super) fn role(name: &str) -> Resource {
    Resource::Role(RoleName::try_from(name).unwrap())
}

pub(super) fn service(name: &str) -> Resource {
    Resource::Service(ServiceName::try_from(name).unwrap())
}

pub(super) fn policy(name: &str) -> PolicyName {
    PolicyName::try_from(name).unwrap()
}

pub(super) fn secret(path: &str) -> Resource {
    Resource::Secret(SecretPath::try_from(path).unwrap())
}

pub(super) fn folder(path: &str) -> Resource {
    Resource::Folder(FolderPath::try_from(path).unwrap())
}

pub(super) fn allow(action: &str, resource: &str) -> String {
    statement("Allow", action, resource)
}

pub(super) fn deny(action: &str, resource: &str) -> String {
    statement("Deny", action, resource)
}

fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Action": "{action}", "Resource": "{resource}"}}}}"#
    )
}

impl World {
    pub(super) fn new() -> Self {
        let mut store = Store::new();
        let root = TokenHash::of(&TokenSecret::make(&mut store.entropy));
        store
            .write(|tx| access::create_administrator(tx, &root, "administrator"))
            .unwrap();
        Self { store, root }
    }

    /// Does something as somebody: proofs that are wanted are made, and it is done again.
    pub(super) fn act<R>(
        &mut self,
        token: &TokenHash,
        action: Action,
        resource: &Resource,
        mut f: impl FnMut(&mut Tx<'_>, &Caller, &Grant, &mut Proofs) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let mut proofs = Proofs::default();
        loop {
            let done = self.store.write(|tx| {
                proofs.begin();
                let caller = access::authenticate(tx, token, &Origin::local()).unwrap();
                let grant = access::authorise(&caller, action, resource.clone()).unwrap();
                f(tx, &caller, &grant, &mut proofs)
            });
            if !proofs.prove(&|| false) {
                return done;
            }
        }
    }

    pub(super) fn create(&mut self, resource: &Resource) {
        self.create_as(resource, &New::default()).unwrap();
    }

    pub(super) fn create_as(&mut self, resource: &Resource, new: &New) -> Result<u64, Refusal> {
        let (sort, _) = resource.named().unwrap();
        let root = self.root;
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            create(tx, caller, grant, proofs, new)
        };
        self.act(&root, Action::create(sort), resource, act)
    }

    pub(super) fn policy(&mut self, name: &str, text: &str) {
        let root = self.root;
        let resource = Resource::Policy(policy(name));
        self.act(
            &root,
            Action::POLICY_CREATE,
            &resource,
            |tx, _, grant, _| create_policy(tx, grant, (text, "")),
        )
        .unwrap();
    }

    pub(super) fn attach_as(
        &mut self,
        token: &TokenHash,
        resource: &Resource,
        name: &str,
    ) -> Result<bool, Refusal> {
        let (sort, _) = resource.named().unwrap();
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            attach(tx, caller, grant, proofs, &policy(name))
        };
        self.act(token, Action::attach(sort), resource, act)
    }

    /// Puts a user into a group, with the rights to both.
    pub(super) fn join(
        &mut self,
        token: &TokenHash,
        (of, name): (&str, &str),
    ) -> Result<bool, Refusal> {
        let join = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            let to = access::authorise(caller, Action::GROUP_ADD_MEMBER, user(name)).unwrap();
            add_member(tx, caller, [grant, &to], proofs)
        };
        self.act(token, Action::GROUP_ADD_MEMBER, &group(of), join)
    }

    /// A user with a policy of his own, and a session of his.
    pub(super) fn user_with(&mut self, name: &str, text: &str) -> TokenHash {
        self.create(&user(name));
        let root = self.root;
        self.act(
            &root,
            Action::USER_ATTACH,
            &user(name),
            |tx, caller, grant, proofs| {
                put_inline(tx, caller, grant, proofs, (&policy("own"), text))
            },
        )
        .unwrap();
        self.session(Sort::User, name)
    }

    pub(super) fn session(&mut self, sort: Sort, name: &str) -> TokenHash {
        let token = TokenHash::of(&TokenSecret::make(&mut self.store.entropy));
        self.store
            .write(|tx| access::begin_for_tests(tx, sort, name, &token))
            .unwrap();
        token
    }

    /// What is decided of a request, if the caller is anybody.
    pub(super) fn may(
        &mut self,
        token: &TokenHash,
        action: Action,
        resource: &Resource,
    ) -> Option<bool> {
        self.decided(token, action, resource)
            .map(|decided| decided.is_ok())
    }

    pub(super) fn decided(
        &mut self,
        token: &TokenHash,
        action: Action,
        resource: &Resource,
    ) -> Option<Result<Grant, Denied>> {
        self.store
            .evaluate(|tx| {
                let caller = access::authenticate(tx, token, &Origin::local()).ok()?;
                Some(access::authorise(&caller, action, resource.clone()))
            })
            .0
    }
}
