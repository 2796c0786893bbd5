//! The API groups we serve and what is in them: one table, from which routes, discovery, OpenAPI
//! and metric labels are made.

use crate::config::ApiGroups;

/// The groups, in the order of discovery.
#[derive(Clone, Debug)]
pub(crate) struct Groups(Vec<ApiGroup>);

/// One group, in all its versions.
#[derive(Clone, Debug)]
pub(crate) struct ApiGroup {
    /// Its name.
    pub(crate) name: String,
    /// The preferred one first.
    pub(crate) versions: Vec<ApiVersion>,
}

/// One version of one group.
#[derive(Clone, Debug)]
pub(crate) struct ApiVersion {
    /// Name of the group.
    pub(crate) name: String,
    /// The version alone, such as `v1`.
    pub(crate) version: &'static str,
    /// The form of its objects.
    pub(crate) dialect: Dialect,
    /// What can be asked for.
    pub(crate) resources: &'static [ResourceType],
}

/// How objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// The fields of `metrics.k8s.io` and ours: freshness, source, and why something is missing.
    Own,
    /// The fields of `metrics.k8s.io` alone; what cannot be summed safely is left out.
    Plain,
}

/// One kind of objects.
#[derive(Debug)]
pub(crate) struct ResourceType {
    /// As in the path.
    pub(crate) plural: &'static str,
    /// The kind in lower case, by which people call it where the plural is another group's.
    pub(crate) singular: &'static str,
    /// Of one object; with `List` appended, of a list.
    pub(crate) kind: &'static str,
    /// Whether objects belong to a namespace.
    pub(crate) namespaced: bool,
    /// What can be done with it. A verb is told only where it is complete: clients act on it.
    pub(crate) verbs: &'static [&'static str],
}

/// Verbs of usage, whichever group tells it.
const USAGE_VERBS: &[&str] = &["get", "list", "watch"];

pub(crate) const NODES: ResourceType = ResourceType {
    plural: "nodes",
    singular: "nodemetrics",
    kind: "NodeMetrics",
    namespaced: false,
    verbs: USAGE_VERBS,
};

pub(crate) const PODS: ResourceType =
    ResourceType { plural: "pods", singular: "podmetrics", kind: "PodMetrics", namespaced: true, verbs: USAGE_VERBS };

pub(crate) const NODE_SCRAPES: ResourceType = ResourceType {
    plural: "nodescrapes",
    singular: "nodescrape",
    kind: "NodeScrape",
    namespaced: false,
    verbs: &["get", "list"],
};

impl Groups {
    /// Those of `served`: our own, and the one that today's consumers read.
    pub(crate) fn new(served: &ApiGroups) -> Self {
        let own = served.own.as_ref().map(|name| ApiGroup::own(name));
        Self(own.into_iter().chain(served.metrics.then(ApiGroup::metrics)).collect())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ApiGroup> {
        self.0.iter()
    }

    /// All their versions.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &ApiVersion> {
        self.iter().flat_map(|group| &group.versions)
    }

    /// The one in our own dialect, if it is served.
    pub(crate) fn own(&self) -> Option<&ApiVersion> {
        self.versions().find(|version| version.dialect == Dialect::Own)
    }

    /// The group and version of a request.
    pub(crate) fn find(&self, name: &str, version: &str) -> Option<&ApiVersion> {
        self.versions().find(|known| known.name == name && known.version == version)
    }
}

impl ApiGroup {
    fn own(name: &str) -> Self {
        let resources = const { &[NODES, PODS, NODE_SCRAPES] };
        let v1 = ApiVersion { name: name.to_owned(), version: "v1", dialect: Dialect::Own, resources };
        Self { name: name.to_owned(), versions: vec![v1] }
    }

    /// The same objects in two versions: the stable one, and the one that most clients still ask for.
    fn metrics() -> Self {
        let name = "metrics.k8s.io";
        let of = |version| ApiVersion {
            name: name.to_owned(),
            version,
            dialect: Dialect::Plain,
            resources: const { &[NODES, PODS] },
        };
        Self { name: name.to_owned(), versions: ["v1", "v1beta1"].map(of).into() }
    }
}

impl ApiVersion {
    /// As in `apiVersion`.
    pub(crate) fn group_version(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// Where its paths begin.
    pub(crate) fn root(&self) -> String {
        format!("/apis/{}/{}", self.name, self.version)
    }
}

impl ResourceType {
    /// The paths at which it is served, below the version's root: lists first.
    pub(crate) fn paths(&self) -> Vec<String> {
        let plural = self.plural;
        if self.namespaced {
            let inside = format!("/namespaces/{{namespace}}/{plural}");
            vec![format!("/{plural}"), inside.clone(), format!("{inside}/{{name}}")]
        } else {
            vec![format!("/{plural}"), format!("/{plural}/{{name}}")]
        }
    }

    /// Whether changes of it can be followed.
    pub(crate) fn is_watched(&self) -> bool {
        self.verbs.contains(&"watch")
    }
}
