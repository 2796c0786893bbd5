//! A list as protobuf.
//!
//! Its envelope begins with its length, so the list is gone through twice: once to measure, once to
//! write. Both see the same, since a moment never changes.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use prost::Message as _;

use crate::apiserver::groups::Dialect;
use crate::apiserver::negotiate::{Form, MetaVersion};
use crate::apiserver::protobuf::{self, Fields, ListFields, meta};
use crate::apiserver::resources::absence::Absence;
use crate::apiserver::resources::encoder::{Encoder, Told};
use crate::apiserver::resources::fields::Metadata;
use crate::apiserver::resources::list::ListMeta;
use crate::apiserver::resources::proto;
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::stream::{CHUNK_CAPACITY_BYTES, Turns};
use crate::apiserver::resources::walk::Walk;

/// A list on its way into protobuf.
pub(super) struct ProtobufList<R> {
    encoder: Encoder,
    walk: Walk,
    /// Written already.
    meta: Vec<u8>,
    fields: ListFields,
    /// The entry that is being written.
    entry: Fields,
    out: BytesMut,
    next: Step,
    /// Of the entries measured.
    length: usize,
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
        Self {
            encoder,
            walk,
            meta: meta.encode_to_vec(),
            fields,
            entry: Fields::new(),
            out: BytesMut::with_capacity(CHUNK_CAPACITY_BYTES),
            next: Step::Measure(Section::Items),
            length: 0,
            resource: PhantomData,
        }
    }

    fn measure(&mut self, section: Section) -> bool {
        let Self { encoder, walk, fields, entry, length, .. } = self;
        let moment = Arc::clone(&walk.range.moment);
        walk.turn::<R>(|subject, answer| match (section, answer) {
            (Section::Items, Ok(answer)) => {
                let resource_version = moment.tag.served(R::revision(subject, &answer));
                let told = Told::<R> { moment: &moment, subject, answer: &answer, resource_version };
                encoder.message(entry.clear(), &told);
                *length += protobuf::field_len(fields.items, entry.bytes());
            }
            (Section::Missing, Err(absence)) if absence.cause.is_unexpected() => {
                missing(entry.clear(), &R::metadata(subject), &absence);
                *length += protobuf::field_len(fields.missing, entry.bytes());
            }
            _ => {}
        })
    }

    fn write(&mut self, section: Section) -> bool {
        let Self { encoder, walk, fields, entry, out, .. } = self;
        let moment = Arc::clone(&walk.range.moment);
        walk.turn::<R>(|subject, answer| match (section, answer) {
            (Section::Items, Ok(answer)) => {
                let resource_version = moment.tag.served(R::revision(subject, &answer));
                let told = Told::<R> { moment: &moment, subject, answer: &answer, resource_version };
                encoder.message(entry.clear(), &told);
                protobuf::put_field(out, fields.items, entry.bytes());
            }
            (Section::Missing, Err(absence)) if absence.cause.is_unexpected() => {
                missing(entry.clear(), &R::metadata(subject), &absence);
                protobuf::put_field(out, fields.missing, entry.bytes());
            }
            _ => {}
        })
    }

    fn head(&mut self) {
        let length = self.length + protobuf::field_len(self.fields.metadata, &self.meta);
        let (group_version, kind) = match self.encoder.accepted.form {
            Form::Metadata { version } => (version.group_version(), "PartialObjectMetadataList".to_owned()),
            Form::Whole | Form::Table { .. } => (self.encoder.group_version.as_str(), format!("{}List", R::TYPE.kind)),
        };
        self.out.put_slice(&protobuf::envelope_head(group_version, &kind, length));
        protobuf::put_field(&mut self.out, self.fields.metadata, &self.meta);
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
            Step::Measure(Section::Items) if self.tells_missing() => Step::Measure(Section::Missing),
            Step::Measure(_) => {
                self.head();
                Step::Write(Section::Items)
            }
            Step::Write(section) if self.write(section) => Step::Write(section),
            Step::Write(Section::Items) if self.tells_missing() => Step::Write(Section::Missing),
            Step::Write(_) => return false,
        };
        true
    }

    fn written(&mut self) -> &mut BytesMut {
        &mut self.out
    }
}

fn missing(entry: &mut Fields, metadata: &Metadata<'_>, absence: &Absence<'_>) {
    proto::missing(entry, metadata.namespace, metadata.name, absence);
}
