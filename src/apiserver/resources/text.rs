//! A document that is an object with lists in it, as JSON or as YAML, entry by entry.

use bytes::BytesMut;

use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::yaml;

/// The document being written.
pub(super) struct Text {
    out: Json,
    yaml: Option<Yaml>,
}

/// JSON is written to be turned into YAML.
#[derive(Default)]
struct Yaml {
    json: Json,
    /// A list of which no entry was written yet.
    empty: Option<&'static str>,
}

impl Text {
    pub(super) fn new(is_yaml: bool, capacity_bytes: usize) -> Self {
        Self { out: Json::with_capacity(capacity_bytes), yaml: is_yaml.then(Yaml::default) }
    }

    /// Begins, with the members that stand before the lists.
    pub(super) fn begin(&mut self, members: impl FnOnce(&mut Json)) {
        match &mut self.yaml {
            None => {
                self.out.open(b'{');
                members(&mut self.out);
            }
            Some(Yaml { json, .. }) => {
                json.object(members);
                self.out.raw(&yaml::document(&json.restart()));
            }
        }
    }

    /// Begins a list.
    pub(super) fn open(&mut self, name: &'static str) {
        match &mut self.yaml {
            None => self.out.key(name).open(b'['),
            Some(yaml) => yaml.empty = Some(name),
        }
    }

    /// Writes an entry of it.
    pub(super) fn entry(&mut self, write: impl FnOnce(&mut Json)) {
        match &mut self.yaml {
            None => write(&mut self.out),
            Some(Yaml { json, empty }) => {
                if let Some(name) = empty.take() {
                    self.out.raw(format!("{name}:\n").as_bytes());
                }
                write(json);
                self.out.raw(&yaml::list_item(&json.restart()));
            }
        }
    }

    /// Ends the list.
    pub(super) fn close(&mut self) {
        match &mut self.yaml {
            None => self.out.close(b']'),
            Some(yaml) => {
                if let Some(name) = yaml.empty.take() {
                    self.out.raw(format!("{name}: []\n").as_bytes());
                }
            }
        }
    }

    /// Ends the document.
    pub(super) fn end(&mut self) {
        if self.yaml.is_none() {
            self.out.close(b'}');
            self.out.end_line();
        }
    }

    /// What was written and not yet taken.
    pub(super) fn written(&mut self) -> &mut BytesMut {
        self.out.buffer()
    }
}
