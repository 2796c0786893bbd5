//! One mapping of the document: each key is taken once, and none may be left.

use serde_json::{Map, Value};

use super::FLAG;
use crate::config::fault::Faults;

/// A mapping and where it stands.
pub(super) struct Section {
    /// Empty for the document itself, else as in `export.remoteWrite[0].tls`.
    path: String,
    fields: Map<String, Value>,
}

impl Section {
    /// The document. An empty one is a mapping without keys.
    pub(super) fn root(value: Value, faults: &mut Faults) -> Option<Self> {
        Self::of(String::new(), value, faults)
    }

    /// Where `key` stands.
    pub(super) fn place(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes what is wrong with `key`.
    pub(super) fn fault(&self, key: &str, message: &str, faults: &mut Faults) {
        faults.add(FLAG, format!("{}: {message}", self.place(key)));
    }

    /// A mapping inside; `None` where there is none.
    pub(super) fn section(&mut self, key: &str, faults: &mut Faults) -> Option<Self> {
        let value = self.fields.remove(key)?;
        Self::of(self.place(key), value, faults)
    }

    /// The mappings of a list inside; none where there is no list.
    pub(super) fn sections(&mut self, key: &str, faults: &mut Faults) -> Vec<Self> {
        match self.fields.remove(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                let sections = items.into_iter().enumerate().map(|(index, item)| {
                    let path = format!("{}[{index}]", self.place(key));
                    Self::of(path, item, faults)
                });
                sections.flatten().collect()
            }
            Some(_) => {
                self.fault(key, "must be a list", faults);
                Vec::new()
            }
        }
    }

    /// A value as it was typed; `None` where it is absent or faulty.
    pub(super) fn text(&mut self, key: &str, faults: &mut Faults) -> Option<String> {
        let value = self.fields.remove(key)?;
        let text = scalar(value);
        if text.is_none() {
            self.fault(key, "must be a single value", faults);
        }
        text
    }

    /// A value as `parse` reads it; `None` where it is absent or faulty.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        faults: &mut Faults,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key, faults)?;
        parse(&text).map_err(|message| self.fault(key, &message, faults)).ok()
    }

    /// The same, of a value that has to be there.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        faults: &mut Faults,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !self.fields.contains_key(key) {
            self.fault(key, "is missing", faults);
            return None;
        }
        self.value(key, faults, parse)
    }

    /// A mapping of names to values, each as `parse` reads it.
    pub(super) fn table<T>(
        &mut self,
        key: &str,
        faults: &mut Faults,
        parse: impl Fn(&str, &str) -> Result<T, String>,
    ) -> Vec<(String, T)> {
        let Some(section) = self.section(key, faults) else { return Vec::new() };
        let mut table = Vec::new();
        for (name, value) in section.fields {
            let parsed =
                scalar(value).ok_or_else(|| "must be a single value".to_owned()).and_then(|text| parse(&name, &text));
            match parsed {
                Ok(value) => table.push((name, value)),
                Err(message) => faults.add(FLAG, format!("{}.{name}: {message}", section.path)),
            }
        }
        table
    }

    /// All keys were taken that there are: notes those that are left.
    pub(super) fn end(self, faults: &mut Faults) {
        for key in self.fields.keys() {
            self.fault(key, "there is no such key", faults);
        }
    }

    fn of(path: String, value: Value, faults: &mut Faults) -> Option<Self> {
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            _ => {
                let place = if path.is_empty() { "the document" } else { &path };
                faults.add(FLAG, format!("{place}: must be a mapping"));
                return None;
            }
        };
        Some(Self { path, fields })
    }
}

/// What stands there as one value; a number or a truth as it is written.
fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
