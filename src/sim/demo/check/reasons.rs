//! What a broken kubelet has to be called.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::answer::items_of;
use super::findings::Findings;
use crate::sim::demo::client::Caller;
use crate::sim::demo::stage::Stage;
use crate::sim::{Fault, World};

const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);

/// Every fault that is checked, each on a node of its own.
pub(super) const ALL: &[Fault] = &[
    Fault::Hang,
    Fault::SlowDrip,
    Fault::Reset,
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(500),
    Fault::WrongCertificate,
    Fault::Redirect,
    Fault::HalfBody,
    Fault::Garbage,
    Fault::HugeBody,
    Fault::GzipBomb,
    Fault::DuplicateSeries,
    Fault::ClockOff(TEN_YEARS),
    Fault::ScrapeErrorOnly,
];

/// The words for a fault; none if the node is served all the same.
fn expected(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::Hang | Fault::SlowDrip => &["Timeout"],
        // Whether the reset comes before or inside the answer is the network's choice.
        Fault::Reset | Fault::Moved => &["ConnectFailed", "Truncated"],
        Fault::Status(401) => &["Unauthorized"],
        Fault::Status(403) => &["Forbidden"],
        Fault::Status(_) | Fault::Redirect | Fault::Flap => &["UnexpectedStatus"],
        Fault::WrongCertificate => &["CertificateRefused"],
        Fault::HalfBody => &["Truncated"],
        Fault::Garbage => &["Garbage"],
        Fault::HugeBody => &["BodyTooLarge"],
        Fault::GzipBomb => &["UnexpectedEncoding"],
        Fault::DuplicateSeries
        | Fault::NotANumber
        | Fault::CounterJumps
        | Fault::OthersPods
        | Fault::BadNetwork
        | Fault::SwappedName
        | Fault::OtherAuthority => &[],
        Fault::ClockOff(_) | Fault::ClockBehind(_) => &["ClockSkew"],
        Fault::ScrapeErrorOnly => &["NotReadyYet"],
    }
}

/// Whether the node's usage can be served: it is well, or loses no more than some lines.
pub(super) fn is_served(world: &World, node: u32) -> bool {
    world.scenario().faults.get(&node).is_none_or(|fault| expected(*fault).is_empty())
}

/// Compares the outcome of every node's last scrape with what is wrong with it, and the reasons for
/// missing pods with both.
pub(super) async fn check(stage: &Stage, caller: &Caller<'_>, findings: &mut Findings) -> String {
    let before = findings.differences();
    let scrapes = items_of(caller, "/apis/custom.example.com/v1/nodescrapes").await;
    findings.expect(scrapes.is_ok(), || format!("nodescrapes: {scrapes:?}"));
    let scrapes: BTreeMap<String, Value> = scrapes.unwrap_or_default().into_iter().map(by_name).collect();
    let mut faulty = 0;
    for node in stage.world.nodes() {
        let name = node.name.as_str();
        let scrape = scrapes.get(name).cloned().unwrap_or_default();
        let fault = stage.world.scenario().faults.get(&node.index).copied();
        let words = fault.map_or(&[][..], expected);
        faulty += u32::from(fault.is_some());
        let reason = scrape.get("reason").and_then(Value::as_str);
        let agrees = match reason {
            None => words.is_empty() && scrape.get("outcome").is_some_and(|outcome| outcome == "Success"),
            Some(reason) => words.contains(&reason),
        };
        let told = fault.map_or_else(|| "nothing".to_owned(), |fault| fault.to_string());
        findings.expect(agrees, || {
            format!("nodescrapes {name}: {told} is wrong with it, expected {words:?}, got {scrape}")
        });
    }
    missing(stage, caller, findings).await;
    let verdict = if findings.differences() == before { "as they should be" } else { "different" };
    format!(
        "nodescrapes: {} outcomes, {faulty} of them of broken kubelets, and the reasons for missing pods: {verdict}",
        scrapes.len()
    )
}

/// Every pod that is missing on a broken node has its node's reason.
async fn missing(stage: &Stage, caller: &Caller<'_>, findings: &mut Findings) {
    let list = caller.read("/apis/custom.example.com/v1/pods").await.unwrap_or_default();
    let entries = list.get("missing").and_then(Value::as_array).cloned().unwrap_or_default();
    let reasons: BTreeMap<String, Value> = entries.into_iter().map(|entry| (full_name(&entry), entry)).collect();
    let now = stage.clock.now();
    // Pods younger than this may not have been told of yet.
    let known = now - Duration::from_secs(3);
    for pod in stage.world.pods(now).filter(|pod| pod.created < known && pod.deleted.is_none()) {
        let Some(fault) = stage.world.scenario().faults.get(&pod.node) else { continue };
        let words = expected(*fault);
        let Some(entry) = reasons.get(&pod.key.to_string()) else { continue };
        let reason = entry.get("reason").and_then(Value::as_str).unwrap_or_default();
        findings.expect(words.is_empty() || words.contains(&reason) || IDLE.contains(&reason), || {
            format!("missing pod {}: {fault} is wrong with its node, expected {words:?}, got {entry}", pod.key)
        });
    }
}

/// Reasons that have nothing to do with the node.
const IDLE: &[&str] = &["NotRunning", "NotStarted"];

fn by_name(object: Value) -> (String, Value) {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    (name, object)
}

fn full_name(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}
