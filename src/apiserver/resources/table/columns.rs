//! The columns of each kind.

use crate::apiserver::groups::Dialect;
use crate::apiserver::resources::json::Json;

/// What the cells below one heading are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// The heading.
    name: &'static str,
    /// Of every cell, as OpenAPI names types.
    data_type: &'static str,
    /// `name` for the column by which clients know the object; else empty.
    format: &'static str,
    description: &'static str,
    /// 0 is always shown, higher ones where there is room.
    priority: u64,
}

/// Columns of `nodes`.
pub(crate) const fn node_columns(dialect: Dialect) -> &'static [Column] {
    match dialect {
        Dialect::Own => const { &[NAME, CPU, MEMORY, FRESHNESS, WINDOW, wide(SAMPLE_AGE), wide(SOURCE)] },
        Dialect::Plain => const { &[NAME, CPU, MEMORY, WINDOW, wide(SAMPLE_AGE)] },
    }
}

/// Columns of `pods`.
pub(crate) const fn pod_columns(dialect: Dialect) -> &'static [Column] {
    match dialect {
        Dialect::Own => {
            const { &[NAME, CONTAINERS, CPU_SUM, MEMORY_SUM, FRESHNESS, wide(NODE), wide(WINDOW), wide(SAMPLE_AGE)] }
        }
        Dialect::Plain => const { &[NAME, CPU_SUM, MEMORY_SUM, WINDOW, wide(SAMPLE_AGE)] },
    }
}

/// Columns of `nodescrapes`.
pub(crate) const SCRAPE_COLUMNS: &[Column] =
    &[NAME, OUTCOME, REASON, LAST_ATTEMPT, DURATION, wide(ADDRESS), wide(BODY), wide(REJECTED)];

const NAME: Column =
    Column { format: "name", ..text("Name", "Name of the object; the same as that of the node or pod it is about.") };
const CPU: Column = text("CPU", "Cores in use on average over the window, in thousandths, rounded up.");
const CPU_SUM: Column = text("CPU", "Cores that the containers together use on average, in thousandths, rounded up.");
const MEMORY: Column = text("Memory", "Bytes of the working set when the last sample was taken.");
const MEMORY_SUM: Column = text("Memory", "Bytes of all containers' working sets when the last samples were taken.");
const WINDOW: Column = text("Window", "Time between the two samples from which CPU was measured.");
const SAMPLE_AGE: Column = text("Sample Age", "Time since the sample was taken, by the node's clock.");
const SOURCE: Column = text("Source", "What CPU was measured by: our samples, or the kubelet's own rate at first.");
const FRESHNESS: Column =
    text("Freshness", "Fresh, or Stale if the numbers were kept because newer ones could not be read.");
const CONTAINERS: Column = text("Containers", "Running containers that are measured, of all that run.");
const NODE: Column = text("Node", "Name of the node that the pod runs on.");
const OUTCOME: Column = text("Outcome", "How the last request to the kubelet went; Pending before the first.");
const REASON: Column = text("Reason", "Why the last request failed, in one word.");
const LAST_ATTEMPT: Column = text("Last Attempt", "Time since the kubelet was last asked.");
const DURATION: Column = text("Duration", "How long the last request took, retries included.");
const ADDRESS: Column = text("Address", "Address and port of the kubelet that was asked.");
const BODY: Column = text("Body", "Bytes of the last answer's body, as received.");
const REJECTED: Column = Column {
    data_type: "integer",
    ..text("Rejected Lines", "Lines of the last answer that were not understood and left out.")
};

/// Writes the value of `columnDefinitions`.
pub(crate) fn column_definitions(json: &mut Json, columns: &[Column]) {
    json.array(|json| {
        for column in columns {
            json.object(|json| {
                json.key("name").string(column.name);
                json.key("type").string(column.data_type);
                json.key("format").string(column.format);
                json.key("description").string(column.description);
                json.key("priority").number(column.priority);
            });
        }
    });
}

const fn text(name: &'static str, description: &'static str) -> Column {
    Column { name, data_type: "string", format: "", description, priority: 0 }
}

const fn wide(column: Column) -> Column {
    Column { priority: 1, ..column }
}
