use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::apiserver::certificates::material::{Material, names};
use crate::apiserver::certificates::rotation::Step;
use crate::apiserver::fixtures::{ApiRequest, ApiServer, NOW};
use crate::clock::UnixMillis;
use crate::readiness::Readiness;
use crate::telemetry::warnings::Warnings;

mod damage;
mod exchange;

const SECRETS: &str = "/api/v1/namespaces/custom-api/secrets";
const OVERLAP: Duration = Duration::from_hours(1);
const API_SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";

/// The part of an API server that we use, with one Secret and some APIServices.
#[derive(Default)]
struct World {
    secret: Option<Value>,
    api_services: BTreeMap<String, Value>,
    /// A Secret that another replica creates just before our own write.
    faster: Option<Value>,
    away: bool,
    /// What the watch of APIServices tells after the list.
    later: Vec<Value>,
    /// So many patches are refused first.
    refuse_patches: u32,
    /// The Secret may be read alone.
    forbid_writes: bool,
    /// Patches of this one are always refused.
    forbidden: &'static str,
    /// What somebody makes of an APIService just before our own patch of it.
    meanwhile: Option<Value>,
    /// APIServices may not be listed.
    unlisted: bool,
}

impl World {
    fn answer(&mut self, request: &ApiRequest) -> Option<(u16, Value)> {
        let secret = format!("{SECRETS}/custom-api-serving-cert");
        if self.away {
            return Some((403, failure(403)));
        }
        match (&request.method, request.path.as_str()) {
            (&Method::GET, path) if path == secret => {
                Some(self.secret.clone().map_or((404, failure(404)), |found| (200, found)))
            }
            (&Method::POST | &Method::PUT, _) => {
                if let Some(faster) = self.faster.take() {
                    self.secret = Some(faster);
                    return Some((409, failure(409)));
                }
                Some(self.write(request))
            }
            (&Method::PATCH, _) if self.refuse_patches > 0 => {
                self.refuse_patches -= 1;
                Some((403, failure(403)))
            }
            (&Method::PATCH, path) if !self.forbidden.is_empty() && path.ends_with(self.forbidden) => {
                Some((403, failure(403)))
            }
            (&Method::PATCH, path) => {
                let name = path.strip_prefix(API_SERVICES).unwrap().trim_start_matches('/');
                let found = self.api_services.get_mut(name).unwrap();
                if let Some(meanwhile) = self.meanwhile.take() {
                    *found = meanwhile;
                }
                let seen = &request.body["metadata"]["resourceVersion"];
                if seen.is_string() && *seen != found["metadata"]["resourceVersion"] {
                    return Some((409, failure(409)));
                }
                for (key, value) in request.body["spec"].as_object().unwrap() {
                    found["spec"][key] = value.clone();
                }
                Some((200, found.clone()))
            }
            (&Method::GET, API_SERVICES) if self.unlisted => Some((403, failure(403))),
            (&Method::GET, API_SERVICES) if !request.query.contains("watch=true") => {
                let items: Vec<_> = self.api_services.values().collect();
                Some((200, json!({"metadata": {"resourceVersion": "1"}, "items": items})))
            }
            (&Method::GET, API_SERVICES) => {
                let later = self.later.pop()?;
                self.api_services.insert(later["metadata"]["name"].as_str()?.to_owned(), later.clone());
                Some((200, json!({"type": "MODIFIED", "object": later})))
            }
            _ => None,
        }
    }
}

impl World {
    /// As the API server does it: only who has seen the last version may replace it.
    fn write(&mut self, request: &ApiRequest) -> (u16, Value) {
        let version = |secret: &Value| secret["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        let kept = self.secret.as_ref().map(|secret| version(secret).unwrap());
        if kept != version(&request.body) || (request.method == Method::POST) != kept.is_none() {
            return (409, failure(409));
        }
        if self.forbid_writes {
            return (403, failure(403));
        }
        let next = kept.map_or(1, |version| version.parse::<u64>().unwrap() + 1);
        let mut written = request.body.clone();
        written["metadata"]["resourceVersion"] = json!(next.to_string());
        self.secret = Some(written.clone());
        (200, written)
    }
}

fn failure(code: u16) -> Value {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        _ => "Forbidden",
    };
    json!({"kind": "Status", "status": "Failure", "code": code, "message": "no", "reason": reason})
}

