use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::*;
use crate::clock::{Clock, ClockHand, UnixMillis};
use crate::promtext;
use crate::sim::{Basis, Fault, Faults, Scenario, SimPod, State, World};
use crate::usage::{Batch, Nanocores, RejectReason, Run, Sample};

const ORIGIN: UnixMillis = UnixMillis(1_795_391_000_000);
const RESOURCE: &str = "/metrics/resource";
const SUMMARY: &str = "/stats/summary?only_cpu_and_memory=true";

/// A running fleet with one client and a clock that stands still.
struct Rig {
    world: Arc<World>,
    faults: Arc<Faults>,
    fleet: Fleet,
    client: reqwest::Client,
    clock: Clock,
    hand: ClockHand,
}

impl Rig {
    fn start() -> Self {
        let world = Arc::new(World::new(Scenario::demo(), ORIGIN));
        let faults = Arc::new(Faults::default());
        let (clock, hand) = Clock::manual(ORIGIN);
        let tokens = vec!["other".to_owned(), "secret".to_owned()];
        let fleet = Fleet::start(Arc::clone(&world), Arc::clone(&faults), clock.clone(), tokens).unwrap();
        let authority = reqwest::Certificate::from_pem(fleet.authority_pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(5));
        Self { world, faults, fleet, client: client.build().unwrap(), clock, hand }
    }

    fn request(&self, node: u32, path: &str) -> reqwest::RequestBuilder {
        let address = self.world.node(node).unwrap().address;
        self.client.get(format!("https://{address}:{}{path}", self.fleet.port())).bearer_auth("secret")
    }

    async fn body(&self, node: u32, path: &str) -> Vec<u8> {
        let response = self.request(node, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap().to_vec()
    }

    fn pods(&self, node: u32) -> Vec<SimPod> {
        self.world.pods_of_node(node, self.clock.now()).collect()
    }
}

fn text(body: &[u8]) -> &str {
    std::str::from_utf8(body).unwrap()
}

/// Rows by namespace, pod and container.
fn rows<'a>(batch: &Batch<'a>) -> BTreeMap<(&'a str, &'a str, &'a str), crate::usage::Reading> {
    batch.rows.iter().map(|row| ((row.namespace, row.pod, row.container), row.reading)).collect()
}

#[tokio::test]
async fn a_scrape_reads_as_the_world_says() {
    let rig = Rig::start();
    let body = rig.body(3, RESOURCE).await;
    let batch = promtext::kubelet::read(&body);
    assert_eq!(batch.rejected.count, 0);
    let (told, pods, mut expected) = (rows(&batch), rig.pods(3), 0);
    for (pod, container) in pods.iter().flat_map(|pod| pod.containers.iter().map(move |container| (pod, container))) {
        let row = told.get(&(&*pod.key.namespace, &*pod.key.name, container.name.as_str()));
        let Some(reading) = container.reading(ORIGIN) else {
            assert_eq!(row, None, "{}", pod.key);
            continue;
        };
        expected += 1;
        let row = row.unwrap();
        assert_eq!((row.cpu_time, row.memory_time), (Some(reading.time), Some(reading.time)));
        assert_eq!((row.cpu_ns, row.memory_bytes), (Some(reading.cpu_ns), Some(reading.memory_bytes)));
        assert_eq!(row.start, Some(reading.start));
    }
    assert_eq!(told.len(), expected);
    let node = rig.world.node(3).unwrap().reading(ORIGIN);
    assert_eq!(batch.node.unwrap().cpu_ns, Some(node.cpu_ns));
    assert_eq!((rig.fleet.requests(3), rig.fleet.requests(2)), (1, 0));
    rig.fleet.stop().await;
}

#[tokio::test]
async fn both_forms_say_the_same() {
    let rig = Rig::start();
    let request = rig.request(0, RESOURCE).header("accept", promtext::kubelet::ACCEPT);
    let answer = request.send().await.unwrap();
    let told = answer.headers()["content-type"].as_bytes().to_vec();
    assert_eq!(promtext::kubelet::Form::of(&told), promtext::kubelet::Form::Delimited);
    let (protobuf, text) = (answer.bytes().await.unwrap(), rig.body(0, RESOURCE).await);
    let (protobuf, text) = (promtext::kubelet::read_delimited(&protobuf), promtext::kubelet::read(&text));
    assert!(text.rows.len() > 10 && text.node.is_some());
    assert_eq!(protobuf, text);
}

