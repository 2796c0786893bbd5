//! One copy of what many objects repeat: names of namespaces, nodes and containers, label sets.
//!
//! The pools own nothing for good. When a pool has doubled since its last sweep, everything that
//! no object uses any more is dropped, so churning labels cost at most as much again as the live
//! ones, and interning stays constant time on average.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::cluster::Labels;

/// Below this size a sweep frees too little to be worth its walk.
const SMALLEST_SWEEP: usize = 1024;

/// The pools of one watch.
#[derive(Debug, Default)]
pub(super) struct Interner {
    texts: Pool<str>,
    label_sets: Pool<[(Arc<str>, Arc<str>)]>,
}

impl Interner {
    /// How many texts and label sets are held, those of the last sweep that nobody uses any more included.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.texts.members.len(), self.label_sets.members.len())
    }

    /// The shared copy of `text`.
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        self.texts.share(text)
    }

    /// The shared label set of these pairs, which come sorted by key.
    pub(super) fn labels(&mut self, sorted: &std::collections::BTreeMap<String, String>) -> Labels {
        let pairs: Vec<_> =
            sorted.iter().map(|(key, value)| (self.texts.share(key), self.texts.share(value))).collect();
        Labels::from_sorted(self.label_sets.share(&pairs))
    }
}

#[derive(Debug)]
struct Pool<T: ?Sized> {
    members: HashSet<Arc<T>>,
    sweep_at: usize,
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self { members: HashSet::new(), sweep_at: SMALLEST_SWEEP }
    }
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
    fn share<'a>(&mut self, value: &'a T) -> Arc<T>
    where
        Arc<T>: Borrow<T> + From<&'a T>,
    {
        if let Some(member) = self.members.get(value) {
            return Arc::clone(member);
        }
        if self.members.len() >= self.sweep_at {
            self.members.retain(|member| Arc::strong_count(member) > 1);
            self.members.shrink_to(SMALLEST_SWEEP);
            self.sweep_at = SMALLEST_SWEEP.max(self.members.len() * 2);
        }
        let member = Arc::from(value);
        self.members.insert(Arc::clone(&member));
        member
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(interner: &mut Interner, value: &str) -> Labels {
        interner.labels(&[("app".to_owned(), value.to_owned())].into())
    }

    #[test]
    fn equal_label_sets_share_one_copy() {
        let mut interner = Interner::default();
        let one = labels(&mut interner, "web");
        let other = labels(&mut interner, "web");
        assert!(one.is_same_copy(&other));
        assert!(Arc::ptr_eq(&interner.text("web"), &interner.text("web")));
    }

    #[test]
    fn churning_labels_do_not_accumulate() {
        let mut interner = Interner::default();
        let kept = labels(&mut interner, "kept");
        for generation in 0..20_000 {
            labels(&mut interner, &generation.to_string());
        }
        assert!(interner.label_sets.members.len() <= SMALLEST_SWEEP);
        assert!(interner.texts.members.len() <= 2 * SMALLEST_SWEEP, "{}", interner.texts.members.len());
        assert!(kept.is_same_copy(&labels(&mut interner, "kept")), "what is in use survives every sweep");
    }
}
