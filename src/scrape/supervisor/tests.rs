//! The whole room against fake kubelets over real TLS. Time is real: sockets do not know paused
//! time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use jiff::fmt::rfc2822::DateTimePrinter;
use parking_lot::Mutex;

use super::*;
use crate::clock::UnixMillis;
use crate::cluster::{Node, Pod};
use crate::readiness::Readiness;
use crate::revision::Revisions;
use crate::scrape::fixtures::{Behaviour, FakeKubelet, http, node, pod, resource_text, summary_json};
use crate::usage::{PodKey, Source, Usage};

struct World {
    cluster: Arc<Cluster>,
    store: Arc<Store>,
    readiness: Readiness,
    heartbeat: Heartbeat,
    clock: Clock,
    stop: CancellationToken,
}

fn ok(body: &str) -> Behaviour {
    Behaviour::Send(http("200 OK", "", body.as_bytes()))
}

/// A kubelet with one container that began at the shared time, and with a summary if told so.
async fn kubelet(started: Arc<Mutex<UnixMillis>>, has_summary: bool) -> FakeKubelet {
    FakeKubelet::start(move |head| match head.contains("/stats/summary") {
        true if has_summary => ok(&summary_json()),
        true => Behaviour::Send(http("403 Forbidden", "", b"")),
        false => ok(&resource_text(Clock::system().now(), *started.lock())),
    })
    .await
}

fn an_hour_ago() -> Arc<Mutex<UnixMillis>> {
    Arc::new(Mutex::new(Clock::system().now() - Duration::from_hours(1)))
}

fn scrape(kubelet: &FakeKubelet, settings: &Scraping, cluster: Arc<Cluster>) -> World {
    scrape_share(kubelet, settings, cluster, watch::channel(Share::default()).1, Clock::system())
}

fn scrape_share(
    kubelet: &FakeKubelet,
    settings: &Scraping,
    cluster: Arc<Cluster>,
    share: watch::Receiver<Share>,
    clock: Clock,
) -> World {
    let store = Arc::new(Store::new(Revisions::after(0)));
    let mut registry = Registry::default();
    let parts = (Arc::clone(&cluster), Arc::clone(&store), clock.clone());
    let age = Duration::from_mins(2);
    let scraper = Scraper::build(settings, age, kubelet.access(), parts.0, parts.1, parts.2, &mut registry).unwrap();
    let heartbeat = Heartbeat::new(Clock::system());
    let (readiness, stop) = (Readiness::default(), CancellationToken::new());
    let world = World { cluster, store, readiness, heartbeat, clock, stop };
    let latch = world.readiness.latch("first-round", "nodes are being asked");
    let filled = CancellationToken::new();
    filled.cancel();
    tokio::spawn(scraper.run(world.heartbeat.clone(), latch, filled, share, world.stop.clone()));
    world
}

fn one_node() -> Arc<Cluster> {
    Arc::new(Cluster::with(vec![node("n", &["127.0.0.1"])], vec![pod("n", UnixMillis(0))]))
}

impl World {
    fn usage(&self) -> Option<Usage> {
        usage_in(&self.store)
    }

    fn reason(&self, node: &str) -> Option<&'static str> {
        let snapshot = self.store.snapshot();
        snapshot.node(&node.into())?.scrape.outcome.as_ref().err().map(crate::usage::Failure::reason)
    }
}

fn usage_in(store: &Store) -> Option<Usage> {
    let snapshot = store.snapshot();
    let record = snapshot.node(&"n".into())?;
    let pod = record.pod(&PodKey::new("ns", "p"), Uid::parse("pod"))?;
    record.containers(pod).first().map(|container| container.run.usage())
}

