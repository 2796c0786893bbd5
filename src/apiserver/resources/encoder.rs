//! An object in the encoding and form that a client takes.

use bytes::Bytes;

use crate::apiserver::groups::Dialect;
use crate::apiserver::negotiate::{Accepted, Encoding, Form, IncludeObject, MetaVersion};
use crate::apiserver::protobuf::{self, Fields};
use crate::apiserver::resources::fields;
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::json::{Json, indent};
use crate::apiserver::resources::resource::Resource;
use crate::apiserver::resources::{proto, table, yaml};

/// Most objects fit; a longer one costs a second allocation.
const OBJECT_CAPACITY_BYTES: usize = 1 << 10;

/// How objects are written. Equal encoders write equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Encoder {
    pub(super) group_version: String,
    pub(super) dialect: Dialect,
    pub(super) accepted: Accepted,
    /// What a table's row tells beside its cells.
    pub(super) include: IncludeObject,
}

/// One object: what is told of a subject at a moment.
pub(super) struct Told<'a, 'm, R: Resource> {
    pub(super) moment: &'a Moment,
    pub(super) subject: &'a R::Subject,
    pub(super) answer: &'a R::Answer<'m>,
    /// As served.
    pub(super) resource_version: u64,
}

impl Encoder {
    /// A whole answer.
    pub(super) fn document<R: Resource>(&self, told: &Told<'_, '_, R>) -> Bytes {
        if self.accepted.encoding == Encoding::Protobuf {
            return self.envelope(told).into();
        }
        let mut json = Json::with_capacity(OBJECT_CAPACITY_BYTES);
        match self.accepted.form {
            Form::Table { version } => json.object(|json| {
                self.table_head::<R>(json, version, told.resource_version, "");
                json.key("rows").array(|json| self.entry(json, told));
            }),
            Form::Whole | Form::Metadata { .. } => self.object(&mut json, told),
        }
        json.end_line();
        let compact = json.take();
        match self.accepted.encoding {
            Encoding::Yaml => yaml::document(&compact).into(),
            _ if self.accepted.pretty => indent(&compact).into(),
            _ => compact,
        }
    }

    /// What an event of a watch tells: an object that stands alone, or a table's row.
    pub(super) fn event<R: Resource>(&self, told: &Told<'_, '_, R>) -> Bytes {
        if self.accepted.encoding == Encoding::Protobuf {
            return self.envelope(told).into();
        }
        let mut json = Json::with_capacity(OBJECT_CAPACITY_BYTES);
        match self.accepted.form {
            Form::Table { .. } => self.entry(&mut json, told),
            Form::Whole | Form::Metadata { .. } => self.object(&mut json, told),
        }
        json.take()
    }

    /// An entry of a list: a row of a table, or an object. Whole objects do not name their kind, which
    /// the list does.
    pub(super) fn entry<R: Resource>(&self, json: &mut Json, told: &Told<'_, '_, R>) {
        match self.accepted.form {
            Form::Whole => json.object(|json| members(json, self.dialect, told)),
            Form::Metadata { version } => partial(json, version, told),
            Form::Table { version } => self.row(json, version, told),
        }
    }

    /// `kind`, `apiVersion`, `metadata` and `columnDefinitions` of a table.
    pub(super) fn table_head<R: Resource>(
        &self,
        json: &mut Json,
        version: MetaVersion,
        resource_version: u64,
        r#continue: &str,
    ) {
        fields::type_meta(json, "Table", version.group_version());
        fields::list_meta(json, resource_version, r#continue);
        table::column_definitions(json.key("columnDefinitions"), R::columns(self.dialect));
    }

    /// An object, or its metadata alone, as a protobuf message.
    pub(super) fn message<R: Resource>(&self, object: &mut Fields, told: &Told<'_, '_, R>) {
        proto::metadata(object, &R::metadata(told.subject), told.resource_version);
        match self.accepted.form {
            Form::Metadata { .. } => {}
            Form::Whole | Form::Table { .. } => R::protobuf(object, self.dialect, told.subject, told.answer),
        }
    }

    fn object<R: Resource>(&self, json: &mut Json, told: &Told<'_, '_, R>) {
        match self.accepted.form {
            Form::Metadata { version } => partial(json, version, told),
            Form::Whole | Form::Table { .. } => json.object(|json| {
                fields::type_meta(json, R::TYPE.kind, &self.group_version);
                members(json, self.dialect, told);
            }),
        }
    }

    fn row<R: Resource>(&self, json: &mut Json, version: MetaVersion, told: &Told<'_, '_, R>) {
        json.object(|json| {
            let cells = json.key("cells");
            cells.array(|json| R::cells(json, self.dialect, told.subject, told.answer, told.moment));
            let object = json.key("object");
            match self.include {
                IncludeObject::None => object.null(),
                IncludeObject::Metadata => partial(object, version, told),
                IncludeObject::Object => self.object(object, told),
            }
        });
    }

    fn envelope<R: Resource>(&self, told: &Told<'_, '_, R>) -> Vec<u8> {
        let (group_version, kind) = match self.accepted.form {
            Form::Metadata { version } => (version.group_version(), "PartialObjectMetadata"),
            Form::Whole | Form::Table { .. } => (self.group_version.as_str(), R::TYPE.kind),
        };
        let mut object = Fields::new();
        self.message(&mut object, told);
        protobuf::envelope(group_version, kind, object.bytes())
    }
}

fn members<R: Resource>(json: &mut Json, dialect: Dialect, told: &Told<'_, '_, R>) {
    fields::metadata(json, &R::metadata(told.subject), told.resource_version);
    R::json(json, dialect, told.answer);
}

fn partial<R: Resource>(json: &mut Json, version: MetaVersion, told: &Told<'_, '_, R>) {
    json.object(|json| {
        fields::type_meta(json, "PartialObjectMetadata", version.group_version());
        fields::metadata(json, &R::metadata(told.subject), told.resource_version);
    });
}
