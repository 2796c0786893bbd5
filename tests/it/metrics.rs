//! The reference of our own metrics is what a running server tells, and what it tells is well formed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::faults::run::seen;
use crate::repository;

const FILE: &str = "docs/metrics.md";
/// Set to write the file anew instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

#[test]
fn the_reference_of_metrics_is_up_to_date() {
    let made = reference(&families(&seen().metrics));
    if std::env::var_os(UPDATE).is_some() {
        fs::write(repository::path(FILE), &made).unwrap();
    }
    assert!(repository::read(FILE) == made, "{FILE} is not what is told; run {UPDATE}=1 cargo test --test it metrics");
}

#[test]
fn every_metric_that_the_source_registers_is_in_the_reference() {
    let page = repository::read(FILE);
    for name in registered() {
        assert!(page.contains(&format!("`kube_vitals_{name}")), "{FILE} lacks {name}");
    }
}

#[test]
fn series_are_few_whatever_the_clusters_size() {
    for (name, family) in families(&seen().metrics) {
        assert!(!family.labels.contains("node") && !family.labels.contains("pod"), "{name} has a series per object");
        let limit = if family.kind == "histogram" { 16 } else { 1 } * 32;
        assert!(family.series <= limit, "{name} has {} series", family.series);
    }
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let promtool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let Ok(mut promtool) = promtool else {
        eprintln!("SKIPPED: promtool is not on PATH, so what the server tells was not checked by it");
        return;
    };
    promtool.stdin.take().unwrap().write_all(seen().classic_metrics.as_bytes()).unwrap();
    assert!(promtool.wait().unwrap().success(), "promtool check metrics refused:\n{}", seen().classic_metrics);
}

/// One metric with all its series.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
    series: usize,
}

/// All families of a text in OpenMetrics, by the names of their series.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let (mut name, mut help) = (String::new(), String::new());
    for line in text.lines() {
        if let Some((_, text)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            text.trim_end_matches('.').clone_into(&mut help);
        } else if let Some((stem, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            name = format!("{stem}{suffix}");
            let family = Family { kind: kind.to_owned(), help: std::mem::take(&mut help), ..Family::default() };
            families.insert(name.clone(), family);
        } else if let Some(family) = families.get_mut(&name).filter(|_| !line.starts_with('#')) {
            family.series += 1;
            let labels =
                line.split_once('{').and_then(|(_, rest)| rest.split_once("} ")).map_or("", |(labels, _)| labels);
            // Every second piece between quotation marks is a value.
            let names = labels.split('"').step_by(2).map(|name| name.trim_matches([',', '=']));
            family.labels.extend(names.filter(|name| !name.is_empty() && *name != "le").map(str::to_owned));
        }
    }
    families
}

fn reference(families: &BTreeMap<String, Family>) -> String {
    let mut page = "\
# Metrics of `kube-vitals serve`

Made from what a running server tells at `/metrics`; do not edit. It is told in OpenMetrics, with
exemplars (`trace_id`) on the buckets of durations where a trace was sampled, or in the classic text
format, as the `Accept` header asks. What the dashboards and alerts make of it: `grafana/README.md`,
`deploy/monitoring`, `docs/runbooks`.

| metric | type | labels | what it tells |
|---|---|---|---|
"
    .to_owned();
    for (name, Family { kind, help, labels, .. }) in families {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
    }
    page
}

/// The names that the source registers: the first text after each `register(`, without the suffix
/// that the encoder adds.
fn registered() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, text) in repository::files("src", "rs") {
        let working = text.split("#[cfg(test)]").next().unwrap_or_default();
        let after = working.split("registry.register(").skip(1);
        let registered = after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
        names.extend(registered.map(str::to_owned));
    }
    assert!(names.len() > 20, "{names:?}");
    names
}
