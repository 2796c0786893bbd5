//! What the kernel says of this process, under the names every Prometheus client uses.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The unit of the times in `/proc`, part of the kernel's promise to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc` each time it is asked: no I/O but memory, some ten microseconds. Where there is
/// no `/proc`, or a line is missing, the metric is missing too.
#[derive(Debug)]
pub(super) struct Process;

/// What of this process is in memory; `None` where the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    resident_bytes_in(&fs::read_to_string("/proc/self/status").ok()?)
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::read(&text));
        if let Some(stat) = &stat {
            cpu(&mut encoder, stat.cpu_seconds)?;
            gauge(&mut encoder, "process_threads", "Threads of this process", stat.threads)?;
            gauge(&mut encoder, "process_virtual_memory_bytes", "Virtual memory", stat.virtual_bytes)?;
        }
        let boot = fs::read_to_string("/proc/stat").ok().and_then(|text| boot_seconds(&text));
        if let (Some(stat), Some(boot)) = (&stat, boot) {
            let help = "Start of the process, since the Unix epoch";
            gauge(&mut encoder, "process_start_time_seconds", help, boot + stat.started_after_boot_seconds)?;
        }
        if let Some(bytes) = resident_bytes() {
            gauge(&mut encoder, "process_resident_memory_bytes", "Resident memory", memory(bytes))?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            gauge(&mut encoder, "process_open_fds", "Open file descriptors", small(open.count()))?;
        }
        match rlimit::Resource::NOFILE.get_soft() {
            Ok(limit) => gauge(&mut encoder, "process_max_fds", "Limit of open file descriptors", large(limit)),
            Err(_) => Ok(()),
        }
    }
}

fn cpu(encoder: &mut DescriptorEncoder<'_>, seconds: f64) -> fmt::Result {
    let help = "CPU time used, user and system";
    let metric = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
    ConstCounter::new(seconds).encode(metric)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    started_after_boot_seconds: f64,
    virtual_bytes: f64,
}

impl Stat {
    /// Reads `/proc/PID/stat`, whose second field is a name that may hold anything but its own
    /// last bracket.
    fn read(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace().map(|field| field.parse::<f64>().unwrap_or_default());
        // Fields 14, 15, 20, 22 and 23 of proc_pid_stat(5); the first one here is its third.
        let user_ticks = fields.nth(11)?;
        let system_ticks = fields.next()?;
        let threads = fields.nth(4)?;
        let start_ticks = fields.nth(1)?;
        let virtual_bytes = fields.next()?;
        Some(Self {
            cpu_seconds: (user_ticks + system_ticks) / TICKS_PER_SECOND,
            threads,
            started_after_boot_seconds: start_ticks / TICKS_PER_SECOND,
            virtual_bytes,
        })
    }
}

fn boot_seconds(proc_stat: &str) -> Option<f64> {
    proc_stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn resident_bytes_in(status: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?;
    kibibytes.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
const fn memory(bytes: u64) -> f64 {
    bytes as f64
}

fn small(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// Infinity is how "unlimited" is written.
fn large(limit: u64) -> f64 {
    u32::try_from(limit).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_process_is_called() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 150 0 0 20 0 9 0 123400 104857600 2000 184467440";
        let stat = Stat::read(text).unwrap();
        let whole =
            Stat { cpu_seconds: 4.0, threads: 9.0, started_after_boot_seconds: 1234.0, virtual_bytes: 104_857_600.0 };
        assert_eq!(stat, whole);
        assert_eq!(Stat::read("7 (a) S 1"), None);
        assert_eq!(Stat::read(""), None);
    }

    #[test]
    fn memory_and_boot_time_are_found_among_other_lines() {
        assert_eq!(resident_bytes_in("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n"), Some(2_097_152));
        assert_eq!(boot_seconds("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000.0));
        assert_eq!(resident_bytes_in("VmRSS: many kB"), None);
    }
}
