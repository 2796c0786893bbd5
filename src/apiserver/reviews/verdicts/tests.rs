use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const TTL: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Judge {
    asked: Arc<AtomicU32>,
}

impl Judge {
    /// A review that takes a second.
    fn review(&self, answer: Result<u32, ReviewError>) -> impl Future<Output = Result<u32, ReviewError>> + use<> {
        let asked = Arc::clone(&self.asked);
        async move {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            answer
        }
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

fn verdicts() -> Verdicts<u32, u32> {
    Verdicts::new(100, 100, |_, _| 1, Gauge::default())
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_believed_for_its_time_and_no_longer() {
    let (verdicts, judge) = (verdicts(), Judge::default());
    let on = || verdicts.on(1, |_| TTL, || judge.review(Ok(7)));
    assert_eq!(on().await.unwrap(), (7, Source::Review));
    tokio::time::sleep(TTL / 2).await;
    assert_eq!(on().await.unwrap(), (7, Source::Kept));
    tokio::time::sleep(TTL / 2).await;
    assert_eq!(on().await.unwrap(), (7, Source::Review));
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_the_same_share_one_review() {
    let (verdicts, judge) = (verdicts(), Judge::default());
    let on = |key| verdicts.on(key, |_| TTL, || judge.review(Ok(7)));
    let (first, second, other) = tokio::join!(on(1), on(1), on(2));
    assert_eq!((first.unwrap().0, second.unwrap().0, other.unwrap().0), (7, 7, 7));
    assert_eq!(judge.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_all_who_wait_and_not_kept() {
    let (verdicts, judge) = (verdicts(), Judge::default());
    let on = || verdicts.on(1, |_| TTL, || judge.review(Err(ReviewError::TimedOut)));
    let (first, second) = tokio::join!(on(), on());
    assert!(first.is_err() && second.is_err());
    assert_eq!(judge.asked(), 1);
    assert_eq!(verdicts.on(1, |_| TTL, || judge.review(Ok(7))).await.unwrap(), (7, Source::Review));
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_takes_nothing_from_the_others() {
    let (verdicts, judge) = (verdicts(), Judge::default());
    let on = || verdicts.on(1, |_| TTL, || judge.review(Ok(7)));
    let impatient = tokio::time::timeout(Duration::from_millis(500), on());
    let (gone, patient) = tokio::join!(impatient, on());
    assert!(gone.is_err());
    assert_eq!(patient.unwrap(), (7, Source::Review));
    assert_eq!(judge.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_review_nobody_waits_for_leaves_nothing_behind() {
    let (verdicts, judge) = (verdicts(), Judge::default());
    let on = || verdicts.on(1, |_| TTL, || judge.review(Ok(7)));
    assert!(tokio::time::timeout(Duration::from_millis(500), on()).await.is_err());
    assert!(verdicts.0.flights.lock().under_way.is_empty());
    assert_eq!(on().await.unwrap(), (7, Source::Review));
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_whatever_is_asked() {
    let (verdicts, judge) = (verdicts(), Judge::default());
    for key in 0..1000 {
        verdicts.on(key, |_| TTL, || judge.review(Ok(7))).await.unwrap();
    }
    assert!(verdicts.0.kept.weight() <= 100);
}

#[tokio::test(start_paused = true)]
async fn small_verdicts_are_no_more_than_there_may_be() {
    let verdicts = Verdicts::new(100, 100_000, |_, _| 1, Gauge::default());
    for key in 0..1_000 {
        verdicts.on(key, |_| TTL, || async { Ok(7) }).await.unwrap();
    }
    assert!((1..=100).contains(&verdicts.count()), "{}", verdicts.count());
}
