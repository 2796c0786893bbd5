//! What has to be true of what was seen.

use std::collections::BTreeSet;

use crate::run::{ENDING, Seen};
use crate::source::alerts::groups;
use crate::source::dashboards;
use crate::source::rules;

/// Metrics that no panel and no rule asks for, each with its reason.
const UNUSED: [(&str, &str); 1] =
    [("process_virtual_memory_bytes", "address space costs nothing; told since every Prometheus client tells it")];
/// What Prometheus adds by itself.
const OF_PROMETHEUS: [&str; 3] = ["up", "scrape_", "ALERTS"];

pub(crate) fn nothing_fires_while_all_is_well(seen: &Seen) -> Result<(), String> {
    let expected = BTreeSet::from([ENDING.to_owned()]);
    if seen.while_well.is_subset(&expected) { Ok(()) } else { Err(format!("{:?} fired", seen.while_well)) }
}

pub(crate) fn every_alert_fires_by_its_fault_and_ends_with_it(seen: &Seen) -> Result<(), String> {
    let mut faults = Vec::new();
    for alert in rules::alerts(&groups()) {
        let name = alert.name;
        match (seen.fired.get(name), seen.ended.get(name)) {
            (Some(fired), Some(ended)) => println!("{name}: fired after {fired:.1?}, over after {ended:.1?}"),
            (None, _) => faults.push(format!("{name} did not fire")),
            (_, None) => faults.push(format!("{name} did not end")),
        }
    }
    all_well(&faults)
}

pub(crate) fn every_rule_records(seen: &Seen) -> Result<(), String> {
    let silent = seen.records.iter().filter(|(_, found)| found.numbers == 0);
    all_well(&silent.map(|(record, found)| format!("{record}: {found:?}")).collect::<Vec<_>>())
}

pub(crate) fn every_query_of_every_panel_returns_data(seen: &Seen) -> Result<(), String> {
    let faults: Vec<_> = seen
        .queries
        .iter()
        .filter_map(|(place, found)| match found {
            Ok(found) if found.numbers > 0 => None,
            Ok(found) => Some(format!("{place}: {found:?}")),
            Err(error) => Some(format!("{place}: {error}")),
        })
        .collect();
    println!("{} queries of {} dashboards", seen.queries.len(), dashboards::all().len());
    all_well(&faults)
}

pub(crate) fn every_variable_has_something_to_choose(seen: &Seen) -> Result<(), String> {
    let empty = seen.variables.iter().filter(|(_, values)| *values == 0);
    all_well(&empty.map(|(variable, _)| variable.clone()).collect::<Vec<_>>())
}

pub(crate) fn every_metric_told_is_used_or_listed(seen: &Seen) -> Result<(), String> {
    let mut asked: String = rules::expressions(&groups()).map(|(_, expression)| expression.to_owned() + "\n").collect();
    for dashboard in dashboards::all() {
        let queries = dashboard.panels().flat_map(|panel| &panel.queries);
        asked.extend(queries.map(|query| query.expression.clone() + "\n"));
    }
    let words: BTreeSet<_> = asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(stem).collect();
    let told: BTreeSet<_> =
        seen.told.iter().filter(|name| !OF_PROMETHEUS.iter().any(|own| name.starts_with(own))).collect();
    let is_listed = |name: &str| UNUSED.iter().any(|(unused, _)| *unused == name);
    let unused = told.iter().filter(|name| !words.contains(stem(name)) && !is_listed(name) && !name.contains(':'));
    println!("{} metrics told, {} listed as unused: {UNUSED:?}", told.len(), UNUSED.len());
    all_well(&unused.map(|name| format!("nothing asks for {name}")).collect::<Vec<_>>())
}

pub(crate) fn durations_carry_exemplars(seen: &Seen) -> Result<(), String> {
    let without = seen.exemplars.iter().filter(|(_, series)| **series == 0);
    all_well(&without.map(|(metric, _)| format!("{metric} has none")).collect::<Vec<_>>())
}

/// The metric that a series belongs to.
fn stem(series: &str) -> &str {
    ["_bucket", "_count", "_sum"].iter().find_map(|suffix| series.strip_suffix(suffix)).unwrap_or(series)
}

fn all_well(faults: &[String]) -> Result<(), String> {
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}
