//! What the pretend API server remembers: every object with its revision, and the latest changes.
//!
//! One revision counts for all kinds, as etcd's does. Objects are kept as the bytes they are served
//! as, so that a big simulated cluster costs little: a list or a watch only joins bytes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

/// Changes remembered per kind: enough for a watcher to come back after a pause of minutes, small
/// enough that a test can outlive it.
const HISTORY: usize = 4096;

/// Namespace (empty for cluster-wide kinds) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// One object as of one revision.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) key: Key,
    pub(crate) labels: BTreeMap<String, String>,
    /// What field selectors may ask for beside the key.
    pub(crate) node_name: String,
    pub(crate) phase: String,
    pub(crate) json: Bytes,
}

/// What happened to an object.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    /// As it was before; `None` when it was created.
    pub(crate) before: Option<Arc<Object>>,
    /// As it is from now on; `None` when it was deleted.
    pub(crate) after: Option<Arc<Object>>,
    /// The object to show a watcher who sees it leave: its last state at the event's revision.
    pub(crate) last: Arc<Object>,
}

/// Why a write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("the object is not there")]
    NotFound,
    #[error("the object is already there")]
    AlreadyExists,
    #[error("the object has been modified since it was read")]
    Conflict,
    #[error("the revision is no longer known")]
    Expired,
}

/// All objects of one kind, by key.
pub(crate) type Objects = imbl::OrdMap<Key, Arc<Object>>;

/// The objects of all kinds.
#[derive(Debug)]
pub(crate) struct Storage {
    state: Mutex<State>,
    revisions: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    revision: u64,
    kinds: BTreeMap<&'static str, Collection>,
}

#[derive(Debug, Default)]
struct Collection {
    objects: Objects,
    events: VecDeque<Event>,
    /// Changes up to and including this revision have been forgotten.
    forgotten: u64,
}

impl Default for Storage {
    fn default() -> Self {
        Self { state: Mutex::new(State { revision: 1, kinds: BTreeMap::new() }), revisions: watch::Sender::new(1) }
    }
}

impl Storage {
    /// All objects of a kind, and the revision they are of.
    pub(crate) fn list(&self, kind: &str) -> (u64, Objects) {
        let state = self.state.lock();
        (state.revision, state.kinds.get(kind).map(|kept| kept.objects.clone()).unwrap_or_default())
    }

    /// One object.
    pub(crate) fn find(&self, kind: &str, key: &Key) -> Option<Arc<Object>> {
        self.state.lock().kinds.get(kind)?.objects.get(key).cloned()
    }

    /// The changes of a kind after `revision`, oldest first, and the revision they lead to.
    pub(crate) fn events_after(&self, kind: &str, revision: u64) -> Result<(u64, Vec<Event>), StorageError> {
        let state = self.state.lock();
        let Some(kept) = state.kinds.get(kind) else { return Ok((state.revision, Vec::new())) };
        if revision < kept.forgotten {
            return Err(StorageError::Expired);
        }
        let first = kept.events.partition_point(|event| event.revision <= revision);
        Ok((state.revision, kept.events.range(first..).cloned().collect()))
    }

