//! Who may do what: the few roles of the simulated cluster, as RBAC would decide.

use crate::sim::control_plane::accounts::User;
use crate::sim::control_plane::attributes::Attributes;

/// What one role allows to one user or group.
struct Grant {
    subject: &'static str,
    verbs: &'static [&'static str],
    on: Target,
}

enum Target {
    /// Paths that are no resources; a trailing `*` stands for any rest.
    Paths(&'static [&'static str]),
    /// Resources of a group (`*` = of any), in one namespace (empty = in all), of one name (empty = of any).
    Resources { group: &'static str, plurals: &'static [&'static str], namespace: &'static str, name: &'static str },
}

const READ: &[&str] = &["get", "list", "watch"];
const SERVER: &str = "system:serviceaccount:custom-api:custom-api-server";
const VIEWERS: &str = "demo:viewers";

/// Beside these, `system:masters` may do everything.
const GRANTS: &[Grant] = &[
    Grant {
        subject: "system:authenticated",
        verbs: &["get", "head"],
        on: Target::Paths(&[
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/healthz",
            "/livez",
            "/openapi",
            "/openapi/*",
            "/readyz",
            "/version",
        ]),
    },
    anywhere(VIEWERS, READ, "", &["namespaces", "nodes", "pods"]),
    anywhere(VIEWERS, READ, "metrics.k8s.io", &["nodes", "pods"]),
    anywhere(VIEWERS, READ, "custom.example.com", &["healthz", "nodes", "nodescrapes", "pods"]),
    anywhere(SERVER, READ, "", &["nodes", "pods"]),
    anywhere(SERVER, &["get", "list", "patch", "watch"], "apiregistration.k8s.io", &["apiservices"]),
    anywhere(SERVER, &["create"], "authentication.k8s.io", &["tokenreviews"]),
    anywhere(SERVER, &["create"], "authorization.k8s.io", &["subjectaccessreviews"]),
    Grant {
        subject: SERVER,
        verbs: READ,
        on: Target::Resources {
            group: "",
            plurals: &["configmaps"],
            namespace: "kube-system",
            name: "extension-apiserver-authentication",
        },
    },
    Grant {
        subject: SERVER,
        verbs: &["create", "get", "list", "update", "watch"],
        on: Target::Resources { group: "", plurals: &["secrets"], namespace: "custom-api", name: "" },
    },
    Grant {
        subject: SERVER,
        verbs: &["create", "delete", "list", "patch"],
        on: Target::Resources { group: "coordination.k8s.io", plurals: &["leases"], namespace: "custom-api", name: "" },
    },
];

const fn anywhere(
    subject: &'static str,
    verbs: &'static [&'static str],
    group: &'static str,
    plurals: &'static [&'static str],
) -> Grant {
    Grant { subject, verbs, on: Target::Resources { group, plurals, namespace: "", name: "" } }
}

/// Whether `user` may do what `wanted` says.
pub(crate) fn is_allowed(user: &User, wanted: &Attributes) -> bool {
    let is_subject = |subject: &str| user.name == subject || user.groups.iter().any(|group| group == subject);
    is_subject("system:masters")
        || GRANTS.iter().any(|grant| {
            is_subject(grant.subject) && grant.verbs.contains(&wanted.verb.as_str()) && grant.on.covers(wanted)
        })
}

/// The sentence of a refusal, in the words of kube-apiserver.
pub(crate) fn refusal(user: &User, wanted: &Attributes) -> String {
    let Attributes { verb, path, group, namespace, resource, name, .. } = wanted;
    if !wanted.is_resource {
        return format!("forbidden: User {:?} cannot {verb} path {path:?}", user.name);
    }
    let place = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {namespace:?}")
    };
    let dot = if group.is_empty() { "" } else { "." };
    let quoted = if name.is_empty() { String::new() } else { format!(" {name:?}") };
    format!(
        "{resource}{dot}{group}{quoted} is forbidden: User {:?} cannot {verb} resource {resource:?} in API group {group:?} {place}",
        user.name
    )
}

impl Target {
    fn covers(&self, wanted: &Attributes) -> bool {
        match self {
            Self::Paths(paths) => {
                !wanted.is_resource
                    && paths.iter().any(|path| match path.strip_suffix('*') {
                        Some(prefix) => wanted.path.starts_with(prefix),
                        None => wanted.path == *path,
                    })
            }
            Self::Resources { group, plurals, namespace, name } => {
                wanted.is_resource
                    && wanted.group == *group
                    && plurals.contains(&wanted.resource.as_str())
                    && (namespace.is_empty() || wanted.namespace == *namespace)
                    && (name.is_empty() || wanted.name == *name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, groups: &[&str]) -> User {
        User {
            name: name.to_owned(),
            uid: String::new(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    fn wants(verb: &str, group: &str, namespace: &str, resource: &str) -> Attributes {
        Attributes {
            verb: verb.to_owned(),
            is_resource: true,
            group: group.to_owned(),
            namespace: namespace.to_owned(),
            resource: resource.to_owned(),
            ..Attributes::default()
        }
    }

    #[test]
    fn each_role_allows_what_it_names_and_no_more() {
        let masters = user("root", &["system:masters"]);
        let viewer = user("v", &[VIEWERS]);
        let server = user(SERVER, &[]);
        assert!(is_allowed(&masters, &wants("delete", "", "shop", "pods")));
        assert!(is_allowed(&viewer, &wants("list", "metrics.k8s.io", "", "pods")));
        assert!(!is_allowed(&viewer, &wants("create", "metrics.k8s.io", "", "pods")));
        assert!(!is_allowed(&viewer, &wants("list", "", "custom-api", "secrets")));
        assert!(is_allowed(&server, &wants("create", "", "custom-api", "secrets")));
        assert!(!is_allowed(&server, &wants("create", "", "kube-system", "secrets")));
        assert!(!is_allowed(&server, &wants("list", "", "kube-system", "configmaps")), "only by its name");
    }

    #[test]
    fn discovery_is_for_everybody_who_is_known() {
        let guest = user("g", &["system:authenticated"]);
        let path = |path: &str| Attributes { verb: "get".to_owned(), path: path.to_owned(), ..Attributes::default() };
        assert!(is_allowed(&guest, &path("/apis/metrics.k8s.io/v1beta1")));
        assert!(!is_allowed(&guest, &path("/metrics")));
        assert!(!is_allowed(&user("anonymous", &[]), &path("/apis")));
        assert_eq!(refusal(&guest, &path("/metrics")), r#"forbidden: User "g" cannot get path "/metrics""#);
        assert_eq!(
            refusal(&guest, &wants("list", "metrics.k8s.io", "shop", "pods")),
            r#"pods.metrics.k8s.io is forbidden: User "g" cannot list resource "pods" in API group "metrics.k8s.io" in the namespace "shop""#
        );
    }
}
