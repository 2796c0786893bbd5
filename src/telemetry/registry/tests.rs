use std::io::Write;
use std::process::{Command, Stdio};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use super::*;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: String,
}

fn exposition() -> Exposition {
    Exposition::new(|registry| {
        let scrapes = Family::<Labels, Counter>::default();
        scrapes.get_or_create(&Labels { outcome: "a \"quoted\" # {reason}\n".to_owned() }).inc();
        registry.register("scrapes", "Scrapes by outcome", scrapes);
        let duration = Histogram::new(exponential_buckets(0.001, 2.0, 3));
        duration.observe(0.003);
        registry.register("scrape_duration_seconds", "Time of one scrape", duration);
    })
}

#[test]
fn rooms_are_prefixed_and_the_process_is_not() {
    let (content_type, text) = exposition().answer(None);
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert!(text.contains("# TYPE kube_vitals_scrapes_total counter\n"), "{text}");
    assert!(text.contains("# TYPE kube_vitals_build_info gauge\n"), "{text}");
    assert!(text.contains("kube_vitals_scrape_duration_seconds_bucket{le=\"0.004\"} 1\n"), "{text}");
    assert!(!text.contains("# EOF"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_tells_what_it_uses() {
    let (_, text) = exposition().answer(None);
    for name in [
        "process_cpu_seconds_total",
        "process_threads",
        "process_virtual_memory_bytes",
        "process_start_time_seconds",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    ] {
        let sample = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value: f64 = sample.unwrap_or_else(|| panic!("{name} is missing in {text}")).parse().unwrap();
        assert!(value >= 0.0, "{name} {value}");
    }
}

#[test]
fn open_metrics_is_written_to_who_prefers_it() {
    let kind = |accept| exposition().answer(Some(accept)).0;
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(kind(prometheus), OPEN_METRICS);
    assert_eq!(kind("application/openmetrics-text"), OPEN_METRICS);
    assert_eq!(kind("text/plain;version=0.0.4,application/openmetrics-text;q=0.2"), CLASSIC);
    assert_eq!(kind("application/openmetrics-text;q=0"), CLASSIC);
    assert_eq!(kind("application/openmetrics-text;q=much"), CLASSIC);
    assert_eq!(kind("*/*"), CLASSIC);
    assert!(exposition().answer(Some(prometheus)).1.ends_with("# EOF\n"));
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let promtool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let Ok(mut promtool) = promtool else {
        eprintln!("SKIPPED: promtool is not on PATH, so the classic text was not checked by it");
        return;
    };
    let (_, text) = exposition().answer(None);
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(promtool.wait().unwrap().success(), "promtool check metrics refused:\n{text}");
}
