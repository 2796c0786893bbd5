use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::apiserver::groups::Dialect;
use crate::apiserver::resources::json::Json;
use crate::apiserver::resources::world::{World, at, node, pod, reading, running};
use crate::cluster::{ContainerState, Pod};
use crate::usage::{Failure, Nanocores, NodeName};

/// 31 s after the world began.
const NOW: f64 = 31.0;

fn value(write: impl FnOnce(&mut Json)) -> Value {
    let mut json = Json::default();
    json.array(write);
    serde_json::from_slice(&json.take()).unwrap()
}

fn definitions(columns: &[Column]) -> Value {
    let mut json = Json::default();
    column_definitions(&mut json, columns);
    serde_json::from_slice(&json.take()).unwrap()
}

fn node_row(world: &World, dialect: Dialect, name: &str) -> Value {
    let moment = world.moment(NOW);
    let node = moment.view.node(name).unwrap();
    let answer = moment.node(node).unwrap();
    value(|json| node_cells(json, dialect, node, &answer, moment.now))
}

fn pod_row(world: &World, dialect: Dialect, pod: &Pod) -> Value {
    let moment = world.moment(NOW);
    let answer = moment.pod(pod).unwrap();
    value(|json| pod_cells(json, dialect, pod, &answer, moment.now))
}

fn scrape_row(world: &World, name: &str) -> Value {
    let moment = world.moment(NOW);
    let record = moment.snapshot.node(&NodeName::from(name));
    value(|json| scrape_cells(json, moment.view.node(name).unwrap(), record, moment.now))
}

/// A pod of two containers on `node-a`.
fn two() -> Pod {
    pod("two", "node-a", &[("app", running(0.0)), ("proxy", running(0.0))])
}

/// `two`, whose containers were read twice as told; `None` is no reading.
fn world_of_two(proxy: [Option<u64>; 2]) -> World {
    let world = World::with(vec![node("node-a")], vec![two()]);
    for (time, cpu_millis, proxy) in [(14.0, 0, proxy[0]), (29.213, 152, proxy[1])] {
        let app = ("two", "app", reading(time, cpu_millis, 64));
        let proxy = proxy.map(|cpu_millis| ("two", "proxy", reading(time - 1.0, cpu_millis, 8)));
        let rows: Vec<_> = std::iter::once(app).chain(proxy).collect();
        world.scrape("node-a", time + 1.0, Some(reading(time, cpu_millis * 10, 900)), &rows);
    }
    world
}

