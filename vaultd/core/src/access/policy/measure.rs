//! What a benchmark measures: a caller with many policies attached, asking for the last of them.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use super::{
    Compiled, Context, Document, Kind, Layers, PolicyError, PrincipalKind, Request, ResourceLayer,
    Tags, Who, evaluate,
};
use crate::access::Action;

/// A caller with so many policies, each for a folder of its own, with a condition and a Deny.
#[derive(Debug)]
pub struct Measured {
    policies: Vec<Arc<Compiled>>,
    resource: Box<str>,
    tags: Tags,
}

impl Measured {
    /// Attaches them.
    ///
    /// # Errors
    /// When the language has changed and this has not.
    pub fn new(policies: usize) -> Result<Self, PolicyError> {
        let compiled = |n: usize| {
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": [
                    {{"Effect": "Allow", "Action": "secret:Get*", "Resource": "secret:team-{n}/*",
                      "Condition": {{"IpAddress": {{"vault:SourceIp": "10.0.0.0/8"}}}}}},
                    {{"Effect": "Deny", "Action": "secret:*", "Resource": "secret:team-{n}/*/frozen"}}]}}"#
            );
            let document = Document::parse(&text, Kind::Identity)?.0;
            Ok(Arc::new(Compiled::new(&format!("team-{n}"), &document)))
        };
        Ok(Self {
            policies: (0..policies).map(compiled).collect::<Result<_, _>>()?,
            resource: format!("secret:team-{}/db/password", policies.saturating_sub(1)).into(),
            tags: Tags::new(),
        })
    }

    /// One evaluation; true unless there are no policies.
    pub fn evaluate(&self) -> bool {
        let layers = Layers {
            identity: &self.policies,
            resource: ResourceLayer::Policies(&[]),
            boundary: None,
            session: None,
        };
        let request = Request {
            action: Action::GET_VALUE,
            resource: &self.resource,
            who: Who {
                kind: PrincipalKind::User,
                id: 1,
                session: None,
            },
            context: Context {
                principal_name: "alice",
                role_session_name: None,
                principal_tags: &self.tags,
                resource_tags: &self.tags,
                request_tags: &self.tags,
                source: Some(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))),
                secure: true,
                user_agent: None,
                now: 1_795_523_400_000,
                token_issued: 1_795_523_000_000,
                second_factor: None,
                requested_region: "eu",
                node_region: "eu",
            },
        };
        evaluate(&layers, &request).is_allowed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_an_allowed_request() {
        for policies in [1, 100, 1_000] {
            assert!(Measured::new(policies).unwrap().evaluate());
        }
        assert!(!Measured::new(0).unwrap().evaluate());
    }
}
