//! Several replicas exchange their authority, and whatever happens to them meanwhile, none that gets
//! requests serves what the aggregator does not believe.

use std::collections::HashSet;

use rustls::pki_types::pem::PemObject;

use super::*;
use crate::apiserver::certificates::material;
use crate::clock::ClockHand;

const API_SERVICE: &str = "v1.custom.example.com";
/// How often is looked whether all is well.
const STEP: Duration = Duration::from_secs(10);
/// From a replica that is not ready to nobody asking it: two probes, and the way of the endpoints.
const ENDPOINT_LAG: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_hours(24);

struct Replica {
    is_cut_off: Arc<AtomicBool>,
    hand: ClockHand,
    serving: Arc<ServingCertificate>,
    readiness: Readiness,
    was_ready_at: Option<Instant>,
    running: JoinHandle<()>,
}

impl Replica {
    fn start(world: &Arc<Mutex<World>>) -> Self {
        let is_cut_off = Arc::<AtomicBool>::default();
        let (world, cut_off) = (Arc::clone(world), Arc::clone(&is_cut_off));
        let api = ApiServer::with(
            move |request| if cut_off.load(Ordering::Relaxed) { None } else { world.lock().answer(request) },
        );
        let (serving, readiness) = (Arc::<ServingCertificate>::default(), Readiness::default());
        let (clock, hand) = Clock::manual(NOW);
        let own = OwnCertificates::new(api.client(), service(), clock, OVERLAP, Arc::clone(&serving));
        let running = tokio::spawn(own.run(readiness.latch("serving-certificate", "none"), CancellationToken::new()));
        Self { is_cut_off, hand, serving, readiness, was_ready_at: None, running }
    }

    fn cut_off(&self, is: bool) {
        self.is_cut_off.store(is, Ordering::Relaxed);
    }

    fn gets_requests(&mut self) -> bool {
        if self.readiness.is_ready() {
            self.was_ready_at = Some(Instant::now());
        }
        self.was_ready_at.is_some_and(|at| at.elapsed() <= ENDPOINT_LAG)
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.running.abort();
    }
}

struct Fleet {
    world: Arc<Mutex<World>>,
    replicas: Vec<Replica>,
    /// What the aggregator believed a step ago: it takes a moment to learn of a change.
    believed: String,
    proven: HashSet<(String, Vec<CertificateDer<'static>>)>,
}

impl Fleet {
    async fn start(replicas: usize) -> Self {
        let api_services = [api_service(API_SERVICE, "custom-api", &json!({}))].into();
        let world = Arc::new(Mutex::new(World { api_services, ..World::default() }));
        let replicas = (0..replicas).map(|_| Replica::start(&world)).collect();
        let mut fleet = Self { world, replicas, believed: String::new(), proven: HashSet::new() };
        tokio::time::sleep(STEP).await;
        fleet.believed = fleet.bundle();
        assert!(fleet.replicas.iter().all(|replica| replica.readiness.is_ready()));
        fleet
    }

    fn bundle(&self) -> String {
        let bundle = self.world.lock().api_services[API_SERVICE]["spec"]["caBundle"].clone();
        String::from_utf8(BASE64_STANDARD.decode(bundle.as_str().unwrap()).unwrap()).unwrap()
    }

    fn kept(&self) -> Material {
        material(self.world.lock().secret.as_ref().unwrap())
    }

    fn version(&self) -> String {
        self.world.lock().secret.as_ref().unwrap()["metadata"]["resourceVersion"].to_string()
    }

