//! The control group that we are in, by which a container's memory is limited.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A limit of this or more is none: what version 1 says where nobody has set one is a little less than
/// the largest number there is.
const UNLIMITED_BYTES: u64 = 1 << 60;

/// The names of one version's files.
#[derive(Clone, Copy, Debug)]
struct Version {
    /// Below the folder where control groups are.
    mount: &'static str,
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` that tells what the kernel takes back before it kills anybody.
    reclaimable: &'static str,
}

const V2: Version = Version { mount: "", limit: "memory.max", used: "memory.current", reclaimable: "inactive_file " };
const V1: Version = Version {
    mount: "memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file ",
};

/// A control group with a limit of memory.
#[derive(Clone, Debug)]
pub(super) struct Cgroup {
    folder: PathBuf,
    version: Version,
    /// As read last.
    limit_bytes: Arc<AtomicU64>,
}

impl Cgroup {
    /// The one with the least limit of those that `membership` (as in `/proc/self/cgroup`) names and
    /// those around them; `root` is where control groups are. `None` where there is no limit.
    pub(super) fn tightest(root: &Path, membership: &str) -> Option<Self> {
        membership.lines().filter_map(|line| Self::of_line(root, line)).min_by_key(Self::known_limit_bytes)
    }

    fn of_line(root: &Path, line: &str) -> Option<Self> {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let version = match controllers {
            "" => V2,
            _ if controllers.split(',').any(|controller| controller == "memory") => V1,
            _ => return None,
        };
        // Inside a container the top of what is mounted may be our own group, whatever it is called
        // outside: paths that lead nowhere are passed over.
        let groups = Path::new(path.trim_start_matches('/')).ancestors();
        groups
            .filter_map(|group| Self::at(root.join(version.mount).join(group), version))
            .min_by_key(Self::known_limit_bytes)
    }

    fn at(folder: PathBuf, version: Version) -> Option<Self> {
        let limit_bytes = Arc::new(limit(&folder, version)?.into());
        Some(Self { folder, version, limit_bytes })
    }

    /// The limit now: a container can be given more or less while it runs. Where none can be read, the last
    /// that could.
    pub(super) fn limit_bytes(&self) -> u64 {
        if let Some(limit_bytes) = limit(&self.folder, self.version) {
            self.limit_bytes.store(limit_bytes, Ordering::Relaxed);
        }
        self.known_limit_bytes()
    }

    fn known_limit_bytes(&self) -> u64 {
        self.limit_bytes.load(Ordering::Relaxed)
    }

    /// What counts against the limit and cannot be had back by dropping files that are cached: what
    /// kubelets call the working set. Buffers of sockets, which no process shows, are in it.
    pub(super) fn used_bytes(&self) -> Option<u64> {
        let used = number(&self.folder.join(self.version.used))?;
        let stat = fs::read_to_string(self.folder.join("memory.stat")).unwrap_or_default();
        let reclaimable = stat.lines().find_map(|line| line.strip_prefix(self.version.reclaimable));
        let reclaimable = reclaimable.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0);
        Some(used.saturating_sub(reclaimable))
    }
}

fn limit(folder: &Path, version: Version) -> Option<u64> {
    number(&folder.join(version.limit)).filter(|limit| (1..UNLIMITED_BYTES).contains(limit))
}

/// `None` also for `max`, which is what version 2 says where there is no limit.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files with their text, below a folder that is gone with what is returned.
    fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_least_limit_of_the_group_and_those_around_it_counts() {
        let root = files(&[
            ("pods/memory.max", "300\n"),
            ("pods/one/memory.max", "200\n"),
            ("pods/one/app/memory.max", "max\n"),
            ("pods/one/memory.current", "150\n"),
            ("pods/one/memory.stat", "anon 90\ninactive_file 40\nactive_file 20\n"),
        ]);
        let group = Cgroup::tightest(root.path(), "0::/pods/one/app\n").unwrap();
        assert_eq!((group.limit_bytes(), group.used_bytes()), (200, Some(110)));
    }

    #[test]
    fn a_limit_that_changes_is_noticed_and_one_that_cannot_be_read_is_as_before() {
        let root = files(&[("memory.max", "100")]);
        let group = Cgroup::tightest(root.path(), "0::/").unwrap();
        let other = group.clone();
        for (text, limit_bytes) in [("200", 200), ("50\n", 50), ("max", 50), ("0", 50), ("much", 50), ("60", 60)] {
            fs::write(root.path().join("memory.max"), text).unwrap();
            assert_eq!(group.limit_bytes(), limit_bytes, "{text}");
        }
        fs::remove_file(root.path().join("memory.max")).unwrap();
        assert_eq!((group.limit_bytes(), other.limit_bytes()), (60, 60));
    }

    #[test]
    fn version_1_is_read_as_well() {
        let root = files(&[
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/docker/x/memory.limit_in_bytes", "1000\n"),
            ("memory/docker/x/memory.usage_in_bytes", "500\n"),
            ("memory/docker/x/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n"),
            ("cpu/docker/x/memory.limit_in_bytes", "1\n"),
        ]);
        let membership = "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n";
        let group = Cgroup::tightest(root.path(), membership).unwrap();
        assert_eq!((group.limit_bytes(), group.used_bytes()), (1000, Some(400)));
    }

    #[test]
    fn in_a_container_the_top_of_what_is_mounted_is_our_own_group() {
        let root = files(&[("memory.max", "100"), ("memory.current", "7")]);
        for membership in ["0::/", "0::/kubepods/burstable/pod1/abc", "0::/../other"] {
            let group = Cgroup::tightest(root.path(), membership).unwrap();
            assert_eq!((group.limit_bytes(), group.used_bytes()), (100, Some(7)), "{membership}");
        }
    }

    #[test]
    fn where_nothing_is_said_or_nothing_that_makes_sense_there_is_no_limit() {
        let unlimited = [("a/memory.max", "max"), ("memory/a/memory.limit_in_bytes", "9223372036854771712")];
        let nonsense = [("a/memory.max", "-1"), ("memory/a/memory.limit_in_bytes", "much")];
        let nothing = [("a/memory.max", "0"), ("memory/a/memory.limit_in_bytes", "")];
        for texts in [unlimited, nonsense, nothing] {
            let root = files(&texts);
            assert!(Cgroup::tightest(root.path(), "4:memory:/a\n0::/a\n").is_none(), "{texts:?}");
        }
        let root = files(&[("a/memory.max", "100")]);
        for membership in ["", "0", "0:", "x", "1:cpu:/a", "\u{0}::"] {
            assert!(Cgroup::tightest(root.path(), membership).is_none(), "{membership}");
        }
    }
}
