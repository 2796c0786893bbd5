//! What the engines hold after a while: every value, each once, and ends where something is gone.

use std::collections::BTreeSet;

use kube_vitals::clock::{Clock, UnixMillis};
use kube_vitals::sim::World;

use crate::curves::{Compared, Precision, compare};
use crate::environment::Environment;
use crate::series::{AllSeries, Value};

/// In milliseconds: the kubelet is asked, the store is looked at, the engine has stored it.
const TOLD_WITHIN: i64 = 20_000;
/// Rates that no exported window explains: of containers in their first seconds.
const RANGED_SHARE: f64 = 0.05;

pub(crate) fn prometheus(environment: &Environment) -> Result<(), String> {
    holds_the_curves("Prometheus", environment, Precision::Whole, &environment.prometheus.samples_of_prometheus()?)?;
    let labelled = environment.prometheus.query(r#"count({cluster="simulated"})"#, None)?;
    if labelled.is_empty() { Err("the external label is missing".to_owned()) } else { Ok(()) }
}

pub(crate) fn victoria_metrics(environment: &Environment) -> Result<(), String> {
    let all = environment.victoria_metrics.samples_of_victoria_metrics()?;
    holds_the_curves("VictoriaMetrics", environment, Precision::Decimal, &all)
}

pub(crate) fn otlp(environment: &Environment) -> Result<(), String> {
    holds_the_curves("OTLP", environment, Precision::Whole, &environment.received.series()?)
}

pub(crate) fn scraped(environment: &Environment) -> Result<(), String> {
    holds_the_curves("the scraped page", environment, Precision::Whole, &environment.scraper.samples_of_prometheus()?)
}

/// Of pods that were deleted and of containers that ended, nothing is shown any more; of those that
/// run, something.
pub(crate) fn graphs_end(environment: &Environment) -> Result<(), String> {
    let world = &environment.simulation.world;
    let engine = &environment.prometheus;
    let now = Clock::system().now();
    let query = r#"kube_vitals_pod_memory_working_set_bytes{namespace="jobs"}"#;
    let name = |series: &serde_json::Value| series["metric"]["pod"].as_str().unwrap_or_default().to_owned();
    let shown: BTreeSet<_> = engine.query(query, Some(now.0))?.iter().map(name).collect();
    let known: BTreeSet<_> = engine.query(&format!("{query}[1h]"), Some(now.0))?.iter().map(name).collect();
    let moments = [UnixMillis(now.0 - TOLD_WITHIN), now];
    let there: BTreeSet<_> =
        moments.into_iter().flat_map(|at| world.pods(at)).map(|pod| pod.key.name.to_string()).collect();
    let gone: BTreeSet<_> = known.difference(&there).cloned().collect();
    if gone.is_empty() {
        return Err(format!("no pod is gone yet: {known:?}"));
    }
    let left: Vec<_> = gone.intersection(&shown).collect();
    println!("{} pods of the namespace were told of, {} are gone, {} are shown", known.len(), gone.len(), shown.len());
    if left.is_empty() && !shown.is_empty() { Ok(()) } else { Err(format!("still shown: {left:?}; all: {shown:?}")) }
}

fn holds_the_curves(
    engine: &str,
    environment: &Environment,
    precision: Precision,
    all: &AllSeries,
) -> Result<(), String> {
    let world = &environment.simulation.world;
    let compared = compare(world, all, precision).map_err(|error| format!("{engine}: {error}"))?;
    let Compared { series, exact, ranged } = compared;
    println!("{engine}: {series} series, {exact} values equal their curve, {ranged} lie in its range");
    if ranged as f64 > RANGED_SHARE * exact as f64 {
        return Err(format!("{engine}: {ranged} of {exact} values could only be compared with a range"));
    }
    is_complete(world, all).map_err(|error| format!("{engine}: {error}"))
}

/// Everything that has run for a while is told, with its newest reading.
fn is_complete(world: &World, all: &AllSeries) -> Result<(), String> {
    let now = Clock::system().now();
    let node_name = |index| world.node(index).map(|node| node.name.as_str().to_owned()).unwrap_or_default();
    let has = |subject: Vec<String>, value: Value| {
        let samples = all.get(&(subject.clone(), value)).ok_or_else(|| format!("nothing of {subject:?} {value:?}"))?;
        let last = samples.last().map_or(0, |(time, _)| *time);
        // A kubelet's reading may be a refresh and a half old by itself.
        if now.0 - last < TOLD_WITHIN + 20_000 {
            Ok(())
        } else {
            Err(format!("{subject:?} ends at {last}, now {}", now.0))
        }
    };
    for node in world.nodes() {
        for value in [Value::CpuSeconds, Value::CpuCores, Value::MemoryBytes] {
            has(vec![node.name.as_str().to_owned()], value)?;
        }
    }
    let settled = UnixMillis(now.0 - 40_000);
    for pod in world.pods(settled).filter(|pod| pod.deleted.is_none_or(|deleted| deleted > now)) {
        let subject = [node_name(pod.node), pod.key.namespace.to_string(), pod.key.name.to_string()];
        for container in &pod.containers {
            let run = container.run_at(settled).filter(|run| run.end.is_none_or(|end| end > now));
            let is_counted = container.kind != kube_vitals::sim::ContainerKind::Init;
            if run.is_some_and(|run| run.start < UnixMillis(settled.0 - TOLD_WITHIN)) && is_counted {
                has([&subject[..], &[container.name.as_str().to_owned()]].concat(), Value::CpuCores)?;
            }
        }
    }
    Ok(())
}
