//! The objects that we answer with, field by field. What only our own group tells is marked so.

use super::definition::{Definition, Field, Form, Kind};
use super::kubernetes::{API_VERSION, DURATION, KIND, LIST_META, OBJECT_META, QUANTITY, TIME};

/// The types that stand alone.
pub(super) static KINDS: [&Definition; 6] =
    [&NODE_METRICS, &NODE_METRICS_LIST, &POD_METRICS, &POD_METRICS_LIST, &NODE_SCRAPE, &NODE_SCRAPE_LIST];

static AMOUNT: Kind = Kind::Of(&QUANTITY);
static MISSING_ENTRY: Kind = Kind::Of(&MISSING);

const METADATA: Field = Field::new("metadata", Kind::Of(&OBJECT_META), "Whom it tells about.").required();
const LIST_METADATA: Field = Field::new("metadata", Kind::Of(&LIST_META), "What the list is made from.").required();
const FRESHNESS: Field = Field::new(
    "freshness",
    Kind::Word(&["Fresh", "Stale"]),
    "Fresh is the newest that the kubelet has; Stale was kept over scrapes that failed since.",
)
.required()
.own();
const USAGE: Field = Field::new(
    "usage",
    Kind::Map(&AMOUNT),
    "What is used: cpu as the average rate over the window, memory as the working set at the timestamp. What is not \
     known is absent, never 0.",
)
.required();
const SOURCE: Field = Field::new(
    "source",
    Kind::Word(&["Kubelet"]),
    "Where the CPU rate is from, if it is not from two samples of ours: the kubelet reckoned it.",
)
.own();
const REASON: Field = Field::new("reason", Kind::Text, "Why some usage is absent, in one word for a program.").own();
const MESSAGE: Field = Field::new("message", Kind::Text, "Why some usage is absent, for a person.").own();
const MISSING_LIST: Field = Field::new(
    "missing",
    Kind::List(&MISSING_ENTRY),
    "What the list should hold and does not, each with the reason. Absent if nothing is missing.",
)
.own();

static NODE_METRICS: Definition = Definition {
    name: "NodeMetrics",
    package: None,
    is_kind: true,
    description: "Resource usage of a node.",
    form: Form::Object(&[
        API_VERSION,
        KIND,
        METADATA,
        Field::new("timestamp", Kind::Of(&TIME), "When the usage was sampled; the end of the window.").required(),
        Field::new("window", Kind::Of(&DURATION), "Time between the two samples that the CPU rate is from.").required(),
        FRESHNESS,
        USAGE,
        SOURCE,
        REASON,
        MESSAGE,
    ]),
};

static NODE_METRICS_LIST: Definition = Definition {
    name: "NodeMetricsList",
    package: None,
    is_kind: true,
    description: "Resource usage of nodes, ordered by name.",
    form: Form::Object(&[
        API_VERSION,
        KIND,
        LIST_METADATA,
        Field::new("items", Kind::List(&Kind::Of(&NODE_METRICS)), "The nodes whose usage is known.").required(),
        MISSING_LIST,
    ]),
};

static POD_METRICS: Definition = Definition {
    name: "PodMetrics",
    package: None,
    is_kind: true,
    description: "Resource usage of a pod, container by container.",
    form: Form::Object(&[
        API_VERSION,
        KIND,
        METADATA,
        Field::new("timestamp", Kind::Of(&TIME), "When the container that was sampled first was sampled.").required(),
        Field::new("window", Kind::Of(&DURATION), "Time between the two samples of that container.").required(),
        FRESHNESS,
        Field::new(
            "containers",
            Kind::List(&Kind::Of(&CONTAINER_METRICS)),
            "The containers that run, in the order of the pod's spec; those that ended are not among them.",
        )
        .required(),
    ]),
};

static POD_METRICS_LIST: Definition = Definition {
    name: "PodMetricsList",
    package: None,
    is_kind: true,
    description: "Resource usage of pods, ordered by namespace and name.",
    form: Form::Object(&[
        API_VERSION,
        KIND,
        LIST_METADATA,
        Field::new("items", Kind::List(&Kind::Of(&POD_METRICS)), "The pods whose usage is known.").required(),
        MISSING_LIST,
    ]),
};

static CONTAINER_METRICS: Definition = Definition {
    name: "ContainerMetrics",
    package: None,
    is_kind: false,
    description: "Resource usage of a container.",
    form: Form::Object(&[
        Field::new("name", Kind::Text, "Name of the container inside the pod.").required(),
        Field::new("timestamp", Kind::Of(&TIME), "When the usage was sampled: each container has its own clock.").own(),
        Field::new("window", Kind::Of(&DURATION), "Time between the two samples that the CPU rate is from.").own(),
        USAGE,
        SOURCE,
        REASON,
        MESSAGE,
    ]),
};

static MISSING: Definition = Definition {
    name: "Missing",
    package: None,
    is_kind: false,
    description: "A node or pod whose usage should be known and is not.",
    form: Form::Object(&[
        Field::new("namespace", Kind::Text, "Namespace of the pod."),
        Field::new("name", Kind::Text, "Name of the node or pod.").required(),
        Field::new("reason", Kind::Text, "Why, in one word for a program.").required(),
        Field::new("message", Kind::Text, "Why, for a person.").required(),
        Field::new("since", Kind::Of(&TIME), "Since when this is so.").required(),
    ]),
};

static NODE_SCRAPE: Definition = Definition {
    name: "NodeScrape",
    package: None,
    is_kind: true,
    description: "How the last request to a node's kubelet went.",
    form: Form::Object(&[
        API_VERSION,
        KIND,
        METADATA,
        Field::new("lastAttempt", Kind::Of(&TIME), "When the kubelet was asked last; absent if it never was."),
        Field::new("lastSuccess", Kind::Of(&TIME), "When the last request that succeeded was sent."),
        Field::new(
            "outcome",
            Kind::Word(&["Success", "Failed", "Pending"]),
            "How the last request went; Pending if the kubelet was not asked yet.",
        )
        .required(),
        Field::new("reason", Kind::Text, "Why it failed, in one word for a program."),
        Field::new("message", Kind::Text, "Why it failed, or which lines of a good answer were refused."),
        Field::new("since", Kind::Of(&TIME), "Since when requests have gone this way.").required(),
        Field::new("durationSeconds", Kind::Number, "How long the last request took, up to the last byte."),
        Field::new("bodyBytes", Kind::Integer, "Bytes of the last answer, as received."),
        Field::new("rejectedLines", Kind::Integer, "Lines of the last answer that could not be read."),
        Field::new("address", Kind::Text, "Address and port that were asked last."),
        Field::new(
            "partialPods",
            Kind::List(&Kind::Text),
            "Pods, as NAMESPACE/NAME, that are served without a container which the kubelet does not report.",
        ),
    ]),
};

static NODE_SCRAPE_LIST: Definition = Definition {
    name: "NodeScrapeList",
    package: None,
    is_kind: true,
    description: "How the last request to each node's kubelet went, ordered by node.",
    form: Form::Object(&[
        API_VERSION,
        KIND,
        LIST_METADATA,
        Field::new("items", Kind::List(&Kind::Of(&NODE_SCRAPE)), "All nodes.").required(),
    ]),
};

pub(super) static HEALTH: Definition = Definition {
    name: "Health",
    package: None,
    is_kind: false,
    description: "Says that the server is well.",
    form: Form::Object(&[Field::new("text", Kind::Text, "That it is, for a person.").required()]),
};
