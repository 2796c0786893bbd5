//! The versions of everything that changes: one counter for the whole process.
//!
//! What exists and what was measured change apart from each other. Drawing the versions of both
//! from one counter puts all changes, and all answers made in between, into one order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counter. Clones count on together.
#[derive(Clone, Debug)]
pub struct Revisions(Arc<AtomicU64>);

impl Revisions {
    /// A counter whose first version is `last + 1`.
    pub fn after(last: u64) -> Self {
        Self(Arc::new(AtomicU64::new(last)))
    }

    /// The next version; greater than every one drawn before.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_never_draw_the_same_version() {
        let counter = Revisions::after(7);
        assert_eq!([counter.next(), counter.clone().next(), counter.next()], [8, 9, 10]);
    }
}
