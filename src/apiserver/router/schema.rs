//! Reads answers by the schema that OpenAPI describes them with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The schemas of one OpenAPI v3 document, and which of their fields answers have held.
pub(super) struct Schemas {
    by_name: BTreeMap<String, Value>,
    seen: BTreeSet<String>,
}

impl Schemas {
    pub(super) fn of(document: &Value) -> Self {
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let by_name = schemas.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect();
        Self { by_name, seen: BTreeSet::new() }
    }

    /// Whether the kind that `object` says it is of is described.
    pub(super) fn name_of(&self, object: &Value) -> Option<String> {
        let (group, version) = object["apiVersion"].as_str()?.rsplit_once('/').unwrap_or(("", "v1"));
        let kind = serde_json::json!({ "group": group, "version": version, "kind": object["kind"] });
        let named = |(_, schema): &(&String, &Value)| schema["x-kubernetes-group-version-kind"][0] == kind;
        self.by_name.iter().find(named).map(|(name, _)| name.clone())
    }

    /// What of `value` is not as the schema `name` says.
    pub(super) fn faults(&mut self, name: &str, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.read(name, &serde_json::json!({ "$ref": format!("#/components/schemas/{name}") }), value, &mut faults);
        faults
    }

    /// Every field, as `Type.field`, that no answer has held.
    pub(super) fn unseen(&self) -> BTreeSet<String> {
        let fields = self.by_name.iter().flat_map(|(name, schema)| {
            let properties = schema["properties"].as_object().into_iter().flatten();
            properties.map(move |(field, _)| format!("{}.{field}", short(name)))
        });
        fields.filter(|field| !self.seen.contains(field)).collect()
    }

    /// `place` is the type whose field `value` is, for messages.
    fn read(&mut self, place: &str, schema: &Value, value: &Value, faults: &mut Vec<String>) {
        let reference = schema["allOf"][0]["$ref"].as_str().or(schema["$ref"].as_str());
        if let Some(reference) = reference {
            let name = reference.rsplit('/').next().unwrap();
            let schema = self.by_name.get(name).cloned().unwrap_or_else(|| panic!("{reference} leads nowhere"));
            return self.read(name, &schema, value, faults);
        }
        let fits = match schema["type"].as_str().unwrap() {
            "string" => value.as_str().is_some_and(|text| is_written(schema, text)),
            "integer" => value.is_i64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.as_array().is_some_and(|items| {
                for item in items {
                    self.read(place, &schema["items"], item, faults);
                }
                true
            }),
            _ => value.as_object().is_some_and(|members| {
                for member in members {
                    self.member(place, schema, member, faults);
                }
                let mut required = schema["required"].as_array().into_iter().flatten();
                required.all(|field| members.contains_key(field.as_str().unwrap()))
            }),
        };
        if !fits {
            faults.push(format!("{place} is not {schema}: {value}"));
        }
    }

    fn member(&mut self, place: &str, schema: &Value, (key, value): (&String, &Value), faults: &mut Vec<String>) {
        let described = schema["properties"].get(key);
        if described.is_some() {
            self.seen.insert(format!("{}.{key}", short(place)));
        }
        match described.or(schema.get("additionalProperties")) {
            Some(described) => self.read(place, described, value, faults),
            None => faults.push(format!("{place} has no field {key}: {value}")),
        }
    }
}

fn is_written(schema: &Value, text: &str) -> bool {
    let is_known = schema["enum"].as_array().is_none_or(|words| words.iter().any(|word| word == text));
    is_known && (schema["format"] != "date-time" || text.parse::<jiff::Timestamp>().is_ok())
}

/// The name without its package.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap()
}
