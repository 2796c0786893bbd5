use super::*;
use crate::apiserver::resources::world::{World, at, node, pod, reading, running};
use crate::cluster::ContainerState::{Ended, Unknown};
use crate::usage::{Failure, Nanocores, Source, Uid};

/// The pod `web` on `n`, of these containers, after scrapes of its container `app` at 10 and 25 s.
fn web(containers: &[(&str, ContainerState)]) -> World {
    let world = World::with(vec![node("n")], vec![pod("web", "n", containers)]);
    world.scrape("n", 10.0, None, &[("web", "app", reading(10.0, 1_000, 64))]);
    world.scrape("n", 25.0, None, &[("web", "app", reading(25.0, 2_500, 65))]);
    world
}

/// What is said of the only pod: `name=cpu/memory` or `name:reason` for each container, or the
/// reason of all.
fn told(world: &World, now: f64) -> String {
    let moment = world.moment(now);
    let pod = Arc::clone(moment.view.pods().next().unwrap());
    let answer = moment.pod(&pod);
    let Ok(answer) = answer else { return answer.unwrap_err().cause.reason().to_owned() };
    let containers = answer.containers.iter().map(|container| match &container.usage {
        Ok(Usage { cpu: Some(cpu), memory, .. }) => format!("{}={cpu}/{memory}", container.name),
        Ok(Usage { cpu: None, memory, .. }) => format!("{}=?/{memory}", container.name),
        Err(absence) => format!("{}:{}", container.name, absence.cause.reason()),
    });
    format!("{:?} {}", answer.completeness, containers.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_pod_has_the_usage_of_its_running_containers() {
    assert_eq!(told(&web(&[("app", running(0.0))]), 30.0), "Whole app=100m/65Mi");
}

#[test]
fn after_our_clock_was_set_back_nothing_is_called_fresh_and_what_has_no_known_age_is_left_out() {
    let world = World::with(vec![node("n")], vec![pod("web", "n", &[("app", running(7_000.0))])]);
    world.scrape("n", 7_210.0, None, &[("web", "app", reading(7_210.0, 1_000, 64))]);
    world.scrape("n", 7_225.0, None, &[("web", "app", reading(7_225.0, 2_500, 65))]);
    let freshness = |now: f64| {
        let moment = world.moment(now);
        let pod = Arc::clone(moment.view.pods().next().unwrap());
        moment.pod(&pod).map(|answer| answer.freshness).map_err(|absence| absence.cause.reason())
    };
    assert_eq!(freshness(7_230.0), Ok(Freshness::Fresh));
    assert_eq!(freshness(7_224.0), Ok(Freshness::Fresh), "a clock may be set by a second");
    assert_eq!(freshness(7_180.0), Ok(Freshness::Stale));
    assert_eq!(freshness(3_600.0), Err("Expired"));
    assert_eq!(freshness(10_800.0), Err("Expired"), "as when it was set ahead");
}

#[test]
fn a_finished_pod_is_not_served() {
    let mut done = pod("web", "n", &[("app", Ended(at(20.0)))]);
    done.phase = Phase::Finished;
    let world = World::with(vec![node("n")], vec![done]);
    world.scrape("n", 25.0, None, &[("web", "app", reading(25.0, 2_500, 65))]);
    assert_eq!(told(&world, 30.0), "Finished");
}

#[test]
fn a_pod_without_a_node_and_one_on_a_foreign_node_are_not_served_nor_missed() {
    let mut pending = pod("web", "n", &[("app", Unknown)]);
    pending.node = None;
    let foreign = pod("web", "elsewhere", &[("app", running(0.0))]);
    for (pod, reason) in [(pending, "NotScheduled"), (foreign, "NodeNotServed")] {
        let moment = World::with(vec![node("n")], vec![pod.clone()]).moment(1.0);
        let cause = moment.pod(&pod).unwrap_err().cause;
        assert_eq!((cause.reason(), cause.is_unexpected()), (reason, false));
    }
}

#[test]
fn a_new_pod_under_the_same_name_starts_from_nothing() {
    let world = web(&[("app", running(0.0))]);
    let mut successor = pod("web", "n", &[("app", running(26.0))]);
    successor.uid = Uid::parse("another");
    let moment = world.moment(30.0);
    assert_eq!(moment.pod(&successor).unwrap_err().cause, Cause::NotReported);
}

#[test]
fn a_container_in_back_off_is_left_out_as_soon_as_the_status_says_so() {
    let world = web(&[("app", running(0.0)), ("crashing", Ended(at(20.0)))]);
    world.scrape(
        "n",
        40.0,
        None,
        &[("web", "app", reading(40.0, 4_000, 65)), ("web", "crashing", reading(20.0, 9_000, 10))],
    );
    assert_eq!(told(&world, 41.0), "Whole app=100m/65Mi");
}

#[test]
fn a_run_that_began_after_the_last_known_end_is_served_although_the_status_lags() {
    let world = web(&[("app", Ended(at(-105.0)))]);
    assert_eq!(told(&world, 30.0), "Whole app=100m/65Mi");
}

#[test]
fn a_pod_of_which_nothing_runs_says_so() {
    let world = web(&[("app", Ended(at(20.0))), ("side", Unknown)]);
    let moment = world.moment(30.0);
    let pod = Arc::clone(moment.view.pods().next().unwrap());
    assert_eq!(moment.pod(&pod).unwrap_err(), Absence { cause: Cause::NotRunning, since: at(20.0) });
    let waiting = World::with(vec![node("n")], vec![super::super::world::pod("web", "n", &[("app", Unknown)])]);
    waiting.scrape("n", 10.0, None, &[]);
    assert_eq!(told(&waiting, 11.0), "NotStarted");
}

#[test]
fn containers_stand_in_the_order_of_the_spec() {
    let containers = [("z", running(0.0)), ("a", running(0.0)), ("m", running(0.0))];
    let world = World::with(vec![node("n")], vec![pod("web", "n", &containers)]);
    for time in [10.0, 20.0] {
        let rows = ["a", "m", "z"].map(|name| ("web", name, reading(time, 100, 1)));
        world.scrape("n", time, None, &rows);
    }
    assert_eq!(told(&world, 21.0), "Whole z=0/1Mi a=0/1Mi m=0/1Mi");
}

#[test]
fn before_a_second_sample_memory_is_known_and_cpu_is_not() {
    let world = World::with(vec![node("n")], vec![pod("web", "n", &[("app", running(0.0))])]);
    world.scrape("n", 10.0, None, &[("web", "app", reading(10.0, 1_000, 64))]);
    assert_eq!(told(&world, 11.0), "Partial app=?/64Mi");
    world.summary("n", &[("web", "app", 70_000_000)]);
    assert_eq!(told(&world, 11.0), "Whole app=70m/64Mi");
    let moment = world.moment(11.0);
    let pod = Arc::clone(moment.view.pods().next().unwrap());
    let answer = moment.pod(&pod).unwrap();
    assert_eq!(answer.containers[0].usage.as_ref().unwrap().source, Source::Kubelet);
    assert_eq!(answer.window, Duration::from_secs(15));
}

#[test]
fn a_pod_is_partial_while_a_running_container_has_no_usage() {
    let world = web(&[("app", running(0.0)), ("new", running(24.0))]);
    assert_eq!(told(&world, 30.0), "Partial app=100m/65Mi new:NotReported");
}

#[test]
fn after_five_resolutions_of_silence_about_one_container_the_pod_is_settled() {
    let world = web(&[("app", running(0.0)), ("silent", running(12.0))]);
    let report = |time| world.scrape("n", time, None, &[("web", "app", reading(time, 8_000, 65))]);
    report(80.0);
    assert_eq!(told(&world, 86.0), "Partial app=100m/65Mi silent:NotReported");
    report(87.0);
    assert_eq!(told(&world, 88.0), "Settled app=0/65Mi silent:NotReported");
}

#[test]
fn a_kubelet_that_is_away_settles_nothing() {
    let world = web(&[("app", running(0.0)), ("silent", running(0.0))]);
    world.fail("n", 40.0, Failure::Unauthorized);
    assert_eq!(told(&world, 120.0), "Partial app=100m/65Mi silent:Unauthorized");
}

#[test]
fn a_container_that_awaits_its_second_sample_is_not_given_up() {
    let world = web(&[("app", running(0.0)), ("late", running(0.0))]);
    world.scrape("n", 100.0, None, &[("web", "app", reading(100.0, 9_250, 65)), ("web", "late", reading(100.0, 5, 1))]);
    assert_eq!(told(&world, 101.0), "Partial app=90m/65Mi late=?/1Mi");
}

#[test]
fn a_failed_scrape_keeps_the_samples_until_they_are_too_old() {
    let world = web(&[("app", running(0.0))]);
    world.fail("n", 40.0, Failure::Timeout(Duration::from_secs(10)));
    let moment = world.moment(55.0);
    let pod = Arc::clone(moment.view.pods().next().unwrap());
    let answer = moment.pod(&pod).unwrap();
    assert_eq!((answer.freshness, answer.time), (Freshness::Stale, at(25.0)));
    assert_eq!(told(&world, 145.0), "Whole app=100m/65Mi");
    assert_eq!(told(&world, 145.1), "Timeout");
}

#[test]
fn what_the_kubelet_stopped_to_report_expires() {
    let world = web(&[("app", running(0.0))]);
    world.scrape("n", 140.0, None, &[]);
    let moment = world.moment(150.0);
    let pod = Arc::clone(moment.view.pods().next().unwrap());
    assert_eq!(moment.pod(&pod).unwrap_err(), Absence { cause: Cause::Expired, since: at(145.0) });
}

#[test]
fn a_node_that_fails_explains_what_is_missing_on_it() {
    let world = World::with(vec![node("n")], vec![pod("web", "n", &[("app", running(0.0))])]);
    assert_eq!(told(&world, 1.0), "NotScrapedYet");
    world.fail("n", 10.0, Failure::Forbidden);
    world.fail("n", 25.0, Failure::Forbidden);
    let moment = world.moment(30.0);
    let failing = Absence { cause: Cause::Scrape(&Failure::Forbidden), since: at(10.0) };
    let pod = Arc::clone(moment.view.pods().next().unwrap());
    assert_eq!(moment.pod(&pod).unwrap_err(), failing);
    assert_eq!(moment.node(moment.view.node("n").unwrap()).unwrap_err(), failing);
}

#[test]
fn fresh_is_from_a_good_scrape_younger_than_two_resolutions() {
    let world = web(&[("app", running(0.0))]);
    let freshness = |now| {
        let moment = world.moment(now);
        let pod = Arc::clone(moment.view.pods().next().unwrap());
        moment.pod(&pod).unwrap().freshness
    };
    assert_eq!(freshness(54.9), Freshness::Fresh);
    assert_eq!(freshness(55.0), Freshness::Stale);
}

#[test]
fn time_and_window_are_those_of_the_earliest_container() {
    let containers = [("late", running(0.0)), ("early", running(0.0))];
    let world = World::with(vec![node("n")], vec![pod("web", "n", &containers)]);
    for (late, early) in [(10.0, 8.0), (25.0, 20.0)] {
        let rows = [("web", "late", reading(late, 100, 1)), ("web", "early", reading(early, 100, 1))];
        world.scrape("n", late, None, &rows);
    }
    let moment = world.moment(26.0);
    let pod = Arc::clone(moment.view.pods().next().unwrap());
    let answer = moment.pod(&pod).unwrap();
    assert_eq!((answer.time, answer.window), (at(20.0), Duration::from_secs(12)));
}

#[test]
fn a_node_has_its_own_usage() {
    let world = World::with(vec![node("n")], vec![]);
    let answer = |now| world.moment(now).node(&node("n")).map(|answer| answer.usage.cpu).map_err(|_| ());
    world.scrape("n", 10.0, None, &[]);
    assert_eq!(answer(11.0), Err(()), "not reported");
    world.scrape("n", 15.0, Some(reading(15.0, 1_000, 64)), &[]);
    assert_eq!(answer(16.0), Ok(None));
    world.scrape("n", 30.0, Some(reading(30.0, 4_000, 64)), &[]);
    assert_eq!(answer(31.0), Ok(Some(Nanocores(200_000_000))));
    assert_eq!(answer(150.1), Err(()), "expired");
}

#[test]
fn zero_is_a_reading() {
    let world = World::with(vec![node("n")], vec![pod("web", "n", &[("idle", running(0.0))])]);
    for time in [10.0, 25.0] {
        world.scrape("n", time, None, &[("web", "idle", reading(time, 0, 1))]);
    }
    assert_eq!(told(&world, 26.0), "Whole idle=0/1Mi");
}
