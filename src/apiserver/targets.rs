//! What requests can be for, each with its series: found without hashing and without copying names.

use std::sync::{Arc, OnceLock};

use crate::apiserver::RequestInfo;
use crate::apiserver::groups::Groups;
use crate::apiserver::metrics::{Metrics, Target, TargetLabels};

/// Verbs that are told apart.
const VERBS: [&str; 9] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "head"];

/// The targets of all requests. A series is made when it is first needed.
#[derive(Debug)]
pub(crate) struct Targets {
    metrics: Metrics,
    resources: Vec<Resource>,
    /// What is no resource of ours.
    rest: Resource,
}

#[derive(Debug, Default)]
struct Resource {
    group: String,
    version: &'static str,
    plural: &'static str,
    by_verb: [OnceLock<Arc<Target>>; VERBS.len()],
    other: OnceLock<Arc<Target>>,
}

impl Targets {
    /// Those of `groups`.
    pub(crate) fn new(metrics: Metrics, groups: &Groups) -> Self {
        let resources = groups.versions().flat_map(|group| {
            group.resources.iter().map(|resource| Resource {
                group: group.name.clone(),
                version: group.version,
                plural: resource.plural,
                ..Resource::default()
            })
        });
        Self { metrics, resources: resources.collect(), rest: Resource::default() }
    }

    /// What `info` is for.
    pub(crate) fn of(&self, info: &RequestInfo) -> Arc<Target> {
        let named = info.resource.as_ref().and_then(|wanted| {
            let is_it = |known: &&Resource| {
                known.plural == wanted.resource && known.version == wanted.version && known.group == wanted.group
            };
            self.resources.iter().find(is_it)
        });
        let resource = named.unwrap_or(&self.rest);
        let known = VERBS.into_iter().zip(&resource.by_verb).find(|(verb, _)| *verb == info.verb);
        let (verb, target) = known.unwrap_or(("other", &resource.other));
        Arc::clone(target.get_or_init(|| Arc::new(self.make(resource, verb))))
    }

    fn make(&self, resource: &Resource, verb: &'static str) -> Target {
        let Resource { group, version, plural, .. } = resource;
        self.metrics.target(TargetLabels { verb, group: group.clone(), version, resource: plural })
    }
}
