//! What clients read before they ask: groups, resources, health, and how the APIServices stand.

use serde_json::Value;

use super::findings::Findings;
use crate::sim::control_plane::Account;
use crate::sim::demo::client::Caller;

const VERSIONS: [(&str, &str, &[&str]); 3] = [
    ("custom.example.com", "v1", &["nodes", "nodescrapes", "pods"]),
    ("metrics.k8s.io", "v1", &["nodes", "pods"]),
    ("metrics.k8s.io", "v1beta1", &["nodes", "pods"]),
];

/// Checks them through the front.
pub(super) async fn check(caller: &Caller<'_>, findings: &mut Findings) -> String {
    let before = findings.differences();
    health(caller, findings).await;
    for (group, version, wanted) in VERSIONS {
        resources(caller, findings, group, version, wanted).await;
        api_service(caller, findings, &format!("{version}.{group}")).await;
    }
    let verdict = if findings.differences() == before { "as it should be" } else { "different" };
    format!(
        "discovery: health, 2 groups in 3 versions with their resources, 3 available APIServices with caBundle: {verdict}"
    )
}

async fn health(caller: &Caller<'_>, findings: &mut Findings) {
    let health = caller.read("/apis/custom.example.com/v1/healthz").await;
    let text = health.as_ref().ok().and_then(|health| health.get("text")).and_then(Value::as_str);
    findings.expect(text == Some("Custom API Server is healthy!"), || format!("healthz: {health:?}"));
}

async fn resources(caller: &Caller<'_>, findings: &mut Findings, group: &str, version: &str, wanted: &[&str]) {
    let found = caller.read(&format!("/apis/{group}/{version}")).await;
    let resources = found.as_ref().ok().and_then(|list| list.get("resources")).and_then(Value::as_array);
    let has = |name: &&str| resources.is_some_and(|list| list.iter().any(|resource| resource["name"] == *name));
    findings.expect(wanted.iter().all(has), || format!("resources of {group}/{version}: {found:?}"));
}

async fn api_service(caller: &Caller<'_>, findings: &mut Findings, name: &str) {
    let admin = Caller { account: Account::Admin, ..*caller };
    let service = admin.read(&format!("/apis/apiregistration.k8s.io/v1/apiservices/{name}")).await.unwrap_or_default();
    let condition = service.pointer("/status/conditions/0").cloned().unwrap_or_default();
    findings.expect(condition.get("status").is_some_and(|status| status == "True"), || {
        format!("APIService {name} is not available: {condition}")
    });
    let spec = service.get("spec").cloned().unwrap_or_default();
    let ca_bundle = spec.get("caBundle").and_then(Value::as_str).unwrap_or_default();
    findings.expect(!ca_bundle.is_empty(), || format!("APIService {name} has no caBundle"));
    let is_verified = spec.get("insecureSkipTLSVerify").is_none_or(|skip| *skip == false);
    findings.expect(is_verified, || format!("APIService {name} skips the check of certificates"));
}
