use std::collections::VecDeque;
use std::error::Error;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;
use crate::clock::UnixMillis;
use crate::config::ExportProtocol;
use crate::export::metrics::Metrics;
use crate::export::remote_write::RemoteWrite;
use crate::export::wire::Message;
use crate::export::world::point;

/// Answers as it is told to, and notes when it was asked and how.
#[derive(Clone, Default)]
struct Engine {
    answers: Arc<Mutex<VecDeque<Result<Answer, Failed>>>>,
    asked: Arc<Mutex<Vec<(Instant, Message)>>>,
}

impl Transport for Engine {
    fn post<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Answer, Failed>> {
        self.asked.lock().push((Instant::now(), message.clone()));
        let answer = self.answers.lock().pop_front().unwrap_or_else(|| answer(204, &[]));
        async move { answer }.boxed()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a transport returns")]
fn answer(status: u16, headers: &[(&'static str, &str)]) -> Result<Answer, Failed> {
    let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
    let headers: HeaderMap = headers.collect();
    Ok(Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::from_static(b"told why") })
}

fn cause() -> Box<dyn Error + Send + Sync> {
    "no route".into()
}

struct Fixture {
    engine: Engine,
    queue: Arc<Queue>,
    registry: Registry,
}

impl Fixture {
    /// A sender of requests of one batch, whose engine gives these answers and then good ones.
    fn start(protocol: ExportProtocol, answers: Vec<Result<Answer, Failed>>) -> Self {
        let engine = Engine { answers: Arc::new(Mutex::new(answers.into())), ..Engine::default() };
        let queue = Arc::new(Queue::new(1_000));
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry).of("vm");
        let sender = Sender {
            name: "vm".to_owned(),
            queue: Arc::clone(&queue),
            wire: Box::new(RemoteWrite::new(protocol, vec![])),
            transport: Box::new(engine.clone()),
            samples_per_request: 1,
            metrics,
            clock: Clock::manual(UnixMillis(1_795_391_071_000)).0,
            is_failing: false,
        };
        tokio::spawn(sender.run());
        Self { engine, queue, registry }
    }

    async fn push_and_wait(&self, seconds: &[i64], wait: u64) {
        for seconds in seconds {
            self.queue.push(Batch::new(vec![point("n", *seconds, false)]));
        }
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }

    /// Seconds between the requests.
    fn waits(&self) -> Vec<f64> {
        let asked = self.engine.asked.lock();
        asked.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_secs_f64()).collect()
    }

    fn bodies(&self) -> Vec<Bytes> {
        self.engine.asked.lock().iter().map(|(_, message)| message.body.clone()).collect()
    }

    fn assert_told(&self, lines: &[&str]) {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        for line in lines {
            assert!(text.lines().any(|told| told == *line), "{line} in:\n{text}");
        }
    }
}

const ONE: ExportProtocol = ExportProtocol::RemoteWrite1;

#[tokio::test(start_paused = true)]
async fn batches_go_out_one_after_the_other_each_once() {
    let fixture = Fixture::start(ONE, vec![]);
    fixture.push_and_wait(&[10, 25, 40], 1).await;
    let bodies = fixture.bodies();
    assert_eq!(bodies.len(), 3);
    let expected = [10, 25, 40]
        .map(|seconds| RemoteWrite::new(ONE, vec![]).write(&[Batch::new(vec![point("n", seconds, false)])]).body);
    assert_eq!(bodies, expected);
    fixture.assert_told(&[
        r#"export_samples_total{target="vm"} 9"#,
        r#"export_retries_total{target="vm"} 0"#,
        r#"export_queue_samples{target="vm"} 0"#,
        r#"export_last_success_timestamp_seconds{target="vm"} 1795391071.0"#,
    ]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_is_asked_again_later_and_later() {
    let away = (0..4).map(|_| Err(Failed::NotSent(cause()))).collect();
    let fixture = Fixture::start(ONE, away);
    fixture.push_and_wait(&[10, 25], 60).await;
    let bodies = fixture.bodies();
    assert_eq!(bodies.len(), 6);
    assert!(bodies[..5].iter().all(|body| *body == bodies[0]), "the same request, and no later one before it");
    for (wait, doubled) in fixture.waits().into_iter().zip([1.0, 2.0, 4.0, 8.0]) {
        assert!((doubled / 2.0..=doubled).contains(&wait), "{:?}", fixture.waits());
    }
    fixture.assert_told(&[r#"export_samples_total{target="vm"} 6"#, r#"export_retries_total{target="vm"} 4"#]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_asks_for_a_pause_gets_it() {
    let busy = vec![answer(429, &[("retry-after", "17")]), answer(503, &[("retry-after", "x")]), answer(500, &[])];
    let fixture = Fixture::start(ONE, busy);
    fixture.push_and_wait(&[10], 60).await;
    let waits = fixture.waits();
    assert!((waits[0] - 17.0).abs() < 0.1 && waits[1] <= 2.1 && waits.len() == 3, "{waits:?}");
    fixture.assert_told(&[r#"export_samples_total{target="vm"} 3"#]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_asks_for_a_long_pause_is_left_in_peace_by_all_batches() {
    let fixture = Fixture::start(ONE, vec![Err(Failed::NotSent(cause())), answer(429, &[("retry-after", "600")])]);
    fixture.push_and_wait(&[10, 25], 400).await;
    let waits = fixture.waits();
    assert!((waits[1] - 300.0).abs() < 0.1 && waits.len() == 2, "{waits:?}");
    fixture.assert_told(&[
        r#"export_dropped_samples_total{target="vm",reason="gave_up"} 3"#,
        r#"export_samples_total{target="vm"} 3"#,
    ]);
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_refuses_is_dropped_and_counted() {
    let fixture = Fixture::start(ONE, vec![answer(400, &[]), answer(404, &[]), answer(302, &[])]);
    fixture.push_and_wait(&[10, 25, 40, 55], 10).await;
    assert_eq!(fixture.bodies().len(), 4);
    fixture.assert_told(&[
        r#"export_dropped_samples_total{target="vm",reason="refused"} 9"#,
        r#"export_samples_total{target="vm"} 3"#,
        r#"export_retries_total{target="vm"} 0"#,
    ]);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_taken_is_not_sent_twice() {
    let fixture = Fixture::start(ONE, vec![Err(Failed::Unanswered(cause()))]);
    fixture.push_and_wait(&[10, 25], 60).await;
    let bodies = fixture.bodies();
    assert!(bodies.len() == 2 && bodies[0] != bodies[1]);
    fixture.assert_told(&[
        r#"export_dropped_samples_total{target="vm",reason="unanswered"} 3"#,
        r#"export_samples_total{target="vm"} 3"#,
    ]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_stays_away_is_given_up_for_this_batch() {
    let away = (0..100).map(|_| Err(Failed::NotSent(cause()))).collect();
    let fixture = Fixture::start(ONE, away);
    fixture.push_and_wait(&[10], 400).await;
    fixture.assert_told(&[r#"export_dropped_samples_total{target="vm",reason="gave_up"} 3"#]);
    let tries = fixture.bodies().len();
    assert!((10..30).contains(&tries), "{tries} tries in five minutes");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_knows_only_the_old_version_gets_it_at_once_and_from_then_on() {
    for stranger in [answer(415, &[]), answer(204, &[])] {
        let fixture = Fixture::start(ExportProtocol::RemoteWriteNewest, vec![stranger]);
        fixture.push_and_wait(&[10, 25], 5).await;
        let asked = fixture.engine.asked.lock().clone();
        let versions: Vec<_> = asked.iter().map(|(_, message)| message.headers[2].1).collect();
        assert_eq!(versions, ["2.0.0", "0.1.0", "0.1.0"]);
        assert_eq!(asked[0].0, asked[1].0, "without any pause");
        fixture.assert_told(&[
            r#"export_samples_total{target="vm"} 6"#,
            r#"export_dropped_samples_total{target="vm",reason="refused"} 0"#,
        ]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_knows_the_new_version_tells_how_much_it_took() {
    let written = |status, samples| answer(status, &[("x-prometheus-remote-write-samples-written", samples)]);
    let fixture = Fixture::start(ExportProtocol::RemoteWriteNewest, vec![written(200, "3"), written(400, "1")]);
    fixture.push_and_wait(&[10, 25], 5).await;
    assert!(fixture.engine.asked.lock().iter().all(|(_, message)| message.headers[2].1 == "2.0.0"));
    fixture.assert_told(&[
        r#"export_samples_total{target="vm"} 4"#,
        r#"export_dropped_samples_total{target="vm",reason="refused"} 2"#,
    ]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_chosen_is_kept() {
    let fixture = Fixture::start(ExportProtocol::RemoteWrite2, vec![answer(415, &[]), answer(200, &[])]);
    fixture.push_and_wait(&[10, 25], 5).await;
    assert!(fixture.engine.asked.lock().iter().all(|(_, message)| message.headers[2].1 == "2.0.0"));
    fixture.assert_told(&[r#"export_dropped_samples_total{target="vm",reason="refused"} 6"#]);
}
