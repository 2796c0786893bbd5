//! How much memory we may use, and how much we do.

use std::fs;
use std::path::Path;

use super::cgroup::Cgroup;
use crate::telemetry;

/// Where systems show control groups.
const CGROUPS: &str = "/sys/fs/cgroup";
const MEMBERSHIP: &str = "/proc/self/cgroup";

/// What we may use; cheap to ask: files that the kernel writes from memory.
#[derive(Clone, Debug)]
pub struct Budget(Measure);

/// Used is measured by the same rule as limited.
#[derive(Clone, Debug)]
enum Measure {
    /// A limit that was told, or none. It is for this process, so what is resident of it counts.
    Process { limit_bytes: Option<u64> },
    /// Who goes beyond is killed by the kernel, so what the kernel counts is what counts.
    Cgroup(Cgroup),
}

impl Budget {
    /// The limit that was `told`; else that of our control group, where there is one.
    pub fn of_process(told: Option<u64>) -> Self {
        if told.is_some() {
            return Self(Measure::Process { limit_bytes: told });
        }
        Self::of_cgroup(Path::new(CGROUPS), &fs::read_to_string(MEMBERSHIP).unwrap_or_default())
    }

    /// The limit of the control group that `membership` names; groups are below `root`.
    pub(super) fn of_cgroup(root: &Path, membership: &str) -> Self {
        let group = Cgroup::tightest(root, membership);
        Self(group.map_or(Measure::Process { limit_bytes: None }, Measure::Cgroup))
    }

    /// `None`: as much as there is.
    pub(super) fn limit_bytes(&self) -> Option<u64> {
        match &self.0 {
            Measure::Process { limit_bytes } => *limit_bytes,
            Measure::Cgroup(group) => Some(group.limit_bytes()),
        }
    }

    /// `None` where the system does not tell.
    pub(super) fn used_bytes(&self) -> Option<u64> {
        match &self.0 {
            Measure::Process { .. } => telemetry::resident_bytes(),
            Measure::Cgroup(group) => group.used_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_told_is_for_what_is_resident() {
        let budget = Budget::of_process(Some(1 << 40));
        assert_eq!(budget.limit_bytes(), Some(1 << 40));
        let used = budget.used_bytes().unwrap();
        assert!((1 << 20..1 << 40).contains(&used), "{used}");
    }

    #[test]
    fn without_any_limit_use_is_told_all_the_same() {
        let budget = Budget::of_cgroup(Path::new("/nowhere"), "0::/");
        assert!(budget.limit_bytes().is_none() && budget.used_bytes().is_some());
    }
}
