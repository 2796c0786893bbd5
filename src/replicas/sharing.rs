//! Which nodes are ours to ask, as other replicas come and go.
//!
//! Nothing is agreed upon: each replica draws the same lots from what it sees. Where two see different
//! things for a moment, a node is asked twice, or by nobody until the scraper's patience ends.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::follow::{Follower, Listening, Word};
use super::lease::{Presence, State};
use crate::usage::Share;

/// Others tell all they know within milliseconds; one that does not is not waited for at the start.
const FIRST_WORD: Duration = Duration::from_secs(2);
/// Each follower waits for room; they have a word to say every few minutes.
const WORDS: usize = 16;

/// That scrapes are shared: where our part is told, and who we are among others.
pub struct Sharing {
    share: watch::Sender<Share>,
    leaving: CancellationToken,
}

/// Who is there, by the Leases that were seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) own: State,
    /// Those who are ready and share.
    pub(super) others: Vec<Presence>,
}

/// The followers, and what they say.
struct Dividing {
    own: String,
    sharing: Sharing,
    listening: Listening,
    followed: HashMap<String, Followed>,
    followers: JoinSet<()>,
    words: mpsc::Sender<Word>,
    next_number: u64,
    is_leaving: bool,
}

struct Followed {
    other: Presence,
    number: u64,
    is_heard: bool,
    task: AbortHandle,
}

impl Sharing {
    /// Our part goes to `share`; `leaving` is cancelled as soon as we ask no nodes any more.
    pub fn new(share: watch::Sender<Share>, leaving: CancellationToken) -> Self {
        Self { share, leaving }
    }

    /// Divides the nodes with those of `standing` until dropped. Keeps `filled` until all who are there
    /// at the start have told what they know.
    pub(super) async fn run(
        self,
        own: String,
        listening: Listening,
        mut standing: watch::Receiver<Standing>,
        stop: CancellationToken,
        filled: DropGuard,
    ) {
        let (words, mut said) = mpsc::channel(WORDS);
        let (followed, followers) = (HashMap::new(), JoinSet::new());
        let mut dividing =
            Dividing { own, sharing: self, listening, followed, followers, words, next_number: 0, is_leaving: false };
        let (mut filled, first_word) = (Some(filled), Instant::now() + FIRST_WORD);
        dividing.follow(&standing.borrow_and_update().others);
        loop {
            let own = standing.borrow().own;
            dividing.settle(own);
            if dividing.are_all_heard() {
                filled = None;
            }
            let seen = tokio::select! {
                changed = standing.changed() => changed.is_ok(),
                Some(word) = said.recv() => { dividing.heed(word); false }
                Some(ended) = dividing.followers.join_next_with_id() => { dividing.ended(&ended); false }
                () = stop.cancelled(), if !dividing.is_leaving => { dividing.is_leaving = true; false }
                () = sleep_until(first_word), if filled.is_some() => { filled = None; false }
            };
            if seen {
                dividing.follow(&standing.borrow_and_update().others);
            }
        }
    }
}

impl Dividing {
    /// Listens to exactly these.
    fn follow(&mut self, others: &[Presence]) {
        self.followed.retain(|name, followed| {
            let there = others.iter().find(|other| other.name == *name);
            let is_there = there.is_some_and(|other| other.address == followed.other.address);
            if !is_there {
                followed.task.abort();
            }
            is_there
        });
        for other in others {
            if !self.followed.contains_key(&other.name) {
                self.begin(other.clone());
            }
        }
    }

    fn begin(&mut self, other: Presence) {
        let number = self.next_number;
        self.next_number += 1;
        let (words, listening) = (self.words.clone(), self.listening.clone());
        let follower = Follower { other: other.clone(), number, words, listening };
        let task = self.followers.spawn(follower.run());
        self.followed.insert(other.name.clone(), Followed { other, number, is_heard: false, task });
    }

    fn heed(&mut self, Word { number, is_heard }: Word) {
        if let Some(followed) = self.followed.values_mut().find(|followed| followed.number == number) {
            followed.is_heard = is_heard;
        }
    }

    /// A follower is over: aborted, or by a panic, after which its replica is followed anew when it is
    /// seen next.
    fn ended(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        self.followed.retain(|_, followed| followed.task.id() != id);
        if ended.as_ref().is_err_and(JoinError::is_panic) {
            tracing::error!("a follower of another replica panicked; it begins anew");
        }
    }

    fn are_all_heard(&self) -> bool {
        self.followed.values().all(|followed| followed.is_heard)
    }

    /// Our part, by whom we hear. Who stops or cannot answer yet asks nobody, if there are others.
    fn settle(&self, own: State) {
        let heard = self.followed.values().filter(|followed| followed.is_heard);
        let takes_part = own == State::Ready && !self.is_leaving;
        let heard: Vec<_> = heard.map(|followed| followed.other.name.as_str()).collect();
        let share = Share::of(&self.own, takes_part, &heard);
        self.sharing.share.send_if_modified(|known| {
            let is_new = *known != share;
            if is_new {
                *known = share;
            }
            is_new
        });
        if self.is_leaving {
            self.sharing.leaving.cancel();
        }
    }
}

#[cfg(test)]
mod tests;
