//! Finding a pod by two borrowed texts, without a copy of either.

use std::borrow::Borrow;
use std::cmp::Ordering;

use crate::usage::PodKey;

/// A pod's names, owned or borrowed: what lets a [`PodKey`] be found by two borrowed texts.
pub(super) trait PodNames {
    fn names(&self) -> (&str, &str);
}

impl PodNames for PodKey {
    fn names(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }
}

impl PodNames for (&str, &str) {
    fn names(&self) -> (&str, &str) {
        *self
    }
}

impl PartialEq for dyn PodNames + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for dyn PodNames + '_ {}

impl PartialOrd for dyn PodNames + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn PodNames + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(&other.names())
    }
}

impl<'a> Borrow<dyn PodNames + 'a> for PodKey {
    fn borrow(&self) -> &(dyn PodNames + 'a) {
        self
    }
}
