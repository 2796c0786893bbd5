//! A set of labels, sorted by key; shared by all objects that carry the same set.

use std::sync::Arc;

/// Labels of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// Sorts and keeps `pairs`; of a repeated key the last value counts.
    pub fn new(pairs: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) -> Self {
        let sorted: std::collections::BTreeMap<_, _> = pairs.into_iter().collect();
        Self(sorted.into_iter().collect())
    }

    /// Takes a set that is already sorted by key, with no key twice.
    pub(super) const fn from_sorted(pairs: Arc<[(Arc<str>, Arc<str>)]>) -> Self {
        Self(pairs)
    }

    /// Whether both are the very same copy in memory.
    pub(crate) fn is_same_copy(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The value of `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        let index = self.0.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        self.0.get(index).map(|(_, value)| &**value)
    }

    /// All pairs, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}
