//! Policies of secrets and folders: whom they let in and keep out, where they go, and who may set them.

mod deciding;
mod documents;
mod going;
mod handing;

use super::*;
use crate::access::{
    Caller, Denied, Exceeds, Facts, Origin, Principal, Proofs, Sort, StoredPolicy, Why,
    policy::{Kind as PolicyKind, Layer, PrincipalKind},
    principal::Named,
};

const ALL: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
const READS: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "*"}}"#;

/// A secret, or with `/` at the end a folder; `/` is the root.
fn place(text: &str) -> Resource {
    match text.strip_suffix('/') {
        Some(folder) => Resource::Folder(FolderPath::try_from(folder).unwrap()),
        None => Resource::Secret(at(text)),
    }
}

/// One statement without `Resource`. The principal is JSON: `"*"`, or of a `Vault`.
fn says(effect: &str, principal: &str, action: &str) -> String {
    let principal = match principal {
        "*" => "\"*\"".to_owned(),
        one => format!(r#"{{"Vault": "{one}"}}"#),
    };
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Principal": {principal}, "Action": "{action}"}}}}"#
    )
}

impl World {
    fn principal(&mut self, kind: PrincipalKind, name: &str, own: Option<&str>) -> u64 {
        self.bounded(kind, name, own, None)
    }

    /// With a policy of his own, and no boundary but what a managed policy of that number would be.
    fn bounded(
        &mut self,
        kind: PrincipalKind,
        name: &str,
        own: Option<&str>,
        boundary: Option<u64>,
    ) -> u64 {
        self.run(|tx| {
            let id = tx.next_id().unwrap();
            let mut principal = Principal {
                name: name.to_owned(),
                kind,
                boundary,
                ..Principal::default()
            };
            if let Some(text) = own {
                let label = format!("#{}", tx.next_id().unwrap());
                let (policy, _) = StoredPolicy::parse(&label, text, PolicyKind::Identity).unwrap();
                principal.attached.inline.insert("own".into(), policy);
            }
            tx.put(Principal::key(id), &principal)?;
            Named::give(tx, Sort::of(kind).unwrap(), name, id).unwrap();
            Ok::<_, crate::record::RecordError>(id)
        })
        .unwrap()
    }

    fn forget(&mut self, name: &str, id: u64) {
        self.run(|tx| {
            tx.delete(Principal::key(id));
            Named::take(tx, Sort::User, name)
        })
        .unwrap();
    }

    fn session(&mut self, sort: Sort, name: &str) -> TokenHash {
        let token = TokenHash::of(&TokenSecret::make(&mut self.entropy));
        self.run(|tx| access::begin_for_tests(tx, sort, name, &token))
            .unwrap();
        token
    }

    fn user(&mut self, name: &str, own: Option<&str>) -> TokenHash {
        self.principal(PrincipalKind::User, name, own);
        self.session(Sort::User, name)
    }

    fn decided(
        &mut self,
        token: &TokenHash,
        action: Action,
        resource: &Resource,
    ) -> Result<Why, Why> {
        self.evaluate(|tx| {
            let caller = access::authenticate(tx, token, &Origin::local()).unwrap();
            let granted: Result<Grant, Denied> =
                access::authorise(&caller, action, resource.clone());
            let decided = caller.decide(action, resource, &Facts::default());
            assert_eq!(granted.is_ok(), decided.is_ok());
            decided
        })
        .0
    }

    fn may(&mut self, token: &TokenHash, action: Action, text: &str) -> bool {
        self.decided(token, action, &place(text)).is_ok()
    }

    /// Does something as somebody: proofs that are wanted are made, and it is done again.
    fn act<R>(
        &mut self,
        token: &TokenHash,
        (action, resource): (Action, &Resource),
        mut f: impl FnMut(&mut Tx<'_>, &Caller, &Grant, &mut Proofs) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let mut proofs = Proofs::default();
        loop {
            let done = self.run(|tx| {
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

    fn set_as(&mut self, token: &TokenHash, text: &str, policy: &str) -> Result<(), Refusal> {
        let resource = place(text);
        let put = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            put_policy(tx, caller, grant, proofs, policy).map(drop)
        };
        self.act(token, (Action::PUT_RESOURCE_POLICY, &resource), put)
    }

    /// As the root identity.
    fn set(&mut self, text: &str, policy: &str) {
        let token = self.token;
        self.set_as(&token, text, policy).unwrap();
    }

    fn take_as(&mut self, token: &TokenHash, text: &str) -> Result<(), Refusal> {
        let resource = place(text);
        self.act(
            token,
            (Action::DELETE_RESOURCE_POLICY, &resource),
            delete_policy,
        )
    }

    fn take(&mut self, text: &str) -> Result<(), Refusal> {
        let token = self.token;
        self.take_as(&token, text)
    }

    fn shown(&mut self, text: &str) -> Result<String, Refusal> {
        let (token, resource) = (self.token, place(text));
        let show =
            |tx: &mut Tx<'_>, _: &Caller, grant: &Grant, _: &mut Proofs| describe_policy(tx, grant);
        self.act(&token, (Action::GET_RESOURCE_POLICY, &resource), show)
            .map(|shown| shown.text)
    }
}

#[track_caller]
fn beyond(result: Result<(), Refusal>) {
    let refusal = result.unwrap_err();
    assert!(
        matches!(
            refusal,
            Refusal::Exceeds(Exceeds::Beyond(_) | Exceeds::Denied(_))
        ),
        "{refusal}"
    );
}

#[track_caller]
fn by(layer: Layer, decided: &Result<Why, Why>) {
    let (Ok(why) | Err(why)) = decided;
    assert!(
        matches!(why, Why::Statement { layer: found, .. } if *found == layer),
        "{why}"
    );
}
