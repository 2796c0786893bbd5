use super::*;
use crate::apiserver::certificates::rotation::Phase;
use crate::apiserver::fixtures::NOW;

fn service_names() -> [String; 4] {
    names(&Service { namespace: "custom-api".to_owned(), name: "custom-api".to_owned() })
}

fn found(now: UnixMillis) -> Material {
    Material::default().after(Step::Found, &service_names(), now).unwrap()
}

impl Material {
    fn then(&self, step: Step, now: UnixMillis) -> Self {
        self.after(step, &service_names(), now).unwrap()
    }

    fn state(&self, now: UnixMillis) -> State {
        self.judge(&service_names(), now).state
    }
}

#[test]
fn what_is_made_is_good_for_every_name_of_the_service() {
    let names = service_names();
    assert_eq!(names[0], "custom-api.custom-api.svc");
    let made = found(NOW);
    let good =
        State { pair: Fitness::Good, issuer: Ability::Able, is_issuers: true, has_others: false, is_asked: false };
    assert_eq!(made.state(NOW), good);
    let other = [String::from("custom-api.other.svc")];
    assert!(matches!(made.judge(&other, NOW).pair, Err(Unfit::Name { .. })));
}

#[test]
fn what_a_replica_makes_is_good_for_those_whose_clocks_are_a_year_off() {
    let made = found(NOW);
    for now in [NOW - DAY * 360, NOW + DAY * 330] {
        assert_eq!(made.state(now).pair, Fitness::Good);
    }
}

#[test]
fn a_certificate_is_replaced_before_it_ends_and_never_before_it_begins() {
    let made = found(NOW);
    for (days, fitness) in [(334, Fitness::Good), (336, Fitness::Ending), (363, Fitness::Ending), (366, Fitness::Unfit)]
    {
        assert_eq!(made.state(NOW + DAY * days).pair, fitness, "after {days} days");
    }
    assert_eq!(made.state(NOW + DAY * 364 + Duration::from_hours(6)).pair, Fitness::LastDay);
    assert_eq!(made.state(NOW - DAY * 367).pair, Fitness::NotYet);
}

#[test]
fn a_new_certificate_comes_from_the_same_authority() {
    let made = found(NOW);
    let renewed = made.then(Step::Issue, NOW + DAY * 340);
    assert_eq!((&renewed.authorities, &renewed.issuer_key), (&made.authorities, &made.issuer_key));
    assert!(renewed.certificate != made.certificate && renewed.key != made.key);
    assert_eq!(renewed.state(NOW + DAY * 340).pair, Fitness::Good);
}

#[test]
fn no_certificate_outlives_its_authority() {
    let made = found(NOW);
    let late = NOW + DAY * 3500;
    assert_eq!(made.state(late).issuer, Ability::Able);
    let last = made.then(Step::Issue, late);
    assert_eq!(last.state(NOW + DAY * 3561).issuer, Ability::Ending);
    let judged = last.judge(&service_names(), late);
    let ending = expiry::ending(&judged.pair.unwrap().cert[0]);
    assert_eq!(ending, judged.authority_ending);
    let over = NOW + DAY * 3651;
    assert_eq!((last.state(over).pair, last.state(over).issuer), (Fitness::Unfit, Ability::Unable));
}

#[test]
fn an_exchange_goes_through_both_phases_and_each_client_believes_both_chains_meanwhile() {
    let old = found(NOW);
    let announced = old.then(Step::Announce, NOW);
    assert_eq!((announced.state(NOW).phase(), &announced.certificate), (Phase::Announced, &old.certificate));
    let retiring = announced.then(Step::Issue, NOW);
    assert_eq!((retiring.state(NOW).phase(), &retiring.authorities), (Phase::Retiring, &announced.authorities));
    let settled = retiring.then(Step::Retire, NOW);
    assert_eq!((settled.state(NOW).phase(), &settled.certificate), (Phase::Settled, &retiring.certificate));

    let fitness = |bundle: &Material, chain: &Material| {
        let mixed = Material { authorities: bundle.authorities.clone(), ..chain.clone() };
        mixed.state(NOW).pair
    };
    for (bundle, chain) in [(&announced, &old), (&announced, &retiring), (&retiring, &old), (&settled, &retiring)] {
        assert_eq!(fitness(bundle, chain), Fitness::Good);
    }
    assert_eq!([fitness(&settled, &old), fitness(&old, &retiring)], [Fitness::Unfit; 2]);
}

#[test]
fn authorities_that_are_over_are_left_behind() {
    let old = found(NOW);
    let late = NOW + DAY * 3700;
    let renewed = old.then(Step::Found, late);
    assert_eq!(renewed.state(late).phase(), Phase::Settled);
    assert_eq!(renewed.believed().len(), 1);
}

#[test]
fn parts_that_do_not_belong_together_are_unfit() {
    let (one, other) = (found(NOW), found(NOW));
    let judge = |material: &Material| {
        let judged = material.judge(&service_names(), NOW);
        (judged.state.issuer, judged.pair.map(drop))
    };
    let foreign_key = Material { key: other.key.clone(), ..one.clone() };
    assert!(matches!(judge(&foreign_key), (Ability::Able, Err(Unfit::Pair(_)))));
    let foreign_authority = Material { authorities: other.authorities.clone(), ..one.clone() };
    assert!(matches!(judge(&foreign_authority), (Ability::Unable, Err(Unfit::Name { .. }))));
    let no_authority = Material { authorities: String::new(), ..one.clone() };
    assert!(matches!(judge(&no_authority), (Ability::Unable, Err(Unfit::Authority))));
    let foreign_issuer_key = Material { issuer_key: other.issuer_key, ..one.clone() };
    assert!(matches!(judge(&foreign_issuer_key), (Ability::Unable, Ok(()))));
    let garbage = Material { authorities: format!("garbage\n{}", one.authorities), ..one };
    assert!(matches!(judge(&garbage), (Ability::Able, Ok(()))));
}
