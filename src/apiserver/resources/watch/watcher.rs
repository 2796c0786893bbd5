//! One watch, from its beginning to its end.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::apiserver::filters::InFlight;
use crate::apiserver::list_options::{Begin, Selection, WatchOptions};
use crate::apiserver::moments::Moments;
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::encoder::{Encoder, Told};
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::stream::CHUNK_BYTES;
use crate::apiserver::resources::walk::{Range, Walk};
use crate::apiserver::resources::watch::changes::of_namespace;
use crate::apiserver::resources::watch::frame::{EventType, Frames};
use crate::apiserver::resources::watch::{Watched, Watches};
use crate::apiserver::status::Status;

/// Moments are kept for little longer than this: who has no news needs a version that is young enough
/// to go on from.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(10);
/// A client who does not take a chunk, or all of a step, for so long has fallen behind what is kept.
pub(super) const SLOWEST_READER: Duration = Duration::from_secs(30);
/// Well under a millisecond of work, whatever is selected by.
const CHANGES_PER_TURN: usize = 32;

/// A watch under way.
pub(super) struct Watcher<R> {
    moments: Arc<Moments>,
    watches: Arc<Watches>,
    closing: CancellationToken,
    encoder: Encoder,
    frames: Frames,
    selection: Selection,
    /// Empty for all.
    namespace: Arc<str>,
    bookmarks: bool,
    initial_end_is_told: bool,
    news: watch::Receiver<u64>,
    sender: mpsc::Sender<Option<Bytes>>,
    deadline: Instant,
    out: BytesMut,
    /// Held to the end: watches at once have a limit.
    _place: InFlight,
    resource: PhantomData<R>,
}

/// Why a watch ends.
enum End {
    /// Its time is over, or the server stops: the client begins another.
    InTime,
    /// The client has left.
    Left,
    /// The client has fallen behind what is kept.
    Behind,
}

impl<R: Watched> Watcher<R> {
    pub(super) fn new(
        call: &Call<'_>,
        encoder: Encoder,
        options: WatchOptions,
        news: watch::Receiver<u64>,
        sender: mpsc::Sender<Option<Bytes>>,
        deadline: Instant,
    ) -> Self {
        Self {
            moments: Arc::clone(call.content.moments()),
            watches: Arc::clone(&call.content.watches),
            closing: call.content.api.closing.clone(),
            frames: Frames::of::<R>(&encoder),
            encoder,
            selection: options.selection,
            namespace: Arc::from(call.resource.namespace.as_str()),
            bookmarks: options.bookmarks,
            initial_end_is_told: matches!(options.begin, Begin::All { end_is_told: true, .. }),
            news,
            sender,
            deadline,
            out: BytesMut::new(),
            _place: call.in_flight.clone(),
            resource: PhantomData,
        }
    }

    /// Tells what changes after `position`; with `initial`, all that is in it first.
    pub(super) async fn run(mut self, position: Arc<Moment>, initial: bool) {
        let (closing, deadline) = (self.closing.clone(), self.deadline);
        let told = async {
            let revision = position.revision;
            if initial {
                let all = tokio::time::timeout(SLOWEST_READER, self.tell_all(position)).await;
                all.unwrap_or(Err(End::Behind))?;
            } else {
                // A watch lasts longer than any moment is kept.
                drop(position);
            }
            self.follow(revision).await
        };
        let end = tokio::select! {
            ended = told => ended.err().unwrap_or(End::InTime),
            () = closing.cancelled() => End::InTime,
            () = tokio::time::sleep_until(deadline) => End::InTime,
        };
        // Whoever is behind may read on later, and is told then.
        let last = async {
            match end {
                End::Left => return,
                End::InTime => {}
                End::Behind => {
                    self.watches.behind.inc();
                    self.tell_behind().await;
                }
            }
            let _ = self.sender.send(None).await;
        };
        // What was told before the end may still wait to be taken, and the end is behind it.
        let taken_by = deadline.max(Instant::now() + SLOWEST_READER);
        let _in_time = tokio::time::timeout_at(taken_by, last).await;
    }

    /// Everything there is, and a bookmark behind it for those who asked.
    async fn tell_all(&mut self, moment: Arc<Moment>) -> Result<(), End> {
        let (selection, namespace) = (self.selection.clone(), Arc::clone(&self.namespace));
        let range = Range::of::<R>(Arc::clone(&moment), self.encoder.dialect, selection, namespace, None);
        let mut walk = Walk::new(range);
        let mut more = true;
        while more {
            let Self { encoder, frames, out, .. } = self;
            more = walk.turn::<R>(|subject, answer| {
                let Ok(answer) = answer else { return };
                let resource_version = moment.tag.served(R::revision(subject, &answer));
                let told = Told::<R> { moment: &moment, subject, answer: &answer, resource_version };
                frames.put(out, EventType::Added, &encoder.event(&told), resource_version);
            });
            self.flush_if_full().await?;
            tokio::task::yield_now().await;
        }
        if self.initial_end_is_told {
            self.frames.put_bookmark(&mut self.out, moment.resource_version(), true);
        }
        self.flush().await
    }

    /// What changes, step by step.
    async fn follow(&mut self, mut position: u64) -> Result<(), End> {
        let mut bookmark = tokio::time::interval_at(Instant::now() + BOOKMARK_PERIOD, BOOKMARK_PERIOD);
        bookmark.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while let Some(next) = self.moments.after(position) {
                let step = tokio::time::timeout(SLOWEST_READER, self.step(position, &next)).await;
                step.unwrap_or(Err(End::Behind))?;
                position = next.revision;
            }
            tokio::select! {
                news = self.news.changed() => news.map_err(|_| End::InTime)?,
                _ = bookmark.tick(), if self.bookmarks => {
                    self.frames.put_bookmark(&mut self.out, self.moments.tag().served(position), false);
                    self.flush().await?;
                }
            }
        }
    }

    async fn step(&mut self, position: u64, next: &Moment) -> Result<(), End> {
        let from = self.moments.at(position).ok_or(End::Behind)?;
        let changes = self.watches.changes::<R>(&from, next, &self.encoder).await;
        drop(from);
        let changes = changes.get().map(Vec::as_slice).unwrap_or_default();
        for (index, change) in of_namespace(changes, &self.namespace).iter().enumerate() {
            if index % CHANGES_PER_TURN == CHANGES_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
            if let Some((event, side)) = change.as_seen(&self.selection) {
                self.frames.put(&mut self.out, event, &side.object, side.resource_version);
                self.flush_if_full().await?;
            }
        }
        self.flush().await
    }

    async fn flush_if_full(&mut self) -> Result<(), End> {
        if self.out.len() < CHUNK_BYTES { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let chunk = self.out.split().freeze();
        match tokio::time::timeout(SLOWEST_READER, self.sender.send(Some(chunk))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Left),
            Err(_) => Err(End::Behind),
        }
    }

    async fn tell_behind(&mut self) {
        let status = Status::watch_behind();
        self.out.clear();
        self.frames.put_error(&mut self.out, &status);
        let _ = self.sender.send(Some(self.out.split().freeze())).await;
    }
}
