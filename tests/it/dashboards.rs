//! Dashboards are what their source says, ask for metrics that exist in queries that are valid, and
//! explain themselves.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::repository;
use crate::source::dashboard::Dashboard;
use crate::source::dashboards::all;
use crate::source::panel::Kind;

/// Set to write the files anew instead of comparing them.
const UPDATE: &str = "UPDATE_GOLDEN";
/// The dashboard about what is measured, which asks for the families of `/metrics/usage`: they come by
/// many ways, so no job or instance is chosen there.
const USAGE: &str = "usage";

#[test]
fn dashboards_are_what_their_source_says() {
    for dashboard in all() {
        let (path, made) = (dashboard.path(), dashboard.to_text());
        if std::env::var_os(UPDATE).is_some() {
            fs::write(repository::path(&path), &made).unwrap();
        }
        assert!(
            repository::read(&path) == made,
            "{path} is not what is made; run {UPDATE}=1 cargo test --test it dashboards"
        );
    }
    let files: BTreeSet<_> =
        repository::files("grafana/dashboards", "json").into_iter().map(|(file, _)| file).collect();
    assert_eq!(files, all().iter().map(|dashboard| format!("{}.json", dashboard.name)).collect());
}

#[test]
fn every_query_asks_for_a_metric_that_is_told() {
    let page = repository::read("docs/metrics.md");
    for (place, query) in queries(|dashboard| dashboard.name != USAGE) {
        let names = metrics_of(&query);
        assert!(!names.is_empty(), "{place} asks for no metric: {query}");
        for name in names.iter().filter(|name| *name != "up") {
            let family = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let is_told =
                [Some(name.as_str()), family].into_iter().flatten().any(|name| page.contains(&format!("`{name}`")));
            assert!(is_told, "{place} asks for {name}, which docs/metrics.md does not know");
        }
    }
}

#[test]
fn every_query_follows_what_is_chosen() {
    for dashboard in all() {
        for panel in dashboard.panels() {
            for query in &panel.queries {
                let selectors = metrics_of(&query.expression).len();
                let mut wanted: Vec<_> = dashboard.variables.iter().map(|variable| variable.name).collect();
                if query.expression.contains("kube_vitals_node_") {
                    // A node is in no namespace.
                    wanted.retain(|name| *name != "namespace");
                }
                for name in wanted {
                    let matcher = format!("{name}=~\"${name}\"");
                    let found = query.expression.matches(&matcher).count();
                    assert_eq!(found, selectors, "{}: {matcher} in {}", panel.title, query.expression);
                }
            }
        }
    }
}

#[test]
fn counters_are_read_as_rates_over_the_interval_of_the_panel() {
    for (place, query) in queries(|_| true) {
        let ranges = query.matches("[$__rate_interval]").count() + query.matches("[$__range]").count();
        assert_eq!(query.matches('[').count(), ranges, "{place}: a fixed range in {query}");
        let is_counter = |name: &&String| ["_total", "_bucket", "_sum"].iter().any(|suffix| name.ends_with(suffix));
        let counters = metrics_of(&query).iter().filter(is_counter).count();
        let rates = query.matches("rate(").count() + query.matches("increase(").count();
        assert_eq!(counters, rates, "{place}: a counter without its rate in {query}");
    }
}

#[test]
fn every_panel_explains_itself() {
    for dashboard in all() {
        let mut titles = BTreeSet::new();
        for panel in dashboard.panels() {
            assert!(titles.insert(panel.title), "{} twice in {}", panel.title, dashboard.name);
            assert!(panel.description.ends_with('.'), "{}: a sentence explains it", panel.title);
            assert!(!panel.queries.is_empty(), "{} shows nothing", panel.title);
        }
        for panel in shown(&made(&dashboard)) {
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
            let source = json!({"type": "prometheus", "uid": "${datasource}"});
            assert_eq!(panel["datasource"], source, "{}", panel["title"]);
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"], source, "{}", panel["title"]);
                let is_named =
                    panel["type"] == "table" || target["legendFormat"].as_str().is_some_and(|it| !it.is_empty());
                assert!(is_named, "{}: series without a name", panel["title"]);
            }
        }
    }
}

#[test]
fn numbers_at_a_glance_say_when_they_are_bad() {
    for dashboard in all().iter().filter(|dashboard| dashboard.name != USAGE) {
        let made = made(dashboard);
        let stats = dashboard.panels().zip(shown(&made)).filter(|(panel, _)| panel.kind == Kind::Stat);
        for (panel, made) in stats {
            let steps = made["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array().unwrap().len();
            assert!(steps >= 2, "{} is always of one colour", panel.title);
        }
    }
}

#[test]
fn panels_lie_side_by_side_under_their_own_ids() {
    for dashboard in all() {
        let made = made(&dashboard);
        let panels = made["panels"].as_array().unwrap();
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{}: an id is there twice", dashboard.name);
        let mut taken = BTreeSet::new();
        for panel in panels {
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(side("x") + side("w") <= 24, "{} is too far right", panel["title"]);
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    assert!(taken.insert((x, y)), "{} lies over another", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn dashboards_can_be_imported_and_provisioned_anywhere() {
    let listed = repository::read("grafana/kustomization.yaml");
    for dashboard in all() {
        let (name, made) = (dashboard.name, made(&dashboard));
        assert_eq!(made["id"], Value::Null, "{name}");
        assert_eq!(made["editable"], false, "{name}");
        assert!(made.get("__inputs").is_none(), "{name}: provisioning fills no inputs");
        let uid = made["uid"].as_str().unwrap();
        assert!(uid.starts_with("kube-vitals-") && uid.len() <= 40, "{name}: {uid}");
        let variables = made["templating"]["list"].as_array().unwrap();
        assert_eq!((&variables[0]["name"], &variables[0]["label"]), (&json!("datasource"), &json!("Data source")));
        for variable in &variables[1..] {
            let all = if variable["name"] == "cluster" { ".*" } else { ".+" };
            assert_eq!((&variable["allValue"], &variable["multi"]), (&json!(all), &json!(true)), "{name}");
            assert_eq!(variable["refresh"], 2, "{name}: replicas come and go with time");
        }
        assert!(listed.contains(&format!("- dashboards/{name}.json")), "{name} is in no ConfigMap");
    }
}

#[test]
fn promtool_reads_every_query() {
    let rules = tempfile::NamedTempFile::new().unwrap();
    let concrete = |query: String| query.replace("$__rate_interval", "5m").replace("$__range", "1h");
    let queries: Vec<_> = queries(|_| true)
        .into_iter()
        .map(|(_, query)| json!({"record": "dashboard:query", "expr": concrete(query)}))
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
}

fn made(dashboard: &Dashboard) -> Value {
    serde_json::from_str(&dashboard.to_text()).unwrap()
}

/// The panels that show something.
fn shown(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// Every query of these dashboards with where it stands.
fn queries(wanted: impl Fn(&Dashboard) -> bool) -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for dashboard in all().iter().filter(|dashboard| wanted(dashboard)) {
        for panel in dashboard.panels() {
            let place = format!("{}: {}", dashboard.name, panel.title);
            queries.extend(panel.queries.iter().map(|query| (place.clone(), query.expression.clone())));
        }
    }
    queries
}

/// The metrics a query names, label values left out.
fn metrics_of(query: &str) -> Vec<String> {
    let unquoted: String = query.split('"').step_by(2).collect();
    let words = unquoted.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let known = |word: &&str| word.starts_with("kube_vitals_") || word.starts_with("process_") || *word == "up";
    words.filter(known).map(str::to_owned).collect()
}