/// Waits for something that must come soon, and says how long it took.
async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(8), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn first_contact_serves_usage_at_once_by_the_kubelets_own_rate() {
    let kubelet = kubelet(an_hour_ago(), true).await;
    let world = scrape(&kubelet, &kubelet.settings(), one_node());
    let took = until("usage", || world.usage().is_some_and(|usage| usage.cpu.is_some())).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(world.usage().map(|usage| usage.source), Some(Source::Kubelet));
    until("ready", || world.readiness.is_ready()).await;
    assert!(world.heartbeat.age() < Duration::from_secs(1));
    assert_eq!((kubelet.requests_for("/metrics/resource"), kubelet.requests_for("/stats/summary")), (1, 1));
    world.stop.cancel();
}

#[tokio::test]
async fn where_the_summary_is_refused_a_second_scrape_follows_a_second_later() {
    let kubelet = kubelet(an_hour_ago(), false).await;
    let world = scrape(&kubelet, &kubelet.settings(), one_node());
    let took = until("usage", || world.usage().is_some_and(|usage| usage.cpu.is_some())).await;
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(3), "{took:?}");
    let usage = world.usage().unwrap();
    assert_eq!(usage.source, Source::Samples);
    let millicores = usage.cpu.unwrap().0 / 1_000_000;
    assert!((495..=505).contains(&millicores), "{millicores} m of 500 m");
    assert_eq!(kubelet.requests_for("/stats/summary"), 1, "a refusal is remembered");
}

/// Readings of `now` by a clock that shows `ahead`, behind so many bytes of comment.
fn readings_ahead(now: UnixMillis, started: UnixMillis, ahead: i64, comment_bytes: usize) -> Behaviour {
    let date = jiff::Timestamp::from_millisecond(ahead).unwrap();
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
    let text = resource_text(now, started).replace(&format!(" {}\n", now.0), &format!(" {ahead}\n"));
    let body = format!("#{}\n{text}", " ".repeat(comment_bytes));
    Behaviour::Send(http("200 OK", &format!("Date: {date}\r\n"), body.as_bytes()))
}

/// A kubelet whose clock is ahead by so many milliseconds, and which notes whether CPU was served when it
/// was asked for rates.
async fn kubelet_ahead(
    ahead_ms: Arc<AtomicI64>,
    store: Arc<OnceLock<Arc<Store>>>,
    gaps: Arc<AtomicUsize>,
) -> FakeKubelet {
    let started = Clock::system().now() - Duration::from_hours(1);
    FakeKubelet::start(move |head| {
        let now = Clock::system().now();
        let ahead = now.0 + ahead_ms.load(Ordering::Relaxed);
        if head.contains("/stats/summary") {
            let usage = store.get().and_then(|store| usage_in(store));
            gaps.fetch_add(usize::from(usage.is_none_or(|usage| usage.cpu.is_none())), Ordering::Relaxed);
            return ok(&summary_json());
        }
        readings_ahead(now, started, ahead, 0)
    })
    .await
}

#[tokio::test]
async fn when_a_nodes_clock_is_set_the_kubelets_own_rates_take_over_without_a_gap() {
    let (ahead_ms, served, gaps) = (Arc::new(AtomicI64::new(0)), Arc::new(OnceLock::new()), Arc::default());
    let kubelet = kubelet_ahead(Arc::clone(&ahead_ms), Arc::clone(&served), Arc::clone(&gaps)).await;
    let settings = Scraping { resolution: Duration::from_millis(1500), ..kubelet.settings() };
    let world = scrape(&kubelet, &settings, one_node());
    let source = || world.usage().filter(|usage| usage.cpu.is_some()).map(|usage| usage.source);
    until("a rate of two samples", || source() == Some(Source::Samples)).await;
    served.set(Arc::clone(&world.store)).unwrap();
    gaps.store(0, Ordering::Relaxed);
    for by in [10_000, 0] {
        ahead_ms.store(by, Ordering::Relaxed);
        until("the kubelet's own rate", || {
            let time = world.usage().map(|usage| usage.time.0);
            source() == Some(Source::Kubelet) && time.is_some_and(|time| time - by <= Clock::system().now().0)
        })
        .await;
    }
    let asked = kubelet.requests_for("/stats/summary");
    until("rates again", || kubelet.requests_for("/stats/summary") > asked + 1).await;
    assert_eq!(gaps.load(Ordering::Relaxed), 0);
    let scrapes = kubelet.requests_for("/metrics/resource");
    assert!(kubelet.requests_for("/stats/summary") <= scrapes, "asked for rates once a scrape");
    world.stop.cancel();
}

