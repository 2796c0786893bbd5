//! Secrets that somebody had a hand in.

use super::*;

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

fn without(part: &str) -> impl Fn(&mut Value) {
    move |secret| drop(secret["data"].as_object_mut().unwrap().remove(part))
}

fn with(part: &str, pem: &str) -> impl Fn(&mut Value) {
    let text = json!(BASE64_STANDARD.encode(pem));
    move |secret| secret["data"][part] = text.clone()
}

fn annotated(name: &str) -> impl Fn(&mut Value) {
    move |secret| secret["metadata"]["annotations"] = json!({name: "ours"})
}

fn immutable(secret: &mut Value) {
    secret["immutable"] = json!(true);
}

fn opaque(secret: &mut Value) {
    secret["type"] = json!("Opaque");
}

#[tokio::test(start_paused = true)]
async fn each_damage_is_repaired_or_refused_with_a_remedy() {
    use Fate::{Founded, Refused, Renewed, Served};
    let year = Duration::from_hours(24 * 366);
    let names = names(&service());
    let (good, other, expired) = (made(&names, NOW), made(&names, NOW), made(&names, NOW - year));
    let elsewhere = {
        let issued = good.after(Step::Issue, &["elsewhere.svc".to_owned()], NOW).unwrap();
        move |secret: &mut Value| {
            secret["data"]["tls.crt"] = json!(BASE64_STANDARD.encode(&issued.certificate));
            secret["data"]["tls.key"] = json!(BASE64_STANDARD.encode(&issued.key));
        }
    };
    let early = made(&names, NOW + year);
    type Damage<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let cases: Vec<(&str, &Material, Vec<Damage<'_>>, Fate)> = vec![
        ("nothing", &good, vec![], Served),
        ("no certificate", &good, vec![Box::new(without("tls.crt"))], Renewed),
        ("no key", &good, vec![Box::new(without("tls.key"))], Renewed),
        ("a foreign key", &good, vec![Box::new(with("tls.key", &other.key))], Renewed),
        ("garbage", &good, vec![Box::new(with("tls.crt", "garbage"))], Renewed),
        ("other names", &good, vec![Box::new(elsewhere)], Renewed),
        ("an expired pair", &expired, vec![], Renewed),
        ("no issuer's key, the pair good", &good, vec![Box::new(without("ca.key"))], Served),
        ("a foreign issuer's key, the pair good", &good, vec![Box::new(with("ca.key", &other.issuer_key))], Served),
        ("neither keys", &good, vec![Box::new(without("ca.key")), Box::new(without("tls.key"))], Founded),
        ("no authority", &good, vec![Box::new(without("ca.crt"))], Founded),
        ("a foreign authority", &good, vec![Box::new(with("ca.crt", &other.authorities))], Founded),
        ("another type", &good, vec![Box::new(opaque)], Served),
        ("another type and damage", &good, vec![Box::new(opaque), Box::new(without("tls.key"))], Renewed),
        ("nothing, and immutable", &good, vec![Box::new(immutable)], Served),
        ("immutable and damage", &good, vec![Box::new(immutable), Box::new(without("tls.key"))], Refused("delete it")),
        ("cert-manager's", &good, vec![Box::new(annotated("cert-manager.io/certificate-name"))], Served),
        (
            "cert-manager's, expired",
            &expired,
            vec![Box::new(annotated("cert-manager.io/certificate-name"))],
            Refused("mend its Certificate \"ours\""),
        ),
        ("not good before next year", &early, vec![], Refused("clock")),
    ];
    for (case, material, damages, fate) in cases {
        let mut secret = kept(material);
        damages.iter().for_each(|damage| damage(&mut secret));
        let (serving, readiness, world, api) = run(World { secret: Some(secret.clone()), ..World::default() }).await;
        let found = world.lock().secret.clone().unwrap();
        let is_written = api.requests().iter().any(|request| request.method == Method::PUT);
        let failure = readiness.checks()[0].failure.clone().unwrap_or_default();
        match fate {
            Served => assert!(!is_written && serving.chain() == chain(material, NOW), "{case}: {failure}"),
            Renewed => {
                assert_eq!(found["data"]["ca.crt"], secret["data"]["ca.crt"], "{case}");
                assert_eq!(serving.chain(), chain(&super::material(&found), NOW), "{case}");
            }
            Founded => {
                let new = super::material(&found);
                assert!(new.issuer_key != material.issuer_key, "{case}");
                assert_eq!(serving.chain(), chain(&new, NOW), "{case}");
            }
            Refused(remedy) => {
                assert!(!is_written && serving.chain().is_empty() && !readiness.is_ready(), "{case}");
                assert!(failure.contains("custom-api/custom-api-serving-cert"), "{case}: {failure}");
                assert!(failure.contains(remedy), "{case}: {failure}");
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
