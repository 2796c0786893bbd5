//! Reads answers by the published description of our messages alone, for tests.

use std::collections::BTreeSet;
use std::time::Duration;

use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, ReflectMessage as _, Value};
use serde_json::json;

use crate::clock::UnixMillis;
use crate::go_duration::GoDuration;

const PACKAGE: &str = "kube_vitals.v1";

/// `docs/custom.example.com.proto`, and which of its fields were seen so far.
pub(crate) struct Published {
    pool: DescriptorPool,
    seen: BTreeSet<String>,
}

impl Published {
    pub(crate) fn load() -> Self {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
        let mut compiler = protox::Compiler::new([docs]).unwrap();
        compiler.open_file("custom.example.com.proto").unwrap();
        Self { pool: compiler.descriptor_pool(), seen: BTreeSet::new() }
    }

    /// An answer or an object of a watch, as JSON writes it.
    pub(crate) fn document(&mut self, bytes: &[u8]) -> serde_json::Value {
        let envelope = self.message("Unknown", bytes.strip_prefix(b"k8s\0").unwrap());
        let type_meta = json(envelope.get_field_by_name("typeMeta").unwrap().as_message().unwrap());
        let raw = envelope.get_field_by_name("raw").unwrap();
        let content = self.message(type_meta["kind"].as_str().unwrap(), raw.as_bytes().unwrap());
        let mut document = json(&content);
        document.as_object_mut().unwrap().extend(type_meta.as_object().unwrap().clone());
        document
    }

    /// A frame of a watch, as JSON writes the event.
    pub(crate) fn event(&mut self, frame: &[u8]) -> serde_json::Value {
        let (length, event) = frame.split_first_chunk().unwrap();
        assert_eq!(u32::from_be_bytes(*length) as usize, event.len());
        let event = self.message("WatchEvent", event);
        let object = event.get_field_by_name("object").unwrap();
        let raw = object.as_message().unwrap().get_field_by_name("raw").unwrap().into_owned();
        let event_type = event.get_field_by_name("type").unwrap();
        json!({ "type": event_type.as_str().unwrap(), "object": self.document(raw.as_bytes().unwrap()) })
    }

    /// The fields that are described and were in nothing that was read.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let messages = self.pool.all_messages().filter(|message| !message.is_map_entry());
        let fields =
            messages.flat_map(|message| message.fields().map(|field| name(field.full_name())).collect::<Vec<_>>());
        fields.filter(|field| !self.seen.contains(field)).collect()
    }

    fn message(&mut self, kind: &str, bytes: &[u8]) -> DynamicMessage {
        let descriptor = self.pool.get_message_by_name(&format!("{PACKAGE}.{kind}")).unwrap();
        let message = DynamicMessage::decode(descriptor, bytes).unwrap();
        self.see(&message);
        message
    }

    /// Remembers what was in `message`, all of which must be described.
    fn see(&mut self, message: &DynamicMessage) {
        let undescribed: Vec<_> = message.unknown_fields().map(prost_reflect::UnknownField::number).collect();
        assert!(undescribed.is_empty(), "{}: {undescribed:?}", message.descriptor().full_name());
        for (field, value) in message.fields() {
            self.seen.insert(name(field.full_name()));
            match value {
                Value::Message(inner) => self.see(inner),
                Value::List(items) => items.iter().filter_map(Value::as_message).for_each(|item| self.see(item)),
                Value::Map(entries) => entries.values().filter_map(Value::as_message).for_each(|entry| self.see(entry)),
                _ => {}
            }
        }
    }
}

fn json(message: &DynamicMessage) -> serde_json::Value {
    let number = |field| message.get_field_by_name(field).unwrap().as_i64().unwrap();
    match name(message.descriptor().full_name()).as_str() {
        "Time" => json!(UnixMillis(number("seconds") * 1000).to_string()),
        "Duration" => {
            json!(GoDuration(Duration::from_nanos(number("duration").try_into().unwrap())).to_string())
        }
        "Quantity" => json!(message.get_field_by_name("string").unwrap().as_str().unwrap()),
        _ => message.fields().map(|(field, value)| (field.name().to_owned(), json_value(value))).collect(),
    }
}

fn json_value(value: &Value) -> serde_json::Value {
    let key = |key: &MapKey| key.as_str().unwrap().to_owned();
    match value {
        Value::String(text) => json!(text),
        Value::I64(number) => json!(number),
        Value::U64(number) => json!(number),
        Value::U32(number) => json!(number),
        Value::F64(number) => json!(number),
        Value::Message(message) => json(message),
        Value::List(items) => items.iter().map(json_value).collect(),
        Value::Map(entries) => entries.iter().map(|(name, value)| (key(name), json_value(value))).collect(),
        other => panic!("no field of ours is {other:?}"),
    }
}

/// `Message.field`, or the message's name alone.
fn name(full_name: &str) -> String {
    full_name.strip_prefix(PACKAGE).unwrap().trim_start_matches('.').to_owned()
}
