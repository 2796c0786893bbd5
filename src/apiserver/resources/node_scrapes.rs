//! `nodescrapes`: how the last request to each kubelet went, in our own group.

use std::ops::Bound;
use std::sync::Arc;

use crate::apiserver::groups::{Dialect, NODE_SCRAPES, ResourceType};
use crate::apiserver::protobuf::Fields;
use crate::apiserver::resources::absence::Absence;
use crate::apiserver::resources::fields::Metadata;
use crate::apiserver::resources::join::{Completeness, Moment};
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::nodes::Nodes;
use crate::apiserver::resources::proto;
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::table::{self, Column};
use crate::clock::UnixMillis;
use crate::cluster::{Node, View};
use crate::store::NodeRecord;
use crate::usage::{PodKey, Rejected};

/// The resource.
pub(crate) struct NodeScrapes;

/// How the last request to a kubelet went.
pub(crate) struct ScrapeAnswer<'m> {
    created: UnixMillis,
    /// `None` before the first one.
    record: Option<&'m NodeRecord>,
    /// Pods that are served without a container that the kubelet does not report.
    partial: Vec<PodKey>,
}

impl Resource for NodeScrapes {
    const TYPE: ResourceType = NODE_SCRAPES;
    const UNKNOWN: &'static str = "nodescrapes";

    type Subject = Node;
    type Answer<'m> = ScrapeAnswer<'m>;

    fn starting_at(view: &View, start: Bound<PodKey>) -> impl Iterator<Item = &Arc<Node>> + Send {
        Nodes::starting_at(view, start)
    }

    fn find<'v>(view: &'v View, key: &PodKey) -> Option<&'v Arc<Node>> {
        Nodes::find(view, key)
    }

    fn key(node: &Node) -> PodKey {
        Nodes::key(node)
    }

    fn metadata(node: &Node) -> Metadata<'_> {
        Nodes::metadata(node)
    }

    fn answer<'m>(moment: &'m Moment, _: Dialect, node: &'m Node) -> Result<ScrapeAnswer<'m>, Absence<'m>> {
        let record = moment.snapshot.node(&node.name);
        let partial = record.map(|record| partial_pods(moment, record)).unwrap_or_default();
        Ok(ScrapeAnswer { created: node.created, record, partial })
    }

    fn revision(node: &Node, answer: &ScrapeAnswer<'_>) -> u64 {
        node.revision.max(answer.record.map_or(0, |record| record.revision))
    }

    fn json(json: &mut Json, _: Dialect, answer: &ScrapeAnswer<'_>) {
        if let Some(record) = answer.record {
            write_record(json, record);
        } else {
            json.key("outcome").string("Pending");
            json.key("since").time(answer.created);
        }
        if !answer.partial.is_empty() {
            json.key("partialPods").array(|json| answer.partial.iter().for_each(|pod| json.string(&pod.to_string())));
        }
    }

    fn columns(_: Dialect) -> &'static [Column] {
        table::SCRAPE_COLUMNS
    }

    fn cells(json: &mut Json, _: Dialect, node: &Node, answer: &ScrapeAnswer<'_>, moment: &Moment) {
        table::scrape_cells(json, node, answer.record, moment.now);
    }

    fn protobuf(object: &mut Fields, _: Dialect, node: &Node, answer: &ScrapeAnswer<'_>) {
        proto::scrape(object, node.created, answer.record, &answer.partial);
    }
}

/// Only a pod that the kubelet reports can lack one of its containers for good.
fn partial_pods(moment: &Moment, record: &NodeRecord) -> Vec<PodKey> {
    let reported = record.pods().iter().filter_map(|reported| moment.view.pod(&reported.key));
    let is_partial = |answer: Completeness| answer == Completeness::Settled;
    reported
        .filter(|pod| moment.pod(pod).is_ok_and(|answer| is_partial(answer.completeness)))
        .map(|pod| pod.key.clone())
        .collect()
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
