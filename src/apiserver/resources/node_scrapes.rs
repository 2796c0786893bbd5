//! `nodescrapes`: how the last request to each kubelet went, in our own group.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::apiserver::content::Content;
use crate::apiserver::groups::NODE_SCRAPES;
use crate::apiserver::list_options::ListOptions;
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::fields::{self, Metadata};
use crate::apiserver::resources::join::{Completeness, Moment};
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::list::{Rows, Section};
use crate::apiserver::status::Status;
use crate::cluster::Node;
use crate::store::NodeRecord;
use crate::usage::{NodeName, PodKey, Rejected};

/// About 100 µs of work.
const ROWS_PER_TURN: usize = 128;

/// Pods that are served without a container that the kubelet does not report, by node.
type PartialPods = HashMap<NodeName, Vec<PodKey>>;

/// `…/nodescrapes`
pub(crate) async fn list(State(content): State<Arc<Content>>, request: Request) -> Result<Response, Status> {
    let call = Call::of(&content, &request, "list", &NODE_SCRAPES)?;
    let rows = ScrapeRows {
        partial: partial_pods(&call.moment, None).await,
        moment: call.moment.clone(),
        group_version: call.group.group_version(),
        options: call.options()?,
        after: None,
    };
    Ok(call.list(rows).await)
}

/// `…/nodescrapes/NAME`
pub(crate) async fn get(State(content): State<Arc<Content>>, request: Request) -> Result<Response, Status> {
    let call = Call::of(&content, &request, "get", &NODE_SCRAPES)?;
    let name = &call.resource.name;
    let node = call.moment.view.node(name).ok_or_else(|| call.not_found("nodescrapes", name))?;
    let partial = partial_pods(&call.moment, Some(&node.name)).await;
    Ok(call.object(|json| {
        fields::type_meta(json, NODE_SCRAPES.kind, &call.group.group_version());
        write(json, node, &call.moment, &partial);
    }))
}

/// Those on `node`, or on all nodes. Goes over all pods, which takes milliseconds in a large
/// cluster, and gives way to other tasks.
async fn partial_pods(moment: &Moment, node: Option<&NodeName>) -> PartialPods {
    const PODS_PER_TURN: usize = 256;
    let mut partial = PartialPods::new();
    for (index, pod) in moment.view.pods().enumerate() {
        if index % PODS_PER_TURN == PODS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
        let Some(on) = pod.node.as_ref().filter(|on| node.is_none_or(|node| node == *on)) else { continue };
        if moment.pod(pod).is_ok_and(|answer| answer.completeness == Completeness::Settled) {
            partial.entry(on.clone()).or_default().push(pod.key.clone());
        }
    }
    partial
}

fn write(json: &mut Json, node: &Node, moment: &Moment, partial: &PartialPods) {
    let metadata = Metadata { name: node.name.as_str(), namespace: None, created: node.created, labels: &node.labels };
    fields::metadata(json, &metadata, moment.resource_version());
    if let Some(record) = moment.snapshot.node(&node.name) {
        write_record(json, record);
    } else {
        json.key("outcome").string("Pending");
        json.key("since").time(node.created);
    }
    if let Some(pods) = partial.get(&node.name) {
        json.key("partialPods").array(|json| pods.iter().for_each(|pod| json.string(&pod.to_string())));
    }
}

fn write_record(json: &mut Json, record: &NodeRecord) {
    let scrape = &record.scrape;
    json.key("lastAttempt").time(scrape.started);
    if let Some(success) = record.last_success {
        json.key("lastSuccess").time(success);
    }
    match &scrape.outcome {
        Ok(()) => {
            json.key("outcome").string("Success");
            if let Some(message) = refused_lines(&scrape.rejected) {
                json.key("message").string(&message);
            }
        }
        Err(failure) => {
            json.key("outcome").string("Failed");
            json.key("reason").string(failure.reason());
            json.key("message").string(&failure.to_string());
        }
    }
    json.key("since").time(record.outcome_since);
    json.key("durationSeconds").seconds(scrape.duration);
    json.key("bodyBytes").number(scrape.body_bytes);
    json.key("rejectedLines").number(scrape.rejected.count.into());
    if !scrape.address.is_empty() {
        json.key("address").string(&scrape.address);
    }
}

/// What was wrong with an otherwise good body.
pub(super) fn refused_lines(rejected: &Rejected) -> Option<String> {
    let (line, reason) = rejected.first?;
    Some(format!("{} lines were refused; line {line} {reason}", rejected.count))
}

struct ScrapeRows {
    moment: Moment,
    partial: PartialPods,
    group_version: String,
    options: ListOptions,
    after: Option<NodeName>,
}

impl Rows for ScrapeRows {
    fn head(&self, json: &mut Json) {
        fields::list_head(json, NODE_SCRAPES.kind, &self.group_version, self.moment.resource_version());
    }

    fn turn(&mut self, _section: Section, json: &mut Json) -> bool {
        let after = self.after.take();
        let mut nodes = self.moment.view.nodes_after(after.as_ref());
        for node in nodes.by_ref().take(ROWS_PER_TURN) {
            self.after = Some(node.name.clone());
            if self.options.select("", node.name.as_str(), &node.labels) {
                json.object(|json| write(json, node, &self.moment, &self.partial));
            }
        }
        nodes.next().is_some()
    }

    fn has_missing(&self) -> bool {
        false
    }
}