fn api_service(name: &str, namespace: &str, spec: &Value) -> (String, Value) {
    let mut object = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": name, "resourceVersion": "2"},
        "spec": {"service": {"name": "custom-api", "namespace": namespace}, "groupPriorityMinimum": 1000, "versionPriority": 15},
    });
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    (name.to_owned(), object)
}

fn kept(material: &Material) -> Value {
    let encode = |pem: &str| BASE64_STANDARD.encode(pem);
    json!({
        "metadata": {"name": "custom-api-serving-cert", "resourceVersion": "7"},
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": encode(&material.certificate), "tls.key": encode(&material.key),
            "ca.crt": encode(&material.authorities), "ca.key": encode(&material.issuer_key),
        },
    })
}

fn made(names: &[String], now: UnixMillis) -> Material {
    Material::default().after(Step::Found, names, now).unwrap()
}

fn chain(material: &Material, now: UnixMillis) -> Vec<CertificateDer<'static>> {
    material.judge(&names(&service()), now).pair.unwrap().cert
}

/// Whether no client believes what is served.
fn is_a_stand_in(serving: &ServingCertificate) -> bool {
    serving.authority_ending().is_none() && !serving.chain().is_empty()
}

fn service() -> Service {
    Service { namespace: "custom-api".to_owned(), name: "custom-api".to_owned() }
}

/// Runs without a stop.
fn start(api: &ApiServer, overlap: Duration) -> (Readiness, JoinHandle<()>) {
    let readiness = Readiness::default();
    let own = OwnCertificates::new(api.client(), service(), Clock::manual(NOW).0, overlap, Arc::default());
    let latch = readiness.latch("own-certificates", "no certificate yet");
    let running = tokio::spawn(own.run(latch, CancellationToken::new()));
    (readiness, running)
}

/// Runs until readiness and quiet; what was served, and the world afterwards.
async fn run(world: World) -> (Arc<ServingCertificate>, Readiness, Arc<Mutex<World>>, ApiServer) {
    let world = Arc::new(Mutex::new(world));
    let api = ApiServer::with({
        let world = Arc::clone(&world);
        move |request| world.lock().answer(request)
    });
    let (serving, readiness, stop) =
        (Arc::<ServingCertificate>::default(), Readiness::default(), CancellationToken::new());
    let own = OwnCertificates::new(api.client(), service(), Clock::manual(NOW).0, OVERLAP, Arc::clone(&serving));
    let latch = readiness.latch("own-certificates", "no certificate yet");
    let running = tokio::spawn(own.run(latch, stop.clone()));
    tokio::time::sleep(Duration::from_secs(30)).await;
    stop.cancel();
    running.await.unwrap();
    (serving, readiness, world, api)
}

