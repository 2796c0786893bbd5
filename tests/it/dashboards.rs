//! Dashboards ask for metrics that exist, in queries that are valid, and explain themselves.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::repository;

/// Metrics of Prometheus itself.
const FOREIGN: [&str; 1] = ["up"];

#[test]
fn every_query_asks_for_a_metric_that_is_registered() {
    let registered = registered();
    for (place, query) in queries() {
        let names = metrics_of(&query);
        assert!(!names.is_empty(), "{place} asks for no metric: {query}");
        for name in names {
            assert!(registered.contains(family(&name)), "{place} asks for {name}, which nothing registers");
        }
    }
}

#[test]
fn every_query_follows_the_chosen_replicas() {
    for (place, query) in queries() {
        for matcher in [r#"job=~"$job""#, r#"instance=~"$instance""#] {
            let selectors = query.matches('{').count();
            assert_eq!(query.matches(matcher).count(), selectors, "{place}: {matcher} is missing in {query}");
        }
    }
}

#[test]
fn counters_are_read_as_rates_over_the_interval_of_the_panel() {
    for (place, query) in queries() {
        for function in ["rate(", "increase("] {
            let used = query.matches(function).count();
            assert!(used <= query.matches("[$__rate_interval]").count(), "{place}: a fixed range in {query}");
        }
        let counters =
            metrics_of(&query).iter().filter(|name| name.ends_with("_total") || name.ends_with("_bucket")).count();
        let rates = query.matches("rate(").count() + query.matches("increase(").count();
        assert_eq!(counters, rates, "{place}: a counter without its rate in {query}");
    }
}

#[test]
fn every_panel_has_a_title_an_explanation_and_a_unit() {
    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap();
            assert!(!title.is_empty(), "{file} has a panel without a title");
            for (what, text) in
                [("description", &panel["description"]), ("unit", &panel["fieldConfig"]["defaults"]["unit"])]
            {
                assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{file}: {title} has no {what}");
            }
            assert_eq!(panel["datasource"], json!({"type": "prometheus", "uid": "${datasource}"}), "{file}: {title}");
        }
    }
}

#[test]
fn panels_lie_side_by_side_under_their_own_ids() {
    for (file, dashboard) in dashboards() {
        let all = dashboard["panels"].as_array().unwrap();
        let ids: BTreeSet<_> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), all.len(), "{file}: an id is there twice");
        let mut taken = BTreeSet::new();
        for panel in all {
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(side("x") + side("w") <= 24, "{file}: {} is too far right", panel["title"]);
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    assert!(taken.insert((x, y)), "{file}: {} lies over another", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn dashboards_can_be_imported_and_provisioned_anywhere() {
    for (file, dashboard) in dashboards() {
        assert_eq!(dashboard["id"], Value::Null, "{file}");
        assert_eq!(dashboard["schemaVersion"], 39, "{file}");
        assert_eq!(dashboard["editable"], false, "{file}");
        assert!(dashboard.get("__inputs").is_none(), "{file}: provisioning fills no inputs");
        let uid = dashboard["uid"].as_str().unwrap();
        assert!(uid.starts_with("kube-vitals-") && uid.len() <= 40, "{file}: {uid}");
        let variables: Vec<_> = dashboard["templating"]["list"].as_array().unwrap().iter().collect();
        assert_eq!(variables[0]["name"], "datasource", "{file}");
        assert_eq!(variables[0]["label"], "Data source", "{file}");
        for variable in &variables[1..] {
            assert_eq!(variable["allValue"], ".+", "{file}");
            assert_eq!(variable["refresh"], 2, "{file}: replicas come and go with time");
        }
        let listed = repository::read("grafana/kustomization.yaml");
        assert!(listed.contains(&format!("- dashboards/{file}")), "{file} is in no ConfigMap");
    }
}

#[test]
fn promtool_reads_every_query() {
    let rules = tempfile::NamedTempFile::new().unwrap();
    let queries: Vec<_> = queries()
        .into_iter()
        .map(|(_, query)| json!({"record": "dashboard:query", "expr": query.replace("$__rate_interval", "5m")}))
        .collect();
    // JSON is YAML; equal records are a lint, not an error.
    serde_json::to_writer(&rules, &json!({"groups": [{"name": "dashboards", "rules": queries}]})).unwrap();
    let checked = Command::new("promtool").args(["check", "rules", "--lint=none"]).arg(rules.path()).output();
    let Ok(checked) = checked else {
        eprintln!("SKIPPED: promtool is not on PATH, so the queries of the dashboards were not parsed");
        return;
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn the_check_of_names_sees_them_all() {
    let query = r#"sum(rate(kube_vitals_a_total{job=~"$job"}[5m])) / max(process_b) + up{x="kube_vitals"}"#;
    assert_eq!(metrics_of(query), ["kube_vitals_a_total", "process_b", "up"]);
    assert_eq!(family("kube_vitals_a_seconds_bucket"), "a_seconds");
    assert!(registered().contains("process_cpu_seconds") && registered().contains("build"));
}

fn dashboards() -> Vec<(String, Value)> {
    let files = repository::files("grafana/dashboards", "json");
    assert!(!files.is_empty());
    files.into_iter().map(|(file, text)| (file, serde_json::from_str(&text).unwrap())).collect()
}

/// The panels that show something.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// Every query with where it stands.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{file}: {} shows nothing", panel["title"]);
            for target in targets {
                queries.push((format!("{file}: {}", panel["title"]), target["expr"].as_str().unwrap().to_owned()));
            }
        }
    }
    queries
}

/// The metrics a query names, label values left out.
fn metrics_of(query: &str) -> Vec<String> {
    let unquoted: String = query.split('"').step_by(2).collect();
    let words = unquoted.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let known =
        |word: &&str| word.starts_with("kube_vitals_") || word.starts_with("process_") || FOREIGN.contains(word);
    words.filter(known).map(str::to_owned).collect()
}

/// The name under which a series was registered.
fn family(series: &str) -> &str {
    let name = series.strip_prefix("kube_vitals_").unwrap_or(series);
    ["_total", "_bucket", "_count", "_sum", "_info"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

/// The names that the source registers: the first text after each `register(`, and those of the
/// process.
fn registered() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = FOREIGN.map(str::to_owned).into();
    for (_, text) in repository::files("src", "rs") {
        let after_register = text.split("register(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
        let of_process = text.match_indices("\"process_").map(|(at, _)| &text[at + 1..]);
        names.extend(after_register.chain(of_process).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    names
}
