//! The API groups we serve and what is in them: one table, from which routes, discovery, OpenAPI
//! and metric labels are made.

/// The groups, in the order of discovery.
#[derive(Clone, Debug)]
pub(crate) struct Groups([ApiGroup; 2]);

/// One version of one group.
#[derive(Clone, Debug)]
pub(crate) struct ApiGroup {
    /// Its name.
    pub(crate) name: String,
    /// The version served.
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
    /// For a person.
    pub(crate) singular: &'static str,
    /// Of one object; with `List` appended, of a list.
    pub(crate) kind: &'static str,
    /// Whether objects belong to a namespace.
    pub(crate) namespaced: bool,
    /// What an object of this kind is.
    pub(crate) description: &'static str,
}

/// Verbs of every resource. A verb is told only where it is complete.
pub(crate) const VERBS: [&str; 2] = ["get", "list"];

pub(crate) const NODES: ResourceType = ResourceType {
    plural: "nodes",
    singular: "node",
    kind: "NodeMetrics",
    namespaced: false,
    description: "Resource usage of a node.",
};

pub(crate) const PODS: ResourceType = ResourceType {
    plural: "pods",
    singular: "pod",
    kind: "PodMetrics",
    namespaced: true,
    description: "Resource usage of a pod's running containers.",
};

pub(crate) const NODE_SCRAPES: ResourceType = ResourceType {
    plural: "nodescrapes",
    singular: "nodescrape",
    kind: "NodeScrape",
    namespaced: false,
    description: "How the last request to a node's kubelet went.",
};

impl Groups {
    /// Our own group under the name `own`, and the one that today's consumers read.
    pub(crate) fn new(own: &str) -> Self {
        let own = ApiGroup {
            name: own.to_owned(),
            version: "v1",
            dialect: Dialect::Own,
            resources: const { &[NODES, PODS, NODE_SCRAPES] },
        };
        let metrics = ApiGroup {
            name: "metrics.k8s.io".to_owned(),
            version: "v1beta1",
            dialect: Dialect::Plain,
            resources: const { &[NODES, PODS] },
        };
        Self([own, metrics])
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ApiGroup> {
        self.0.iter()
    }

    /// The one in our own dialect.
    pub(crate) fn own(&self) -> Option<&ApiGroup> {
        self.iter().find(|group| group.dialect == Dialect::Own)
    }

    /// The group of a request.
    pub(crate) fn find(&self, name: &str, version: &str) -> Option<&ApiGroup> {
        self.iter().find(|group| group.name == name && group.version == version)
    }
}

impl ApiGroup {
    /// As in `apiVersion`.
    pub(crate) fn group_version(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// Where its paths begin.
    pub(crate) fn root(&self) -> String {
        format!("/apis/{}/{}", self.name, self.version)
    }

    /// The resource of a request.
    pub(crate) fn resource(&self, plural: &str) -> Option<&'static ResourceType> {
        self.resources.iter().find(|resource| resource.plural == plural)
    }
}

impl ResourceType {
    /// The paths at which it is served, below the group's root: lists first.
    pub(crate) fn paths(&self) -> Vec<String> {
        let plural = self.plural;
        if self.namespaced {
            let inside = format!("/namespaces/{{namespace}}/{plural}");
            vec![format!("/{plural}"), inside.clone(), format!("{inside}/{{name}}")]
        } else {
            vec![format!("/{plural}"), format!("/{plural}/{{name}}")]
        }
    }
}
