use std::time::Duration;

use super::*;
use crate::export::world::{point, told};

fn batch(paths: &[&str]) -> Batch {
    Batch::new(paths.iter().map(|path| point(path, 10, false)).collect())
}

fn names(batches: &[Batch]) -> Vec<String> {
    told(&points(batches).cloned().collect::<Vec<_>>())
}

#[test]
fn a_batch_knows_how_many_samples_it_makes() {
    assert_eq!(batch(&["n", "n/a", "n/a/x"]).samples, 3 + 2 + 3);
    assert_eq!(Batch::new(vec![point("n", 1, true), point("n/a", 1, true)]).samples, 5);
    let mut young = point("n", 1, false);
    young.level.as_mut().unwrap().cpu = None;
    assert_eq!(Batch::new(vec![young]).samples, 2, "no rate is known yet");
}

#[test]
fn when_it_is_full_the_oldest_make_room() {
    let queue = Queue::new(9);
    assert_eq!(["a", "b", "c"].map(|node| queue.push(batch(&[node]))), [0, 0, 0]);
    assert_eq!(queue.push(batch(&["d"])), 3);
    assert_eq!(queue.push(batch(&["e", "f"])), 6);
    assert_eq!((queue.len(), names(&queue.take(100))), (9, vec!["d@10".into(), "e@10".into(), "f@10".into()]));
    assert_eq!(queue.push(batch(&["a", "b", "c", "d"])), 12, "one that never fits is dropped itself");
    assert_eq!(queue.len(), 0);
}

#[tokio::test]
async fn a_request_takes_what_fits_in_order_and_always_something() {
    let queue = Queue::new(100);
    for node in ["a", "b", "c"] {
        queue.push(batch(&[node]));
    }
    assert_eq!(names(&queue.next(6).await), ["a@10", "b@10"]);
    assert_eq!(names(&queue.next(1).await), ["c@10"], "too much for one request, but it has to go");
    assert_eq!(queue.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken() {
    let queue = Arc::new(Queue::new(100));
    let waiting = Arc::clone(&queue);
    let taken = tokio::spawn(async move { names(&waiting.next(10).await) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!taken.is_finished());
    queue.push(batch(&["a"]));
    assert_eq!(taken.await.unwrap(), ["a@10"]);
}
