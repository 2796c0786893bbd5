//! Secrets that somebody had a hand in.

use Fate::{Founded, Refused, Renewed, Served};
use rcgen::date_time_ymd;

use super::*;
use crate::apiserver::fixtures::Authority;

const YEAR: Duration = Duration::from_hours(24 * 366);

type Damage = Box<dyn Fn(&mut Value)>;

/// What becomes of a damaged Secret.
enum Fate {
    /// Served as it is, and not written.
    Served,
    /// A new pair of the authority that was believed before.
    Renewed,
    /// A new pair of a new authority.
    Founded,
    /// Not served; the word names the Secret and says this.
    Refused(&'static str),
}

fn without(part: &'static str) -> impl Fn(&mut Value) {
    move |secret| drop(secret["data"].as_object_mut().unwrap().remove(part))
}

fn with(part: &'static str, pem: &str) -> impl Fn(&mut Value) + use<> {
    let text = json!(BASE64_STANDARD.encode(pem));
    move |secret| secret["data"][part] = text.clone()
}

fn annotated(name: &'static str) -> impl Fn(&mut Value) {
    move |secret| secret["metadata"]["annotations"] = json!({name: "ours"})
}

fn immutable(secret: &mut Value) {
    secret["immutable"] = json!(true);
}

fn opaque(secret: &mut Value) {
    secret["type"] = json!("Opaque");
}

/// What was good, what was done to it, and what becomes of it.
struct Case {
    name: &'static str,
    good: Material,
    damages: Vec<Damage>,
    fate: Fate,
}

fn case(name: &'static str, good: &Material, damages: Vec<Damage>, fate: Fate) -> Case {
    Case { name, good: good.clone(), damages, fate }
}

fn damaged_pairs(good: &Material, other: &Material) -> Vec<Case> {
    let expired = made(&names(&service()), NOW - YEAR);
    let elsewhere = good.after(Step::Issue, &["elsewhere.svc".to_owned()], NOW).unwrap();
    let other_names = [with("tls.crt", &elsewhere.certificate), with("tls.key", &elsewhere.key)];
    let other_names = other_names.into_iter().map(|damage| Box::new(damage) as Damage).collect();
    vec![
        case("nothing", good, vec![], Served),
        case("no certificate", good, vec![Box::new(without("tls.crt"))], Renewed),
        case("no key", good, vec![Box::new(without("tls.key"))], Renewed),
        case("a foreign key", good, vec![Box::new(with("tls.key", &other.key))], Renewed),
        case("garbage", good, vec![Box::new(with("tls.crt", "garbage"))], Renewed),
        case("other names", good, other_names, Renewed),
        case("an expired pair", &expired, vec![], Renewed),
        case("not good before next year", &made(&names(&service()), NOW + YEAR), vec![], Refused("clock")),
    ]
}

fn damaged_authorities(good: &Material, other: &Material) -> Vec<Case> {
    let neither: Vec<Damage> = vec![Box::new(without("ca.key")), Box::new(without("tls.key"))];
    let leaf = rcgen::generate_simple_self_signed(["leaf".to_owned()]).unwrap();
    let no_authority: Vec<Damage> =
        vec![Box::new(with("ca.crt", &leaf.cert.pem())), Box::new(with("ca.key", &leaf.signing_key.serialize_pem()))];
    vec![
        case("no issuer's key, the pair good", good, vec![Box::new(without("ca.key"))], Served),
        case("a foreign issuer's key, the pair good", good, vec![Box::new(with("ca.key", &other.issuer_key))], Served),
        case("neither key", good, neither, Founded),
        case("no authority", good, vec![Box::new(without("ca.crt"))], Founded),
        case("an authority that is none", good, no_authority, Founded),
        case("a foreign authority", good, vec![Box::new(with("ca.crt", &other.authorities))], Founded),
    ]
}

fn other_keepers(good: &Material) -> Vec<Case> {
    let expired = made(&names(&service()), NOW - YEAR);
    let of_cert_manager = || Box::new(annotated("cert-manager.io/certificate-name")) as Damage;
    let no_key = || Box::new(without("tls.key"));
    vec![
        case("another type", good, vec![Box::new(opaque)], Served),
        case("another type and damage", good, vec![Box::new(opaque), no_key()], Renewed),
        case("immutable", good, vec![Box::new(immutable)], Served),
        case("immutable and damage", good, vec![Box::new(immutable), no_key()], Refused("delete it")),
        case("cert-manager's", good, vec![of_cert_manager()], Served),
        case("cert-manager's, expired", &expired, vec![of_cert_manager()], Refused("its Certificate \"ours\"")),
    ]
}

#[tokio::test(start_paused = true)]
async fn each_damage_is_repaired_or_refused_with_a_remedy() {
    let (good, other) = (made(&names(&service()), NOW), made(&names(&service()), NOW));
    let mut cases = damaged_pairs(&good, &other);
    cases.extend(damaged_authorities(&good, &other));
    cases.extend(other_keepers(&good));
    for Case { name, good, damages, fate } in cases {
        let mut secret = kept(&good);
        for damage in &damages {
            damage(&mut secret);
        }
        let (serving, readiness, world, api) = run(World { secret: Some(secret.clone()), ..World::default() }).await;
        let found = world.lock().secret.clone().unwrap();
        let is_written = api.requests().iter().any(|request| request.method == Method::PUT);
        let failure = readiness.checks()[0].failure.clone().unwrap_or_default();
        match fate {
            Served => assert!(!is_written && serving.chain() == chain(&good, NOW), "{name}: {failure}"),
            Renewed => {
                assert_eq!(found["data"]["ca.crt"], secret["data"]["ca.crt"], "{name}");
                assert_eq!(serving.chain(), chain(&material(&found), NOW), "{name}");
            }
            Founded => {
                let new = material(&found);
                assert!(new.issuer_key != good.issuer_key, "{name}");
                assert_eq!(serving.chain(), chain(&new, NOW), "{name}");
            }
            Refused(remedy) => {
                assert!(!is_written && is_a_stand_in(&serving) && !readiness.is_ready(), "{name}");
                assert!(failure.contains("custom-api/custom-api-serving-cert"), "{name}: {failure}");
                assert!(failure.contains(remedy), "{name}: {failure}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_soon_is_served_where_it_may_not_be_renewed() {
    let ending = made(&names(&service()), NOW - Duration::from_hours(24 * 340));
    let world = World { secret: Some(kept(&ending)), forbid_writes: true, ..World::default() };
    let (serving, readiness, ..) = run(world).await;
    assert!(readiness.is_ready());
    assert_eq!(serving.chain(), chain(&ending, NOW));
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_lacking_is_named() {
    let (_, readiness, ..) = run(World { forbid_writes: true, ..World::default() }).await;
    let failure = readiness.checks()[0].failure.clone().unwrap();
    assert!(failure.contains("custom-api/custom-api-serving-cert") && failure.contains("grant update"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_lost_or_spoilt_gets_back_what_is_served() {
    let world = Arc::new(Mutex::new(World::default()));
    let api = ApiServer::with({
        let world = Arc::clone(&world);
        move |request| world.lock().answer(request)
    });
    let serving = Arc::<ServingCertificate>::default();
    let own = OwnCertificates::new(api.client(), service(), Clock::manual(NOW).0, OVERLAP, Arc::clone(&serving));
    let readiness = Readiness::default();
    let running = tokio::spawn(own.run(readiness.latch("serving-certificate", "none"), CancellationToken::new()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = material(world.lock().secret.as_ref().unwrap());
    let spoilt = json!({"metadata": {"resourceVersion": "50"}, "data": {"ca.crt": "", "tls.crt": "", "tls.key": ""}});
    for found in [None, Some(spoilt)] {
        world.lock().secret = found;
        tokio::time::sleep(LOOK_INTERVAL * 2).await;
        assert!(material(world.lock().secret.as_ref().unwrap()) == before);
        assert_eq!(serving.chain(), chain(&before, NOW));
    }
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_an_authority_beside_a_damaged_pair_gets_it_after_the_repair() {
    let good = made(&names(&service()), NOW);
    for damage in [&["tls.key"][..], &["tls.key", "ca.key"]] {
        let mut secret = kept(&good);
        for part in damage {
            without(part)(&mut secret);
        }
        annotated("kube-vitals/new-authority")(&mut secret);
        let (serving, _, world, _) = run(World { secret: Some(secret), ..World::default() }).await;
        let found = world.lock().secret.clone().unwrap();
        let new = material(&found);
        assert_eq!(new.authorities.matches("BEGIN").count(), 2, "{damage:?}");
        assert_ne!(new.issuer_key, good.issuer_key, "{damage:?}");
        assert_eq!(found["metadata"]["annotations"], json!({}), "{damage:?}");
        assert_eq!(serving.chain(), chain(&new, NOW), "{damage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pair_of_an_issuer_that_ends_as_soon_is_served_while_another_takes_over() {
    let root = Authority::named("root");
    let issuer = root.intermediate_with("below", |params| params.not_after = date_time_ymd(2026, 7, 5));
    let by_hand = Material {
        authorities: format!("{}{}", issuer.pem(), root.pem()),
        issuer_key: issuer.key_pem(),
        ..Material::default()
    };
    let ending = by_hand.after(Step::Issue, &names(&service()), NOW).unwrap();
    let (serving, readiness, world, api) = run(World { secret: Some(kept(&ending)), ..World::default() }).await;
    assert!(readiness.is_ready(), "{:?}", readiness.checks()[0].failure);
    assert_eq!(serving.chain(), chain(&ending, NOW));
    assert_eq!(api.requests().iter().filter(|request| request.method == Method::PUT).count(), 1);
    let announced = material(world.lock().secret.as_ref().unwrap());
    assert_eq!(announced.authorities.matches("BEGIN").count(), 3);
}
