//! What resident memory consists of, by the kernel's list of mappings.

use std::fs;

/// Kinds of mappings, in the order they are printed.
const KINDS: [&str; 5] = ["program", "program's data", "libraries", "stacks", "heap"];

/// Prints how much of a process's resident memory is of which kind.
pub(crate) fn print(id: u32) -> Result<(), String> {
    let file = |name: &str| {
        let path = format!("/proc/{id}/{name}");
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    };
    let program = fs::read_link(format!("/proc/{id}/exe")).map_err(|error| error.to_string())?;
    let sums = sums(&file("smaps")?, &program.display().to_string());
    let shares: Vec<String> = KINDS.iter().zip(sums).map(|(kind, kib)| format!("{kind} {:.1}", mebi(kib))).collect();
    let status = file("status")?;
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap_or_default().trim();
    println!("resident by kind, MiB: {}; {threads} threads", shares.join(", "));
    Ok(())
}

/// Resident KiB by kind. A mapping begins with its address range; its counts follow, one a line.
fn sums(smaps: &str, program: &str) -> [u64; KINDS.len()] {
    let mut sums = [0; KINDS.len()];
    let (mut kind, mut guard_end) = (0, "");
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some((start, end)) = words.first().and_then(|range| range.split_once('-')) {
            let (access, name) = (words[1], words.get(5).copied().unwrap_or_default());
            // A thread's stack stands directly behind pages that nobody may touch.
            kind = kind_of(access, name, program, start == guard_end);
            guard_end = if access.starts_with("---") { end } else { "" };
        } else if let ["Rss:", kib, _] = words[..] {
            sums[kind] += kib.parse().unwrap_or(0);
        }
    }
    sums
}

fn kind_of(access: &str, name: &str, program: &str, behind_guard: bool) -> usize {
    match name {
        _ if name == program => usize::from(access.starts_with("rw")),
        "[stack]" => 3,
        _ if name.starts_with('/') || name.starts_with("[v") => 2,
        "" if behind_guard => 3,
        _ => 4,
    }
}

fn mebi(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
