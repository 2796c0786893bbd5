//! What the kernel tells of the process under test.

use std::fs;

use crate::support::usage_of;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// One moment's figures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resident {
    /// All resident memory, in MiB.
    pub(crate) all: f64,
    /// What was allocated, in MiB.
    pub(crate) heap: f64,
    /// Stacks of all threads, in MiB.
    pub(crate) stacks: f64,
    /// CPU time since its start, in seconds.
    pub(crate) cpu_seconds: f64,
}

impl Resident {
    /// Of the process of this id.
    pub(crate) fn of(id: u32) -> Result<Self, String> {
        let path = format!("/proc/{id}/smaps");
        let (heap, stacks) = kinds(&fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?);
        let all = usage_of::resident_bytes(id)? as f64 / MEBIBYTE;
        Ok(Self { all, heap, stacks, cpu_seconds: usage_of::cpu_seconds(id)? })
    }
}

/// Resident heap and stacks, in MiB. A mapping begins with its address range; its counts follow, one a
/// line. A thread's stack stands directly behind pages that nobody may touch.
fn kinds(smaps: &str) -> (f64, f64) {
    let (mut heap, mut stacks) = (0.0, 0.0);
    let (mut guard_end, mut is_stack, mut is_heap) = ("", false, false);
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some((start, end)) = words.first().and_then(|range| range.split_once('-')) {
            let (access, name) = (words[1], words.get(5).copied().unwrap_or_default());
            is_stack = name == "[stack]" || (name.is_empty() && start == guard_end);
            is_heap = !is_stack && (name.is_empty() || name == "[heap]");
            guard_end = if access.starts_with("---") { end } else { "" };
        } else if let ["Rss:", kibibytes, _] = words[..] {
            let mebibytes = kibibytes.parse::<f64>().unwrap_or_default() / 1024.0;
            if is_stack {
                stacks += mebibytes;
            } else if is_heap {
                heap += mebibytes;
            }
        }
    }
    (heap, stacks)
}
