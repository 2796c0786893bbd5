//! `nodes`: usage of nodes, in both groups.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::apiserver::content::Content;
use crate::apiserver::groups::{Dialect, NODES};
use crate::apiserver::list_options::ListOptions;
use crate::apiserver::resources::absence::{Absence, Cause};
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::fields::{self, Metadata};
use crate::apiserver::resources::join::{Moment, NodeAnswer};
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::list::{Rows, Section};
use crate::apiserver::status::Status;
use crate::cluster::Node;
use crate::usage::NodeName;

/// About 100 µs of work.
const ROWS_PER_TURN: usize = 128;

/// `…/nodes`
pub(crate) async fn list(State(content): State<Arc<Content>>, request: Request) -> Result<Response, Status> {
    let call = Call::of(&content, &request, "list", &NODES)?;
    let rows = NodeRows {
        moment: call.moment.clone(),
        dialect: call.group.dialect,
        group_version: call.group.group_version(),
        options: call.options()?,
        after: None,
        has_missing: false,
    };
    Ok(call.list(rows).await)
}

/// `…/nodes/NAME`
pub(crate) async fn get(State(content): State<Arc<Content>>, request: Request) -> Result<Response, Status> {
    let call = Call::of(&content, &request, "get", &NODES)?;
    let (name, dialect) = (&call.resource.name, call.group.dialect);
    let node = call.moment.view.node(name).ok_or_else(|| call.not_found("nodes", name))?;
    let answer = served(&call.moment, dialect, node).map_err(|absence| {
        let status = Status::not_found(&call.group.name, "nodemetrics", name);
        status.because(absence.cause.reason(), &absence.cause.to_string())
    })?;
    Ok(call.object(|json| {
        fields::type_meta(json, NODES.kind, &call.group.group_version());
        write(json, dialect, node, &answer, call.moment.resource_version());
    }))
}

/// A node's usage as far as `dialect` serves it.
fn served<'m>(moment: &'m Moment, dialect: Dialect, node: &'m Node) -> Result<NodeAnswer, Absence<'m>> {
    let answer = moment.node(node)?;
    if dialect == Dialect::Plain && answer.usage.cpu.is_none() {
        return Err(Absence { cause: Cause::AwaitingSecondSample, since: answer.usage.time });
    }
    Ok(answer)
}

fn write(json: &mut Json, dialect: Dialect, node: &Node, answer: &NodeAnswer, resource_version: u64) {
    let metadata = Metadata { name: node.name.as_str(), namespace: None, created: node.created, labels: &node.labels };
    fields::metadata(json, &metadata, resource_version);
    fields::times(json, answer.usage.time, answer.usage.window);
    fields::freshness(json, dialect, answer.freshness);
    fields::usage(json, dialect, &answer.usage);
}

struct NodeRows {
    moment: Moment,
    dialect: Dialect,
    group_version: String,
    options: ListOptions,
    after: Option<NodeName>,
    has_missing: bool,
}

impl Rows for NodeRows {
    fn head(&self, json: &mut Json) {
        fields::list_head(json, NODES.kind, &self.group_version, self.moment.resource_version());
    }

    fn turn(&mut self, section: Section, json: &mut Json) -> bool {
        let after = self.after.take();
        let mut nodes = self.moment.view.nodes_after(after.as_ref());
        for node in nodes.by_ref().take(ROWS_PER_TURN) {
            self.after = Some(node.name.clone());
            if !self.options.select("", node.name.as_str(), &node.labels) {
                continue;
            }
            match (section, served(&self.moment, self.dialect, node)) {
                (Section::Items, Ok(answer)) => {
                    json.object(|json| write(json, self.dialect, node, &answer, self.moment.resource_version()));
                }
                (Section::Items, Err(_)) => self.has_missing = true,
                (Section::Missing, Err(absence)) => fields::missing(json, None, node.name.as_str(), &absence),
                (Section::Missing, Ok(_)) => {}
            }
        }
        let more = nodes.next().is_some();
        if !more {
            self.after = None;
        }
        more
    }

    fn has_missing(&self) -> bool {
        self.has_missing && self.dialect == Dialect::Own
    }
}
