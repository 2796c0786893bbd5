//! What clients of a real kube-apiserver learn of us before they ask: discovery and OpenAPI.

use std::time::Duration;

use serde_json::Value;

use crate::environment::{Environment, eventually};

/// kube-aggregator asks for discovery and OpenAPI once a minute.
const LEARNED: Duration = Duration::from_secs(90);

/// Each group and version, with its resources: name, whether in a namespace, kind, a field deep
/// inside of it, and how `kubectl explain` must describe that field.
const RESOURCES: [(&str, &[Resource]); 3] = [
    ("custom.example.com/v1", &[NODES, PODS, NODE_SCRAPES]),
    ("metrics.k8s.io/v1", &[NODES, PODS]),
    ("metrics.k8s.io/v1beta1", &[NODES, PODS]),
];

struct Resource {
    name: &'static str,
    namespaced: bool,
    kind: &'static str,
    field: &'static str,
    description: &'static str,
}

const NODES: Resource = Resource {
    name: "nodes",
    namespaced: false,
    kind: "NodeMetrics",
    field: "usage",
    description: "cpu as the average rate over the",
};
const PODS: Resource = Resource {
    name: "pods",
    namespaced: true,
    kind: "PodMetrics",
    field: "containers.name",
    description: "Name of the container inside the pod.",
};
const NODE_SCRAPES: Resource = Resource {
    name: "nodescrapes",
    namespaced: false,
    kind: "NodeScrape",
    field: "outcome",
    description: "How the last request went",
};

type Checked = Result<(), String>;

/// `kubectl explain` describes every kind, whole and field by field.
pub(crate) async fn kubectl_explains_every_kind_of_every_group(e: &Environment) -> Checked {
    for (version, resources) in RESOURCES {
        let explain =
            |what: &str| e.kubectl.run(&["explain", what, &format!("--api-version={version}"), "--recursive"]);
        for resource in resources {
            let kind = resource.kind.to_lowercase();
            let whole = eventually(LEARNED, async || explain(&kind)).await?;
            must_hold(&whole, &[&format!("KIND:       {}", resource.kind), "metadata", "resourceVersion"])?;
            let is_own = version.starts_with("custom.");
            if whole.contains("freshness") != (is_own && resource.kind != "NodeScrape") {
                return Err(format!("freshness is told by our own group alone: {whole}"));
            }
            let field = explain(&format!("{kind}.{}", resource.field))?;
            must_hold(&field, &[resource.description])?;
            println!("  {version} {kind}: {} lines", whole.lines().count());
        }
    }
    Ok(())
}

/// `kubectl api-resources` and `api-versions` name all that we serve, and complain of nothing.
pub(crate) async fn kubectl_lists_our_resources_and_versions(e: &Environment) -> Checked {
    let versions = e.kubectl.run(&["api-versions"])?;
    for (version, resources) in RESOURCES {
        must_hold(&versions, &[version])?;
        let (group, _) = version.split_once('/').ok_or(version)?;
        // Only the preferred version of a group is told here.
        if version.ends_with("/v1beta1") {
            continue;
        }
        let lines = e.kubectl.run(&["api-resources", "--api-group", group, "--no-headers"])?;
        for Resource { name, namespaced, kind, .. } in resources {
            let is_told = lines.lines().any(|line| {
                let columns: Vec<_> = line.split_whitespace().collect();
                columns == [*name, version, &namespaced.to_string(), kind]
            });
            if !is_told {
                return Err(format!("{name} of {version} is not in {lines}"));
            }
        }
        println!("{lines}");
    }
    Ok(())
}

/// kube-apiserver passes our OpenAPI on: v3 by its index, v2 merged with its own.
pub(crate) async fn the_aggregator_publishes_our_openapi(e: &Environment) -> Checked {
    for (version, resources) in RESOURCES {
        let key = format!("apis/{version}");
        let url = eventually(LEARNED, async || {
            let index: Value = json(&e.kubectl.run(&["get", "--raw", "/openapi/v3"])?)?;
            let url = index["paths"][&key]["serverRelativeURL"].as_str().map(str::to_owned);
            url.ok_or_else(|| format!("{key} is not in the index"))
        })
        .await?;
        let document = json(&e.kubectl.run(&["get", "--raw", &url])?)?;
        let outdated = url.replace("hash=", "hash=0");
        if json(&e.kubectl.run(&["get", "--raw", &outdated])?)? != document {
            return Err(format!("{outdated} does not lead to the document of now"));
        }
        let merged = eventually(LEARNED, async || {
            let merged = json(&e.kubectl.run(&["get", "--raw", "/openapi/v2"])?)?;
            let path = format!("/apis/{version}/nodes");
            if merged["paths"].get(&path).is_some() { Ok(merged) } else { Err(format!("{path} is not in v2")) }
        })
        .await?;
        let theirs = &merged["definitions"]["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]["properties"];
        if theirs.get("managedFields").is_none() {
            return Err("our ObjectMeta took the place of kube-apiserver's own".to_owned());
        }
        for resource in resources {
            let path = format!("/apis/{version}/{}", resource.name);
            for paths in [&document["paths"], &merged["paths"]] {
                let kind = &paths[&path]["get"]["x-kubernetes-group-version-kind"]["kind"];
                if kind != resource.kind {
                    return Err(format!("{path} answers with {kind}, not with {}", resource.kind));
                }
            }
        }
        println!("  {url}");
    }
    Ok(())
}

fn must_hold(text: &str, parts: &[&str]) -> Checked {
    match parts.iter().find(|part| !text.contains(**part)) {
        Some(part) => Err(format!("{part:?} is not in: {text}")),
        None => Ok(()),
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
