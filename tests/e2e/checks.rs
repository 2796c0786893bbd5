//! What must hold behind a real kube-apiserver; each is one test.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::api::{direct, get};
use crate::environment::{Environment, eventually};
use crate::numbers;

const GROUP: &str = "/apis/custom.example.com/v1";
/// Two rounds and some: by then rates stand on two samples.
const SETTLED: Duration = Duration::from_secs(40);

type Checked = Result<(), String>;

/// `healthz` answers the agreed text to `kubectl get --raw`.
pub(crate) async fn healthz_answers_the_agreed_text(e: &Environment) -> Checked {
    let answer = eventually(SETTLED, async || e.kubectl.run(&["get", "--raw", &format!("{GROUP}/healthz")])).await?;
    println!("  {}", answer.trim());
    equal(answer.trim(), r#"{"text":"Custom API Server is healthy!"}"#)
}

/// The aggregator verifies our certificate by the authority that we have set ourselves.
pub(crate) async fn the_api_service_is_available_with_verified_tls(e: &Environment) -> Checked {
    for name in ["v1.custom.example.com", "v1.metrics.k8s.io", "v1beta1.metrics.k8s.io"] {
        let service = e.admin.json(&format!("/apis/apiregistration.k8s.io/v1/apiservices/{name}")).await?;
        let conditions = service["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let available = conditions.iter().find(|condition| condition["type"] == "Available").cloned();
        let available = available.ok_or("no condition Available")?;
        println!("  {name}: Available={} ({})", available["status"], available["reason"]);
        equal(available["status"].as_str().unwrap_or_default(), "True")?;
        equal(service["spec"]["insecureSkipTLSVerify"].to_string(), "null")?;
        if service["spec"]["caBundle"].as_str().is_none_or(str::is_empty) {
            return Err(format!("{name} has no caBundle"));
        }
    }
    Ok(())
}

/// Each node's number equals its curve.
pub(crate) async fn nodes_hold_every_node_with_the_right_numbers(e: &Environment) -> Checked {
    for round in ["at once", "from two samples"] {
        let values = eventually(SETTLED, async || {
            let text = e.kubectl.run(&["get", "--raw", &format!("{GROUP}/nodes")])?;
            numbers::nodes(&e.nodes.world, &unless_by_kubelet(round, &text)?)
        })
        .await?;
        println!("  {values} values of nodes equal their curve {round}");
    }
    Ok(())
}

/// Each container's number equals its curve.
pub(crate) async fn pods_hold_every_pod_with_the_right_numbers(e: &Environment) -> Checked {
    for round in ["at once", "from two samples"] {
        let values = eventually(SETTLED, async || {
            let text = e.kubectl.run(&["get", "--raw", &format!("{GROUP}/pods")])?;
            numbers::pods(&e.nodes, &unless_by_kubelet(round, &text)?)
        })
        .await?;
        println!("  {values} values of containers equal their curve {round}");
    }
    Ok(())
}

/// `kubectl top` prints a line for each node and each pod.
pub(crate) async fn kubectl_top_works(e: &Environment) -> Checked {
    let nodes = e.kubectl.run(&["top", "nodes", "--no-headers"])?;
    println!("{}", indented(&nodes));
    equal(nodes.lines().count().to_string(), e.nodes.world.nodes().count().to_string())?;
    let pods = e.kubectl.run(&["top", "pods", "-A", "--no-headers"])?;
    println!("{}", indented(&pods.lines().take(3).collect::<Vec<_>>().join("\n")));
    let expected = e.nodes.running().count();
    equal(pods.lines().count().to_string(), expected.to_string())?;
    let containers = e.kubectl.run(&["top", "pods", "-A", "--containers", "--no-headers"])?;
    if containers.lines().count() <= expected { Err("no more containers than pods".to_owned()) } else { Ok(()) }
}

/// Somebody known without rights: 403, as a Status that kubectl understands.
pub(crate) async fn an_unprivileged_user_gets_403(e: &Environment) -> Checked {
    let said = e.viewer.refused(&["get", "--raw", &format!("{GROUP}/pods")])?;
    println!("  {said}");
    if !said.contains("Forbidden") {
        return Err(said);
    }
    // kube-apiserver refused that one itself; straight at our port it is our own decision.
    let client = direct(e.replicas.port(), &e.authority_pem)?;
    let (status, body) = get(&client, &format!("{GROUP}/pods"), &[("authorization", "Bearer viewer-token")]).await?;
    println!("  {status}: {}", body["message"]);
    equal(status.as_str(), "403")?;
    equal(body["reason"].as_str().unwrap_or_default(), "Forbidden")
}

/// Nobody known: 401 straight at our port, with no token and with a wrong one.
pub(crate) async fn no_credentials_get_401(e: &Environment) -> Checked {
    let client = direct(e.replicas.port(), &e.authority_pem)?;
    for headers in [&[][..], &[("authorization", "Bearer nobody")]] {
        let (status, body) = get(&client, &format!("{GROUP}/pods"), headers).await?;
        println!("  {status}: {}", body["message"]);
        equal(status.as_str(), "401")?;
        equal(body["kind"].as_str().unwrap_or_default(), "Status")?;
    }
    Ok(())
}

/// Identity headers without the front proxy's certificate count for nothing.
pub(crate) async fn forged_identity_headers_are_ignored(e: &Environment) -> Checked {
    let client = direct(e.replicas.port(), &e.authority_pem)?;
    let forged = [("x-remote-user", "admin"), ("x-remote-group", "system:masters")];
    let (status, _) = get(&client, &format!("{GROUP}/pods"), &forged).await?;
    equal(status.as_str(), "401")?;
    let with_token = [forged[0], forged[1], ("authorization", "Bearer viewer-token")];
    let (status, body) = get(&client, &format!("{GROUP}/pods"), &with_token).await?;
    println!("  {status}: {}", body["message"]);
    equal(status.as_str(), StatusCode::FORBIDDEN.as_str())?;
    let named = body["message"].as_str().unwrap_or_default();
    if named.contains("\"viewer\"") { Ok(()) } else { Err(format!("not the token's user: {named}")) }
}

/// Every command of the README that asks the API is run as it stands, with a pod that exists.
pub(crate) async fn the_commands_of_the_readme_work(e: &Environment) -> Checked {
    let readme = include_str!("../../README.md");
    let pod = e.nodes.running().next().ok_or("no pod runs")?;
    let existing = format!("namespaces/{}/pods/{}", pod.key.namespace, pod.key.name);
    // What does not end by itself has a check of its own.
    let asks = |line: &&str| {
        let asked =
            ["kubectl get --raw", "kubectl get pods", "kubectl top"].iter().any(|start| line.starts_with(start));
        asked && !line.ends_with("--watch")
    };
    let mut commands: Vec<&str> = readme.lines().filter(asks).collect();
    commands.dedup();
    for command in &commands {
        let command = command.replace("namespaces/default/pods/POD", &existing).replace(['\'', '"'], "");
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        e.kubectl.run(&arguments)?;
        println!("  {command}");
    }
    if commands.len() < 7 { Err(format!("only {} commands were found", commands.len())) } else { Ok(()) }
}

/// The list as JSON; an error while it still holds the kubelets' own rates and the round is not
/// about those.
fn unless_by_kubelet(round: &str, text: &str) -> Result<Value, String> {
    if round != "at once" && text.contains(r#""source":"Kubelet""#) {
        return Err("some rates are still the kubelet's own".to_owned());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn equal(got: impl AsRef<[u8]> + std::fmt::Debug, expected: impl AsRef<[u8]> + std::fmt::Debug) -> Checked {
    if got.as_ref() == expected.as_ref() { Ok(()) } else { Err(format!("{got:?} instead of {expected:?}")) }
}

pub(crate) fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
