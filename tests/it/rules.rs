//! Alerts and recording rules are what their source says; each alert explains itself, has a page, and
//! cases in which it fires and stays silent.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::repository;
use crate::source::alerts::groups;
use crate::source::rules::{self, alerts, expressions};

/// Set to write the files anew instead of comparing them.
const UPDATE: &str = "UPDATE_GOLDEN";
const FILE: &str = "deploy/monitoring/prometheus/rules.yaml";
const OBJECT: &str = "deploy/monitoring/prometheus-rule.yaml";
const PAGES: &str = "docs/runbooks";

#[test]
fn rules_are_what_their_source_says() {
    for (path, made) in [(FILE, rules::file(&groups())), (OBJECT, rules::object(&groups()))] {
        if std::env::var_os(UPDATE).is_some() {
            fs::write(repository::path(path), &made).unwrap();
        }
        assert!(
            repository::read(path) == made,
            "{path} is not what is made; run {UPDATE}=1 cargo test --test it rules"
        );
    }
    let (file, object): (Value, Value) = (yaml(FILE), yaml(OBJECT));
    assert_eq!(file["groups"], object["spec"]["groups"]);
    assert_eq!(object["kind"], "PrometheusRule");
}

#[test]
fn every_alert_explains_itself() {
    for alert in alerts(&groups()) {
        let name = alert.name;
        assert!(alert.annotations.summary.ends_with('.') && alert.annotations.description.ends_with('.'), "{name}");
        assert!(alert.annotations.runbook_url.ends_with(&format!("/docs/runbooks/{name}.md")), "{name}");
    }
}

#[test]
fn every_alert_has_a_page_and_every_page_an_alert() {
    let named: BTreeSet<_> = alerts(&groups()).map(|alert| format!("{}.md", alert.name)).collect();
    let pages: BTreeSet<_> = repository::files(PAGES, "md").into_iter().map(|(file, _)| file).collect();
    assert_eq!(pages, named);
    for (file, text) in repository::files(PAGES, "md") {
        for part in ["## What it means", "## What users see", "## Look further", "## What to do"] {
            assert!(text.contains(part), "{PAGES}/{file} lacks {part:?}");
        }
        assert!(text.contains("```"), "{PAGES}/{file} names no command");
    }
}

#[test]
fn every_rule_asks_for_what_is_told() {
    let page = repository::read("docs/metrics.md");
    for (name, expression) in expressions(&groups()) {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
        for word in words.filter(|word| word.starts_with("kube_vitals_")) {
            let family = word.strip_suffix("_bucket").unwrap_or(word);
            assert!(page.contains(&format!("`{family}`")), "{name} asks for {word}");
        }
    }
}

#[test]
fn every_alert_is_tried_firing_and_silent() {
    let cases: Vec<Value> = repository::files("tests/rules", "yaml")
        .into_iter()
        .flat_map(|(file, _)| yaml(&format!("tests/rules/{file}"))["tests"].as_array().unwrap().clone())
        .flat_map(|test| test["promql_expr_test"].as_array().unwrap().clone())
        .collect();
    for alert in alerts(&groups()) {
        let asked = format!("count(ALERTS{{alertname=\"{}\", alertstate=\"firing\"}})", alert.name);
        let expected: BTreeSet<bool> = cases
            .iter()
            .filter(|case| case["expr"] == asked.as_str())
            .map(|case| !case["exp_samples"].as_array().unwrap().is_empty())
            .collect();
        assert_eq!(expected, BTreeSet::from([false, true]), "tests/rules: {asked}");
    }
}

#[test]
fn promtool_accepts_the_rules_and_their_cases() {
    let cases: Vec<_> =
        repository::files("tests/rules", "yaml").into_iter().map(|(file, _)| format!("tests/rules/{file}")).collect();
    let mut check = Command::new("promtool");
    let checked = check.args(["check", "rules", FILE]).current_dir(repository::path("")).output();
    let Ok(checked) = checked else {
        eprintln!("SKIPPED: promtool is not on PATH, so the rules were not tried");
        return;
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let mut test = Command::new("promtool");
    let tested = test.args(["test", "rules"]).args(cases).current_dir(repository::path("")).output().unwrap();
    let said = [tested.stdout, tested.stderr].concat();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn hastened_rules_are_the_same_but_for_their_times() {
    let (slow, fast) = (groups(), rules::hastened(&groups(), 60));
    for (slow, fast) in alerts(&slow).zip(alerts(&fast)) {
        assert_eq!((slow.name, slow.labels.severity), (fast.name, fast.labels.severity));
        assert!(!slow.lasting.ends_with("ms") && fast.lasting.ends_with("ms"), "{}", slow.name);
    }
    let refused = alerts(&fast).find(|alert| alert.name == "KubeVitalsRequestsRefused").unwrap();
    assert_eq!(refused.lasting, "5000ms");
    assert!(refused.expr.contains("[5000ms]"), "{}", refused.expr);
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&repository::read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