/// Asked for at most as often as readings; and no long body is held meanwhile, since there is room for few.
#[tokio::test]
async fn rates_that_never_come_hold_up_readings_once_and_long_ones_not_at_all() {
    let start = Clock::system().now() - Duration::from_hours(1);
    let readings = move |ahead_ms: i64, comment_bytes: usize| {
        let now = Clock::system().now();
        readings_ahead(now, start, now.0 + ahead_ms, comment_bytes)
    };
    // Waited for, the second would never come.
    for (comment_bytes, timeout_ms) in [(0, 500), (1 << 20, 30_000)] {
        let kubelet = FakeKubelet::start(move |head| {
            if head.contains("/stats/summary") { ok(&summary_json()) } else { readings(0, comment_bytes) }
        })
        .await;
        let (resolution, request_timeout) = (Duration::from_millis(1500), Duration::from_millis(timeout_ms));
        let settings = Scraping { resolution, request_timeout, ..kubelet.settings() };
        let world = scrape(&kubelet, &settings, one_node());
        until("a rate of two samples", || world.usage().is_some_and(|usage| usage.source == Source::Samples)).await;
        kubelet.become_other(move |head| {
            if head.contains("/stats/summary") { Behaviour::Hang } else { readings(20_000, comment_bytes) }
        });
        let asked = |path| kubelet.requests_for(path);
        let before = (asked("/metrics/resource"), asked("/stats/summary"));
        let is_stored = || world.usage().is_some_and(|usage| usage.time.0 > Clock::system().now().0 + 15_000);
        until("readings by the new clock", is_stored).await;
        if comment_bytes == 0 {
            until("more readings", || asked("/metrics/resource") >= before.0 + 3).await;
            let (scrapes, summaries) = (asked("/metrics/resource") - before.0, asked("/stats/summary") - before.1);
            assert!(summaries <= scrapes, "{summaries} summaries for {scrapes} scrapes");
        }
        world.stop.cancel();
    }
}

#[tokio::test]
async fn a_restarted_container_is_scraped_as_soon_as_it_has_a_rate() {
    let started = an_hour_ago();
    let kubelet = kubelet(Arc::clone(&started), true).await;
    let world = scrape(&kubelet, &kubelet.settings(), one_node());
    until("first usage", || world.usage().is_some()).await;
    let restart = Clock::system().now();
    *started.lock() = restart;
    world.cluster.apply(pod("n", restart));
    let is_new = || world.usage().is_some_and(|usage| usage.source == Source::Samples && usage.cpu.is_some());
    let took = until("usage of the new run", is_new).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(world.usage().unwrap().window < Duration::from_secs(4), "the window begins with the run");
}

#[tokio::test]
async fn a_failing_node_keeps_its_samples_and_recovers() {
    let started = an_hour_ago();
    let kubelet = kubelet(Arc::clone(&started), true).await;
    let settings = Scraping { resolution: Duration::from_secs(1), ..kubelet.settings() };
    let world = scrape(&kubelet, &settings, one_node());
    until("usage", || world.usage().is_some()).await;
    kubelet.become_other(|_| Behaviour::Send(http("500 Oh", "", b"")));
    until("the failure", || world.reason("n") == Some("UnexpectedStatus")).await;
    assert!(world.usage().is_some());
    kubelet.become_other(move |_| ok(&resource_text(Clock::system().now(), *started.lock())));
    until("recovery", || world.reason("n").is_none()).await;
}

