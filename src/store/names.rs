//! One copy of each container name: thousands of pods run a container of the same name.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::usage::ContainerName;

/// Below this size a sweep frees too little to be worth its walk.
const SMALLEST_SWEEP: usize = 1024;

/// The names in use, and those that were until the next sweep: at most as many again.
#[derive(Debug, Default)]
pub(super) struct Names {
    pool: Mutex<Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    names: HashSet<ContainerName>,
    /// How many were in use after the last sweep.
    in_use: usize,
}

impl Names {
    /// How many are held.
    pub(super) fn count(&self) -> usize {
        self.pool.lock().names.len()
    }

    /// The shared copy of `name`. Asked for when a container is seen for the first time.
    pub(super) fn shared(&self, name: &str) -> ContainerName {
        let mut pool = self.pool.lock();
        if let Some(known) = pool.names.get(name) {
            return known.clone();
        }
        if pool.names.len() >= SMALLEST_SWEEP.max(pool.in_use * 2) {
            // The pool's own copy and the one made here to count them.
            pool.names.retain(|name| Arc::strong_count(&name.shared()) > 2);
            pool.in_use = pool.names.len();
        }
        let name = ContainerName::from(name);
        pool.names.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_of_one_name_share_its_copy() {
        let names = Names::default();
        let one = names.shared("app").shared();
        assert!(Arc::ptr_eq(&one, &names.shared("app").shared()));
    }

    #[test]
    fn names_that_nobody_uses_do_not_accumulate() {
        let names = Names::default();
        let kept = names.shared("kept").shared();
        for number in 0..20_000 {
            names.shared(&number.to_string());
        }
        assert!(names.pool.lock().names.len() <= SMALLEST_SWEEP);
        assert!(Arc::ptr_eq(&kept, &names.shared("kept").shared()), "what is in use survives");
    }
}