#[tokio::test]
async fn usage_made_of_two_scrapes_is_inside_the_bounds() {
    let rig = Rig::start();
    let first = rig.body(0, RESOURCE).await;
    rig.hand.advance(Duration::from_secs(30));
    let second = rig.body(0, RESOURCE).await;
    let (first, second) = (promtext::kubelet::read(&first), promtext::kubelet::read(&second));
    let (first, second) = (rows(&first), rows(&second));
    let mut checked = 0;
    for (pod, container) in rig.pods(0).iter().flat_map(|pod| pod.containers.iter().map(move |c| (pod, c))) {
        let name = (&*pod.key.namespace, &*pod.key.name, container.name.as_str());
        let (Some(before), Some(after)) = (first.get(&name), second.get(&name)) else { continue };
        let mut run = Run::begin(before.start, Sample::from_reading(before, ORIGIN).unwrap());
        run.record(after.start, Sample::from_reading(after, ORIGIN).unwrap());
        let usage = run.usage();
        let second = UnixMillis(usage.time.0.div_euclid(1000) * 1000);
        let bounds = container.bounds(second, Basis::Window(usage.window)).unwrap();
        let Nanocores(cpu) = usage.cpu.unwrap();
        assert!(bounds.cpu_nanocores.contains(&cpu), "{name:?}: {cpu} is not in {:?}", bounds.cpu_nanocores);
        assert!(bounds.memory_bytes.contains(&usage.memory.0), "{name:?}");
        checked += 1;
    }
    assert!(checked > 14, "{checked}");
}

#[tokio::test]
async fn the_summary_tells_the_kubelets_own_rates() {
    let rig = Rig::start();
    let body = rig.body(1, SUMMARY).await;
    let batch = promtext::summary::read(&body).unwrap();
    let told = rows(&batch);
    let mut checked = 0;
    for (pod, container) in rig.pods(1).iter().flat_map(|pod| pod.containers.iter().map(move |c| (pod, c))) {
        let row = told.get(&(&*pod.key.namespace, &*pod.key.name, container.name.as_str()));
        let Some(reading) = container.reading(ORIGIN) else { continue };
        assert_eq!(row.unwrap().kubelet_rate, reading.rate, "{}", pod.key);
        let bounds = container.bounds(row.unwrap().cpu_time.unwrap(), Basis::KubeletRate).unwrap();
        assert!(bounds.cpu_nanocores.contains(&reading.rate.unwrap()));
        checked += 1;
    }
    assert!(checked > 14, "{checked}");
    assert!(batch.node.unwrap().kubelet_rate.is_some());
}

#[tokio::test]
async fn the_text_has_the_families_and_the_look_of_a_real_kubelets() {
    let comments =
        |text: &str| -> Vec<String> { text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect() };
    let rig = Rig::start();
    let added = rig.world.changes(ORIGIN, ORIGIN + Duration::from_mins(5)).find_map(|change| match change.event {
        crate::sim::Event::PodAdded(pod) => Some(pod),
        _ => None,
    });
    // A moment with a young container, as the real answer has.
    let pod = added.unwrap();
    rig.hand.advance(pod.containers[1].first_start.since(ORIGIN) + Duration::from_secs(5));
    let body = rig.body(pod.node, RESOURCE).await;
    let real = include_str!("../../../tests/data/kubelet/resource-1.txt");
    assert_eq!(comments(text(&body)), comments(real));
    let young =
        format!("container_swap_limit_bytes{{container=\"worker\",namespace=\"jobs\",pod=\"{}\"}} 0 ", pod.key.name);
    assert!(text(&body).contains(&format!("{young}{}\n", rig.clock.now().0)));
    assert!(
        text(&body).contains(&format!("pod_cpu_usage_seconds_total{{namespace=\"jobs\",pod=\"{}\"}} 0 ", pod.key.name))
    );
    let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text(&body).lines().filter(|line| line.contains('{')) {
        let (name, rest) = line.split_once('{').unwrap();
        families.entry(name).or_default().push(rest.split_once('}').unwrap().0);
    }
    assert!(families.values().all(|lines| lines.is_sorted()));
}

#[tokio::test]
async fn a_container_in_back_off_and_its_pod_are_absent() {
    let rig = Rig::start();
    let pod = rig.pods(0).into_iter().find(|pod| &*pod.workload == "fragile").unwrap();
    let mut seen = [false, false];
    for _ in 0..12 {
        let running = matches!(pod.containers[0].state(rig.clock.now()), State::Running(_));
        assert_eq!(text(&rig.body(0, RESOURCE).await).contains(&*pod.key.name), running);
        assert_eq!(text(&rig.body(0, SUMMARY).await).contains(&*pod.key.name), running);
        seen[usize::from(running)] = true;
        rig.hand.advance(Duration::from_secs(7));
    }
    assert_eq!(seen, [true, true]);
}

