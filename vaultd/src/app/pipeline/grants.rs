//! What a request asks to be granted, and by what that is decided.

use vault_core::access::policy::Tags;
use vault_core::access::{self, Action, Facts, Grant, Resource};
use vault_core::engine;
use vault_core::name::SecretPath;
use vault_core::record::{RecordError, Tx};
use vault_proto::v1::Reason;

use super::Visit;
use crate::app::error::{Error, Result};
use crate::app::{explain, refusal};

impl Visit<'_> {
    /// Asks for a grant. The audit entry names the resource, whatever the answer.
    pub(in crate::app) fn grant(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        resource: Resource,
    ) -> Result<Grant> {
        self.grant_tagged(tx, action, resource, &Tags::new())
    }

    /// The same of each of several.
    pub(in crate::app) fn grant_each<const N: usize>(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        resources: &[Resource; N],
    ) -> Result<[Grant; N]> {
        let asked = resources.iter();
        let granted = asked.map(|resource| self.grant(tx, action, resource.clone()));
        let granted: Vec<Grant> = granted.collect::<Result<_>>()?;
        granted
            .try_into()
            .map_err(|_| Error::internal("a grant is missing"))
    }

    /// The same, of a request that brings tags.
    pub(in crate::app) fn grant_tagged(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        resource: Resource,
        request_tags: &Tags,
    ) -> Result<Grant> {
        let facts = Facts {
            request_tags,
            ..Facts::default()
        };
        self.grant_about(tx, action, resource, &facts)
    }

    /// The same, of what is known beside. Tags of secrets are looked up.
    pub(in crate::app) fn grant_about(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        resource: Resource,
        facts: &Facts<'_>,
    ) -> Result<Grant> {
        self.grant_by(tx, (action, resource), facts, &engine::secrets::tags_of)
    }

    /// The same about a secret that was deleted: by its id, without one about that which a restore would choose. Whatever
    /// lives at its path now decides nothing of it.
    pub(in crate::app) fn grant_of_deleted(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        path: &SecretPath,
        id: Option<u64>,
    ) -> Result<Grant> {
        let tags =
            |tx: &mut Tx<'_>, path: &SecretPath| engine::secrets::tags_of_deleted(tx, path, id);
        let resource = Resource::Secret(path.clone());
        self.grant_by(tx, (action, resource), &Facts::default(), &tags)
    }

    fn grant_by(
        &mut self,
        tx: &mut Tx<'_>,
        (action, resource): (Action, Resource),
        facts: &Facts<'_>,
        tags: &dyn Fn(&mut Tx<'_>, &SecretPath) -> std::result::Result<Tags, RecordError>,
    ) -> Result<Grant> {
        self.notes.resources.push(resource.to_string());
        if let Some(asked) = &self.notes.asked {
            asked.note(action, &resource);
        }
        let mut resource_tags = Tags::new();
        if let Resource::Secret(path) = &resource
            && self.caller.asks_resource_tags()
        {
            resource_tags = tags(tx, path).map_err(refusal::record)?;
        }
        let facts = Facts {
            resource_tags: &resource_tags,
            ..*facts
        };
        match access::authorise_about(&self.caller, action, resource, &facts) {
            Ok(grant) => {
                self.notes.granted = Some(grant.by().to_owned());
                self.notes.action = Some(action.name());
                Ok(grant)
            }
            Err(denied) => {
                let error = self.denied(&denied);
                Err(explain::denial(tx, &self.caller, &denied, error))
            }
        }
    }

    /// Asks for a grant about one of several: what is granted was not denied, whatever was denied before it.
    pub(in crate::app) fn grant_one_of(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        resources: Vec<Resource>,
    ) -> Result<Option<Grant>> {
        for resource in resources {
            match self.grant(tx, action, resource.clone()) {
                Ok(grant) => {
                    self.notes.denied = None;
                    return Ok(Some(grant));
                }
                Err(error) if error.reason() == Reason::PolicyDenied => {
                    if let Some(asked) = &self.notes.asked {
                        asked.forget(action, &resource);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Asks for a grant beside those that a request is about: it is recorded under what was granted before.
    pub(in crate::app) fn grant_beside(
        &mut self,
        tx: &mut Tx<'_>,
        action: Action,
        resource: Resource,
    ) -> Result<Grant> {
        let before = (self.notes.action, self.notes.granted.clone());
        let grant = self.grant(tx, action, resource)?;
        (self.notes.action, self.notes.granted) = before;
        Ok(grant)
    }
}
