use std::sync::Arc;

use super::*;
use crate::replicas::fixtures::{intake, memory};
use crate::replicas::metrics::Metrics;

const PAUSE: Duration = Duration::from_millis(1);

fn other(name: &str, port: u16) -> Presence {
    let (address, lasts) = (([127, 0, 0, 1], port).into(), Duration::from_mins(1));
    Presence { name: name.to_owned(), address, state: State::Ready, lasts, shares: true }
}

/// Of a process that has no certificate to show: its followers wait, and dial nobody.
fn listening() -> Listening {
    let (sender, credentials) = watch::channel(None);
    std::mem::forget(sender);
    let intake = Arc::new(intake(memory()));
    Listening { name: "svc.test".to_owned(), credentials, intake, metrics: Metrics::default() }
}

fn dividing() -> (Dividing, watch::Receiver<Share>, CancellationToken) {
    let ((share, told), leaving) = (watch::channel(Share::default()), CancellationToken::new());
    let dividing = Dividing {
        own: "own".to_owned(),
        sharing: Sharing::new(share, leaving.clone()),
        listening: listening(),
        followed: HashMap::new(),
        followers: JoinSet::new(),
        words: mpsc::channel(WORDS).0,
        next_number: 0,
        is_leaving: false,
    };
    (dividing, told, leaving)
}

#[tokio::test(start_paused = true)]
async fn a_replica_has_its_part_while_it_is_heard_and_no_longer() {
    let (mut dividing, told, _) = dividing();
    dividing.follow(&[other("one", 1), other("two", 2)]);
    dividing.settle(State::Ready);
    assert_eq!(*told.borrow(), Share::of("own", true, &[]), "nobody is heard yet");
    let [one, two] = ["one", "two"].map(|name| dividing.followed[name].number);
    for (number, is_heard, expected) in
        [(one, true, &["one"][..]), (two, true, &["one", "two"]), (one, false, &["two"]), (two, false, &[])]
    {
        dividing.heed(Word { number, is_heard });
        dividing.settle(State::Ready);
        assert_eq!(*told.borrow(), Share::of("own", true, expected));
    }
    dividing.heed(Word { number: two, is_heard: true });
    dividing.follow(&[other("one", 1)]);
    dividing.settle(State::Ready);
    assert_eq!(*told.borrow(), Share::of("own", true, &[]), "its Lease is gone");
}

#[tokio::test(start_paused = true)]
async fn who_starts_or_leaves_asks_nobody_while_others_are_heard() {
    let (mut dividing, told, leaving) = dividing();
    dividing.settle(State::Starting);
    assert!(told.borrow().has("node"), "alone it has to");
    dividing.follow(&[other("one", 1)]);
    let number = dividing.followed["one"].number;
    dividing.heed(Word { number, is_heard: true });
    dividing.settle(State::Starting);
    assert_eq!(*told.borrow(), Share::of("own", false, &["one"]));
    assert!(!leaving.is_cancelled());
    dividing.is_leaving = true;
    dividing.settle(State::Ready);
    assert_eq!(*told.borrow(), Share::of("own", false, &["one"]));
    assert!(leaving.is_cancelled(), "those who listen are told by the end of their streams");
}

#[tokio::test(start_paused = true)]
async fn the_word_of_a_follower_before_this_one_counts_for_nothing() {
    let (mut dividing, _told, _) = dividing();
    dividing.follow(&[other("one", 1)]);
    let before = dividing.followed["one"].number;
    for _ in 0..2 {
        dividing.follow(&[other("one", 2)]);
        dividing.heed(Word { number: before, is_heard: true });
        assert!(!dividing.are_all_heard(), "it is another process, at another address");
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_breaks_is_begun_anew() {
    let (mut dividing, _told, _) = dividing();
    dividing.follow(&[other("one", 1)]);
    dividing.followed["one"].task.abort();
    let ended = dividing.followers.join_next_with_id().await.unwrap();
    dividing.ended(&ended);
    assert!(dividing.followed.is_empty());
    dividing.follow(&[other("one", 1)]);
    assert_eq!(dividing.followed["one"].number, 1);
}

#[tokio::test(start_paused = true)]
async fn scrapes_wait_for_the_others_to_tell_what_they_know_but_not_for_long() {
    for (others, waits) in [(vec![], Duration::ZERO), (vec![other("mute", 1)], FIRST_WORD)] {
        let (filled, stop) = (CancellationToken::new(), CancellationToken::new());
        let (_standing, seen) = watch::channel(Standing { own: State::Starting, others });
        let (share, told) = watch::channel(Share::default());
        let sharing = Sharing::new(share, CancellationToken::new());
        let run = sharing.run("own".to_owned(), listening(), seen, stop, filled.clone().drop_guard());
        let (task, begun) = (tokio::spawn(run), Instant::now());
        filled.cancelled().await;
        assert!((waits..waits + PAUSE * 5).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert!(told.borrow().has("node"), "who is not heard has no part");
        task.abort();
    }
}
