//! All policies of secrets and folders, by where they are attached.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use super::ResourcePolicy;
use crate::{
    access::{
        Resource, Why,
        policy::{self, Compiled, Decision, Layers, Request, ResourceLayer, resource_name},
    },
    record::{Key, Kind, RecordError, Tx},
};

/// What every text of a secret or folder begins with.
const ROOT: &str = "secret:";

/// The policies of all secrets and folders.
#[derive(Clone, Debug, Default)]
pub struct ResourcePolicies {
    living: BTreeMap<Box<str>, (Key, Arc<ResourcePolicy>)>,
    /// Of secrets that were deleted and can be restored: there may be several of one path.
    deleted: BTreeMap<Box<str>, Vec<Arc<ResourcePolicy>>>,
    bytes: usize,
    asks_resource_tags: bool,
}

impl ResourcePolicies {
    /// As they are stored.
    pub(crate) fn of(tx: &mut Tx<'_>) -> Result<Arc<Self>, RecordError> {
        let all = Key::new(Kind::ResourcePolicy, &[]);
        tx.derived(&all, |tx| {
            let mut found = Self::default();
            for (key, policy) in tx.see_all::<ResourcePolicy>(&all)? {
                found.add(key, policy);
            }
            Ok(found)
        })
    }

    fn add(&mut self, key: Key, policy: Arc<ResourcePolicy>) {
        self.bytes += policy.policy.text().len();
        self.asks_resource_tags |= policy.policy.compiled().asks_resource_tags();
        let place = policy.place.as_str().into();
        if policy.deleted {
            self.deleted.entry(place).or_default().push(policy);
        } else {
            self.living.insert(place, (key, policy));
        }
    }

    /// The same with another policy at a place.
    pub(super) fn with(&self, key: Key, policy: ResourcePolicy) -> Self {
        let mut changed = self.clone();
        changed.add(key, Arc::new(policy));
        changed
    }

    /// How many there are, and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let deleted: usize = self.deleted.values().map(Vec::len).sum();
        (self.living.len() + deleted, self.bytes)
    }

    /// Whether any of them asks for the tags of a secret.
    pub(crate) fn asks_resource_tags(&self) -> bool {
        self.asks_resource_tags
    }

    /// Those of a secret or folder, and of every folder that it lies in. Costs next to nothing where there are none.
    pub(crate) fn over(&self, resource: &Resource) -> Vec<Arc<Compiled>> {
        if self.living.is_empty() || !is_placed(resource) {
            return Vec::new();
        }
        let text = resource_name(resource);
        let found = places(&text).filter_map(|place| self.living.get(place));
        found
            .map(|(_, policy)| Arc::clone(policy.policy.compiled()))
            .collect()
    }

    /// The same as records, without the resource's own.
    pub(super) fn above<'s>(
        &'s self,
        text: &'s str,
    ) -> impl Iterator<Item = &'s ResourcePolicy> + use<'s> {
        let above = places(text).filter(move |place| *place != text);
        let found = above.filter_map(|place| self.living.get(place));
        found.map(|(_, policy)| &**policy)
    }

    /// Those of everything that lies below a folder, with their keys; nothing lies below a secret.
    pub(crate) fn below<'s>(
        &'s self,
        folder: &'s str,
    ) -> impl Iterator<Item = (&'s Key, &'s ResourcePolicy)> + use<'s> {
        let from = (Bound::Excluded(folder), Bound::Unbounded);
        let found = self.living.range::<str, _>(from);
        let is_folder = folder == ROOT || folder.ends_with('/');
        let below = found.take_while(move |(place, _)| is_folder && place.starts_with(folder));
        below.map(|(_, (key, policy))| (key, &**policy))
    }

    /// That of a folder, and those of everything that lies below it, with their keys.
    pub(crate) fn from<'s>(
        &'s self,
        folder: &'s str,
    ) -> impl Iterator<Item = (&'s Key, &'s ResourcePolicy)> + use<'s> {
        let own = self
            .living
            .get(folder)
            .map(|(key, policy)| (key, &**policy));
        own.into_iter().chain(self.below(folder))
    }

    /// That of exactly this secret or folder.
    pub(crate) fn at(&self, text: &str) -> Option<&ResourcePolicy> {
        self.living.get(text).map(|(_, policy)| &**policy)
    }

    /// Those of deleted secrets that had a path.
    pub(crate) fn of_deleted(&self, text: &str) -> &[Arc<ResourcePolicy>] {
        self.deleted.get(text).map_or(&[], Vec::as_slice)
    }

    /// Refuses what a policy of a deleted secret denies that had the path. What it allows is of that secret alone, and
    /// there may be several.
    pub(in crate::access) fn deny_of_deleted(&self, request: &Request<'_>) -> Result<(), Why> {
        let deleted = self.of_deleted(request.resource).iter();
        let deleted: Vec<_> = deleted
            .map(|policy| Arc::clone(policy.policy.compiled()))
            .collect();
        let layers = Layers {
            identity: &[],
            resource: ResourceLayer::Policies(&deleted),
            boundary: None,
            session: None,
        };
        match policy::evaluate(&layers, request) {
            Decision::Denied(by, certainty) => Err(Why::statement(&by, certainty)),
            Decision::Allowed(_) | Decision::NotAllowed(_) => Ok(()),
        }
    }

    /// Whether what is allowed for a folder's name is so for all below it: no policy there may deny it. At most all
    /// policies that there are, are looked at.
    pub(in crate::access) fn allow_below(
        &self,
        layers: &Layers<'_>,
        request: &Request<'_>,
    ) -> bool {
        let below = self.below(request.resource);
        let below = below.map(|(_, policy)| &**policy.policy.compiled());
        policy::allows_below(layers, request) && !policy::denied_below(below, request)
    }

    /// All of them, those of deleted secrets too.
    pub(super) fn all(&self) -> impl Iterator<Item = &ResourcePolicy> {
        let living = self.living.values().map(|(_, policy)| &**policy);
        living.chain(self.deleted.values().flatten().map(|policy| &**policy))
    }

    /// Where the policy is attached that decisions call so.
    pub fn place_of(&self, label: &str) -> Option<&str> {
        let mut all = self.all();
        all.find(|policy| policy.policy.compiled().name() == label)
            .map(|policy| policy.place.as_str())
    }
}

fn is_placed(resource: &Resource) -> bool {
    matches!(resource, Resource::Secret(_) | Resource::Folder(_))
}

/// The root, every folder that a secret or folder lies in, and itself.
fn places(text: &str) -> impl Iterator<Item = &str> {
    let path = text.get(ROOT.len()..).unwrap_or_default();
    let folders = path.match_indices('/');
    let folders = folders.filter_map(|(at, _)| text.get(..=ROOT.len() + at));
    let secret = (!path.is_empty() && !path.ends_with('/')).then_some(text);
    std::iter::once(ROOT).chain(folders).chain(secret)
}
