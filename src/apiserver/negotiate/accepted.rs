//! The encoding and the form of an answer about objects.

use http::HeaderMap;

use crate::apiserver::negotiate::JSON;
use crate::apiserver::negotiate::accept::{Clause, clauses};
use crate::apiserver::negotiate::pretty::wants_pretty;
use crate::apiserver::status::Status;

const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const PROTOBUF_WATCH: &str = "application/vnd.kubernetes.protobuf;stream=watch";

/// What a 406 says that we make, best first.
const OFFERED: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
const OFFERED_TO_WATCH: &str = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Encoding {
    Json,
    Yaml,
    /// Behind the four bytes by which Kubernetes marks it.
    Protobuf,
}

/// Versions of `meta.k8s.io`, whose forms of an object are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MetaVersion {
    V1,
    V1beta1,
}

/// What of an object is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// All of it.
    Whole,
    /// As rows and columns for a person.
    Table { version: MetaVersion },
    /// `PartialObjectMetadata`, or a list of them.
    Metadata { version: MetaVersion },
}

/// What an answer consists of; says which forms of it there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One object, or one at a time, as in a watch.
    Object,
    /// A list.
    List,
}

/// What a client takes, of what we make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Accepted {
    pub(crate) encoding: Encoding,
    pub(crate) form: Form,
    /// Whether JSON is to be indented.
    pub(crate) pretty: bool,
}

/// Chooses for an answer of one of `shapes`.
pub(crate) fn accepted(headers: &HeaderMap, query: &str, shapes: &[Shape]) -> Result<Accepted, Status> {
    let encodings = [Encoding::Json, Encoding::Yaml, Encoding::Protobuf];
    choose(headers, query, shapes, &encodings).ok_or_else(|| Status::not_acceptable(OFFERED))
}

/// Chooses for a watch, whose events carry one object each; YAML has no frames to put them in.
pub(crate) fn accepted_by_watch(headers: &HeaderMap, query: &str) -> Result<Accepted, Status> {
    let choice = choose(headers, query, &[Shape::Object], &[Encoding::Json, Encoding::Protobuf]);
    choice.ok_or_else(|| Status::not_acceptable(OFFERED_TO_WATCH))
}

/// Chooses for a `Status`, which has one form and is told even to those who accept nothing of ours.
pub(crate) fn accepted_by_status(headers: &HeaderMap, query: &str) -> Accepted {
    accepted(headers, query, &[]).unwrap_or_else(|_| Accepted {
        encoding: Encoding::Json,
        form: Form::Whole,
        pretty: wants_pretty(headers, query),
    })
}

impl Accepted {
    /// Of an answer that is one document.
    pub(crate) const fn content_type(self) -> &'static str {
        self.encoding.media_type()
    }

    /// Of a stream of events.
    pub(crate) const fn watch_content_type(self) -> &'static str {
        match self.encoding {
            Encoding::Protobuf => PROTOBUF_WATCH,
            // Lines of JSON are what clients expect without being told.
            encoding => encoding.media_type(),
        }
    }
}

impl Encoding {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Yaml => YAML,
            Self::Protobuf => PROTOBUF,
        }
    }
}

impl MetaVersion {
    /// As in `apiVersion`.
    pub(crate) const fn group_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// The first pair of a clause and an encoding that go together.
fn choose(headers: &HeaderMap, query: &str, shapes: &[Shape], encodings: &[Encoding]) -> Option<Accepted> {
    clauses(headers).iter().find_map(|clause| {
        let mut taken = encodings.iter().filter(|encoding| clause.takes(encoding.media_type()));
        let (encoding, form) = taken.find_map(|&encoding| Some((encoding, form(clause, encoding, shapes)?)))?;
        let pretty =
            encoding == Encoding::Json && (clause.parameter("pretty") == Some("1") || wants_pretty(headers, query));
        Some(Accepted { encoding, form, pretty })
    })
}

/// The form that a clause asks for, if there is one in this encoding and of these shapes.
fn form(clause: &Clause<'_>, encoding: Encoding, shapes: &[Shape]) -> Option<Form> {
    let known = |key, value| clause.parameter(key).is_none_or(|asked| asked == value);
    if !known("stream", "watch") || !known("sv", "v1") {
        return None;
    }
    let (group, version, kind) = (clause.parameter("g"), clause.parameter("v"), clause.parameter("as"));
    let version = match (group, version, kind) {
        (None, None, None) => return Some(Form::Whole),
        (Some("meta.k8s.io"), Some("v1"), _) => MetaVersion::V1,
        (Some("meta.k8s.io"), Some("v1beta1"), _) => MetaVersion::V1beta1,
        _ => return None,
    };
    let is_made = |shape| shapes.contains(&shape);
    match kind? {
        // Cells may hold anything, for which protobuf has no message.
        "Table" if !shapes.is_empty() && encoding != Encoding::Protobuf => Some(Form::Table { version }),
        "PartialObjectMetadata" if is_made(Shape::Object) => Some(Form::Metadata { version }),
        "PartialObjectMetadataList" if is_made(Shape::List) => Some(Form::Metadata { version }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
