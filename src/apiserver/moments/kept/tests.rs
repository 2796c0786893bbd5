use super::*;
use crate::apiserver::resources::world::{World, at, node};

fn world() -> World {
    World::with(vec![node("a")], vec![])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn requests_that_come_together_are_answered_from_the_same_moment() {
    let (clock, hand) = Clock::manual(at(0.0));
    let moments = world().moments(clock);
    let first = moments.current();
    hand.advance(SHARED_FOR.saturating_sub(Duration::from_millis(1)));
    assert!(Arc::ptr_eq(&first, &moments.current()));
    hand.advance(Duration::from_millis(1));
    assert!(moments.current().revision > first.revision);
}

#[test]
fn a_clock_that_goes_back_does_not_freeze_the_answers() {
    let (clock, hand) = Clock::manual(at(100.0));
    let moments = world().moments(clock);
    let first = moments.current();
    hand.set(at(0.0));
    assert!(moments.current().revision > first.revision);
    for _ in 0..2 * KEPT_AT_MOST {
        hand.set(hand_time(&moments) - seconds(1));
        moments.current();
    }
    assert!(moments.kept.lock().len() <= KEPT_AT_MOST);
}

#[test]
fn moments_from_before_the_clock_was_set_back_are_forgotten_as_old_ones() {
    let (clock, hand) = Clock::manual(at(7200.0));
    let moments = world().moments(clock);
    let revisions: Vec<_> = (0..4)
        .map(|_| {
            hand.advance(seconds(1));
            moments.current().revision
        })
        .collect();
    hand.set(at(3600.0));
    let newest = moments.current();
    assert!(moments.at(revisions[0]).is_none());
    assert!(moments.at(revisions[3]).is_some(), "a watcher can go the step");
    hand.advance(seconds(1));
    moments.current();
    assert!(moments.at(newest.revision).is_some());
    assert_eq!(moments.kept_count(), 2);
}

fn hand_time(moments: &Moments) -> crate::clock::UnixMillis {
    moments.clock.now()
}

#[test]
fn a_moment_is_found_by_its_revision_until_it_is_old() {
    let (clock, hand) = Clock::manual(at(0.0));
    let moments = world().moments(clock);
    let first = moments.current();
    hand.advance(KEPT_FOR);
    let second = moments.current();
    assert!(moments.at(first.revision).is_some() && moments.at(first.revision + 1).is_none());
    assert_eq!(moments.not_after(second.revision - 1).unwrap().revision, first.revision);
    assert_eq!(moments.not_after(second.revision).unwrap().revision, second.revision);
    assert_eq!(moments.after(first.revision).unwrap().revision, second.revision);
    assert!(moments.not_after(first.revision - 1).is_none() && moments.after(second.revision).is_none());
    hand.advance(seconds(1));
    moments.current();
    assert!(moments.at(first.revision).is_none());
    hand.advance(KEPT_FOR * 10);
    let last = moments.current();
    assert!(moments.not_after(last.revision - 1).is_some(), "who watches goes on over a leap of the clock");
}

#[test]
fn under_pressure_only_the_youngest_moments_stay_and_the_last_step_in_any_case() {
    let (clock, hand) = Clock::manual(at(0.0));
    let moments = world().moments(clock);
    let revisions: Vec<_> = (0..10)
        .map(|_| {
            hand.advance(seconds(1));
            moments.current().revision
        })
        .collect();
    moments.keep_only(seconds(5));
    assert_eq!((moments.kept_count(), moments.at(revisions[3]).is_none()), (6, true));
    moments.keep_only(Duration::ZERO);
    assert_eq!(moments.kept_count(), LAST_STEP);
    assert!(moments.at(revisions[9]).is_some() && moments.not_after(revisions[7]).is_none());
}

#[test]
fn every_change_in_a_moment_has_an_earlier_version_than_the_moment() {
    let (clock, hand) = Clock::manual(at(0.0));
    let world = world();
    let moments = world.moments(clock);
    let before = moments.current();
    hand.advance(seconds(1));
    world.cluster.apply(node("b"));
    let after = moments.current();
    let revision = after.view.node("b").unwrap().revision;
    assert!((before.revision..after.revision).contains(&revision));
    assert!((before.revision..after.revision).contains(&after.step));
}

#[tokio::test(start_paused = true)]
async fn moments_are_made_only_while_somebody_watches_and_forgotten_when_nobody_asks() {
    let (clock, hand) = Clock::manual(at(0.0));
    let moments = Arc::new(world().moments(clock));
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&moments).run(stop.clone()));
    moments.current();
    tokio::time::sleep(UNWATCHED_TURN * 2).await;
    assert_eq!(moments.kept.lock().len(), 1, "nobody watches");
    hand.advance(KEPT_FOR + seconds(1));
    tokio::time::sleep(UNWATCHED_TURN * 2).await;
    assert_eq!(moments.kept.lock().len(), 0, "nobody can go on from it");
    let mut news = moments.subscribe();
    tokio::time::timeout(STEP, news.changed()).await.expect("at once").unwrap();
    assert!(!moments.kept.lock().is_empty());
    stop.cancel();
    running.await.unwrap();
}
