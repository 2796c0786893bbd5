//! What a cluster holds before anything runs in it.

use serde_json::{Value, json};

use crate::clock::UnixMillis;
use crate::sim::control_plane::kinds::Kind;
use crate::sim::control_plane::storage::{Key, Storage};
use crate::sim::control_plane::write::complete;

/// The groups that the server under test answers, with their priorities.
const AGGREGATED: [(&str, &str, u32, u32); 3] = [
    ("custom.example.com", "v1", 1000, 15),
    ("metrics.k8s.io", "v1", 100, 200),
    ("metrics.k8s.io", "v1beta1", 100, 100),
];

/// Puts the first objects: what a fresh cluster has, and what `deploy/` adds for the server.
pub(crate) fn plant(storage: &Storage, client_ca_pem: &str, front_proxy_ca_pem: &str, now: UnixMillis) {
    for namespace in ["custom-api", "default", "kube-system"] {
        plant_namespace(storage, namespace, now);
    }
    let authentication = json!({"data": {
        "client-ca-file": client_ca_pem,
        "requestheader-allowed-names": r#"["front-proxy-client"]"#,
        "requestheader-client-ca-file": front_proxy_ca_pem,
        "requestheader-extra-headers-prefix": r#"["X-Remote-Extra-"]"#,
        "requestheader-group-headers": r#"["X-Remote-Group"]"#,
        "requestheader-uid-headers": r#"["X-Remote-Uid"]"#,
        "requestheader-username-headers": r#"["X-Remote-User"]"#,
    }});
    put(storage, "", "configmaps", "kube-system", "extension-apiserver-authentication", authentication, now);
    for (group, version, group_priority, version_priority) in AGGREGATED {
        let service = json!({"spec": {
            "group": group, "version": version,
            "groupPriorityMinimum": group_priority, "versionPriority": version_priority,
            "service": {"namespace": "custom-api", "name": "custom-api", "port": 443},
        }});
        let name = format!("{version}.{group}");
        put(storage, "apiregistration.k8s.io", "apiservices", "", &name, service, now);
    }
}

/// Puts a namespace.
pub(crate) fn plant_namespace(storage: &Storage, name: &str, now: UnixMillis) {
    let namespace = json!({
        "metadata": {"labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    });
    put(storage, "", "namespaces", "", name, namespace, now);
}

fn put(storage: &Storage, group: &str, plural: &str, namespace: &str, name: &str, mut object: Value, now: UnixMillis) {
    let Some(kind) = Kind::find(group, "v1", plural) else { return };
    let key = Key { namespace: namespace.to_owned(), name: name.to_owned() };
    complete(&mut object, kind, &key, now);
    storage.put(kind.plural, &key, object);
}
