//! A list as protobuf.
//!
//! Its envelope begins with its length. What fits in one chunk is written first and told then. A longer list
//! is gone through twice, once to measure and once to write: both see the same, since a moment never changes.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use prost::Message as _;

use crate::apiserver::groups::Dialect;
use crate::apiserver::negotiate::{Form, MetaVersion};
use crate::apiserver::protobuf::{self, Fields, ListFields, meta};
use crate::apiserver::resources::encoder::{Encoder, Told};
use crate::apiserver::resources::fields::Metadata;
use crate::apiserver::resources::list::ListMeta;
use crate::apiserver::resources::proto;
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::stream::{CHUNK_BYTES, CHUNK_CAPACITY_BYTES, Turns};
use crate::apiserver::resources::walk::Walk;

/// A list on its way into protobuf.
pub(super) struct ProtobufList<R> {
    entries: Entries<R>,
    /// Written already.
    meta: Vec<u8>,
    next: Step,
    /// Of the entries measured.
    length: usize,
    /// All of them, as long as that is little.
    whole: Option<BytesMut>,
    out: BytesMut,
}

/// What is told of each object, and of each that lacks.
struct Entries<R> {
    encoder: Encoder,
    walk: Walk,
    fields: ListFields,
    /// The one that is being written.
    entry: Fields,
    resource: PhantomData<R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Measure(Section),
    Write(Section),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Items,
    Missing,
}

impl<R: Resource> ProtobufList<R> {
    pub(super) fn new(encoder: Encoder, walk: Walk, meta: ListMeta) -> Self {
        let fields = match encoder.accepted.form {
            Form::Metadata { version: MetaVersion::V1beta1 } => ListFields::PARTIAL_V1BETA1,
            _ => ListFields::COMMON,
        };
        let meta = meta::ListMeta {
            resource_version: meta.resource_version.to_string(),
            r#continue: meta.r#continue,
            remaining_item_count: None,
        };
        let entries = Entries { encoder, walk, fields, entry: Fields::new(), resource: PhantomData };
        Self {
            entries,
            meta: meta.encode_to_vec(),
            next: Step::Measure(Section::Items),
            length: 0,
            whole: Some(BytesMut::new()),
            out: BytesMut::with_capacity(CHUNK_CAPACITY_BYTES),
        }
    }

    fn measure(&mut self, section: Section) -> bool {
        let Self { entries, length, whole, .. } = self;
        entries.turn(section, |number, entry| {
            *length += protobuf::field_len(number, entry);
            *whole = whole.take().filter(|_| *length <= CHUNK_BYTES);
            if let Some(whole) = whole {
                protobuf::put_field(whole, number, entry);
            }
        })
    }

    fn write(&mut self, section: Section) -> bool {
        let Self { entries, out, .. } = self;
        entries.turn(section, |number, entry| protobuf::put_field(out, number, entry))
    }

    fn head(&mut self) {
        let Entries { encoder, fields, .. } = &self.entries;
        let length = self.length + protobuf::field_len(fields.metadata, &self.meta);
        let (group_version, kind) = match encoder.accepted.form {
            Form::Metadata { version } => (version.group_version(), "PartialObjectMetadataList".to_owned()),
            Form::Whole | Form::Table { .. } => (encoder.group_version.as_str(), format!("{}List", R::TYPE.kind)),
        };
        self.out.put_slice(&protobuf::envelope_head(group_version, &kind, length));
        protobuf::put_field(&mut self.out, fields.metadata, &self.meta);
    }
}

impl<R: Resource> Entries<R> {
    /// Goes on, and tells of each entry its number and what is in it. Returns whether there are more.
    fn turn(&mut self, section: Section, mut tell: impl FnMut(u32, &[u8])) -> bool {
        let Self { encoder, walk, fields, entry, .. } = self;
        let moment = Arc::clone(&walk.range.moment);
        walk.turn::<R>(|subject, answer| match (section, answer) {
            (Section::Items, Ok(answer)) => {
                let resource_version = moment.tag.served(R::revision(subject, &answer));
                let told = Told::<R> { moment: &moment, subject, answer: &answer, resource_version };
                encoder.message(entry.clear(), &told);
                tell(fields.items, entry.bytes());
            }
            (Section::Missing, Err(absence)) if absence.cause.is_unexpected() => {
                let Metadata { namespace, name, .. } = R::metadata(subject);
                proto::missing(entry.clear(), namespace, name, &absence);
                tell(fields.missing, entry.bytes());
            }
            _ => {}
        })
    }

    fn tells_missing(&self) -> bool {
        self.encoder.dialect == Dialect::Own && self.encoder.accepted.form == Form::Whole
    }
}

impl<R: Resource> Turns for ProtobufList<R> {
    fn turn(&mut self) -> bool {
        let next = self.next;
        self.next = match next {
            Step::Measure(section) if self.measure(section) => Step::Measure(section),
            Step::Measure(Section::Items) if self.entries.tells_missing() => Step::Measure(Section::Missing),
            Step::Measure(_) => {
                self.head();
                if let Some(whole) = self.whole.take() {
                    self.out.put_slice(&whole);
                    return false;
                }
                Step::Write(Section::Items)
            }
            Step::Write(section) if self.write(section) => Step::Write(section),
            Step::Write(Section::Items) if self.entries.tells_missing() => Step::Write(Section::Missing),
            Step::Write(_) => return false,
        };
        true
    }

    fn written(&mut self) -> &mut BytesMut {
        &mut self.out
    }
}
