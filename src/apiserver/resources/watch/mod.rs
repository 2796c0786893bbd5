//! Watches: what differs between two moments, told as it happens.
//!
//! ```text
//! moments ──▶ moment ──▶ moment ──▶ …      each watcher goes from one to the next
//!                 └─ changes ─┘            written once for all watchers of the same shape,
//!                       │                  who pick by their selectors what they tell
//!                       └──▶ frame ──▶ chunk ──▶ body
//! ```
//!
//! A watcher remembers the version it has come to, nothing of what it told: no event can be lost or
//! invented, since the changes of a step are the difference of the lists before and after it. One
//! that falls behind what is kept is told so (410) and begins anew with a list.

mod changes;
mod frame;
mod shared;
mod watched;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::header;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::apiserver::list_options::{Begin, WatchOptions};
use crate::apiserver::negotiate::accepted_by_watch;
use crate::apiserver::resources::call::Call;
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::stream;
use crate::apiserver::status::Status;

pub(crate) use shared::Watches;
pub(super) use watched::Watched;
use watcher::Watcher;

/// A watch whose client sets no end gets one between once and twice this, so that those of many
/// clients do not all end, and begin anew, at once.
const SHORTEST_WATCH: Duration = Duration::from_mins(30);

/// Answers a watch of `R`.
pub(super) fn answer<R: Watched>(call: &Call<'_>) -> Result<Response, Status> {
    let encoder = call.encoder(accepted_by_watch(call.headers, call.query)?)?;
    let moments = call.content.moments();
    let options = WatchOptions::parse(call.query, moments.tag())?;
    // Subscribed before the beginning is chosen, so that no moment in between is missed.
    let news = moments.subscribe();
    let (position, initial) = beginning(call, options.begin)?;
    let length = options.timeout.unwrap_or_else(|| SHORTEST_WATCH + jitter(position.revision));
    let content_type = encoder.accepted.watch_content_type();
    let (sender, chunks) = mpsc::channel(1);
    let watcher = Watcher::<R>::new(call, encoder, options, news, sender, Instant::now() + length);
    let body = stream::body(chunks, watcher.run(position, initial));
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}

/// The moment that a watch goes on from, and whether it begins with all that is in it.
fn beginning(call: &Call<'_>, begin: Begin) -> Result<(Arc<Moment>, bool), Status> {
    let moments = call.content.moments();
    let tag = moments.tag();
    let too_large =
        |revision: u64, current: &Moment| Status::version_too_large(tag.served(revision), current.resource_version());
    let current = moments.current();
    match begin {
        Begin::Now => Ok((current, false)),
        Begin::All { not_older_than: Some(revision), .. } if revision > current.revision => {
            Err(too_large(revision, &current))
        }
        Begin::All { .. } => Ok((current, true)),
        Begin::After(revision) if revision > current.revision => Err(too_large(revision, &current)),
        Begin::After(revision) => {
            let known = moments.not_after(revision);
            known.map(|known| (known, false)).ok_or_else(|| Status::version_expired(&tag.served(revision).to_string()))
        }
    }
}

/// Less than [`SHORTEST_WATCH`]; scattered, since revisions that follow each other differ in it.
const fn jitter(revision: u64) -> Duration {
    Duration::from_secs(revision.wrapping_mul(0x9E37_79B9_7F4A_7C15) % SHORTEST_WATCH.as_secs())
}

#[cfg(test)]
mod tests;
