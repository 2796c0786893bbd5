//! `nodes`: usage of nodes, in all groups.

use std::ops::Bound;
use std::sync::Arc;

use crate::apiserver::groups::{Dialect, NODES, ResourceType};
use crate::apiserver::protobuf::Fields;
use crate::apiserver::resources::absence::{Absence, Cause};
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::fields::{self, Metadata};
use crate::apiserver::resources::join::{Moment, NodeAnswer};
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::table::{self, Column};
use crate::apiserver::resources::{proto, watch};
use crate::apiserver::status::Status;
use crate::cluster::{Node, View};
use crate::usage::{NodeName, PodKey};
use axum::response::Response;

/// The resource.
pub(crate) struct Nodes;

impl Resource for Nodes {
    const TYPE: ResourceType = NODES;
    const UNKNOWN: &'static str = "nodemetrics";

    type Subject = Node;
    type Answer<'m> = NodeAnswer;

    fn starting_at(view: &View, start: Bound<PodKey>) -> impl Iterator<Item = &Arc<Node>> + Send {
        view.nodes_from(start.map(|key| NodeName::from(key.name)))
    }

    fn find<'v>(view: &'v View, key: &PodKey) -> Option<&'v Arc<Node>> {
        view.node(&key.name)
    }

    fn key(node: &Node) -> PodKey {
        PodKey { namespace: Arc::default(), name: node.name.shared() }
    }

    fn metadata(node: &Node) -> Metadata<'_> {
        Metadata { name: node.name.as_str(), namespace: None, created: node.created, labels: &node.labels }
    }

    fn answer<'m>(moment: &'m Moment, dialect: Dialect, node: &'m Node) -> Result<NodeAnswer, Absence<'m>> {
        let answer = moment.node(node)?;
        if dialect == Dialect::Plain && answer.usage.cpu.is_none() {
            return Err(Absence { cause: Cause::AwaitingSecondSample, since: answer.usage.time });
        }
        Ok(answer)
    }

    fn revision(node: &Node, answer: &NodeAnswer) -> u64 {
        node.revision.max(answer.record_revision)
    }

    fn json(json: &mut Json, dialect: Dialect, answer: &NodeAnswer) {
        fields::times(json, answer.usage.time, answer.usage.window);
        fields::freshness(json, dialect, answer.freshness);
        fields::usage(json, dialect, &answer.usage);
    }

    fn columns(dialect: Dialect) -> &'static [Column] {
        table::node_columns(dialect)
    }

    fn cells(json: &mut Json, dialect: Dialect, node: &Node, answer: &NodeAnswer, moment: &Moment) {
        table::node_cells(json, dialect, node, answer, moment.now);
    }

    fn protobuf(object: &mut Fields, dialect: Dialect, _: &Node, answer: &NodeAnswer) {
        proto::node(object, dialect, answer);
    }

    fn watch(call: &Call<'_>) -> Result<Response, Status> {
        watch::answer::<Self>(call)
    }
}