    fn ask_for_a_new_authority(&self) {
        let mut world = self.world.lock();
        let secret = world.secret.as_mut().unwrap();
        secret["metadata"]["annotations"] = json!({"kube-vitals/new-authority": "please"});
        let version: u64 = secret["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        secret["metadata"]["resourceVersion"] = json!((version + 1000).to_string());
    }

    /// Lets time pass, in which whoever gets requests is believed.
    async fn live(&mut self, time: Duration, mut each_step: impl FnMut(&mut Self)) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            tokio::time::sleep(STEP).await;
            let bundle = self.bundle();
            for (index, replica) in self.replicas.iter_mut().enumerate() {
                if replica.gets_requests() {
                    for believed in [&self.believed, &bundle] {
                        let case = (believed.clone(), replica.serving.chain());
                        assert!(self.proven.contains(&case) || is_believed(&case), "replica {index} at {until:?}");
                        self.proven.insert(case);
                    }
                }
            }
            self.believed = bundle;
            each_step(self);
        }
    }

    fn all_serve(&self, material: &Material) -> bool {
        self.replicas
            .iter()
            .all(|replica| replica.readiness.is_ready() && replica.serving.chain() == chain(material, NOW))
    }
}

fn is_believed((bundle, chain): &(String, Vec<CertificateDer<'static>>)) -> bool {
    let authorities: Vec<_> = CertificateDer::pem_slice_iter(bundle.as_bytes()).map(Result::unwrap).collect();
    material::verify(&authorities, chain, &names(&service()), NOW).is_ok()
}

fn authorities(material: &Material) -> usize {
    material.authorities.matches("BEGIN").count()
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_is_asked_for_takes_over_with_both_believed_meanwhile() {
    let mut fleet = Fleet::start(3).await;
    let old = fleet.kept();
    fleet.ask_for_a_new_authority();
    let minutes = Duration::from_mins;
    fleet.live(minutes(5), |_| ()).await;
    let announced = fleet.kept();
    assert_eq!((authorities(&announced), fleet.bundle()), (2, announced.authorities.clone()));
    assert!(fleet.all_serve(&old), "known for an overlap before it is served");
    fleet.live(minutes(65), |_| ()).await;
    let retiring = fleet.kept();
    assert!(fleet.all_serve(&retiring) && retiring.certificate != old.certificate);
    assert_eq!(retiring.authorities, announced.authorities);
    fleet.live(minutes(65), |_| ()).await;
    let settled = fleet.kept();
    assert_eq!((authorities(&settled), fleet.bundle()), (1, settled.authorities.clone()));
    assert!(fleet.all_serve(&retiring) && !old.authorities.contains(&settled.authorities));
    let version = fleet.version();
    fleet.live(minutes(180), |_| ()).await;
    assert_eq!(fleet.version(), version, "asked for once, done once");
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_while_an_authority_takes_over_gets_another_after_it() {
    for (met, later) in [("announced", 5), ("retiring", 70)] {
        let mut fleet = Fleet::start(2).await;
        fleet.ask_for_a_new_authority();
        fleet.live(Duration::from_mins(later), |_| ()).await;
        let first = fleet.kept();
        assert_eq!(authorities(&first), 2, "{met}");
        fleet.ask_for_a_new_authority();
        fleet.live(Duration::from_hours(5), |_| ()).await;
        let settled = fleet.kept();
        assert_eq!(authorities(&settled), 1, "{met}");
        assert!(fleet.all_serve(&settled) && !first.authorities.contains(&settled.authorities), "{met}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_cut_off_for_a_day_is_not_ready_before_its_chain_is_not_believed() {
    let mut fleet = Fleet::start(2).await;
    let old = fleet.kept();
    fleet.live(Duration::from_mins(3), |_| ()).await;
    fleet.replicas[1].cut_off(true);
    fleet.ask_for_a_new_authority();
    fleet.live(DAY, |_| ()).await;
    assert!(!fleet.replicas[1].readiness.is_ready() && fleet.replicas[0].readiness.is_ready());
    assert_eq!(fleet.replicas[1].serving.chain(), chain(&old, NOW));
    fleet.replicas[1].cut_off(false);
    fleet.live(Duration::from_mins(1), |_| ()).await;
    let new = fleet.kept();
    assert!(fleet.all_serve(&new) && authorities(&new) == 1);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_was_cut_off_for_long_puts_nothing_back_that_is_out_of_date() {
    let fleet = Fleet::start(1).await;
    let old = fleet.kept();
    fleet.replicas[0].cut_off(true);
    tokio::time::sleep(OVERLAP).await;
    fleet.world.lock().secret.as_mut().unwrap()["data"] = json!({});
    fleet.replicas[0].cut_off(false);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let new = fleet.kept();
    assert!(fleet.all_serve(&new) && new.certificate != old.certificate);
    assert!(!new.authorities.contains(&old.authorities));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_goes_on_when_everybody_crashes_after_every_write() {
    let mut fleet = Fleet::start(3).await;
    let old = fleet.kept();
    fleet.ask_for_a_new_authority();
    let (mut seen, mut crashes) = (fleet.version(), 0);
    let crash = |fleet: &mut Fleet| {
        let version = fleet.version();
        if std::mem::replace(&mut seen, version.clone()) != version {
            crashes += 1;
            let world = Arc::clone(&fleet.world);
            fleet.replicas.iter_mut().for_each(|replica| *replica = Replica::start(&world));
        }
    };
    fleet.live(Duration::from_hours(3), crash).await;
    let new = fleet.kept();
    assert!(crashes >= 3 && authorities(&new) == 1 && new.certificate != old.certificate);
    assert!(fleet.all_serve(&new));
}

#[tokio::test(start_paused = true)]
async fn clocks_that_step_back_and_forth_hurry_nothing() {
    let mut fleet = Fleet::start(3).await;
    fleet.ask_for_a_new_authority();
    let (mut step, mut phases) = (0_u32, Vec::new());
    let shake = |fleet: &mut Fleet| {
        step += 1;
        let replica = &fleet.replicas[(step % 3) as usize];
        replica.hand.set(if step % 2 == 0 { NOW + DAY * 200 } else { NOW - DAY * 200 });
        let count = authorities(&fleet.kept());
        if phases.last().is_none_or(|(last, _)| *last != count) {
            phases.push((count, Instant::now()));
        }
    };
    fleet.live(Duration::from_hours(3), shake).await;
    let [.., (2, announced), (1, retired)] = phases[..] else { panic!("{phases:?}") };
    assert!(retired - announced >= OVERLAP * 2, "{:?}", retired - announced);
}

#[tokio::test(start_paused = true)]
async fn an_authority_is_not_served_before_every_api_service_knows_it() {
    let mut fleet = Fleet::start(2).await;
    let old = fleet.kept();
    // Applied by somebody who sets its caBundle himself, where we may not.
    let bundle = BASE64_STANDARD.encode(&old.authorities);
    let (name, foreign) = api_service("v1.theirs", "custom-api", &json!({"caBundle": bundle}));
    fleet.world.lock().forbidden = "v1.theirs";
    fleet.world.lock().api_services.insert(name, foreign);
    fleet.ask_for_a_new_authority();
    fleet.live(OVERLAP * 3 / 2, |_| ()).await;
    assert!(fleet.all_serve(&old));
    fleet.world.lock().forbidden = "";
    fleet.live(Duration::from_hours(3), |_| ()).await;
    assert_eq!(authorities(&fleet.kept()), 1);
    assert!(fleet.all_serve(&fleet.kept()) && fleet.kept().certificate != old.certificate);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_for_long_costs_readiness_and_gives_it_back() {
    let mut fleet = Fleet::start(1).await;
    fleet.replicas[0].cut_off(true);
    fleet.live(OVERLAP * 29 / 60, |_| ()).await;
    assert!(fleet.replicas[0].readiness.is_ready());
    fleet.live(Duration::from_mins(3), |_| ()).await;
    let failure = fleet.replicas[0].readiness.checks()[0].failure.clone().unwrap();
    assert!(failure.contains("custom-api/custom-api-serving-cert"), "{failure}");
    fleet.replicas[0].cut_off(false);
    fleet.live(Duration::from_secs(40), |_| ()).await;
    assert!(fleet.replicas[0].readiness.is_ready());
}
