//! The kinds of objects that the pretend API server knows, in one table.

/// One kind of stored objects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Empty for the core group.
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    /// Lower-case plural, as it stands in paths; unique over all groups here.
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    /// As `kind` stands in objects.
    pub(crate) name: &'static str,
    pub(crate) short_names: &'static [&'static str],
    pub(crate) namespaced: bool,
    pub(crate) verbs: &'static [&'static str],
}

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
const CREATE: &[&str] = &["create"];

/// Every kind, in the order of discovery.
pub(crate) const KINDS: &[Kind] = &[
    core("configmaps", "configmap", "ConfigMap", &["cm"], true, READ),
    core("namespaces", "namespace", "Namespace", &["ns"], false, READ),
    core("nodes", "node", "Node", &["no"], false, READ),
    core("pods", "pod", "Pod", &["po"], true, READ),
    core("secrets", "secret", "Secret", &[], true, WRITE),
    Kind {
        group: "apiregistration.k8s.io",
        version: "v1",
        plural: "apiservices",
        singular: "apiservice",
        name: "APIService",
        short_names: &[],
        namespaced: false,
        verbs: WRITE,
    },
    Kind {
        group: "coordination.k8s.io",
        version: "v1",
        plural: "leases",
        singular: "lease",
        name: "Lease",
        short_names: &[],
        namespaced: true,
        verbs: WRITE,
    },
    review("authentication.k8s.io", "tokenreviews", "tokenreview", "TokenReview"),
    review("authorization.k8s.io", "subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview"),
];

const fn core(
    plural: &'static str,
    singular: &'static str,
    name: &'static str,
    short_names: &'static [&'static str],
    namespaced: bool,
    verbs: &'static [&'static str],
) -> Kind {
    Kind { group: "", version: "v1", plural, singular, name, short_names, namespaced, verbs }
}

const fn review(group: &'static str, plural: &'static str, singular: &'static str, name: &'static str) -> Kind {
    Kind { group, version: "v1", plural, singular, name, short_names: &[], namespaced: false, verbs: CREATE }
}

impl Kind {
    /// The kind that a path names.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
    }

    /// `v1` or `group/v1`, as objects spell it.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `pods` or `apiservices.apiregistration.k8s.io`, as errors spell it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}