#[tokio::test]
async fn only_known_paths_with_a_known_token_are_answered() {
    let rig = Rig::start();
    let url = format!("https://127.1.0.1:{}{RESOURCE}", rig.fleet.port());
    for request in [
        rig.client.get(&url),
        rig.client.get(&url).bearer_auth("secre"),
        rig.client.get(&url).basic_auth("secret", Some("")),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    let answered = rig.client.get(&url).bearer_auth("other").send().await.unwrap();
    assert_eq!(answered.status(), 200);
    assert_eq!(answered.headers()["process-start-time-unix"], "1795391000");
    assert_eq!(answered.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
    assert_eq!(rig.request(0, "/metrics/cadvisor").send().await.unwrap().status(), 404);
    assert_eq!(rig.fleet.requests(0), 5);
}

#[tokio::test]
async fn addresses_of_no_node_are_cut_off_before_the_handshake() {
    let rig = Rig::start();
    for address in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 1, 0, 7)] {
        let mut stream = TcpStream::connect((address, rig.fleet.port())).await.unwrap();
        assert!(stream.read_u8().await.is_err(), "{address}");
    }
}

#[tokio::test]
async fn a_certificate_is_good_for_its_own_node_alone() {
    let rig = Rig::start();
    let elsewhere = rig.client.get(format!("https://localhost:{}{RESOURCE}", rig.fleet.port()));
    assert!(elsewhere.send().await.is_err());
    let distrustful = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let url = format!("https://127.1.0.1:{}{RESOURCE}", rig.fleet.port());
    assert!(distrustful.get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn faults_hold_from_the_next_request_on_even_of_an_open_connection() {
    let rig = Rig::start();
    rig.body(0, RESOURCE).await;
    for fault in [Fault::Reset, Fault::WrongCertificate] {
        rig.faults.set(0, fault);
        assert!(rig.request(0, RESOURCE).send().await.is_err(), "{fault}");
        let fresh = rig.request(0, RESOURCE).send().await.unwrap_err();
        assert!(fresh.is_connect(), "{fault}: {fresh:?}");
        rig.faults.clear(0);
        rig.body(0, RESOURCE).await;
    }
    rig.body(1, RESOURCE).await;
}

#[tokio::test]
async fn a_hanging_or_dripping_kubelet_does_not_end_in_time_and_still_stops() {
    let rig = Rig::start();
    rig.faults.set(0, Fault::Hang);
    rig.faults.set(1, Fault::SlowDrip);
    let in_time = Duration::from_millis(600);
    assert!(rig.request(0, RESOURCE).timeout(in_time).send().await.unwrap_err().is_timeout());
    let mut dripping = rig.request(1, RESOURCE).send().await.unwrap();
    assert_eq!(dripping.chunk().await.unwrap().unwrap(), "#");
    assert_eq!(dripping.chunk().await.unwrap().unwrap(), " ");
    let pending = tokio::spawn(rig.request(0, RESOURCE).send());
    tokio::time::timeout(Duration::from_secs(5), rig.fleet.stop()).await.unwrap();
    assert!(pending.await.unwrap().is_err());
}

#[tokio::test]
async fn a_half_body_ends_in_an_error() {
    let rig = Rig::start();
    let whole = rig.body(0, RESOURCE).await.len();
    rig.faults.set(0, Fault::HalfBody);
    let mut cut = rig.request(0, RESOURCE).send().await.unwrap();
    assert_eq!(cut.content_length(), Some(whole as u64));
    let mut received = 0;
    let error = loop {
        match cut.chunk().await {
            Ok(chunk) => received += chunk.unwrap().len(),
            Err(error) => break error,
        }
    };
    assert_eq!(received, whole / 2, "{error:?}");
}

#[tokio::test]
async fn a_status_or_a_redirect_is_what_it_says() {
    let rig = Rig::start();
    rig.faults.set(0, Fault::Status(403));
    assert_eq!(rig.request(0, RESOURCE).send().await.unwrap().status(), 403);
    rig.faults.set(0, Fault::Redirect);
    let redirect = rig.request(0, RESOURCE).send().await.unwrap();
    assert_eq!(redirect.status(), 302);
    assert!(redirect.headers()["location"].to_str().unwrap().starts_with("https://"));
}

#[tokio::test]
async fn garbage_has_no_rows_and_a_just_started_kubelet_has_none_either() {
    let rig = Rig::start();
    rig.faults.set(0, Fault::Garbage);
    let body = rig.body(0, RESOURCE).await;
    let garbage = promtext::kubelet::read(&body);
    assert!(garbage.is_empty() && garbage.rejected.count > 0);
    rig.faults.set(0, Fault::ScrapeErrorOnly);
    let body = rig.body(0, RESOURCE).await;
    assert_eq!(text(&body), include_str!("../../../tests/data/kubelet/early-scrape-error.txt"));
    assert_eq!(rig.request(0, SUMMARY).send().await.unwrap().status(), 500);
}

#[tokio::test]
async fn duplicate_series_are_refused_and_a_wrong_clock_shows() {
    let rig = Rig::start();
    let body = rig.body(0, RESOURCE).await;
    let good = promtext::kubelet::read(&body);
    rig.faults.set(0, Fault::DuplicateSeries);
    let body = rig.body(0, RESOURCE).await;
    let doubled = promtext::kubelet::read(&body);
    assert_eq!((doubled.rejected.count as usize, &doubled.rows), (good.rows.len(), &good.rows));
    assert_eq!(doubled.rejected.first.map(|(_, reason)| reason), Some(RejectReason::Duplicate));
    let ahead = Duration::from_hours(10 * 365 * 24);
    rig.faults.set(0, Fault::ClockOff(ahead));
    for (path, digits) in [(RESOURCE, 1), (SUMMARY, 1000)] {
        let body = rig.body(0, path).await;
        let batch =
            if path == RESOURCE { promtext::kubelet::read(&body) } else { promtext::summary::read(&body).unwrap() };
        let expected = good.node.unwrap().cpu_time.unwrap() + ahead;
        assert_eq!(batch.node.unwrap().cpu_time.unwrap().0 / digits, expected.0 / digits);
    }
}

#[tokio::test]
async fn bodies_without_end_are_streamed_until_the_client_leaves() {
    let rig = Rig::start();
    for (fault, enough) in [(Fault::HugeBody, 5_000_000), (Fault::GzipBomb, 1_000_000)] {
        rig.faults.set(0, fault);
        let mut endless = rig.request(0, RESOURCE).send().await.unwrap();
        let mut received = 0;
        while received < enough {
            received += endless.chunk().await.unwrap().unwrap().len();
        }
        assert_eq!(endless.headers().contains_key("content-encoding"), fault == Fault::GzipBomb);
    }
}

#[tokio::test]
async fn lies_are_told_as_they_are_called() {
    let rig = Rig::start();
    let good = rig.body(0, RESOURCE).await;
    let good = promtext::kubelet::read(&good);

    rig.faults.set(0, Fault::NotANumber);
    let body = rig.body(0, RESOURCE).await;
    assert!(promtext::kubelet::read(&body).rejected.count as usize >= good.rows.len() / 2);

    rig.faults.set(0, Fault::CounterJumps);
    let mut told = Vec::new();
    for _ in 0..2 {
        let body = rig.body(0, RESOURCE).await;
        told.push(promtext::kubelet::read(&body).node.unwrap().cpu_ns.unwrap());
    }
    told.sort_unstable();
    assert!(told[0].abs_diff(told[1] / 2) <= 1 && told[1] == good.node.unwrap().cpu_ns.unwrap(), "{told:?}");

    rig.faults.set(0, Fault::OthersPods);
    let body = rig.body(0, RESOURCE).await;
    let both = promtext::kubelet::read(&body).rows.len();
    rig.faults.set(0, Fault::SwappedName);
    let body = rig.body(0, RESOURCE).await;
    assert_eq!(promtext::kubelet::read(&body).rows.len() + good.rows.len(), both);

    rig.faults.set(0, Fault::Flap);
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(rig.request(0, RESOURCE).send().await.unwrap().status().as_u16());
    }
    answers.sort_unstable();
    assert_eq!(answers, [200, 503]);
}

#[tokio::test]
async fn a_kubelet_that_has_moved_is_at_its_second_address_alone() {
    let rig = Rig::start();
    let second = rig.world.node(0).unwrap().second_address();
    let url = format!("https://{second}:{}{RESOURCE}", rig.fleet.port());
    let at_second = || rig.client.get(&url).bearer_auth("secret").send();
    assert!(at_second().await.is_err());
    rig.faults.set(0, Fault::Moved);
    assert_eq!(at_second().await.unwrap().status(), 200);
    assert!(rig.request(0, RESOURCE).send().await.is_err());
}
