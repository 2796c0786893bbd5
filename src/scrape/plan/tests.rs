//! The agenda without a runtime.

use super::*;

const RESOLUTION: Duration = Duration::from_secs(15);

fn rhythm() -> Rhythm {
    Rhythm { epoch: Instant::now(), resolution: RESOLUTION }
}

fn agenda(node: &str) -> (Agenda, Instant) {
    let rhythm = rhythm();
    (Agenda::new(rhythm, node, rhythm.epoch), rhythm.epoch)
}

/// An agenda after a good regular scrape at its due time, and that time.
fn steady() -> (Agenda, Instant) {
    let (mut agenda, start) = agenda("node-1");
    agenda.begin(start);
    agenda.succeeded(start, false, false);
    let now = agenda.due();
    agenda.begin(now);
    agenda.succeeded(now, false, false);
    (agenda, now)
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn phases_spread_evenly_over_the_resolution() {
    let rhythm = rhythm();
    let mut tenths = [0_u32; 10];
    for number in 0..1000 {
        let phase = rhythm.grid_from(stable_hash(&format!("node-{number}"), 0), rhythm.epoch) - rhythm.epoch;
        tenths[usize::try_from(phase.as_millis() / 1500).unwrap()] += 1;
    }
    assert!(tenths.iter().all(|count| (60..=140).contains(count)), "{tenths:?}");
}

#[test]
fn first_contact_is_spread_by_the_size_of_the_cluster() {
    let rhythm = rhythm();
    let latest =
        |nodes: usize| (0..nodes).map(|number| rhythm.first_contact(&format!("node-{number}"), nodes)).max().unwrap();
    assert!(latest(1) <= seconds(0.002));
    assert!(latest(100) <= seconds(0.2));
    assert!(latest(5000) <= seconds(2.0) && latest(5000) > seconds(1.9));
}

#[test]
fn good_scrapes_are_one_resolution_apart_however_long_they_take() {
    let (mut agenda, start) = steady();
    assert_eq!(agenda.due() - start, RESOLUTION);
    let now = agenda.due();
    agenda.begin(now);
    agenda.succeeded(now + seconds(9.0), false, false);
    assert_eq!(agenda.due() - now, RESOLUTION);
}

#[test]
fn a_failing_node_is_retried_soon_then_ever_more_rarely_but_within_four_resolutions() {
    let (mut agenda, mut now) = steady();
    let mut waits = Vec::new();
    for _ in 0..20 {
        agenda.failed(now);
        waits.push(agenda.due() - now);
        now = agenda.due();
    }
    assert!(waits[0] <= seconds(2.0), "one retry inside the resolution");
    assert!(waits[1] <= RESOLUTION && waits[1] > RESOLUTION / 2);
    assert!(waits[2] > RESOLUTION && waits[3] > RESOLUTION * 2);
    assert!(waits.iter().all(|wait| *wait <= RESOLUTION * 4));
    agenda.succeeded(now, false, false);
    assert!(agenda.due() - now <= RESOLUTION * 5 / 4);
}

#[test]
fn nodes_that_fail_together_come_back_apart() {
    let waits: std::collections::HashSet<Duration> = (0..50)
        .map(|number| {
            let (mut agenda, now) = agenda(&format!("node-{number}"));
            agenda.failed(now);
            agenda.failed(now);
            agenda.due() - now
        })
        .collect();
    assert!(waits.len() > 45);
}

#[test]
fn a_started_container_is_scraped_once_a_rate_can_exist() {
    let (mut agenda, now) = steady();
    agenda.container_started(now + seconds(2.0));
    let due = agenda.due();
    assert_eq!(due, now + seconds(3.1));
    agenda.begin(due);
    agenda.succeeded(due, true, false);
    assert_eq!(agenda.due() - now, RESOLUTION, "the regular scrape stays where it was");
}

#[test]
fn many_starts_make_at_most_one_extra_scrape_per_gap() {
    let (mut agenda, start) = steady();
    let (mut extras, mut now) = (0, start);
    while now < start + RESOLUTION - seconds(0.5) {
        agenda.container_started(now);
        if agenda.due() <= now {
            agenda.begin(now);
            agenda.succeeded(now, true, false);
            extras += 1;
        }
        now += seconds(0.1);
    }
    assert!((3..=5).contains(&extras), "{extras} in one resolution of five gaps");
}

#[test]
fn a_start_during_the_wait_for_an_earlier_one_is_not_forgotten() {
    let (mut agenda, now) = steady();
    agenda.container_started(now + seconds(4.0));
    agenda.container_started(now + seconds(5.0));
    let first = agenda.due();
    agenda.begin(first);
    agenda.succeeded(first, true, false);
    assert_eq!(agenda.due(), first + seconds(3.0), "the second wish waits for the gap");
}

#[test]
fn a_run_in_its_first_second_is_scraped_again_after_it_but_not_ever_more_often() {
    let (mut agenda, now) = agenda("node-1");
    agenda.begin(now);
    assert!(agenda.succeeded(now, true, true), "another run takes the kubelet's rate");
    agenda.first_second_seen(now);
    let again = agenda.due();
    assert_eq!(again, now + AFTER_START);
    agenda.begin(again);
    agenda.succeeded(again, true, false);
    agenda.first_second_seen(again);
    assert_eq!(agenda.due(), again + seconds(3.0), "after an extra scrape the gap is kept");
}

#[test]
fn starts_on_a_failing_node_do_not_break_its_back_off() {
    let (mut agenda, now) = steady();
    agenda.failed(now);
    agenda.failed(now);
    let due = agenda.due();
    agenda.container_started(now);
    assert_eq!(agenda.due(), due);
}

#[test]
fn refused_rates_are_replaced_by_a_scrape_a_second_later() {
    let (mut agenda, now) = agenda("node-1");
    agenda.begin(now);
    assert!(agenda.succeeded(now, true, true));
    agenda.rates_missing(now, true);
    assert_eq!(agenda.due(), now + AFTER_START);
}

#[test]
fn a_run_that_never_gets_a_rate_is_chased_three_times_only() {
    let (mut agenda, mut now) = agenda("node-1");
    let mut chases = 0;
    for round in 0..10 {
        agenda.begin(now);
        if agenda.succeeded(now, round == 0, true) {
            chases += 1;
            agenda.rates_missing(now, false);
        }
        now = agenda.due();
    }
    assert_eq!(chases, 3);
}
