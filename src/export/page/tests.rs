use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::export::world::{MAX_AGE, World, pod};

/// Two nodes; `a` in `shop` with two containers, `b` with one.
fn world() -> World {
    let world = World::with(&["m", "n"], vec![pod("a", "n", &["x", "y"]), pod("b", "m", &["x"])]);
    for seconds in [10, 25] {
        world.scrape("n", seconds, &["a/x", "a/y"]);
        world.scrape("m", seconds, &["b/x"]);
    }
    world
}

fn page(world: &World, query: &str, format: Format) -> String {
    let filter = PageFilter::read(form_urlencoded::parse(query.as_bytes())).unwrap();
    let views = (world.cluster.view(), world.store.snapshot());
    let mut page = Page::new(views, world.clock.now(), MAX_AGE, filter, format);
    let mut text = BytesMut::new();
    while page.turn(&mut text) {}
    String::from_utf8(text.to_vec()).unwrap()
}

fn series(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn each_sample_has_its_own_time() {
    let text = page(&world(), "", Format::Classic);
    for line in [
        r#"kube_vitals_node_cpu_usage_seconds_total{node="n"} 1.75 1800000025000"#,
        r#"kube_vitals_pod_cpu_usage_cores{namespace="shop",node="n",pod="a"} 0.1 1800000025000"#,
        r#"kube_vitals_container_cpu_usage_cores{container="x",namespace="shop",node="m",pod="b"} 0.05 1800000025000"#,
        r#"kube_vitals_container_memory_working_set_bytes{container="y",namespace="shop",node="n",pod="a"} 1.048576e+06 1800000025000"#,
    ] {
        assert!(text.lines().any(|told| told == line), "{line} in:\n{text}");
    }
    assert_eq!(series(&text).len(), 2 * 3 + 2 * 2 + 3 * 3);
}

#[test]
fn families_stand_together_and_each_is_described_once() {
    let text = page(&world(), "", Format::Classic);
    let mut seen = BTreeSet::new();
    let mut last = "";
    for line in series(&text) {
        let family = line.split('{').next().unwrap();
        assert!(family == last || seen.insert(family), "{family} is in two places");
        last = family;
    }
    assert_eq!(seen.len(), 8);
    assert_eq!(text.matches("# TYPE ").count(), 8);
    assert_eq!(text.matches("# HELP ").count(), 8);
}

#[test]
fn open_metrics_has_an_end_and_seconds() {
    let text = page(&world(), "node=n&family=kube_vitals_node_cpu_usage_seconds_total", Format::OpenMetrics);
    let expected = "# HELP kube_vitals_node_cpu_usage_seconds CPU time the node has used since it booted, in seconds\n\
                    # TYPE kube_vitals_node_cpu_usage_seconds counter\n\
                    kube_vitals_node_cpu_usage_seconds_total{node=\"n\"} 1.75 1800000025.000\n# EOF\n";
    assert_eq!(text, expected);
    let empty = page(&World::with(&[], vec![]), "family=kube_vitals_pod_cpu_usage_cores", Format::OpenMetrics);
    assert!(empty.ends_with("gauge\n# EOF\n") && empty.lines().count() == 3, "{empty}");
}

#[test]
fn it_holds_what_is_asked_for() {
    let world = world();
    let lines = |query: &str| series(&page(&world, query, Format::Classic)).len();
    assert_eq!(lines("node=m"), 3 + 2 + 3);
    assert_eq!(lines("node=m&node=n"), lines(""));
    assert_eq!(lines("node=nowhere"), 0);
    assert_eq!(lines("namespace=shop"), 2 * 2 + 3 * 3, "nodes are in no namespace");
    assert_eq!(lines("namespace=elsewhere"), 0);
    let cores = "family=kube_vitals_pod_cpu_usage_cores&family=kube_vitals_node_cpu_usage_cores";
    assert_eq!(lines(cores), 4);
    assert_eq!(lines(&format!("{cores}&node=n&namespace=shop")), 1);
}

#[test]
fn what_there_is_not_is_refused() {
    let read = |query: &str| PageFilter::read(form_urlencoded::parse(query.as_bytes())).unwrap_err();
    assert_eq!(read("nodes=n"), PageFilterError::Parameter("nodes".to_owned()));
    assert_eq!(read("family=up"), PageFilterError::Family("up".to_owned()));
    assert_eq!(read("family="), PageFilterError::Empty("family"));
    assert_eq!(read("node=n&namespace="), PageFilterError::Empty("namespace"));
}

#[test]
fn what_is_too_old_or_gone_is_not_on_it() {
    let world = world();
    world.cluster.delete::<crate::cluster::Node>(&"m".into());
    assert!(!page(&world, "", Format::Classic).contains(r#""m""#));
    world.hand.set(world.clock.now() + MAX_AGE + Duration::from_millis(1));
    assert_eq!(series(&page(&world, "", Format::Classic)), [""; 0]);
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let text = page(&world(), "", Format::Classic);
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut promtool) = command.spawn() else { return eprintln!("SKIPPED: no promtool here") };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}