#[tokio::test]
async fn a_hanging_node_holds_up_nobody() {
    let kubelet = kubelet(an_hour_ago(), true).await;
    let hanging = FakeKubelet::start(|_| Behaviour::Hang).await;
    let mut other: Node = node("hangs", &["127.0.0.1"]);
    other.kubelet_port = Some(hanging.address.port());
    let nodes = vec![node("n", &["127.0.0.1"]), other, node("nowhere", &[])];
    let settings = Scraping {
        use_node_status_port: true,
        resolution: Duration::from_secs(3),
        request_timeout: Duration::from_secs(2),
        ..kubelet.settings()
    };
    let cluster = Arc::new(Cluster::with(nodes, vec![pod("n", UnixMillis(0))]));
    let world = scrape(&kubelet, &settings, cluster);
    let took = until("usage", || world.usage().is_some()).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(world.reason("nowhere"), Some("NoAddress"));
    assert!(!world.readiness.is_ready(), "the hanging node has not been tried to the end");
    until("all tried", || world.readiness.is_ready()).await;
}

#[tokio::test]
async fn a_body_of_many_pods_is_read_too() {
    let kubelet = FakeKubelet::start(|_| {
        let now = Clock::system().now();
        ok(&(resource_text(now, now) + &"# many more lines\n".repeat(100_000)))
    })
    .await;
    let world = scrape(&kubelet, &kubelet.settings(), one_node());
    until("usage", || world.usage().is_some()).await;
    let snapshot = world.store.snapshot();
    assert!(snapshot.node(&"n".into()).is_some_and(|record| record.scrape.body_bytes > 1 << 20));
}

#[tokio::test]
async fn a_node_that_leaves_is_forgotten_and_one_that_comes_is_found() {
    let kubelet = kubelet(an_hour_ago(), true).await;
    let world = scrape(&kubelet, &kubelet.settings(), one_node());
    until("usage", || world.usage().is_some()).await;
    world.cluster.delete::<Node>(&"n".into());
    until("forgotten", || world.store.snapshot().node(&"n".into()).is_none()).await;
    let later = Node { uid: Uid::parse("another"), ..node("n", &["127.0.0.1"]) };
    world.cluster.apply(later);
    until("usage again", || world.usage().is_some()).await;
}

#[tokio::test]
async fn nothing_is_scraped_before_all_pods_are_known() {
    let kubelet = kubelet(an_hour_ago(), true).await;
    let world = scrape(&kubelet, &kubelet.settings(), Arc::default());
    world.cluster.replace(vec![Arc::new(node("n", &["127.0.0.1"]))]);
    tokio::time::sleep(START_LOOK_INTERVAL * 3).await;
    assert_eq!(kubelet.requests_for("/"), 0);
    world.cluster.replace::<Pod>(vec![Arc::new(pod("n", UnixMillis(0)))]);
    until("usage", || world.usage().is_some()).await;
}

#[tokio::test]
async fn a_stop_ends_all_requests() {
    let kubelet = kubelet(an_hour_ago(), true).await;
    let settings = Scraping { resolution: Duration::from_millis(300), ..kubelet.settings() };
    let world = scrape(&kubelet, &settings, one_node());
    until("usage", || world.usage().is_some()).await;
    world.stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let requests = kubelet.requests_for("/");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(kubelet.requests_for("/"), requests);
}

mod shared {
    use super::*;
    use crate::store::{Handed, Merge, Terms};
    use crate::usage::{Failure, Rejected, Scrape};

    const RESOLUTION: Duration = Duration::from_secs(1);

    /// One node of which this is our part, at a kubelet that counts.
    async fn world(share: Share) -> (FakeKubelet, World, watch::Sender<Share>) {
        world_at(share, Clock::system()).await
    }

