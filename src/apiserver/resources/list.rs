//! A list as text.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::BytesMut;

use crate::apiserver::groups::Dialect;
use crate::apiserver::negotiate::{Encoding, Form};
use crate::apiserver::resources::encoder::{Encoder, Told};
use crate::apiserver::resources::fields;
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::stream::{CHUNK_CAPACITY_BYTES, Turns};
use crate::apiserver::resources::text::Text;
use crate::apiserver::resources::walk::Walk;

/// What stands in a list's `metadata`.
#[derive(Clone, Debug)]
pub(super) struct ListMeta {
    /// As served.
    pub(super) resource_version: u64,
    /// Where to go on; empty at the end.
    pub(super) r#continue: String,
}

/// A list on its way into JSON or YAML.
pub(super) struct TextList<R> {
    encoder: Encoder,
    walk: Walk,
    meta: ListMeta,
    text: Text,
    next: Step,
    has_missing: bool,
    resource: PhantomData<R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Head,
    Items,
    Missing,
}

impl<R: Resource> TextList<R> {
    pub(super) fn new(encoder: Encoder, walk: Walk, meta: ListMeta) -> Self {
        let text = Text::new(encoder.accepted.encoding == Encoding::Yaml, CHUNK_CAPACITY_BYTES);
        Self { encoder, walk, meta, text, next: Step::Head, has_missing: false, resource: PhantomData }
    }

    fn head(&mut self) {
        let Self { encoder, meta, text, .. } = self;
        let ListMeta { resource_version, r#continue } = meta;
        text.begin(|json| match encoder.accepted.form {
            Form::Table { version } => encoder.table_head::<R>(json, version, *resource_version, r#continue),
            Form::Whole => {
                fields::type_meta(json, &format!("{}List", R::TYPE.kind), &encoder.group_version);
                fields::list_meta(json, *resource_version, r#continue);
            }
            Form::Metadata { version } => {
                fields::type_meta(json, "PartialObjectMetadataList", version.group_version());
                fields::list_meta(json, *resource_version, r#continue);
            }
        });
        text.open(if matches!(encoder.accepted.form, Form::Table { .. }) { "rows" } else { "items" });
    }

    fn items(&mut self) -> bool {
        let Self { encoder, walk, text, has_missing, .. } = self;
        let moment = Arc::clone(&walk.range.moment);
        walk.turn::<R>(|subject, answer| match answer {
            Ok(answer) => {
                let resource_version = moment.tag.served(R::revision(subject, &answer));
                let told = Told::<R> { moment: &moment, subject, answer: &answer, resource_version };
                text.entry(|json| encoder.entry(json, &told));
            }
            Err(absence) => *has_missing |= absence.cause.is_unexpected(),
        })
    }

    fn missing(&mut self) -> bool {
        let Self { walk, text, .. } = self;
        walk.turn::<R>(|subject, answer| {
            if let Err(absence) = answer
                && absence.cause.is_unexpected()
            {
                let metadata = R::metadata(subject);
                text.entry(|json| fields::missing(json, metadata.namespace, metadata.name, &absence));
            }
        })
    }

    fn tells_missing(&self) -> bool {
        self.has_missing && self.encoder.dialect == Dialect::Own && self.encoder.accepted.form == Form::Whole
    }
}

impl<R: Resource> Turns for TextList<R> {
    fn turn(&mut self) -> bool {
        let next = self.next;
        self.next = match next {
            Step::Head => {
                self.head();
                Step::Items
            }
            Step::Items if self.items() => Step::Items,
            Step::Items if self.tells_missing() => {
                self.text.close();
                self.text.open("missing");
                Step::Missing
            }
            Step::Missing if self.missing() => Step::Missing,
            Step::Items | Step::Missing => {
                self.text.close();
                self.text.end();
                return false;
            }
        };
        true
    }

    fn written(&mut self) -> &mut BytesMut {
        self.text.written()
    }
}
