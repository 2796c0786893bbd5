//! Where the two versions of OpenAPI differ.

use serde_json::{Map, Value, json};

/// A version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    V2,
    V3,
}

impl Format {
    /// A schema that is another one.
    pub(super) fn reference(self, definition: &str) -> Value {
        let place = match self {
            Self::V2 => "#/definitions/",
            Self::V3 => "#/components/schemas/",
        };
        json!({ "$ref": format!("{place}{definition}") })
    }

    /// A schema with words of its own. Beside a reference v3 ignores them, unless it stands apart.
    pub(super) fn described(self, description: &str, schema: Value) -> Value {
        let mut described = Map::from_iter([("description".to_owned(), json!(description))]);
        match schema {
            reference if self == Self::V3 && reference.get("$ref").is_some() => {
                described.insert("allOf".to_owned(), json!([reference]));
            }
            Value::Object(members) => described.extend(members),
            _ => {}
        }
        described.into()
    }

    /// A parameter of the type that `schema` tells.
    pub(super) fn parameter(self, name: &str, place: &str, description: &str, schema: Value) -> Value {
        let mut parameter = Map::from_iter([
            ("name".to_owned(), json!(name)),
            ("in".to_owned(), json!(place)),
            ("description".to_owned(), json!(description)),
        ]);
        if place == "path" {
            parameter.insert("required".to_owned(), json!(true));
        }
        match (self, schema) {
            (Self::V2, Value::Object(members)) => parameter.extend(members),
            (_, schema) => {
                parameter.insert("schema".to_owned(), schema);
            }
        }
        parameter.into()
    }

    /// An answer. v2 names the media types once for the whole operation.
    pub(super) fn response(self, description: &str, schema: &Value, media_types: &[&str]) -> Value {
        match self {
            Self::V2 => json!({ "description": description, "schema": schema }),
            Self::V3 => {
                let content = |media_type: &&str| ((*media_type).to_owned(), json!({ "schema": schema }));
                let content: Map<_, _> = media_types.iter().map(content).collect();
                json!({ "description": description, "content": content })
            }
        }
    }
}