    async fn world_at(share: Share, clock: Clock) -> (FakeKubelet, World, watch::Sender<Share>) {
        let kubelet = kubelet(an_hour_ago(), true).await;
        let settings = Scraping { resolution: RESOLUTION, ..kubelet.settings() };
        let (divide, share) = watch::channel(share);
        let world = scrape_share(&kubelet, &settings, one_node(), share, clock);
        (kubelet, world, divide)
    }

    fn asked(kubelet: &FakeKubelet) -> usize {
        kubelet.requests_for("/metrics/resource")
    }

    /// Another replica has just asked the node.
    fn tell(world: &World, outcome: Result<(), Failure>) {
        let now = world.clock.now();
        let (duration, rejected) = (Duration::ZERO, Rejected::default());
        let last_success = outcome.is_ok().then_some(now);
        let scrape = Scrape { started: now, duration, body_bytes: 0, address: Box::default(), rejected, outcome };
        let handed =
            Handed { node: None, pods: vec![], scrape, clock_was_set: false, last_success, outcome_since: now };
        let pod = |namespace: &str, name: &str| Some((PodKey::new(namespace, name), Uid::parse("pod")));
        let rules = Merge { pod: &pod, oldest: UnixMillis(0) };
        assert!(world.store.adopt(&"n".into(), handed, &rules, &Terms { now, resolution: RESOLUTION }));
    }

    fn of_others() -> Share {
        Share::of("own", false, &["other"])
    }

    #[tokio::test]
    async fn a_node_of_another_replica_is_not_asked_as_long_as_that_tells_of_it() {
        let (kubelet, world, _divide) = world(of_others()).await;
        until("ready", || world.readiness.is_ready()).await;
        for _ in 0..4 {
            tell(&world, Ok(()));
            tokio::time::sleep(RESOLUTION).await;
        }
        assert_eq!(asked(&kubelet), 0);
        let silent = until("asked in its place", || asked(&kubelet) > 0).await;
        assert!(silent < RESOLUTION * 5 / 2, "{silent:?}");
        until("asked again", || asked(&kubelet) > 2).await;
        tell(&world, Ok(()));
        tokio::time::sleep(RESOLUTION * 2).await;
        let before = asked(&kubelet);
        tell(&world, Ok(()));
        tokio::time::sleep(RESOLUTION * 3 / 2).await;
        assert_eq!(asked(&kubelet), before, "it is asked by the other again");
    }

    #[tokio::test]
    async fn a_failing_node_of_another_replica_is_given_the_time_of_its_back_off() {
        let (kubelet, world, _divide) = world(of_others()).await;
        tell(&world, Err(Failure::Unauthorized));
        tokio::time::sleep(RESOLUTION * 4).await;
        assert_eq!(asked(&kubelet), 0);
        until("asked in its place", || asked(&kubelet) > 0).await;
    }

    #[tokio::test]
    async fn a_node_that_another_replica_alone_cannot_reach_is_asked_here_until_it_can() {
        let (kubelet, world, _divide) = world(of_others()).await;
        let mut rounds = 0;
        while asked(&kubelet) == 0 {
            assert!(rounds < 9, "never asked");
            tell(&world, Err(Failure::ClockSkew(3_600)));
            tokio::time::sleep(RESOLUTION).await;
            rounds += 1;
        }
        assert!(rounds > 4, "asked after {rounds} resolutions");
        for _ in 0..4 {
            tell(&world, Err(Failure::ClockSkew(3_600)));
            let before = asked(&kubelet);
            until("asked again", || asked(&kubelet) > before).await;
            tokio::time::sleep(RESOLUTION / 10).await;
            let age = Clock::system().now().since(world.usage().unwrap().time);
            assert!(world.reason("n").is_none() && age < RESOLUTION * 2, "{:?}, {age:?} old", world.reason("n"));
        }
        tell(&world, Ok(()));
        tokio::time::sleep(RESOLUTION * 5 / 4).await;
        let before = asked(&kubelet);
        tell(&world, Ok(()));
        tokio::time::sleep(RESOLUTION * 3 / 2).await;
        assert_eq!(asked(&kubelet), before, "the other can ask it again");
    }