#[test]
fn columns_are_defined_as_clients_decode_them() {
    let definitions = definitions(node_columns(Dialect::Plain));
    assert_eq!(
        definitions[0],
        json!({
            "name": "Name", "type": "string", "format": "name", "priority": 0,
            "description": "Name of the object; the same as that of the node or pod it is about.",
        })
    );
    let shown = |columns| {
        let definitions = definitions_of(columns);
        definitions.iter().map(|(name, priority)| format!("{name} {priority}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(shown(node_columns(Dialect::Plain)), "Name 0, CPU 0, Memory 0, Window 0, Sample Age 1");
    assert_eq!(
        shown(node_columns(Dialect::Own)),
        "Name 0, CPU 0, Memory 0, Freshness 0, Window 0, Sample Age 1, Source 1"
    );
    assert_eq!(shown(pod_columns(Dialect::Plain)), "Name 0, CPU 0, Memory 0, Window 0, Sample Age 1");
    assert_eq!(
        shown(pod_columns(Dialect::Own)),
        "Name 0, Containers 0, CPU 0, Memory 0, Freshness 0, Node 1, Window 1, Sample Age 1"
    );
    assert_eq!(
        shown(SCRAPE_COLUMNS),
        "Name 0, Outcome 0, Reason 0, Last Attempt 0, Duration 0, Address 1, Body 1, Rejected Lines 1"
    );
}

fn definitions_of(columns: &[Column]) -> Vec<(String, u64)> {
    let definitions = definitions(columns);
    let text = |column: &Value| column["name"].as_str().unwrap().to_owned();
    definitions.as_array().unwrap().iter().map(|column| (text(column), column["priority"].as_u64().unwrap())).collect()
}

#[test]
fn every_cell_is_of_its_columns_type() {
    let world = world_of_two([Some(0), Some(3_000)]);
    world.fail("node-a", 30.5, Failure::Forbidden);
    let rows = [
        (node_columns(Dialect::Own), node_row(&world, Dialect::Own, "node-a")),
        (node_columns(Dialect::Plain), node_row(&world, Dialect::Plain, "node-a")),
        (pod_columns(Dialect::Own), pod_row(&world, Dialect::Own, &two())),
        (pod_columns(Dialect::Plain), pod_row(&world, Dialect::Plain, &two())),
        (SCRAPE_COLUMNS, scrape_row(&world, "node-a")),
    ];
    for (columns, cells) in rows {
        let (definitions, cells) = (definitions(columns), cells.as_array().unwrap().clone());
        assert_eq!(definitions.as_array().unwrap().len(), cells.len(), "{cells:?}");
        for (column, cell) in definitions.as_array().unwrap().iter().zip(cells) {
            match column["type"].as_str().unwrap() {
                "string" => assert!(cell.is_string(), "{column}: {cell}"),
                "integer" => assert!(cell.is_u64(), "{column}: {cell}"),
                other => panic!("no cell is {other}"),
            }
        }
    }
}

#[test]
fn a_node_is_a_row_of_its_usage() {
    let world = world_of_two([None, None]);
    assert_eq!(node_row(&world, Dialect::Plain, "node-a"), json!(["node-a", "100m", "900Mi", "15.2s", "1s"]));
    assert_eq!(
        node_row(&world, Dialect::Own, "node-a"),
        json!(["node-a", "100m", "900Mi", "Fresh", "15.2s", "1s", "Samples"])
    );
}

#[test]
fn what_is_not_known_of_a_node_is_said_not_to_be() {
    let world = World::with(vec![node("node-a")], vec![]);
    world.scrape("node-a", 30.0, Some(reading(29.0, 9_000, 900)), &[]);
    assert_eq!(
        node_row(&world, Dialect::Own, "node-a"),
        json!(["node-a", "<unknown>", "900Mi", "Fresh", "<unknown>", "2s", "<unknown>"])
    );
}

#[test]
fn a_pod_is_a_row_of_the_sum_of_its_containers() {
    let world = world_of_two([Some(0), Some(304)]);
    assert_eq!(pod_row(&world, Dialect::Plain, &two()), json!(["two", "30m", "72Mi", "15.2s", "2s"]));
    assert_eq!(
        pod_row(&world, Dialect::Own, &two()),
        json!(["two", "2/2", "30m", "72Mi", "Fresh", "node-a", "15.2s", "2s"])
    );
}

#[test]
fn a_sum_that_lacks_a_part_is_unknown() {
    let without_cpu = world_of_two([None, Some(304)]);
    assert_eq!(
        pod_row(&without_cpu, Dialect::Own, &two()),
        json!(["two", "1/2", "<unknown>", "72Mi", "Fresh", "node-a", "15.2s", "1s"])
    );
    let without_anything = world_of_two([None, None]);
    assert_eq!(
        pod_row(&without_anything, Dialect::Own, &two()),
        json!(["two", "1/2", "<unknown>", "<unknown>", "Fresh", "node-a", "15.2s", "1s"])
    );
}

#[test]
fn a_sum_too_large_for_a_number_is_unknown() {
    let world = world_of_two([Some(0), Some(304)]);
    let moment = world.moment(NOW);
    let two = two();
    let mut answer = moment.pod(&two).unwrap();
    for container in &mut answer.containers {
        container.usage.as_mut().unwrap().cpu = Some(Nanocores(u64::MAX));
    }
    let row = value(|json| pod_cells(json, Dialect::Plain, &two, &answer, moment.now));
    assert_eq!(row[1], "<unknown>");
}

#[test]
fn a_container_that_was_given_up_is_left_out_of_the_sum() {
    let world = World::with(vec![node("node-a")], vec![two()]);
    for step in 0..=6_u32 {
        let time = f64::from(step) * 15.0;
        let app = ("two", "app", reading(time, u64::from(step) * 150, 64));
        world.scrape("node-a", time, None, &[app]);
    }
    let moment = world.moment(91.0);
    let two = two();
    let answer = moment.pod(&two).unwrap();
    let row = value(|json| pod_cells(json, Dialect::Own, &two, &answer, moment.now));
    assert_eq!(row, json!(["two", "1/2", "10m", "64Mi", "Fresh", "node-a", "15s", "1s"]));
}

#[test]
fn a_container_that_ended_is_none_of_those_that_run() {
    let half = pod("half", "node-a", &[("app", running(0.0)), ("job", ContainerState::Ended(at(1.0)))]);
    let world = World::with(vec![node("node-a")], vec![half.clone()]);
    for (time, cpu_millis) in [(14.0, 0), (29.0, 150)] {
        world.scrape("node-a", time + 1.0, None, &[("half", "app", reading(time, cpu_millis, 64))]);
    }
    let row = pod_row(&world, Dialect::Own, &half);
    assert_eq!((&row[1], &row[2]), (&json!("1/1"), &json!("10m")));
}

#[test]
fn a_scrape_is_a_row_of_how_it_went() {
    let world = world_of_two([None, None]);
    assert_eq!(
        scrape_row(&world, "node-a"),
        json!(["node-a", "Success", "<none>", "0s", "12ms", "10.0.0.1:10250", "3Ki", 0])
    );
    world.fail("node-a", 30.5, Failure::Timeout(Duration::from_secs(10)));
    let row = scrape_row(&world, "node-a");
    assert_eq!((&row[1], &row[2]), (&json!("Failed"), &json!("Timeout")));
}

#[test]
fn a_node_that_was_never_asked_is_pending() {
    let world = World::with(vec![node("node-a")], vec![]);
    assert_eq!(
        scrape_row(&world, "node-a"),
        json!(["node-a", "Pending", "<none>", "<unknown>", "<unknown>", "<unknown>", "<unknown>", null])
    );
}
