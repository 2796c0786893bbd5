//! Events on the wire: lines of JSON, or length-delimited protobuf.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::apiserver::negotiate::{Encoding, Form, MetaVersion};
use crate::apiserver::protobuf::{self, Fields};
use crate::apiserver::resources::encoder::Encoder;
use crate::apiserver::resources::fields;
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::table;
use crate::apiserver::status::Status;

/// By this annotation a client knows that it has been told all there was.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What an event says of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// Writes the events of one watch.
pub(super) struct Frames {
    encoding: Encoding,
    form: Form,
    group_version: String,
    kind: &'static str,
    /// Of a table: told with its first event, which clients remember.
    columns: Bytes,
    /// How many they are.
    width: usize,
}

impl EventType {
    const fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Error => "ERROR",
        }
    }
}

impl Frames {
    pub(super) fn of<R: Resource>(encoder: &Encoder) -> Self {
        let mut columns = Json::default();
        let definitions = R::columns(encoder.dialect);
        table::column_definitions(&mut columns, definitions);
        Self {
            encoding: encoder.accepted.encoding,
            form: encoder.accepted.form,
            group_version: encoder.group_version.clone(),
            kind: R::TYPE.kind,
            columns: columns.take(),
            width: definitions.len(),
        }
    }

    /// An event about an object, or a table's row, that an [`Encoder`] has written.
    pub(super) fn put(&mut self, out: &mut BytesMut, event: EventType, object: &[u8], resource_version: u64) {
        match self.form {
            Form::Table { version } => {
                let table = self.table(version, resource_version, object);
                self.frame(out, event, &table);
            }
            Form::Whole | Form::Metadata { .. } => self.frame(out, event, object),
        }
    }

    /// How far the watch has come.
    pub(super) fn put_bookmark(&mut self, out: &mut BytesMut, resource_version: u64, is_initial_end: bool) {
        let object = match (self.encoding, self.form) {
            (Encoding::Protobuf, _) => self.protobuf_bookmark(resource_version, is_initial_end),
            (_, Form::Table { version }) => {
                let row = if is_initial_end { self.end_row(version, resource_version) } else { Bytes::new() };
                self.table(version, resource_version, &row)
            }
            _ => self.json_bookmark(resource_version, is_initial_end),
        };
        self.frame(out, EventType::Bookmark, &object);
    }

    /// Why the watch ends.
    pub(super) fn put_error(&self, out: &mut BytesMut, status: &Status) {
        let object = if self.encoding == Encoding::Protobuf { status.envelope() } else { status.json() };
        self.frame(out, EventType::Error, &object);
    }

    fn frame(&self, out: &mut BytesMut, event: EventType, object: &[u8]) {
        if self.encoding == Encoding::Protobuf {
            out.put_slice(&protobuf::watch_frame(event.name(), object));
            return;
        }
        out.put_slice(b"{\"type\":\"");
        out.put_slice(event.name().as_bytes());
        out.put_slice(b"\",\"object\":");
        out.put_slice(object.trim_ascii_end());
        out.put_slice(b"}\n");
    }

    fn table(&mut self, version: MetaVersion, resource_version: u64, row: &[u8]) -> Bytes {
        let columns = std::mem::take(&mut self.columns);
        let mut json = Json::default();
        json.object(|json| {
            fields::type_meta(json, "Table", version.group_version());
            fields::list_meta(json, resource_version, "");
            json.key("columnDefinitions").raw(if columns.is_empty() { b"[]" } else { &columns });
            json.raw(b",\"rows\":[");
            json.raw(row);
            json.raw(b"]");
        });
        json.take()
    }

    /// `kind` and `apiVersion` of an object of this watch.
    fn type_meta(&self) -> (&str, &str) {
        match self.form {
            Form::Metadata { version } => ("PartialObjectMetadata", version.group_version()),
            Form::Whole | Form::Table { .. } => (self.kind, &self.group_version),
        }
    }

    /// A table has no annotations, but its rows' objects have.
    fn end_row(&self, version: MetaVersion, resource_version: u64) -> Bytes {
        let mut json = Json::default();
        json.object(|json| {
            json.key("cells").array(|json| (0..self.width).for_each(|_| json.null()));
            json.key("object").raw(&bookmark("PartialObjectMetadata", version.group_version(), resource_version, true));
        });
        json.take()
    }

    fn json_bookmark(&self, resource_version: u64, is_initial_end: bool) -> Bytes {
        let (kind, group_version) = self.type_meta();
        bookmark(kind, group_version, resource_version, is_initial_end)
    }

    /// All kinds have their metadata in the same place, and a bookmark has no more.
    fn protobuf_bookmark(&self, resource_version: u64, is_initial_end: bool) -> Bytes {
        let (kind, group_version) = self.type_meta();
        let mut object = Fields::new();
        object.message(1, |metadata| {
            metadata.digits(6, resource_version);
            if is_initial_end {
                metadata.message(12, |annotation| {
                    annotation.string(1, INITIAL_EVENTS_END);
                    annotation.string(2, "true");
                });
            }
        });
        protobuf::envelope(group_version, kind, object.bytes()).into()
    }
}

/// An object that says how far the watch has come, and nothing else.
fn bookmark(kind: &str, group_version: &str, resource_version: u64, is_initial_end: bool) -> Bytes {
    let mut json = Json::default();
    json.object(|json| {
        fields::type_meta(json, kind, group_version);
        json.key("metadata").object(|json| {
            json.key("resourceVersion").quoted_number(resource_version);
            if is_initial_end {
                json.key("annotations").object(|json| json.member(INITIAL_EVENTS_END, "true"));
            }
        });
    });
    json.take()
}
