//! CPU and memory of a process, as the kernel counts them.

use std::fs;

/// Linux counts CPU time of processes in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time (user and system) that process `id` has used, in seconds.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64, String> {
    let stat = read(id, "stat")?;
    let after_name = stat.rsplit_once(')').ok_or("no process name in stat")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).ok_or("short stat");
    Ok((ticks(11)? + ticks(12)?) as f64 / TICKS_PER_SECOND)
}

/// Resident memory now, in bytes.
pub(crate) fn resident_bytes(id: u32) -> Result<u64, String> {
    status_kib(id, "VmRSS:").map(|kib| kib * 1024)
}

/// The most that was ever resident, in bytes.
pub(crate) fn peak_resident_bytes(id: u32) -> Result<u64, String> {
    status_kib(id, "VmHWM:").map(|kib| kib * 1024)
}

fn status_kib(id: u32, field: &str) -> Result<u64, String> {
    let status = read(id, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or_else(|| format!("no {field}"))?;
    line.trim().trim_end_matches("kB").trim().parse().map_err(|_| format!("{field} is no number"))
}

fn read(id: u32, file: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{id}/{file}")).map_err(|error| format!("/proc/{id}/{file}: {error}"))
}