    #[tokio::test]
    async fn our_clock_that_was_set_back_hides_no_silence_and_no_word() {
        let (clock, hand) = Clock::manual(Clock::system().now());
        let (kubelet, world, _divide) = world_at(of_others(), clock).await;
        until("ready", || world.readiness.is_ready()).await;
        // The clock goes on as time does.
        let pass = async |time: Duration| {
            let (begun, step) = (Instant::now(), RESOLUTION / 10);
            while begun.elapsed() < time {
                tokio::time::sleep(step).await;
                hand.advance(step);
            }
        };
        tell(&world, Ok(()));
        hand.set(world.clock.now() - RESOLUTION * 30);
        pass(RESOLUTION * 4).await;
        assert!(asked(&kubelet) > 0, "nothing was told for four resolutions");
        hand.set(world.clock.now() - RESOLUTION * 30);
        pass(RESOLUTION * 3 / 2).await;
        tell(&world, Ok(()));
        pass(RESOLUTION * 5 / 4).await;
        let before = asked(&kubelet);
        tell(&world, Ok(()));
        pass(RESOLUTION * 3 / 2).await;
        assert_eq!(asked(&kubelet), before, "it is asked by the other again");
    }

    #[tokio::test]
    async fn a_node_that_becomes_ours_is_asked_a_resolution_after_it_was_asked_last() {
        let (kubelet, world, divide) = world(of_others()).await;
        until("ready", || world.readiness.is_ready()).await;
        tell(&world, Ok(()));
        tokio::time::sleep(RESOLUTION / 4).await;
        divide.send_replace(Share::default());
        let waited = until("asked", || asked(&kubelet) > 0).await;
        assert!(waited > RESOLUTION / 2 && waited < RESOLUTION, "{waited:?}");
    }

    #[tokio::test]
    async fn a_node_that_is_ours_no_more_is_asked_until_the_other_tells_of_it() {
        let (kubelet, world, divide) = world(Share::default()).await;
        until("asked", || asked(&kubelet) > 0).await;
        divide.send_replace(of_others());
        let before = asked(&kubelet);
        until("asked again", || asked(&kubelet) > before + 1).await;
        for _ in 0..4 {
            tell(&world, Err(Failure::Unauthorized));
            tokio::time::sleep(RESOLUTION).await;
        }
        assert!(asked(&kubelet) > before + 4, "that the other fails ends nothing");
        tell(&world, Ok(()));
        tokio::time::sleep(RESOLUTION * 5 / 4).await;
        let before = asked(&kubelet);
        tell(&world, Ok(()));
        tokio::time::sleep(RESOLUTION * 3 / 2).await;
        assert_eq!(asked(&kubelet), before);
        assert!(world.usage().is_some(), "what was measured is kept");
    }

    #[tokio::test]
    async fn a_node_of_another_replica_that_leaves_is_forgotten() {
        let (_kubelet, world, _divide) = world(of_others()).await;
        until("ready", || world.readiness.is_ready()).await;
        tell(&world, Ok(()));
        world.cluster.delete::<Node>(&"n".into());
        until("forgotten", || world.store.snapshot().node(&"n".into()).is_none()).await;
    }

    #[tokio::test]
    async fn of_a_node_that_has_left_nothing_is_kept_however_it_comes() {
        let (_kubelet, world, _divide) = world(of_others()).await;
        until("ready", || world.readiness.is_ready()).await;
        tell(&world, Ok(()));
        // Silent and gone in one look.
        tokio::time::sleep(RESOLUTION * 2).await;
        world.cluster.delete::<Node>(&"n".into());
        let is_forgotten = || world.store.snapshot().node(&"n".into()).is_none();
        until("forgotten", is_forgotten).await;
        // Told when it had left already.
        tell(&world, Ok(()));
        world.cluster.apply(node("another", &[]));
        until("forgotten again", is_forgotten).await;
    }
}
