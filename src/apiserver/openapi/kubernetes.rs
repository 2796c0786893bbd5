//! Types that are Kubernetes' own, as far as we fill them.

use super::definition::{Definition, Field, Form, Kind};

const META: Option<&str> = Some("io.k8s.apimachinery.pkg.apis.meta.v1");
const RESOURCE: Option<&str> = Some("io.k8s.apimachinery.pkg.api.resource");

/// `apiVersion` of an object that stands alone.
pub(super) const API_VERSION: Field =
    Field::new("apiVersion", Kind::Text, "Group and version of this form of the object. Items of a list lack it.");

/// `kind` of an object that stands alone.
pub(super) const KIND: Field =
    Field::new("kind", Kind::Text, "The type of the object, in CamelCase. Items of a list lack it.");

pub(super) static TIME: Definition = Definition {
    name: "Time",
    package: META,
    is_kind: false,
    description: "A point in time in UTC, to the second.",
    form: Form::Text(Some("date-time")),
};

pub(super) static DURATION: Definition = Definition {
    name: "Duration",
    package: META,
    is_kind: false,
    description: "A length of time as Go writes it: 15s, 1m0.5s.",
    form: Form::Text(None),
};

pub(super) static QUANTITY: Definition = Definition {
    name: "Quantity",
    package: RESOURCE,
    is_kind: false,
    description: "An amount with a unit. CPU is in cores, where 100m is a tenth of one and 1000000n a thousandth; \
                  memory is in bytes, where 1Ki is 1024 and 1Mi 1024 times that.",
    form: Form::Text(None),
};

pub(super) static OBJECT_META: Definition = Definition {
    name: "ObjectMeta",
    package: META,
    is_kind: false,
    description: "What every object has. Usage has the metadata of the node or pod that it tells about.",
    form: Form::Object(&[
        Field::new("name", Kind::Text, "Name, unique inside its namespace, or in the cluster where there is none."),
        Field::new("namespace", Kind::Text, "The namespace that the object is in; nodes are in none."),
        Field::new(
            "resourceVersion",
            Kind::Text,
            "The state of the server that the answer was made from. To be compared with others for equality alone.",
        ),
        Field::new("creationTimestamp", Kind::Of(&TIME), "When the node or pod was created."),
        Field::new("labels", Kind::Map(&Kind::Text), "Labels of the node or pod, which label selectors look at."),
        Field::new(
            "annotations",
            Kind::Map(&Kind::Text),
            "Only in bookmarks of a watch: what the bookmark stands for.",
        ),
    ]),
};

pub(super) static LIST_META: Definition = Definition {
    name: "ListMeta",
    package: META,
    is_kind: false,
    description: "What every list has.",
    form: Form::Object(&[
        Field::new("resourceVersion", Kind::Text, "The state of the server that all items are from."),
        Field::new(
            "continue",
            Kind::Text,
            "There is more: ask again with this as the parameter of the same name. Good for a short time.",
        ),
    ]),
};

pub(super) static STATUS: Definition = Definition {
    name: "Status",
    package: META,
    is_kind: true,
    description: "Why a request was not answered with what it asked for.",
    form: Form::Object(&[
        API_VERSION,
        KIND,
        Field::new("metadata", Kind::Of(&LIST_META), "Empty."),
        Field::new("status", Kind::Word(&["Failure"]), "How the request went."),
        Field::new("message", Kind::Text, "What went wrong, for a person."),
        Field::new("reason", Kind::Text, "What went wrong, in one word for a program."),
        Field::new("details", Kind::Of(&STATUS_DETAILS), "What the refusal is about."),
        Field::new("code", Kind::Integer, "The HTTP status code."),
    ]),
};

static STATUS_DETAILS: Definition = Definition {
    name: "StatusDetails",
    package: META,
    is_kind: false,
    description: "What a refusal is about.",
    form: Form::Object(&[
        Field::new("name", Kind::Text, "Name of the object that was asked for."),
        Field::new("group", Kind::Text, "API group of the object."),
        Field::new("kind", Kind::Text, "The resource that was asked for."),
        Field::new("causes", Kind::List(&Kind::Of(&STATUS_CAUSE)), "Each single thing that is wrong."),
        Field::new("retryAfterSeconds", Kind::Integer, "After so many seconds it is worth asking again."),
    ]),
};

static STATUS_CAUSE: Definition = Definition {
    name: "StatusCause",
    package: META,
    is_kind: false,
    description: "One thing that is wrong.",
    form: Form::Object(&[
        Field::new("reason", Kind::Text, "What it is, in one word for a program."),
        Field::new("message", Kind::Text, "What it is, for a person."),
        Field::new("field", Kind::Text, "The field or parameter that it is about."),
    ]),
};