fn material(secret: &Value) -> Material {
    let part = |key: &str| {
        let bytes = BASE64_STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    Material {
        authorities: part("ca.crt"),
        issuer_key: part("ca.key"),
        certificate: part("tls.crt"),
        key: part("tls.key"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_replica_makes_a_certificate_and_tells_every_api_service_that_leads_to_us() {
    let world = World {
        api_services: [
            api_service("v1.custom.example.com", "custom-api", &json!({})),
            api_service("v1beta1.metrics.k8s.io", "custom-api", &json!({"insecureSkipTLSVerify": true})),
            api_service("v1.other", "other", &json!({"caBundle": "b3RoZXI="})),
        ]
        .into(),
        ..World::default()
    };
    let (serving, readiness, world, _) = run(world).await;
    let world = world.lock();
    let secret = world.secret.as_ref().unwrap();
    assert_eq!(secret["type"], "kubernetes.io/tls");
    let material = material(secret);
    assert_eq!(serving.chain(), chain(&material, NOW));
    assert!(readiness.is_ready());
    let bundle = BASE64_STANDARD.encode(&material.authorities);
    for ours in ["v1.custom.example.com", "v1beta1.metrics.k8s.io"] {
        let spec = &world.api_services[ours]["spec"];
        assert_eq!((&spec["caBundle"], &spec["insecureSkipTLSVerify"]), (&json!(bundle), &json!(false)), "{ours}");
    }
    assert_eq!(world.api_services["v1.other"]["spec"]["caBundle"], "b3RoZXI=");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_kept_and_known_is_used_and_nothing_is_written() {
    let good = made(&names(&service()), NOW);
    let bundle = BASE64_STANDARD.encode(&good.authorities);
    let world = World {
        secret: Some(kept(&good)),
        api_services: [api_service("v1.custom.example.com", "custom-api", &json!({"caBundle": bundle}))].into(),
        ..World::default()
    };
    let (serving, _, _, api) = run(world).await;
    assert_eq!(serving.chain(), chain(&good, NOW));
    assert!(api.requests().iter().all(|request| request.method == Method::GET));
}

#[tokio::test(start_paused = true)]
async fn a_slower_replica_takes_over_what_a_faster_one_made() {
    let theirs = made(&names(&service()), NOW);
    let (serving, ..) = run(World { faster: Some(kept(&theirs)), ..World::default() }).await;
    assert_eq!(serving.chain(), chain(&theirs, NOW));
}

#[tokio::test(start_paused = true)]
async fn an_unfit_certificate_is_replaced_under_its_own_version() {
    let foreign = made(&["elsewhere.svc".to_owned()], NOW);
    let ending = made(&names(&service()), NOW - Duration::from_hours(24 * 340));
    let empty = json!({"metadata": {"name": "custom-api-serving-cert", "resourceVersion": "7"}, "type": "Opaque"});
    for unfit in [kept(&foreign), kept(&ending), empty] {
        let kind = unfit["type"].clone();
        let (serving, _, world, api) = run(World { secret: Some(unfit), ..World::default() }).await;
        let written = api.requests().into_iter().find(|request| request.method == Method::PUT).unwrap().body;
        assert_eq!(written["metadata"]["resourceVersion"], "7");
        assert_eq!(written["type"], kind, "a Secret's type cannot change");
        let new = material(world.lock().secret.as_ref().unwrap());
        assert_eq!(serving.chain(), chain(&new, NOW));
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_is_waited_for_and_named() {
    let (serving, readiness, world, api) = run(World { away: true, ..World::default() }).await;
    assert!(is_a_stand_in(&serving) && !readiness.is_ready());
    let failure = readiness.checks()[0].failure.clone().unwrap();
    assert!(failure.contains("custom-api/custom-api-serving-cert"), "{failure}");
    assert!(api.requests().len() >= 2 && world.lock().secret.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_api_service_that_is_applied_later_or_overwritten_is_set_again() {
    let (_, bare) = api_service("v1.custom.example.com", "custom-api", &json!({}));
    let world = World {
        api_services: [("v1.custom.example.com".to_owned(), bare.clone())].into(),
        later: vec![bare, api_service("v1beta1.metrics.k8s.io", "custom-api", &json!({})).1],
        ..World::default()
    };
    let (_, _, world, api) = run(world).await;
    let world = world.lock();
    let bundle = BASE64_STANDARD.encode(material(world.secret.as_ref().unwrap()).authorities);
    for (name, found) in &world.api_services {
        assert_eq!(found["spec"]["caBundle"], bundle, "{name}");
    }
    let patches = api.requests().iter().filter(|request| request.method == Method::PATCH).count();
    assert_eq!((world.api_services.len(), world.later.len(), patches), (2, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_ca_bundle_that_cert_manager_keeps_is_left_alone() {
    let (name, mut kept) = api_service("v1.custom.example.com", "custom-api", &json!({"caBundle": "b3RoZXI="}));
    kept["metadata"]["annotations"] = json!({"cert-manager.io/inject-ca-from": "custom-api/custom-api-serving"});
    let (_, readiness, world, api) = run(World { api_services: [(name, kept)].into(), ..World::default() }).await;
    assert!(readiness.is_ready() && api.requests().iter().all(|request| request.method != Method::PATCH));
    assert_eq!(world.lock().api_services["v1.custom.example.com"]["spec"]["caBundle"], "b3RoZXI=");
}

#[tokio::test(start_paused = true)]
async fn a_refused_patch_is_tried_again() {
    let world = World {
        api_services: [api_service("v1.custom.example.com", "custom-api", &json!({}))].into(),
        refuse_patches: 2,
        ..World::default()
    };
    let (_, readiness, world, _) = run(world).await;
    assert!(world.lock().api_services["v1.custom.example.com"]["spec"]["caBundle"].is_string());
    assert!(readiness.is_ready(), "serving does not wait for the aggregator");
}

#[tokio::test(start_paused = true)]
async fn one_api_service_that_may_not_be_patched_holds_up_no_other() {
    let names = ["v1.aaa", "v1.custom.example.com"];
    let api_services = names.map(|name| api_service(name, "custom-api", &json!({}))).into();
    let (_, _, world, _) = run(World { api_services, forbidden: "v1.aaa", ..World::default() }).await;
    let world = world.lock();
    assert!(world.api_services["v1.custom.example.com"]["spec"]["caBundle"].is_string());
    assert!(world.api_services["v1.aaa"]["spec"]["caBundle"].is_null());
}

#[tokio::test(start_paused = true)]
async fn an_api_service_that_leads_elsewhere_by_now_is_not_patched() {
    let (name, ours) = api_service("v1.custom.example.com", "custom-api", &json!({}));
    let (_, mut theirs) = api_service("v1.custom.example.com", "other", &json!({"caBundle": "b3RoZXI="}));
    theirs["metadata"]["resourceVersion"] = json!("3");
    let (warnings, _guard) = Warnings::listen();
    let world = World { api_services: [(name, ours)].into(), meanwhile: Some(theirs.clone()), ..World::default() };
    let (_, _, world, _) = run(world).await;
    assert_eq!(world.lock().api_services["v1.custom.example.com"], theirs);
    assert_eq!(warnings.saying("caBundle"), 0, "who is slower is at no fault");
}

#[tokio::test(start_paused = true)]
async fn an_api_service_that_changes_under_our_hands_is_set_all_the_same() {
    let (name, seen) = api_service("v1.custom.example.com", "custom-api", &json!({}));
    let mut changed = seen.clone();
    changed["metadata"]["resourceVersion"] = json!("3");
    let world = World { api_services: [(name, seen)].into(), meanwhile: Some(changed), ..World::default() };
    let (_, _, world, _) = run(world).await;
    assert!(world.lock().api_services["v1.custom.example.com"]["spec"]["caBundle"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_is_asked_for_ever_more_rarely_and_told_once() {
    let (warnings, _guard) = Warnings::listen();
    let good = made(&names(&service()), NOW);
    let world = Mutex::new(World { secret: Some(kept(&good)), unlisted: true, ..World::default() });
    let api = ApiServer::with(move |request| world.lock().answer(request));
    let (_, running) = start(&api, OVERLAP);
    tokio::time::sleep(Duration::from_mins(10)).await;
    running.abort();
    let lists = api.requests().iter().filter(|request| request.path == API_SERVICES).count();
    assert!((10..40).contains(&lists), "{lists}");
    assert_eq!(warnings.saying("APIServices cannot be watched"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_cut_off_is_not_ready_before_an_overlap_is_over_however_short() {
    for overlap in [10, 20, 60].map(Duration::from_secs) {
        let (world, is_cut_off) = (Mutex::new(World::default()), Arc::<AtomicBool>::default());
        let cut_off = Arc::clone(&is_cut_off);
        let api = ApiServer::with(
            move |request| if cut_off.load(Ordering::Relaxed) { None } else { world.lock().answer(request) },
        );
        let (readiness, running) = start(&api, overlap);
        tokio::time::sleep(overlap).await;
        assert!(readiness.is_ready(), "{overlap:?}");
        is_cut_off.store(true, Ordering::Relaxed);
        tokio::time::sleep(overlap * 19 / 20).await;
        assert!(!readiness.is_ready(), "{overlap:?}");
        running.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn who_cannot_have_a_certificate_yet_can_be_asked_why() {
    let (serving, readiness, ..) = run(World { away: true, ..World::default() }).await;
    let stand_in = serving.chain();
    assert!(!stand_in.is_empty() && !readiness.is_ready());
    let (other, ..) = run(World { away: true, ..World::default() }).await;
    assert_ne!(stand_in, other.chain(), "it is nobody's but this process's");
    assert_eq!(serving.authority_ending(), None);
}
