//! A type of object as both versions of OpenAPI describe it.

use serde_json::{Map, Value, json};

use super::format::Format;
use crate::apiserver::groups::{ApiVersion, Dialect};

/// One type.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its name inside its package; of an object that stands alone, its kind.
    pub(super) name: &'static str,
    /// Where it belongs; `None` is the API group that serves it.
    pub(super) package: Option<&'static str>,
    /// Whether it stands alone, under its own `kind` and `apiVersion`.
    pub(super) is_kind: bool,
    pub(super) description: &'static str,
    pub(super) form: Form,
}

/// How values of a type are written.
#[derive(Debug)]
pub(super) enum Form {
    /// As an object of these fields.
    Object(&'static [Field]),
    /// As text, of this format if it has a known one.
    Text(Option<&'static str>),
}

/// One field of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
    /// Whether only our own group has it.
    pub(super) is_own: bool,
    pub(super) description: &'static str,
}

/// What a field holds.
#[derive(Debug)]
pub(super) enum Kind {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    Flag,
    /// A whole number of 64 bits.
    Integer,
    Number,
    Of(&'static Definition),
    List(&'static Self),
    /// Values under keys that are not known beforehand.
    Map(&'static Self),
}

impl Field {
    /// A field that an object may lack.
    pub(super) const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { name, kind, is_required: false, is_own: false, description }
    }

    /// The same, in every object.
    pub(super) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The same, in our own group alone.
    pub(super) const fn own(self) -> Self {
        Self { is_own: true, ..self }
    }

    fn is_in(&self, dialect: Dialect) -> bool {
        !self.is_own || dialect == Dialect::Own
    }
}

impl Kind {
    /// The type that it is of, or is made of.
    fn definition(&self) -> Option<&'static Definition> {
        match self {
            Self::Of(definition) => Some(definition),
            Self::List(inner) | Self::Map(inner) => inner.definition(),
            Self::Text | Self::Word(_) | Self::Flag | Self::Integer | Self::Number => None,
        }
    }

    /// Its schema.
    pub(super) fn schema(&self, version: &ApiVersion, format: Format) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Word(words) => json!({ "type": "string", "enum": words }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Integer => json!({ "type": "integer", "format": "int64" }),
            Self::Number => json!({ "type": "number", "format": "double" }),
            Self::Of(definition) => format.reference(&definition.full_name(version)),
            Self::List(inner) => json!({ "type": "array", "items": inner.schema(version, format) }),
            Self::Map(inner) => json!({ "type": "object", "additionalProperties": inner.schema(version, format) }),
        }
    }
}

impl Definition {
    /// Its name among the definitions of all groups: packages as Kubernetes names them.
    pub(super) fn full_name(&self, version: &ApiVersion) -> String {
        let package = match self.package {
            Some(package) => package.to_owned(),
            None => group_package(version),
        };
        format!("{package}.{}", self.name)
    }

    /// Its schema, as `version` serves it.
    pub(super) fn schema(&self, version: &ApiVersion, format: Format) -> Value {
        let mut schema = Map::from_iter([("description".to_owned(), json!(self.description))]);
        match self.form {
            Form::Text(text_format) => {
                schema.insert("type".to_owned(), json!("string"));
                schema.extend(text_format.map(|text_format| ("format".to_owned(), json!(text_format))));
            }
            Form::Object(_) => {
                let fields: Vec<_> = self.fields(version.dialect).collect();
                let required: Vec<_> =
                    fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
                let property = |field: &&Field| {
                    let schema = format.described(field.description, field.kind.schema(version, format));
                    (field.name.to_owned(), schema)
                };
                schema.insert("type".to_owned(), json!("object"));
                schema.insert("properties".to_owned(), fields.iter().map(property).collect::<Map<_, _>>().into());
                // A list of required fields that is empty is not allowed.
                if !required.is_empty() {
                    schema.insert("required".to_owned(), json!(required));
                }
            }
        }
        if self.is_kind {
            schema.insert("x-kubernetes-group-version-kind".to_owned(), json!([self.group_version_kind(version)]));
        }
        schema.into()
    }

    /// Group, version and kind of an object of this type.
    pub(super) fn group_version_kind(&self, version: &ApiVersion) -> Value {
        let (group, version) = match self.package {
            None => (version.name.as_str(), version.version),
            Some(_) => ("", "v1"),
        };
        json!({ "group": group, "version": version, "kind": self.name })
    }

    /// The fields that it has in `dialect`.
    pub(super) fn fields(&self, dialect: Dialect) -> impl Iterator<Item = &'static Field> + use<> {
        let fields = match self.form {
            Form::Object(fields) => fields,
            Form::Text(_) => &[],
        };
        fields.iter().filter(move |field| field.is_in(dialect))
    }
}

/// `roots` and all types that their fields are of.
pub(super) fn with_parts(roots: Vec<&'static Definition>, dialect: Dialect) -> Vec<&'static Definition> {
    let (mut open, mut found) = (roots, Vec::<&'static Definition>::new());
    while let Some(definition) = open.pop() {
        if found.iter().any(|known| std::ptr::eq(*known, definition)) {
            continue;
        }
        found.push(definition);
        open.extend(definition.fields(dialect).filter_map(|field| field.kind.definition()));
    }
    found
}

/// The package of a group's own types: the one that programs know for the types of
/// `metrics.k8s.io`, and the group's name reversed for ours.
fn group_package(version: &ApiVersion) -> String {
    match version.dialect {
        Dialect::Plain => format!("io.k8s.metrics.pkg.apis.metrics.{}", version.version),
        Dialect::Own => {
            let reversed: Vec<_> = version.name.split('.').rev().collect();
            format!("{}.{}", reversed.join("."), version.version)
        }
    }
}