    /// Tells each new revision.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.revisions.subscribe()
    }

    /// Puts a new object.
    pub(crate) fn create(&self, kind: &'static str, key: &Key, value: Value) -> Result<Arc<Object>, StorageError> {
        self.write(kind, key, |before| match before {
            Some(_) => Err(StorageError::AlreadyExists),
            None => Ok(Some(value)),
        })
    }

    /// Replaces what `change` makes of the present object; no revision is used up when it is equal.
    pub(crate) fn modify(
        &self,
        kind: &'static str,
        key: &Key,
        change: impl FnOnce(Value) -> Result<Value, StorageError>,
    ) -> Result<Arc<Object>, StorageError> {
        self.write(kind, key, |before| {
            let before = before.ok_or(StorageError::NotFound)?;
            change(before.value()).map(Some)
        })
    }

    /// Puts an object, whether or not there was one.
    pub(crate) fn put(&self, kind: &'static str, key: &Key, value: Value) {
        // A write that cannot be refused: nothing is asked of the object before.
        let _stored = self.write(kind, key, |_| Ok(Some(value)));
    }

    /// Removes an object.
    pub(crate) fn delete(&self, kind: &'static str, key: &Key) -> Result<Arc<Object>, StorageError> {
        self.write(kind, key, |before| before.map(|_| None).ok_or(StorageError::NotFound))
    }

    fn write(
        &self,
        kind: &'static str,
        key: &Key,
        decide: impl FnOnce(Option<&Object>) -> Result<Option<Value>, StorageError>,
    ) -> Result<Arc<Object>, StorageError> {
        let mut state = self.state.lock();
        let revision = state.revision + 1;
        let kept = state.kinds.entry(kind).or_default();
        let before = kept.objects.get(key).cloned();
        let decided = decide(before.as_deref())?;
        if let (Some(before), Some(after)) = (&before, &decided)
            && before.value() == *after
        {
            return Ok(Arc::clone(before));
        }
        let Some(shown) = decided.clone().or_else(|| before.as_deref().map(Object::value)) else {
            return Err(StorageError::NotFound);
        };
        let last = Arc::new(Object::new(key.clone(), revision, shown));
        let after = decided.is_some().then(|| Arc::clone(&last));
        kept.apply(Event { revision, before, after, last: Arc::clone(&last) });
        state.revision = revision;
        self.revisions.send_replace(revision);
        Ok(last)
    }
}

impl Collection {
    fn apply(&mut self, event: Event) {
        let key = event.last.key.clone();
        match &event.after {
            Some(after) => self.objects.insert(key, Arc::clone(after)),
            None => self.objects.remove(&key),
        };
        self.events.push_back(event);
        if self.events.len() > HISTORY {
            self.forgotten = self.events.pop_front().map_or(self.forgotten, |oldest| oldest.revision);
        }
    }
}

impl Object {
    fn new(key: Key, revision: u64, mut value: Value) -> Self {
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), Value::String(revision.to_string()));
        }
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let labels = value.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
        Self {
            key,
            labels: labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
            node_name: text("/spec/nodeName"),
            phase: text("/status/phase"),
            json: Bytes::from(value.to_string()),
        }
    }

    /// The object as a tree.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(name: &str) -> Key {
        Key { namespace: "default".to_owned(), name: name.to_owned() }
    }

    fn secret(data: &str) -> Value {
        json!({"metadata": {"name": "a"}, "data": data})
    }

    #[test]
    fn every_write_has_its_own_revision_and_is_remembered() {
        let storage = Storage::default();
        storage.create("secrets", &key("a"), secret("1")).unwrap();
        storage.modify("secrets", &key("a"), |_| Ok(secret("2"))).unwrap();
        storage.delete("secrets", &key("a")).unwrap();
        let (revision, events) = storage.events_after("secrets", 2).unwrap();
        assert_eq!(revision, 4);
        assert_eq!(events.iter().map(|event| event.after.is_some()).collect::<Vec<_>>(), [true, false]);
        assert_eq!(events[1].last.value()["metadata"]["resourceVersion"], "4");
    }

    #[test]
    fn a_write_that_changes_nothing_uses_no_revision() {
        let storage = Storage::default();
        storage.create("secrets", &key("a"), secret("1")).unwrap();
        storage.modify("secrets", &key("a"), Ok).unwrap();
        assert_eq!(storage.list("secrets").0, 2);
    }

    #[test]
    fn a_revision_older_than_the_history_is_expired() {
        let storage = Storage::default();
        for count in 0..=HISTORY {
            storage.put("secrets", &key("a"), secret(&count.to_string()));
        }
        assert_eq!(storage.events_after("secrets", 1).unwrap_err(), StorageError::Expired);
        assert_eq!(storage.events_after("secrets", 2).unwrap().1.len(), HISTORY);
    }

    #[test]
    fn names_that_are_taken_or_missing_are_refused() {
        let storage = Storage::default();
        storage.create("secrets", &key("a"), secret("1")).unwrap();
        assert_eq!(storage.create("secrets", &key("a"), secret("1")).unwrap_err(), StorageError::AlreadyExists);
        assert_eq!(storage.delete("secrets", &key("b")).unwrap_err(), StorageError::NotFound);
    }
}
