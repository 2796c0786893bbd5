use futures::FutureExt as _;
use futures::future::BoxFuture;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;
use crate::config::ExportProtocol;
use crate::export::metrics::Metrics;
use crate::export::remote_write::RemoteWrite;
use crate::export::sender::Sender;
use crate::export::wire::{Answer, Failed, Message, Transport};
use crate::export::world::{MAX_AGE, World, pod};

/// Never answers.
struct Hanging;

impl Transport for Hanging {
    fn post<'a>(&'a self, _message: &'a Message) -> BoxFuture<'a, Result<Answer, Failed>> {
        futures::future::pending().boxed()
    }
}

/// A collector for queues of these capacities.
fn collector(world: &World, capacities: &[usize], registry: &mut Registry) -> Collector {
    let metrics = Metrics::register(registry);
    let queues = capacities.iter().enumerate();
    let queues = queues.map(|(index, capacity)| (Arc::new(Queue::new(*capacity)), metrics.of(&format!("t{index}"))));
    Collector {
        cluster: Arc::clone(&world.cluster),
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        max_sample_age: MAX_AGE,
        ledger: Ledger::default(),
        ledger_entries: Gauge::default(),
        queues: queues.collect(),
    }
}

fn text(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    text
}

#[tokio::test]
async fn batches_are_bounded_and_lose_nothing() {
    let names: Vec<_> = (0..500).map(|number| format!("p{number:03}")).collect();
    let world = World::with(&["n"], names.iter().map(|name| pod(name, "n", &["x"])).collect());
    let containers: Vec<_> = names.iter().map(|name| format!("{name}/x")).collect();
    let containers: Vec<_> = containers.iter().map(String::as_str).collect();
    let mut collector = collector(&world, &[100_000], &mut Registry::default());
    for seconds in [10, 25] {
        world.scrape("n", seconds, &containers);
        collector.look().await;
    }
    let batches = collector.queues[0].0.next(usize::MAX).await;
    assert!(
        batches.iter().all(|batch| batch.points.len() <= POINTS_PER_BATCH && batch.samples <= 3 * POINTS_PER_BATCH)
    );
    assert_eq!(batches.iter().map(|batch| batch.points.len()).sum::<usize>(), (1 + 500) + (1 + 500 + 500));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_engine_holds_no_more_than_its_queue_and_stops_nobody() {
    let world = World::with(&["n"], vec![pod("a", "n", &["x"])]);
    let mut registry = Registry::default();
    let collector = collector(&world, &[30, 1_000_000], &mut registry);
    let queues = collector.queues.clone();
    let hanging = Sender {
        name: "t0".to_owned(),
        queue: Arc::clone(&queues[0].0),
        wire: Box::new(RemoteWrite::new(ExportProtocol::RemoteWrite1, vec![])),
        transport: Box::new(Hanging),
        samples_per_request: 10,
        metrics: queues[0].1.clone(),
        clock: world.clock.clone(),
        is_failing: false,
    };
    tokio::spawn(hanging.run());
    tokio::spawn(collector.run());
    for round in 1..=100 {
        world.scrape("n", round * 15, &["a/x"]);
        tokio::time::sleep(LOOK_EVERY).await;
        assert!(queues[0].0.len() <= 30);
    }
    let all = queues[1].0.len();
    assert!(all > 700, "the other one has everything: {all}");
    let text = text(&registry);
    let dropped = text
        .lines()
        .find_map(|line| line.strip_prefix(r#"export_dropped_samples_total{target="t0",reason="queue_full"} "#));
    let dropped: usize = dropped.unwrap().parse().unwrap();
    let in_flight = all - dropped - queues[0].0.len();
    assert!((1..=10).contains(&in_flight), "all else waits for its answer: {in_flight} of {all}, {dropped} dropped");
    assert!(text.contains(r#"export_dropped_samples_total{target="t1",reason="queue_full"} 0"#), "{text}");
}

#[tokio::test]
async fn before_everything_is_listed_nothing_is_gone() {
    let world = World::with(&["n"], vec![]);
    world.scrape("n", 10, &[]);
    let mut collector = collector(&world, &[100], &mut Registry::default());
    collector.cluster = Arc::new(Cluster::default());
    collector.look().await;
    assert_eq!(collector.queues[0].0.len(), 0);
}
